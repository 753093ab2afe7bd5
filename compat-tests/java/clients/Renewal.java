import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * A topic is deleted under a producer and a consumer, and made anew at once under its old name: both go on, in the new topic only.
 *
 * Apache Kafka's controller answers for a topic before its broker has heard of it. A client that names topics (before 4.0) is served by the old
 * one until then, and what is acknowledged there is lost. So only what is sent once the broker tells the new topic's id must be in it.
 */
final class Renewal {
    private static final int ROUNDS = 3;
    private static final int SOME = 50;

    static void underLoad(Broker broker, Report report) throws Exception {
        String topic = broker.topic("renewed", 1);
        AtomicBoolean done = new AtomicBoolean();
        try (Load load = new Load(broker, topic, done); Admin admin = broker.admin()) {
            Broker.await("the first records", () -> load.taken.size() > SOME && load.seen.size() > SOME);
            for (int round = 1; round <= ROUNDS; round++) {
                Set<Integer> before = new HashSet<>(load.taken.keySet());
                admin.deleteTopics(List.of(topic)).all().get();
                Uuid made = create(admin, topic);
                Broker.await("the new topic's id", () -> made.equals(id(admin, topic)));
                int mark = load.next.get();
                Broker.await("records of the new topic", () -> load.taken.keySet().stream().filter(number -> number > mark).count() > SOME);
                Broker.await("records read of the new topic", () -> load.seen.stream().anyMatch(number -> number > mark));
                Map<Integer, Long> taken = Map.copyOf(load.taken);
                Map<Long, Integer> found = all(broker, topic);
                report.line("round " + round, "of the old topic", found.values().stream().filter(before::contains).count(),
                    "not where they were taken", taken.entrySet().stream().filter(at -> at.getKey() > mark && !at.getKey().equals(found.get(at.getValue()))).count());
            }
        }
    }

    private static Uuid create(Admin admin, String topic) throws Exception {
        return admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).topicId(topic).get();
    }

    /** What the broker says which takes the records, whatever the controller knows: none while the name is unknown to it. */
    private static Uuid id(Admin admin, String topic) throws Exception {
        try {
            return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
        } catch (ExecutionException refused) {
            if (refused.getCause() instanceof UnknownTopicOrPartitionException) {
                return Uuid.ZERO_UUID;
            }
            throw refused;
        }
    }

    /** What is in the topic now, by offset. */
    private static Map<Long, Integer> all(Broker broker, String topic) throws Exception {
        Map<Long, Integer> found = new ConcurrentHashMap<>();
        TopicPartition partition = new TopicPartition(topic, 0);
        try (var consumer = broker.reader(topic, 1)) {
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            Broker.await("all records", () -> {
                consumer.poll(Broker.SHORT).forEach(record -> found.put(record.offset(), Integer.valueOf(record.value())));
                return consumer.position(partition) >= end;
            });
        }
        return found;
    }

    /** A producer of numbers, which remembers where the broker took each, and a member of a group that reads them. */
    private static final class Load implements AutoCloseable {
        final AtomicInteger next = new AtomicInteger();
        final Map<Integer, Long> taken = new ConcurrentHashMap<>();
        final Set<Integer> seen = ConcurrentHashMap.newKeySet();
        private final AtomicBoolean done;
        private final List<Thread> threads = new ArrayList<>();

        Load(Broker broker, String topic, AtomicBoolean done) {
            this.done = done;
            threads.add(new Thread(() -> produce(broker, topic)));
            threads.add(new Thread(() -> consume(broker, topic)));
            threads.forEach(Thread::start);
        }

        private void produce(Broker broker, String topic) {
            // One at a time: a client that names topics (before 4.0) and has several under way may see a later one taken first by the new topic,
            // and is out of order with the others until delivery.timeout.ms.
            try (var producer = broker.producer("metadata.max.age.ms", 500, "retry.backoff.ms", 20, "max.in.flight.requests.per.connection", 1)) {
                while (!done.get()) {
                    int number = next.getAndIncrement();
                    producer.send(new ProducerRecord<>(topic, 0, "k", "" + number), (at, refused) -> {
                        if (refused == null) {
                            taken.put(number, at.offset());
                        }
                    });
                    Thread.sleep(1);
                }
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
        }

        private void consume(Broker broker, String topic) {
            try (var consumer = broker.consumer("group.id", broker.name("renewed"), "metadata.max.age.ms", 500)) {
                consumer.subscribe(List.of(topic));
                while (!done.get()) {
                    for (ConsumerRecord<String, String> record : consumer.poll(Broker.SHORT)) {
                        seen.add(Integer.valueOf(record.value()));
                    }
                }
            }
        }

        @Override
        public void close() throws InterruptedException {
            done.set(true);
            for (Thread thread : threads) {
                thread.join(Broker.PATIENCE.toMillis());
            }
        }
    }
}
