"""A librdkafka client that goes on and on: `steady.py COMMAND ARGUMENT...`, until there is a line on the standard input.

Every line on the standard output is a JSON object. `java/disks/Steady.java` has the same commands and prints the same lines.

    produce BOOTSTRAP TOPIC NAME PARTITIONS BYTES PER_SECOND    records `NAME NUMBER xxx...` to the partitions in turn
    consume BOOTSTRAP TOPIC PARTITIONS                          all records of all partitions from the beginning
"""

import json
import select
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

FLUSH_S = 120


def say(**line):
    print(json.dumps(line), flush=True)


def is_told_to_stop():
    return bool(select.select([sys.stdin], [], [], 0)[0])


def settings(bootstrap, **more):
    return {"bootstrap.servers": bootstrap, "broker.address.family": "v4", **more}


def produce(bootstrap, topic, name, partitions, size, per_second):
    # As the Java client does by default.
    producer = Producer(settings(bootstrap, **{"enable.idempotence": True}))
    number, begin = 0, time.monotonic()
    while not is_told_to_stop():
        producer.poll(max(0.0, begin + number / int(per_second) - time.monotonic()))
        send(producer, topic, number % int(partitions), number, f"{name} {number} ".ljust(int(size), "x"))
        number += 1
    producer.flush(FLUSH_S)
    say(sent=number)


def send(producer, topic, partition, number, value):
    def delivered(error, message):
        if error is None:
            say(number=number, partition=partition, offset=message.offset())
        else:
            say(number=number, error=str(error))

    while True:
        try:
            return producer.produce(topic, value, partition=partition, on_delivery=delivered)
        except BufferError:
            producer.poll(0.01)


def consume(bootstrap, topic, partitions):
    consumer = Consumer(settings(bootstrap, **{"group.id": "unused", "enable.auto.commit": False}))
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(int(partitions))])
    while not is_told_to_stop():
        for message in consumer.consume(1000, 0.05):
            if message.error():
                say(error=str(message.error()))
            else:
                value = message.value().decode().rstrip("x").strip()
                say(partition=message.partition(), offset=message.offset(), value=value)
    consumer.close()


if __name__ == "__main__":
    {"produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
