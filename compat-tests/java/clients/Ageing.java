import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** What consumers see of a log that the broker shortens and thins out by itself. The broker looks at its logs all the time. */
final class Ageing {
    private static final int ROUNDS = 20;
    private static final int KEYS = 10;
    /** Two of these end the segment before the second one. */
    private static final int LARGE = 700_000;
    private static final String SEGMENT_BYTES = "1048576";
    private static final long MORNING_MS = 1_700_000_000_000L;

    static void compacted(Broker broker, Report report) throws Exception {
        for (boolean oneBatch : List.of(false, true)) {
            String how = oneBatch ? "a batch per round" : "a batch per record";
            String topic = compactedTopic(broker, "last-of-each-" + oneBatch, "86400000");
            Map<String, Long> last = new TreeMap<>();
            try (KafkaProducer<String, String> producer = broker.producer("linger.ms", oneBatch ? 5000 : 0, "compression.type", oneBatch ? "zstd" : "none")) {
                for (int round = 0; round < ROUNDS; round++) {
                    write(producer, topic, round, oneBatch).forEach(last::put);
                }
                // Key 3 is deleted, key 4 is there again.
                last.put("k3", send(producer, record(topic, "k3", ROUNDS, null)));
                send(producer, record(topic, "k4", ROUNDS, null));
                last.put("k4", send(producer, record(topic, "k4", ROUNDS, "anew")));
                fill(producer, topic);
            }
            long end = KEYS * ROUNDS + 3;
            List<ConsumerRecord<String, String>> left = untilLeft(broker, topic, end, KEYS);
            report.line(how, "last of each", left.stream().map(r -> List.of(r.offset(), r.key(), "" + r.value(), r.timestamp() - MORNING_MS)).toList(),
                "as told", left.stream().allMatch(r -> last.get(r.key()) == r.offset()));
            inTheGaps(broker, report, how, topic);
        }
    }

    static void tombstones(Broker broker, Report report) throws Exception {
        String topic = compactedTopic(broker, "tombstones", "200");
        try (KafkaProducer<String, String> producer = broker.producer()) {
            write(producer, topic, 0, false);
            for (String deleted : List.of("k0", "k5", "k9")) {
                send(producer, record(topic, deleted, 1, null));
            }
            fill(producer, topic);
            long end = KEYS + 3;
            List<ConsumerRecord<String, String>> left = new ArrayList<>();
            Broker.await("the end of tombstones", () -> {
                // A pass without anything new to look at is none.
                fill(producer, topic);
                left.clear();
                left.addAll(below(broker, topic, end));
                return left.size() <= KEYS - 3;
            });
            report.line("gone with their keys", "left", left.stream().map(r -> List.of(r.offset(), r.key(), "" + r.value())).toList());
        }
    }

    static void retained(Broker broker, Report report) throws Exception {
        bySize(broker, report);
        byAge(broker, report);
    }

    /** Every record has a segment of its own: two do not fit into one. */
    private static void bySize(Broker broker, Report report) throws Exception {
        TopicPartition partition = new TopicPartition(broker.topic("retained-bytes", 1, "retention.bytes", "1500000", "segment.bytes", SEGMENT_BYTES, "retention.ms", "-1"), 0);
        String group = broker.name("retained");
        try (var producer = broker.producer(); var slow = Deleting.at(broker, partition, 0, "none")) {
            producer.send(new ProducerRecord<>(partition.topic(), 0, "0", Failures.noise(LARGE))).get();
            report.line("slow consumer", "begins at", Broker.read(slow, 1).get(0).offset());
            for (int i = 1; i < 10; i++) {
                producer.send(new ProducerRecord<>(partition.topic(), 0, "" + i, Failures.noise(LARGE))).get();
            }
            Broker.await("seven segments less", () -> slow.beginningOffsets(List.of(partition)).get(partition) >= 7);
            report.line("by size", "begins at", slow.beginningOffsets(List.of(partition)).get(partition), "ends at", slow.endOffsets(List.of(partition)).get(partition));
            report.line("slow consumer", "goes on", outOfRange(slow, partition));
            report.line("without a reset", "goes on", outOfRange(slow, partition), "position", slow.position(partition) < 7);
        }
        try (var consumer = broker.consumer("group.id", group)) {
            consumer.assign(List.of(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(3)));
            report.line("committed before, reset to the earliest", "read", Broker.read(consumer, 3).stream().map(record -> record.offset() + "=" + record.key()).toList());
        }
        try (var consumer = broker.consumer("group.id", group, "auto.offset.reset", "latest")) {
            consumer.assign(List.of(partition));
            Broker.await("the reset", () -> consumer.poll(Broker.SHORT).count() > 0 || consumer.position(partition) == 10);
            report.line("committed before, reset to the latest", "position", consumer.position(partition));
        }
    }

