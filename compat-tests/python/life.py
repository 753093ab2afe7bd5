"""librdkafka and the life of data: what becomes of records that the broker rewrites, deletes, thins out or finds damaged.

    life.py scenarios BOOTSTRAP PREFIX           every scenario below, one JSON object per line
    life.py rotten BOOTSTRAP TOPIC OFFSET END    a consumer that comes upon a batch that the disk changed
"""

import random
import sys
import time

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic

from client import PARTITIONS, PATIENCE_S, RECORDS, emit, partitions, sample
from librdkafka import TIMEOUT_S, Client, code_of, seek
from renewal import renewed

KEPT_IN = ["uncompressed", "gzip", "snappy", "lz4", "zstd"]
MORNING_MS = 1_700_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# Two of these end the segment before the second one.
LARGE = 700_000
SEGMENT_BYTES = 1 << 20
SHORT_S = 0.1


def scenarios(client, prefix):
    codecs(client, prefix)
    deleted(client, prefix)
    staying(client, prefix)
    broker_time(client, prefix)
    limits_of_time(client, prefix)
    compacted(client, prefix)
    retained(client, prefix)
    renewed(client, make(client, f"{prefix}-renewed"))


def codecs(client, prefix):
    """Which codec the batches are kept in is looked up by the caller of the program: no client tells."""
    for kept in KEPT_IN:
        topic = make(client, f"{prefix}-kept-{kept}", PARTITIONS, **{"compression.type": kept, "retention.ms": -1})
        sent = {}
        for variant, codec in enumerate(client.CODECS):
            records = [sample(codec, variant, number, client.NULL_HEADERS) for number in range(RECORDS)]
            offsets = client.produce(topic, records, codec, variant % 2 == 1)
            sent |= {(record["partition"], offset): record for record, offset in zip(records, offsets)}
        read = client.read(topic, {partition: 0 for partition in range(PARTITIONS)}, len(sent))
        different = [str(r) for r in read if r != {**sent[r["partition"], r["offset"]], "offset": r["offset"]}]
        emit(step="codecs", kept=kept, read=len(read), different=different)


def deleted(client, prefix):
    topic = make(client, f"{prefix}-shortened")
    send(client, topic, [value(number) for number in range(10)])
    for before in (0, 4, 2, 11, -2):
        emit(step="deleted", before=before, outcome=delete(client, topic, before))
    emit(step="deleted", ends=ends(client, topic))
    for reset in ("earliest", "latest", "error"):
        for start in (1, 7, 100):
            emit(step="deleted", reset=reset, start=start, read=first(client, topic, start, reset))
    emit(step="deleted", before="high watermark", outcome=delete(client, topic, confluent_kafka.OFFSET_END))
    emit(step="deleted", ends=ends(client, topic), one_more=send(client, topic, [value(10)]))
    emit(step="deleted", reset="earliest", start=1, read=first(client, topic, 1, "earliest"))


def staying(client, prefix):
    for policy in ("compact", "compact,delete"):
        topic = make(client, f"{prefix}-stays-{policy.replace(',', '-')}", **{"cleanup.policy": policy})
        send(client, topic, [{"key": b"k", "value": b"v"}] * 3)
        emit(step="staying", policy=policy, outcome=delete(client, topic, 2))
    emit(step="staying", partition="unknown", outcome=delete(client, topic, 0, partition=7))


def broker_time(client, prefix):
    topic = make(client, f"{prefix}-broker-time", **{"message.timestamp.type": "LogAppendTime"})
    before = now_ms()
    sent = [produced(client, topic, [record(0), record(MORNING_MS)], **{"linger.ms": 200}) for _ in range(2)]
    after = now_ms()
    read = everything(client, topic)
    times = [message.timestamp() for message in read]
    emit(
        step="broker time",
        told=[error or kind for batch in sent for error, kind, _ in batch],
        types=[kind for kind, _ in times],
        within=all(before <= at <= after for _, at in times),
        one_for_a_batch=times[0] == times[1] and times[2] == times[3],
    )
    found = {"first": times[0][1], "second": times[2][1], "behind": times[3][1] + 1, "long ago": 0}
    emit(step="broker time", offsets={name: client.offset_for_time(topic, 0, at) for name, at in found.items()})


def limits_of_time(client, prefix):
    hour = {"message.timestamp.before.max.ms": HOUR_MS, "message.timestamp.after.max.ms": HOUR_MS}
    for name, limits in {"defaults": {}, "hour": hour, "hour-zstd": {**hour, "compression.type": "zstd"}}.items():
        topic = make(client, f"{prefix}-limits-{name}", **limits, **{"retention.ms": -1})
        for codec in ("none", "lz4"):
            settings = {"compression.type": codec, "linger.ms": 200}
            alone = {minutes: outcomes(client, topic, [minutes], **settings)[0] for minutes in (-90, -30, 30, 90)}
            emit(step="limits of time", limits=name, codec=codec, alone=alone)
            emit(step="limits of time", limits=name, codec=codec, batch=outcomes(client, topic, [0, -90, 90, 0], **settings))
        emit(step="limits of time", limits=name, ends=ends(client, topic))


