"""librdkafka, through confluent-kafka."""

import os

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TIMEOUT_S = 20


def code_of(future):
    try:
        future.result(TIMEOUT_S)
    except KafkaException as error:
        return error.args[0].code()
    return 0


class Client:
    CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
    NULL_HEADERS = True

    def __init__(self, bootstrap):
        self.settings = {"bootstrap.servers": bootstrap, "broker.address.family": "v4"}
        self.admin = AdminClient(self.settings)

    def create_topic(self, name, partitions):
        return code_of(self.admin.create_topics([NewTopic(name, partitions, 1)])[name])

    def delete_topic(self, name):
        return code_of(self.admin.delete_topics([name])[name])

    def partitions(self, topic):
        return sorted(self.admin.list_topics(topic, TIMEOUT_S).topics[topic].partitions)

    def producer(self, codec, **settings):
        return Producer({**self.settings, "compression.type": codec, "linger.ms": 20, **settings})

    def produce(self, topic, records, codec, idempotent):
        producer = self.producer(codec, **{"enable.idempotence": idempotent})
        results = [None] * len(records)

        def sent(index):
            def delivered(error, message):
                results[index] = message.offset() if error is None else f"error {error.code()}"

            return delivered

        for index, record in enumerate(records):
            producer.produce(topic, on_delivery=sent(index), **record)
        producer.flush(TIMEOUT_S)
        return results

    def produce_error(self, topic, record):
        codes = []
        producer = self.producer("none", **{"message.max.bytes": 10_000_000})
        producer.produce(topic, on_delivery=lambda error, _: codes.append(error.code() if error else 0), **record)
        producer.flush(TIMEOUT_S)
        return codes[0]

    def consumer(self, **settings):
        return Consumer({**self.settings, "group.id": "unused", "enable.auto.commit": False, **settings})

    def read(self, topic, positions, count):
        consumer = self.consumer()
        consumer.assign([TopicPartition(topic, partition, 0) for partition in positions])
        for partition, offset in positions.items():
            if offset:
                consumer.poll(0)
                seek(consumer, TopicPartition(topic, partition, offset))
        records = []
        while len(records) < count:
            records.append(record_of(checked(consumer.poll(TIMEOUT_S))))
        consumer.close()
        return records

    def offset_for_time(self, topic, partition, time):
        consumer = self.consumer()
        [found] = consumer.offsets_for_times([TopicPartition(topic, partition, time)], TIMEOUT_S)
        consumer.close()
        return None if found.offset == confluent_kafka.OFFSET_END else found.offset

    def unknown_topic(self, topic):
        consumer = self.consumer(**{"allow.auto.create.topics": False})
        consumer.subscribe([topic])
        message = consumer.poll(TIMEOUT_S)
        consumer.close()
        return message.error().code() if message and message.error() else None

    def member(self, topic, group):
        if os.environ.get("GROUP_PROTOCOL") == "consumer":
            settings = {"group.protocol": "consumer"}  # its times are the broker's
        else:
            settings = {"session.timeout.ms": 2000, "heartbeat.interval.ms": 200}
        return Member(self.consumer(**{"group.id": group, "auto.offset.reset": "earliest", **settings}), topic)

    def load(self, topic, codec, records):
        producer = self.producer(codec, **{"enable.idempotence": True})
        errors = []
        count = 0
        for partition, key, value in records:
            producer.poll(0)
            while True:
                try:
                    producer.produce(topic, value, key, partition, on_delivery=lambda e, _: e and errors.append(str(e)))
                    break
                except BufferError:
                    producer.poll(0.1)
            count += 1
        assert producer.flush(120) == 0 and not errors, errors[:3]
        return count

    def drain(self, topic, digest):
        consumer = self.consumer(**{"enable.partition.eof": True})
        waiting = {TopicPartition(topic, partition, 0) for partition in self.partitions(topic)}
        consumer.assign(list(waiting))
        left = len(waiting)
        while left:
            for message in consumer.consume(2000, 0.1):
                if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                    left -= 1
                else:
                    checked(message)
                    digest.add(message.partition(), message.key(), message.value())
        consumer.close()


class Member:
    def __init__(self, consumer, topic):
        self.consumer, self.topic = consumer, topic
        consumer.subscribe([topic])

    def poll(self):
        return [(m.partition(), m.offset()) for m in self.consumer.consume(100, 0.05) if checked(m)]

    def assigned(self):
        return sorted(partition.partition for partition in self.consumer.assignment())

    def commit(self, offsets):
        explicit = [TopicPartition(self.topic, partition, offset) for partition, offset in enumerate(offsets)]
        self.consumer.commit(asynchronous=False, **({"offsets": explicit} if explicit else {}))

    def close(self):
        self.consumer.close()


def seek(consumer, position):
    """A seek is refused until the assignment has reached the fetcher."""
    for _ in range(200):
        try:
            return consumer.seek(position)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:
                raise
            consumer.poll(0.01)
    raise TimeoutError("seek")


def checked(message):
    if message is None:
        raise TimeoutError("no message")
    if message.error():
        raise KafkaException(message.error())
    return message


def record_of(message):
    kind, timestamp = message.timestamp()
    assert kind == confluent_kafka.TIMESTAMP_CREATE_TIME
    return {
        "partition": message.partition(),
        "offset": message.offset(),
        "key": message.key(),
        "value": message.value(),
        "headers": message.headers() or [],
        "timestamp": timestamp,
    }