    /** Records of long ago go, with the segment that is being written; then the log is empty, and goes on where it was. */
    private static void byAge(Broker broker, Report report) throws Exception {
        TopicPartition partition = new TopicPartition(broker.topic("retained-ms", 1, "retention.ms", "3600000"), 0);
        try (var producer = broker.producer(); var consumer = Deleting.at(broker, partition, 0, "earliest")) {
            for (int i = 0; i < 3; i++) {
                producer.send(new ProducerRecord<>(partition.topic(), 0, MORNING_MS, "k", "old" + i)).get();
            }
            Broker.await("the end of the old", () -> consumer.beginningOffsets(List.of(partition)).get(partition) == 3);
            report.line("by age", "ends at", consumer.endOffsets(List.of(partition)).get(partition), "found", consumer.offsetsForTimes(Map.of(partition, 0L)).get(partition));
            producer.send(new ProducerRecord<>(partition.topic(), 0, "k", "young")).get();
            consumer.seek(partition, 1);
            report.line("by age", "read", Broker.read(consumer, 1).stream().map(record -> record.offset() + "=" + record.value()).toList());
        }
    }

    /** A position at an offset that is gone is as good as one at the next that is there. */
    private static void inTheGaps(Broker broker, Report report, String how, String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        Map<String, Object> next = new LinkedHashMap<>();
        for (long offset : new long[] {0, 7, 189, 190, 193, 194, 200, 201, 202}) {
            try (var consumer = Deleting.at(broker, partition, offset, "none")) {
                next.put(String.format("%03d", offset), Broker.read(consumer, 1).get(0).offset());
            }
        }
        try (var consumer = broker.consumer("auto.offset.reset", "none", "group.id", broker.name("gaps"))) {
            consumer.assign(List.of(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(20)));
            next.put("committed 20", Broker.read(consumer, 1).get(0).offset());
            for (long time : new long[] {0, 3, ROUNDS - 1, ROUNDS}) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, MORNING_MS + time)).get(partition);
                next.put("time " + time, found == null ? null : List.of(found.offset(), found.timestamp() - MORNING_MS));
            }
            next.put("beginning", consumer.beginningOffsets(List.of(partition)).get(partition));
        }
        report.line(how, "next", next);
    }

    private static String compactedTopic(Broker broker, String name, String deleteRetentionMs) throws Exception {
        return broker.topic(name, 1, "cleanup.policy", "compact", "segment.bytes", SEGMENT_BYTES, "min.cleanable.dirty.ratio", "0.001", "delete.retention.ms", deleteRetentionMs);
    }

    /** One record of each key, with the time of the round; where they are. */
    private static Map<String, Long> write(KafkaProducer<String, String> producer, String topic, int round, boolean oneBatch) throws Exception {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int key = 0; key < KEYS; key++) {
            records.add(record(topic, "k" + key, round, "v" + round));
        }
        Map<String, Long> at = new TreeMap<>();
        if (oneBatch) {
            var sent = Producing.send(producer, records);
            records.forEach(record -> at.put(record.key(), sent.get(records.indexOf(record)).offset()));
            return at;
        }
        for (ProducerRecord<String, String> record : records) {
            at.put(record.key(), send(producer, record));
        }
        return at;
    }

    /** In a batch of its own. */
    private static long send(KafkaProducer<String, String> producer, ProducerRecord<String, String> record) throws Exception {
        return Producing.send(producer, List.of(record)).get(0).offset();
    }

    private static ProducerRecord<String, String> record(String topic, String key, int round, String value) {
        return new ProducerRecord<>(topic, 0, MORNING_MS + round, key, value);
    }

    private static void fill(KafkaProducer<String, String> producer, String topic) throws Exception {
        for (int i = 0; i < 2; i++) {
            send(producer, new ProducerRecord<>(topic, 0, "filler", Failures.noise(LARGE)));
        }
    }

    private static List<ConsumerRecord<String, String>> untilLeft(Broker broker, String topic, long end, int count) throws Exception {
        List<ConsumerRecord<String, String>> left = new ArrayList<>();
        Broker.await(count + " records", () -> {
            left.clear();
            left.addAll(below(broker, topic, end));
            return left.size() <= count;
        });
        return left;
    }

    /** All records before `end`; there is one at or behind it. */
    private static List<ConsumerRecord<String, String>> below(Broker broker, String topic, long end) throws Exception {
        List<ConsumerRecord<String, String>> read = new ArrayList<>();
        try (var consumer = broker.reader(topic, 1, "auto.offset.reset", "none")) {
            Broker.await("offset " + end, () -> {
                consumer.poll(Broker.SHORT).forEach(read::add);
                return consumer.position(new TopicPartition(topic, 0)) > end;
            });
        }
        return read.stream().filter(record -> record.offset() < end).toList();
    }

    /** Reads on until the position is refused. */
    private static Object outOfRange(KafkaConsumer<String, String> consumer, TopicPartition partition) throws Exception {
        try {
            Broker.await("a refusal", () -> consumer.poll(Broker.SHORT).count() < 0);
            return "read";
        } catch (OffsetOutOfRangeException told) {
            return told.getClass().getSimpleName() + (told.offsetOutOfRangePartitions().get(partition) < 7 ? " below 7" : "");
        }
    }
}