def compacted(client, prefix):
    thinned = {"cleanup.policy": "compact", "segment.bytes": SEGMENT_BYTES, "min.cleanable.dirty.ratio": 0.001}
    topic = make(client, f"{prefix}-compacted", **thinned, **{"delete.retention.ms": 200})
    send(client, topic, [{"key": b"k%d" % key, "value": b"%d" % round} for round in range(20) for key in range(5)])
    send(client, topic, [{"key": b"k3", "value": None}])

    def left():
        # A pass without anything new to look at is none.
        send(client, topic, [{"key": b"filler", "value": noise()}] * 2)
        return [(m.offset(), m.key().decode(), m.value().decode()) for m in everything(client, topic) if m.offset() < 101 and m.value()]

    def tombstones():
        return [m.offset() for m in everything(client, topic) if m.offset() < 101 and m.value() is None]

    emit(step="compacted", left=until(left, lambda found: len(found) <= 4))
    until(lambda: left() and tombstones(), lambda found: not found)
    emit(step="compacted", next=[first(client, topic, start, "error") for start in (0, 50, 96, 98, 99)])


def retained(client, prefix):
    """Every record has a segment of its own: two do not fit into one."""
    settings = {"retention.bytes": 1_500_000, "segment.bytes": SEGMENT_BYTES, "retention.ms": -1}
    topic = make(client, f"{prefix}-retained", **settings)
    send(client, topic, [{"value": noise()}] * 10)
    emit(step="retained", ends=until(lambda: ends(client, topic), lambda found: found[0] >= 7))
    emit(step="retained", **{reset: first(client, topic, 3, reset) for reset in ("earliest", "latest", "error")})


def rotten(client, topic, offset, end):
    offset, end = int(offset), int(end)
    for checked in (False, True):
        settings = {"check.crcs": checked, "auto.offset.reset": "error", "fetch.error.backoff.ms": 50}
        consumer = client.consumer(**settings)
        consumer.assign([TopicPartition(topic, 0, 0)])
        for start in (0, offset + 1, offset):
            if start:
                seek(consumer, TopicPartition(topic, 0, start))
            emit(step="rotten", checked=checked, start=start, **read_on(consumer, start, end))
        consumer.close()


def read_on(consumer, start, end):
    """Reads until the end, or until the application is told of an error a second time; before that it polls on."""
    read, told = [], []
    deadline = time.monotonic() + PATIENCE_S
    while len(told) < 2 and (not read or read[-1] < end - 1) and time.monotonic() < deadline:
        message = consumer.poll(SHORT_S)
        if message is None or message.offset() < start:
            continue
        if message.error():
            told.append([message.error().code(), message.offset()])
        else:
            read.append(message.offset())
    return {"read": read, "told": told}


def make(client, topic, count=1, **config):
    settings = {name: str(setting) for name, setting in config.items()}
    assert code_of(client.admin.create_topics([NewTopic(topic, count, 1, config=settings)])[topic]) == 0
    partitions(client, topic)
    return topic


def send(client, topic, records):
    """Each in a batch of its own; their offsets."""
    producer = client.producer("none", **{"linger.ms": 0, "message.send.max.retries": 100, "batch.num.messages": 1})
    offsets = []
    for fields in records:
        producer.produce(topic, partition=0, on_delivery=lambda error, at: offsets.append(error and error.code() or at.offset()), **fields)
    producer.flush(TIMEOUT_S)
    return offsets


def produced(client, topic, records, **settings):
    """Error code (0 for none), the kind of the time told, and the time told, of records that go in one batch."""
    producer = client.producer("none", **settings)
    told = []
    for fields in records:
        producer.produce(topic, partition=0, on_delivery=lambda error, at: told.append((error.code() if error else 0, *at.timestamp())), **fields)
    producer.flush(TIMEOUT_S)
    return told


def outcomes(client, topic, minutes, **settings):
    """What becomes of records that many minutes from now: an error, or that the time told is theirs."""
    times = [now_ms() + distance * MINUTE_MS for distance in minutes]
    told = produced(client, topic, [record(at) for at in times], **settings)
    return [error or told_at == at for (error, _, told_at), at in zip(told, times)]


def first(client, topic, start, reset):
    """The offset of the first record that a consumer at `start` reads, its error, or None where it waits at the end."""
    consumer = client.consumer(**{"auto.offset.reset": reset, "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, start)])
    message = consumer.poll(TIMEOUT_S)
    consumer.close()
    if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
        return f"end at {message.offset()}"
    return f"error {message.error().code()}" if message.error() else message.offset()


def everything(client, topic):
    consumer = client.consumer(**{"enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = []
    while not (message := consumer.poll(TIMEOUT_S)).error():
        messages.append(message)
    consumer.close()
    if message.error().code() != KafkaError._PARTITION_EOF:
        raise KafkaException(message.error())
    return messages


def delete(client, topic, before, partition=0):
    """The low watermark told, or the error."""
    at = TopicPartition(topic, partition, before)
    try:
        return client.admin.delete_records([at], request_timeout=TIMEOUT_S)[at].result(TIMEOUT_S).low_watermark
    except KafkaException as error:
        return f"error {error.args[0].code()}"


def ends(client, topic):
    consumer = client.consumer()
    found = consumer.get_watermark_offsets(TopicPartition(topic, 0), TIMEOUT_S)
    consumer.close()
    return list(found)


def until(look, enough):
    deadline = time.monotonic() + PATIENCE_S
    while not enough(found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def value(number):
    return {"key": b"k%d" % number, "value": b"v%d" % number}


def record(timestamp):
    return {"key": b"k", "value": b"v", "timestamp": timestamp}


def noise():
    return random.randbytes(LARGE)


def now_ms():
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    command, bootstrap, *arguments = sys.argv[1:]
    {"scenarios": scenarios, "rotten": rotten}[command](Client(bootstrap), *arguments)
