import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DeleteRecordsOptions;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Records deleted by an administrator: what it is told, where readers go on, and what is refused. */
final class Deleting {
    private static final int RECORDS = 10;
    private static final long HIGH_WATERMARK = -1;
    /** How long a client tries what does not come true. */
    private static final int IN_VAIN_MS = 1500;

    static void records(Broker broker, Report report) throws Exception {
        for (boolean oneBatch : List.of(false, true)) {
            String how = oneBatch ? "one batch" : "many batches";
            TopicPartition partition = new TopicPartition(broker.topic(oneBatch ? "shortened-batch" : "shortened", 1), 0);
            send(broker, partition, RECORDS, oneBatch);
            try (Admin admin = broker.admin()) {
                commit(broker, partition, 2);
                for (long before : new long[] {0, 4, 2, 4}) {
                    report.line(how + ", before " + before, "low watermark", delete(admin, partition, before));
                }
                for (long before : new long[] {RECORDS + 1, -2}) {
                    report.line(how + ", before " + before, "low watermark", delete(admin, partition, before));
                }
                readers(broker, report, how, partition);
                report.line(how + ", before the high watermark", "low watermark", delete(admin, partition, HIGH_WATERMARK), "again", delete(admin, partition, RECORDS));
                report.line(how + ", nothing left", "ends", ends(broker, partition));
                try (var producer = broker.producer()) {
                    report.line(how + ", one more", "at", producer.send(new ProducerRecord<>(partition.topic(), 0, "k", "more")).get().offset());
                }
                report.line(how + ", one more", "read", from(broker, partition, 0, 1, "earliest"));
            }
        }
    }

    static void refused(Broker broker, Report report) throws Exception {
        String both = broker.topic("delete-some", 2);
        TopicPartition plain = new TopicPartition(broker.topic("delete-other", 1), 0);
        send(broker, plain, RECORDS, false);
        try (Admin admin = broker.admin()) {
            for (String policy : List.of("compact", "delete", "compact,delete", "")) {
                String topic = broker.topic("delete-" + policy.replace(',', '-'), 1, "cleanup.policy", policy);
                send(broker, new TopicPartition(topic, 0), 3, false);
                report.line("cleanup policy " + policy, "low watermark", delete(admin, new TopicPartition(topic, 0), 2));
            }
            commit(broker, plain, 1);
            report.line("internal topic", "low watermark", delete(admin, new TopicPartition("__consumer_offsets", 0), 0));
            report.line("unknown topic", "low watermark", delete(admin, new TopicPartition(broker.name("nowhere"), 0), 0, IN_VAIN_MS));
            report.line("unknown partition", "low watermark", delete(admin, new TopicPartition(both, 2), 0, IN_VAIN_MS));
            // Each partition has its own answer.
            var result = admin.deleteRecords(Map.of(plain, RecordsToDelete.beforeOffset(3), new TopicPartition(both, 0), RecordsToDelete.beforeOffset(1),
                new TopicPartition(both, 1), RecordsToDelete.beforeOffset(0)));
            Map<String, Object> answers = new TreeMap<>();
            result.lowWatermarks().forEach((partition, answer) ->
                answers.put(partition.topic().substring(broker.name("").length()) + "-" + partition.partition(), Report.outcome(() -> answer.get().lowWatermark())));
            report.line("several", "low watermarks", answers);
        }
    }

    /** The log begins at 4 and ends at 10; the group has committed 2. */
    private static void readers(Broker broker, Report report, String how, TopicPartition partition) throws Exception {
        report.line(how + ", shortened", "ends", ends(broker, partition));
        report.line(how + ", reset to the earliest", "read", from(broker, partition, 1, 6, "earliest"));
        report.line(how + ", within", "read", from(broker, partition, 7, 3, "none"));
        report.line(how + ", beyond the end", "read", from(broker, partition, 100, 6, "earliest"));
        try (var consumer = at(broker, partition, 1, "latest")) {
            Broker.await("the reset", () -> consumer.poll(Broker.SHORT).count() > 0 || consumer.position(partition) == RECORDS);
            report.line(how + ", reset to the latest", "position", consumer.position(partition));
        }
        try (var consumer = at(broker, partition, 3, "none")) {
            try {
                report.line(how + ", not reset", "read", Broker.read(consumer, 1).size());
            } catch (OffsetOutOfRangeException told) {
                report.line(how + ", not reset", "out of range", told.offsetOutOfRangePartitions().values(), "position", consumer.position(partition));
            }
        }
        try (var consumer = broker.consumer("group.id", broker.name("shortened"))) {
            consumer.assign(List.of(partition));
            report.line(how + ", committed before", "read", offsets(Broker.read(consumer, 6)));
        }
    }

    private static Object from(Broker broker, TopicPartition partition, long offset, int count, String reset) throws Exception {
        try (var consumer = at(broker, partition, offset, reset)) {
            return offsets(Broker.read(consumer, count));
        }
    }

    static KafkaConsumer<String, String> at(Broker broker, TopicPartition partition, long offset, String reset) {
        KafkaConsumer<String, String> consumer = broker.consumer("auto.offset.reset", reset);
        consumer.assign(List.of(partition));
        consumer.seek(partition, offset);
        return consumer;
    }

    private static List<Long> offsets(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::offset).toList();
    }

    private static Object ends(Broker broker, TopicPartition partition) {
        try (var consumer = broker.consumer()) {
            return List.of(consumer.beginningOffsets(List.of(partition)).get(partition), consumer.endOffsets(List.of(partition)).get(partition));
        }
    }

    private static void commit(Broker broker, TopicPartition partition, long offset) {
        try (var consumer = broker.consumer("group.id", broker.name("shortened"))) {
            consumer.assign(List.of(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(offset)));
        }
    }

    private static Object delete(Admin admin, TopicPartition partition, long before) {
        return delete(admin, partition, before, (int) Broker.PATIENCE.toMillis());
    }

    private static Object delete(Admin admin, TopicPartition partition, long before, int timeoutMs) {
        return Report.outcome(() -> admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(before)), new DeleteRecordsOptions().timeoutMs(timeoutMs))
            .lowWatermarks().get(partition).get().lowWatermark());
    }

    private static void send(Broker broker, TopicPartition partition, int count, boolean oneBatch) throws Exception {
        try (var producer = broker.producer("linger.ms", oneBatch ? 5000 : 0, "compression.type", "lz4")) {
            for (int i = 0; i < count; i++) {
                var sending = producer.send(new ProducerRecord<>(partition.topic(), partition.partition(), "k" + i, "v" + i));
                if (!oneBatch) {
                    sending.get();
                }
            }
        }
    }
}
