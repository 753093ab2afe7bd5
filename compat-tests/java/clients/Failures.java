import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** What goes wrong, and by which exception a client hears of it. The broker does not create topics by itself. */
final class Failures {
    static void producers(Broker broker, Report report) throws Exception {
        String small = broker.topic("small", 1, "max.message.bytes", "1000");
        report.outcome("within the topic's limit", () -> send(broker, new ProducerRecord<>(small, "k", "v".repeat(500))));
        report.outcome("too large for the topic", () -> send(broker, new ProducerRecord<>(small, "k", noise(5000))));
        report.outcome("compressed, small enough", () -> send(broker, new ProducerRecord<>(small, "k", "v".repeat(5000)), "compression.type", "gzip"));
        report.outcome("too large for the producer", () -> send(broker, new ProducerRecord<>(small, "k", noise(5000)), "max.request.size", 2000));
        String large = broker.topic("large", 1);
        report.outcome("too large for the broker's default", () -> send(broker, new ProducerRecord<>(large, "k", noise(1_200_000)), "max.request.size", 2_000_000));
        report.outcome("just below it", () -> send(broker, new ProducerRecord<>(large, "k", noise(1_000_000))));
        for (String acks : List.of("1", "all")) {
            report.outcome("unknown topic, acks " + acks, () -> send(broker, new ProducerRecord<>(broker.name("nowhere"), "k", "v"), "max.block.ms", 1000, "acks", acks));
        }
        report.outcome("bad name", () -> send(broker, new ProducerRecord<>("bad/name", "k", "v")));
        report.outcome("unknown partition", () -> send(broker, new ProducerRecord<>(small, 7, "k", "v"), "max.block.ms", 1000));
        String compacted = broker.topic("compacted", 1, "cleanup.policy", "compact");
        report.outcome("compacted, with a key", () -> send(broker, new ProducerRecord<>(compacted, "k", "v")));
        report.outcome("compacted, without a key", () -> send(broker, new ProducerRecord<>(compacted, null, "v")));
        String timely = broker.topic("timely", 1, "message.timestamp.after.max.ms", "60000", "message.timestamp.before.max.ms", "60000");
        long now = System.currentTimeMillis();
        report.outcome("timely", () -> send(broker, new ProducerRecord<>(timely, 0, now, "k", "v")));
        report.outcome("too late", () -> send(broker, new ProducerRecord<>(timely, 0, now + 600_000, "k", "v")));
        report.outcome("too early", () -> send(broker, new ProducerRecord<>(timely, 0, now - 600_000, "k", "v")));
        String lonely = broker.topic("lonely", 1, "min.insync.replicas", "2");
        report.outcome("too few replicas, acks all", () -> send(broker, new ProducerRecord<>(lonely, "k", "v"), "retries", 0, "delivery.timeout.ms", 40_000, "request.timeout.ms", 30_000, "linger.ms", 0));
        report.outcome("too few replicas, acks 1", () -> send(broker, new ProducerRecord<>(lonely, "k", "v"), "acks", "1", "enable.idempotence", false));
    }

    static void consumers(Broker broker, Report report) throws Exception {
        String topic = broker.topic("consumer-errors", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        Membership.fill(broker, broker.topic("consumer-errors-full", 4), 0, 8);
        TopicPartition full = new TopicPartition(broker.name("consumer-errors-full"), 1);
        try (var consumer = broker.consumer("auto.offset.reset", "none", "group.id", broker.name("consumer-errors"))) {
            consumer.assign(List.of(full));
            report.outcome("no offset", () -> consumer.poll(Broker.PATIENCE).count());
            consumer.seek(full, 100);
            report.outcome("offset out of range", () -> consumer.poll(Broker.PATIENCE).count());
            consumer.seek(full, 2);
            report.outcome("at the very end", () -> consumer.poll(Broker.SHORT).count());
            consumer.seek(full, 1);
            report.line("position", "count", Broker.read(consumer, 1).size());
        }
        try (var consumer = broker.consumer("group.id", broker.name("bad-name"))) {
            consumer.subscribe(List.of("bad/name"));
            report.outcome("bad name", () -> {
                Broker.await("an answer", () -> consumer.poll(Broker.SHORT).count() > 0);
                return "records";
            });
        }
        try (var consumer = broker.consumer("allow.auto.create.topics", false)) {
            report.outcome("partitions of an unknown topic", () -> consumer.partitionsFor(broker.name("nowhere")).size());
            report.outcome("offsets of an unknown topic", () -> consumer.endOffsets(Broker.partitions(broker.name("nowhere"), 1), Duration.ofSeconds(3)).size());
            report.outcome("partitions of a topic", () -> consumer.partitionsFor(topic).size());
            report.line("all topics", "this one", consumer.listTopics().containsKey(topic), "internal ones", consumer.listTopics().containsKey("__no_such_topic"));
        }
        try (var consumer = broker.consumer("group.id", "")) {
            consumer.assign(List.of(partition));
            report.outcome("commit without a group", () -> Membership.commit(consumer, topic));
        } catch (RuntimeException refused) {
            report.line("commit without a group", "outcome", refused.getClass().getSimpleName());
        }
        try (Admin admin = broker.admin()) {
            report.outcome("offsets of an unknown partition", () -> admin.listOffsets(Map.of(new TopicPartition(topic, 5), OffsetSpec.latest()),
                new ListOffsetsOptions().timeoutMs(1500)).all().get());
        }
        report.line("not created by asking", "exists", exists(broker, broker.name("nowhere")));
    }

    private static boolean exists(Broker broker, String topic) throws Exception {
        try (Admin admin = broker.admin()) {
            return admin.listTopics().names().get().contains(topic);
        }
    }

    private static Object send(Broker broker, ProducerRecord<String, String> record, Object... settings) throws Exception {
        try (var producer = broker.producer(settings)) {
            return "offset " + producer.send(record).get().offset();
        }
    }

    /** Text that no codec makes much smaller. */
    static String noise(int length) {
        Random random = new Random(length);
        return random.ints(length, '!', '~').collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
    }
}
