"""Many librdkafka clients in one process, each with a client id of its own, until there is a line on the standard input.

Every line on the standard output is a JSON object: what one client saw. `at` is the time when it asked, seconds since 1970.

    produce BOOTSTRAP TOPIC BYTES PER_SECOND NAME=PARTITION...   each client to its partition, so many records a second
    read BOOTSTRAP TOPIC EVERY_MS NAME=PARTITION...              each client its partition over and over, one poll each EVERY_MS
    join BOOTSTRAP TOPIC NAME...                                 each client joins a group of its name, leaves, joins again
"""

import json
import sys
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

FLUSH_S = 60
OUTPUT = threading.Lock()
STOP = threading.Event()
# How long a member waits for its partitions, and how long it stays.
JOIN_S = 20.0
STAY_S = 0.2


def say(**line):
    with OUTPUT:
        print(json.dumps(line), flush=True)


def settings(bootstrap, name, **more):
    # A broker that was restarted is soon found again.
    soon = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20}
    return {"bootstrap.servers": bootstrap, "broker.address.family": "v4", "client.id": name, **soon, **more}


def produce(bootstrap, topic, size, per_second, *targets):
    value = b"x" * int(size)
    clients = []
    for target in targets:
        name, partition = target.split("=")
        producer = Producer(settings(bootstrap, name, **{"linger.ms": 0, "enable.idempotence": True}))
        clients.append((name, int(partition), producer))
    number, begin = 0, time.monotonic()
    while not STOP.is_set():
        for name, partition, producer in clients:
            producer.produce(topic, value, partition=partition, on_delivery=delivered(name))
        number += 1
        while (left := begin + number / int(per_second) - time.monotonic()) > 0 and not STOP.wait(min(left, 0.002)):
            poll(clients)
        poll(clients)
    unsent = sum(producer.flush(FLUSH_S) for _, _, producer in clients)
    say(unsent=unsent)


def poll(clients):
    for _, _, producer in clients:
        producer.poll(0)


def delivered(name):
    at = time.time()

    def report(error, message):
        if error is None:
            say(client=name, at=at, ms=1000 * message.latency())
        else:
            say(client=name, at=at, error=error.name())

    return report


def read(bootstrap, topic, every_ms, *targets):
    """One fetch for each poll: a client that has much to read and does other things in between."""
    partitions = {name: int(partition) for name, partition in (target.split("=") for target in targets)}

    def one(name):
        partition = partitions[name]
        # Nothing is fetched ahead, and one fetch asks for at most this much of the partition.
        one_fetch = {"queued.min.messages": 1, "fetch.message.max.bytes": 65536, "fetch.queue.backoff.ms": 10}
        kept = {"group.id": name, "enable.auto.commit": False, "enable.partition.eof": True}
        consumer = Consumer(settings(bootstrap, name, **one_fetch, **kept))
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        while not STOP.wait(int(every_ms) / 1000):
            at, size = time.time(), 0
            for message in consumer.consume(1000, 0.005):
                if message.error() is None:
                    size += len(message.value())
                elif message.error().name() == "_PARTITION_EOF":
                    consumer.seek(TopicPartition(topic, partition, 0))
            say(client=name, at=at, bytes=size)
        consumer.close()

    together(one, partitions)


def join(bootstrap, topic, *names):
    def one(name):
        while not STOP.is_set():
            at, met, error = time.time(), [], None
            kept = {"group.id": name, "session.timeout.ms": 10000, "heartbeat.interval.ms": 1000}
            consumer = Consumer(settings(bootstrap, name, **kept))
            consumer.subscribe([topic], on_assign=lambda consumer, partitions: met.append(partitions))
            while not met and error is None and time.time() < at + JOIN_S and not STOP.is_set():
                message = consumer.poll(0.02)
                error = message.error() if message else None
            outcome = {"error": error.name()} if error else {} if met else {"error": "no answer"}
            if met or not STOP.is_set():
                say(client=name, at=at, ms=1000 * (time.time() - at), **outcome)
            if met:
                STOP.wait(STAY_S)
            consumer.close()

    together(one, names)


def together(one, names):
    def all_of(name):
        try:
            one(name)
        except KafkaException as error:
            say(client=name, at=time.time(), error=error.args[0].name())

    threads = [threading.Thread(target=all_of, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def listen_for_the_end():
    sys.stdin.readline()
    STOP.set()


def main(command, *arguments):
    threading.Thread(target=listen_for_the_end, daemon=True).start()
    {"produce": produce, "read": read, "join": join}[command](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
