import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Committed offsets: kept with their metadata, resumed from, read and changed by an administrator. */
final class Offsets {
    private static final int PARTITIONS = 4;

    static void commitAndResume(Broker broker, Report report) throws Exception {
        String topic = broker.topic("commit", PARTITIONS);
        String group = broker.name("commit");
        Membership.fill(broker, topic, 0, 40);
        List<TopicPartition> partitions = Broker.partitions(topic, PARTITIONS);
        try (Member a = new Member(broker, "a", group, topic)) {
            Member.settle(List.of(a), PARTITIONS);
            report.line("nothing yet", "committed", shown(a.consumer.committed(new HashSet<>(partitions))));
            Member.read(List.of(a), 40);
            a.consumer.commitSync(Map.of(
                partitions.get(0), new OffsetAndMetadata(3),
                partitions.get(1), new OffsetAndMetadata(7, Optional.of(0), "where I was – größer"),
                partitions.get(2), new OffsetAndMetadata(10, "")));
            report.line("three of four", "committed", shown(a.consumer.committed(new HashSet<>(partitions))));
        }
        try (Member b = new Member(broker, "b", group, topic)) {
            Member.read(List.of(b), 20);
            report.line("resumed", "read", b.read.stream().sorted().toList());
            List<Object> asynchronous = new ArrayList<>();
            b.consumer.commitAsync((offsets, error) -> asynchronous.add(error == null ? shown(offsets) : error.toString()));
            Broker.await("the callback", () -> {
                b.poll();
                return !asynchronous.isEmpty();
            });
            report.line("asynchronously", "committed", asynchronous);
            report.outcome("too much metadata", () -> {
                b.consumer.commitSync(Map.of(partitions.get(0), new OffsetAndMetadata(10, "x".repeat(5000))));
                return null;
            });
        }
        try (Member c = new Member(broker, "c", group, topic, "enable.auto.commit", true, "auto.commit.interval.ms", 100)) {
            Membership.fill(broker, topic, 40, 44);
            Member.read(List.of(c), 4);
            report.line("auto commit", "read", c.read.stream().sorted().toList());
        }
        try (var outside = broker.consumer("group.id", group)) {
            outside.assign(partitions);
            report.line("committed on leaving", "committed", shown(outside.committed(new HashSet<>(partitions))), "positions", partitions.stream().map(outside::position).toList());
        }
    }

    static void administered(Broker broker, Report report) throws Exception {
        String topic = broker.topic("administered", 2);
        String group = broker.name("administered");
        List<TopicPartition> partitions = Broker.partitions(topic, 2);
        try (Admin admin = broker.admin()) {
            report.outcome("set for a new group", () -> admin.alterConsumerGroupOffsets(group,
                Map.of(partitions.get(0), new OffsetAndMetadata(5), partitions.get(1), new OffsetAndMetadata(6, "note"))).all().get());
            report.line("simple", "group", Membership.describe(admin, group), "offsets", listed(admin, group));
            report.outcome("set for an unknown topic", () -> admin.alterConsumerGroupOffsets(group,
                Map.of(new TopicPartition(broker.name("nowhere"), 0), new OffsetAndMetadata(1))).all().get());
            report.outcome("one deleted", () -> admin.deleteConsumerGroupOffsets(group, Set.of(partitions.get(0))).all().get());
            report.line("one left", "offsets", listed(admin, group));
            try (Member a = new Member(broker, "a", group, topic)) {
                Member.settle(List.of(a), 2);
                report.outcome("set under a member", () -> admin.alterConsumerGroupOffsets(group, Map.of(partitions.get(0), new OffsetAndMetadata(1))).all().get());
                report.outcome("deleted under a subscription", () -> admin.deleteConsumerGroupOffsets(group, Set.of(partitions.get(1))).all().get());
            }
            report.outcome("topic deleted", () -> admin.deleteTopics(List.of(topic)).all().get());
            Broker.await("the end of its offsets", () -> listed(admin, group).isEmpty());
            report.line("gone with the topic", "offsets", listed(admin, group));
        }
        simpleConsumer(broker, report);
    }

    /** A consumer with a group but no subscription commits without ever being a member. */
    private static void simpleConsumer(Broker broker, Report report) throws Exception {
        String topic = broker.topic("simple", PARTITIONS);
        Membership.fill(broker, topic, 0, 8);
        try (var consumer = broker.reader(topic, PARTITIONS, "group.id", broker.name("simple"))) {
            List<ConsumerRecord<String, String>> read = Broker.read(consumer, 8);
            consumer.commitSync();
            report.line("no member", "read", read.size(), "committed", shown(consumer.committed(consumer.assignment())));
        }
    }

    private static Map<Integer, Object> listed(Admin admin, String group) throws Exception {
        return shown(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get());
    }

    /** By partition number: offset, leader epoch, metadata. */
    private static Map<Integer, Object> shown(Map<TopicPartition, OffsetAndMetadata> offsets) {
        Map<Integer, Object> shown = new TreeMap<>();
        new HashMap<>(offsets).forEach((partition, offset) ->
            shown.put(partition.partition(), offset == null ? "none" : List.of(offset.offset(), offset.leaderEpoch().orElse(-1), offset.metadata())));
        return shown;
    }
}
