"""kafka-python."""

import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

TIMEOUT_S = 20


def code_of(call):
    try:
        call()
    except KafkaError as error:
        return error.errno
    return 0


class Client:
    CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
    NULL_HEADERS = False

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

    def create_topic(self, name, partitions):
        return code_of(lambda: self.admin.create_topics([NewTopic(name, partitions, 1)]))

    def delete_topic(self, name):
        return code_of(lambda: self.admin.delete_topics([name]))

    def partitions(self, topic):
        [description] = self.admin.describe_topics([topic])
        return sorted(partition["partition_index"] for partition in description["partitions"])

    def producer(self, codec, **settings):
        codec = None if codec == "none" else codec
        return KafkaProducer(bootstrap_servers=self.bootstrap, compression_type=codec, linger_ms=20, **settings)

    def produce(self, topic, records, codec, idempotent):
        producer = self.producer(codec, enable_idempotence=idempotent)
        sent = [producer.send(topic, **arguments(record)) for record in records]
        producer.flush(TIMEOUT_S)
        offsets = [future.get(TIMEOUT_S).offset for future in sent]
        producer.close(TIMEOUT_S)
        return offsets

    def produce_error(self, topic, record):
        producer = self.producer("none", max_request_size=10_000_000)
        code = code_of(lambda: producer.send(topic, **arguments(record)).get(TIMEOUT_S))
        producer.close(TIMEOUT_S)
        return code

    def consumer(self, **settings):
        return KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, **settings)

    def read(self, topic, positions, count):
        consumer = self.consumer(group_id=None, auto_offset_reset="earliest")
        consumer.assign([TopicPartition(topic, partition) for partition in positions])
        for partition, offset in positions.items():
            consumer.seek(TopicPartition(topic, partition), offset)
        records = []
        deadline = time.monotonic() + TIMEOUT_S
        while len(records) < count and time.monotonic() < deadline:
            for batch in consumer.poll(timeout_ms=500).values():
                records += [record_of(record) for record in batch]
        consumer.close()
        return records[:count]

    def offset_for_time(self, topic, partition, timestamp):
        consumer = self.consumer(group_id=None)
        partition = TopicPartition(topic, partition)
        found = consumer.offsets_for_times({partition: timestamp})[partition]
        consumer.close()
        return None if found is None else found.offset

    def unknown_topic(self, topic):
        [description] = self.admin.describe_topics([topic])
        return description["error_code"]

    def member(self, topic, group):
        settings = {"session_timeout_ms": 2000, "heartbeat_interval_ms": 200, "auto_offset_reset": "earliest"}
        return Member(self.consumer(group_id=group, **settings), topic)

    def load(self, topic, codec, records):
        producer = self.producer(codec, batch_size=256 * 1024)
        sent = [producer.send(topic, value, key, partition=partition) for partition, key, value in records]
        producer.flush(120)
        return sum(future.get(TIMEOUT_S) is not None for future in sent)

    def drain(self, topic, digest):
        consumer = self.consumer(group_id=None, max_poll_records=5000, auto_offset_reset="earliest")
        partitions = [TopicPartition(topic, partition) for partition in self.partitions(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for batch in consumer.poll(timeout_ms=500).values():
                for record in batch:
                    digest.add(record.partition, record.key, record.value)
        consumer.close()


class Member:
    def __init__(self, consumer, topic):
        self.consumer, self.topic = consumer, topic
        # A member that joins before it knows the topic has to join again.
        consumer.partitions_for_topic(topic)
        consumer.subscribe([topic])

    def poll(self):
        # Long enough for a rebalance: kafka-python 3.0.12 can lose the answer to a JoinGroup that outlasts a poll, and then
        # neither takes its partitions nor sends heartbeats (seen once in seven runs with 50 ms).
        batches = self.consumer.poll(timeout_ms=1000)
        return [(record.partition, record.offset) for batch in batches.values() for record in batch]

    def assigned(self):
        return sorted(partition.partition for partition in self.consumer.assignment())

    def commit(self, offsets):
        explicit = {TopicPartition(self.topic, p): OffsetAndMetadata(o, "", -1) for p, o in enumerate(offsets)}
        self.consumer.commit(explicit or None)

    def close(self):
        self.consumer.close()


def arguments(record):
    """What `send` calls by other names."""
    return {"timestamp_ms": record["timestamp"], **{name: record[name] for name in record if name != "timestamp"}}


def record_of(record):
    assert record.timestamp_type == 0
    return {
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": record.headers,
        "timestamp": record.timestamp,
    }
