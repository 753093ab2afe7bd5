"""One client library put through its paces: `client.py FAMILY COMMAND ARGUMENT...`.

Every line on the standard output is a JSON object with what the library saw, without ids and without times of this run.
The programs for the other languages have the same commands and print the same lines.

    basics BOOTSTRAP PREFIX                  topics, every codec, reading, seeking, errors
    member BOOTSTRAP TOPIC GROUP             a group member driven by lines on the standard input
    load BOOTSTRAP TOPIC CODEC FILE          the records of a file into a topic
    drain BOOTSTRAP TOPIC...                 digests of all records of each topic
"""

import hashlib
import importlib
import json
import queue
import struct
import sys
import threading
import time

PARTITIONS = 3
RECORDS = 6
BASE_TIME = 1_700_000_000_000
STEP_MS = 1000
TOO_LARGE = 2_000_000
PATIENCE_S = 20


def emit(**line):
    print(json.dumps(line), flush=True)


def sample(codec, variant, number, null_headers=False):
    """Record `number` of one way to produce: keys, values and headers of every kind, most of all the odd ones."""
    values = {2: None, 3: b"", 4: b"x" * 3000}
    headers = {0: [], 5: [("a", b"1"), ("a", b"2"), ("empty", b"")]}
    if null_headers:
        headers[5].append(("null", None))
    return {
        "partition": number % PARTITIONS,
        "key": None if number == 1 else b"key-%d" % number,
        "value": values.get(number, b"%s-%d-%d" % (codec.encode(), variant, number)),
        "headers": headers.get(number, [("codec", codec.encode())]),
        "timestamp": BASE_TIME + (variant * RECORDS + number) * STEP_MS,
    }


def basics(client, prefix):
    topic = f"{prefix}-codecs"
    create(client, topic)
    produce(client, topic)
    read(client, topic)
    seek(client, topic)
    errors(client, prefix, topic)


def create(client, topic):
    codes = [client.create_topic(topic, PARTITIONS), client.create_topic(topic, PARTITIONS)]
    emit(step="create", codes=codes, partitions=partitions(client, topic))
    brief = f"{topic}-brief"
    emit(step="delete", codes=[client.create_topic(brief, 1), client.delete_topic(brief), client.delete_topic(brief)])
    offsets = client.produce(f"{topic}-auto", [sample("none", 0, 0)], "none", False)
    emit(step="auto create", offsets=offsets, partitions=partitions(client, f"{topic}-auto"))


def produce(client, topic):
    ways = [(codec, idempotent) for codec in client.CODECS for idempotent in (False, True)]
    for variant, (codec, idempotent) in enumerate(ways):
        records = [sample(codec, variant, number, client.NULL_HEADERS) for number in range(RECORDS)]
        results = client.produce(topic, records, codec, idempotent)
        emit(step="produce", codec=codec, idempotent=idempotent, offsets=results)


def read(client, topic):
    total = len(client.CODECS) * 2 * RECORDS
    records = client.read(topic, {partition: 0 for partition in range(PARTITIONS)}, total)
    for record in sorted(records, key=lambda r: (r["partition"], r["offset"])):
        headers = [[name, text(value)] for name, value in record["headers"]]
        shown = {"key": text(record["key"]), "value": text(record["value"]), "headers": headers}
        emit(step="read", **{**record, **shown})


def seek(client, topic):
    following = client.read(topic, {0: 3}, 2)
    emit(step="seek", offsets=[record["offset"] for record in following])
    # Offset 3 of partition 0 is record 3 of the second way to produce; a little later comes the next one.
    exact = BASE_TIME + 9 * STEP_MS
    times = {"before all": 0, "exact": exact, "between": exact + 1, "after all": BASE_TIME * 2}
    found = {name: client.offset_for_time(topic, 0, time) for name, time in times.items()}
    emit(step="time", **found)


def errors(client, prefix, topic):
    large = {"partition": 0, "key": None, "value": b"x" * TOO_LARGE, "headers": [], "timestamp": BASE_TIME}
    emit(step="error", case="too large", code=client.produce_error(topic, large))
    emit(step="error", case="unknown topic", code=client.unknown_topic(f"{prefix}-missing"))
    emit(step="error", case="bad topic name", code=client.create_topic(f"{prefix} bad/name", 1))
    emit(step="error", case="no partitions", code=client.create_topic(f"{prefix}-none", 0))


def partitions(client, topic):
    """Waits until the broker knows of a topic that was created a moment ago."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := client.partitions(topic)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def text(value):
    """As text; a long run of one letter as its length and the letter."""
    if value is None or len(value) < 100 or len(set(value)) > 1:
        return value if value is None else value.decode()
    return f"{len(value)} {chr(value[0])}"


def member(client, topic, group):
    """Says what it is assigned and what it reads; obeys `commit`, `commit OFFSET...` and `leave`."""
    commands = queue.Queue()
    threading.Thread(target=lambda: [commands.put(line.split()) for line in sys.stdin], daemon=True).start()
    consumer = client.member(topic, group)
    assigned = None
    while True:
        for partition, offset in consumer.poll():
            emit(event="record", partition=partition, offset=offset)
        if assigned != (assigned := consumer.assigned()):
            emit(event="assigned", partitions=assigned)
        while not commands.empty():
            match commands.get():
                case ["leave"]:
                    consumer.close()
                    return emit(event="left")
                case ["commit", *offsets]:
                    consumer.commit([int(offset) for offset in offsets])
                    emit(event="committed")


def load(client, topic, codec, file):
    """The file holds partition, key length, key, value length, value; numbers are 32 bits, big-endian."""
    emit(step="load", records=client.load(topic, codec, records_of(file)))


def records_of(file):
    with open(file, "rb") as source:
        while head := source.read(8):
            partition, length = struct.unpack(">ii", head)
            key = source.read(length)
            (length,) = struct.unpack(">i", source.read(4))
            yield partition, key, source.read(length)


def drain(client, *topics):
    for topic in topics:
        digest = Digest()
        client.drain(topic, digest)
        emit(step="drain", topic=topic, **digest.result())


class Digest:
    """What a topic holds: the multiset of its records, and the order within each partition."""

    def __init__(self):
        self.records = []
        self.partitions = {}

    def add(self, partition, key, value):
        digest = hashlib.sha256(struct.pack(">i", len(key)) + key + value).digest()
        self.records.append(digest)
        self.partitions.setdefault(partition, hashlib.sha256()).update(digest)

    def result(self):
        multiset = hashlib.sha256(b"".join(sorted(self.records))).hexdigest()
        order = {str(partition): chain.hexdigest() for partition, chain in sorted(self.partitions.items())}
        return {"records": len(self.records), "multiset": multiset, "order": order}


def main(family, command, bootstrap, *arguments):
    client = importlib.import_module(family).Client(bootstrap)
    {"basics": basics, "member": member, "load": load, "drain": drain}[command](client, *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
