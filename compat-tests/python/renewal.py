"""A topic that is deleted under a producer and a consumer of librdkafka, and made anew at once under its old name."""

import threading
import time

from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from client import PATIENCE_S, emit
from librdkafka import TIMEOUT_S, checked, code_of

ROUNDS = 3
SOME = 50
TOPIC_ALREADY_EXISTS = 36
# How soon a client looks again for a topic.
REFRESH = {"topic.metadata.refresh.interval.ms": 500, "topic.metadata.refresh.fast.interval.ms": 50}


def renewed(client, topic):
    load = Load(client, topic)
    await_("the first records", lambda: len(load.taken) > SOME and len(load.seen) > SOME)
    for round in range(1, ROUNDS + 1):
        before = set(load.taken)
        assert code_of(client.admin.delete_topics([topic])[topic]) == 0
        await_("the new topic", lambda: created(client, topic))
        mark = load.next
        await_("records of the new topic", lambda: sum(number > mark for number in list(load.taken)) > SOME)
        await_("records read of the new topic", lambda: any(number > mark for number in list(load.seen)))
        taken = dict(load.taken)
        found = everything(client, topic)
        old = sum(number in before for number in found.values())
        lost = sum(number > mark and found.get(offset) != number for number, offset in taken.items())
        emit(step="renewed", round=round, of_the_old_topic=old, not_where_they_were_taken=lost)
    load.stop()


def created(client, topic):
    code = code_of(client.admin.create_topics([NewTopic(topic, 1, 1)])[topic])
    assert code in (0, TOPIC_ALREADY_EXISTS), code
    return code == 0


def everything(client, topic):
    """The numbers in the topic by their offsets, up to the end as of now."""
    consumer = client.consumer()
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), TIMEOUT_S)
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = {}
    while end - 1 not in found:
        for message in consumer.consume(500, 0.1):
            found[checked(message).offset()] = int(message.value())
    consumer.close()
    return found


def await_(what, condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


class Load:
    """A producer of numbers, which remembers where the broker took each, and a member of a group that reads them."""

    def __init__(self, client, topic):
        self.client, self.topic = client, topic
        self.next, self.taken, self.seen = 0, {}, set()
        self.done = threading.Event()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.produce, self.consume)]
        for thread in self.threads:
            thread.start()

    def produce(self):
        # One at a time: with several under way the new topic may take a later one first, and the others are out of order.
        settings = {"enable.idempotence": True, "linger.ms": 1, "max.in.flight": 1}
        producer = self.client.producer("none", **settings, **REFRESH)

        def sent(number):
            return lambda error, at: error or self.taken.__setitem__(number, at.offset())

        while not self.done.is_set():
            producer.produce(self.topic, b"%d" % self.next, partition=0, on_delivery=sent(self.next))
            self.next += 1
            producer.poll(0)
            time.sleep(0.002)
        producer.flush(TIMEOUT_S)

    def consume(self):
        settings = {"group.id": f"{self.topic}-group", "auto.offset.reset": "earliest", "enable.auto.commit": True}
        consumer = self.client.consumer(**settings, **REFRESH)
        consumer.subscribe([self.topic])
        while not self.done.is_set():
            message = consumer.poll(0.05)
            if message and not message.error():
                self.seen.add(int(message.value()))
        consumer.close()

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)
