import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Positions by offset and by time, inside and between batches, and the limits of a fetch. */
final class Seeking {
    private static final int BATCHES = 10;
    private static final int BATCH = 10;

    static void byOffset(Broker broker, Report report) throws Exception {
        for (String codec : List.of("none", "zstd")) {
            String topic = filled(broker, "offset-" + codec, codec);
            TopicPartition partition = new TopicPartition(topic, 0);
            try (var consumer = broker.reader(topic, 1)) {
                for (long offset : List.of(0L, 1L, 9L, 10L, 55L, 99L)) {
                    consumer.seek(partition, offset);
                    List<ConsumerRecord<String, String>> read = Broker.read(consumer, (int) (BATCHES * BATCH - offset));
                    report.line(codec + ", at " + offset, "first", read.get(0).value(), "count", read.size(), "position", consumer.position(partition));
                }
                consumer.seekToEnd(List.of(partition));
                report.line("at the end", "position", consumer.position(partition), "more", consumer.poll(Broker.SHORT).count());
                consumer.seek(partition, 1000);
                report.line("beyond the end", "first after the reset", Broker.read(consumer, 100).get(0).offset());
                report.line("offsets", "beginning", consumer.beginningOffsets(List.of(partition)).get(partition), "end", consumer.endOffsets(List.of(partition)).get(partition),
                    "lag", consumer.currentLag(partition).getAsLong());
            }
        }
    }

    /** Times rise by 1000 per batch and fall by 10 inside each, so that the first record of a time is not the next one. */
    static void byTime(Broker broker, Report report) throws Exception {
        for (String codec : Producing.CODECS) {
            String topic = filled(broker, "time-" + codec, codec);
            TopicPartition partition = new TopicPartition(topic, 0);
            Map<String, Object> found = new HashMap<>();
            try (var consumer = broker.reader(topic, 1); Admin admin = broker.admin()) {
                for (long time : List.of(0L, 909L, 910L, 911L, 1000L, 1001L, 5555L, 9910L, 10_000L, 10_001L)) {
                    found.put(String.format("%05d", time), at(consumer.offsetsForTimes(Map.of(partition, time)).get(partition)));
                }
                report.line(codec, "offsets for times", found);
                Map<String, Object> special = new HashMap<>();
                special.put("earliest", listed(admin, partition, OffsetSpec.earliest()));
                special.put("latest", listed(admin, partition, OffsetSpec.latest()));
                special.put("max timestamp", listed(admin, partition, OffsetSpec.maxTimestamp()));
                special.put("earliest local", listed(admin, partition, OffsetSpec.earliestLocal()));
                special.put("at 3000", listed(admin, partition, OffsetSpec.forTimestamp(3000)));
                special.put("never", listed(admin, partition, OffsetSpec.forTimestamp(1_000_000)));
                report.line(codec + ", listed", "offsets", special);
            }
        }
        String empty = broker.topic("time-empty", 1);
        try (Admin admin = broker.admin()) {
            TopicPartition partition = new TopicPartition(empty, 0);
            report.line("empty", "max timestamp", listed(admin, partition, OffsetSpec.maxTimestamp()), "latest", listed(admin, partition, OffsetSpec.latest()),
                "at 0", listed(admin, partition, OffsetSpec.forTimestamp(0)));
        }
    }

    static void fetchLimits(Broker broker, Report report) throws Exception {
        String topic = filled(broker, "limits", "none");
        try (var consumer = broker.reader(topic, 1, "max.partition.fetch.bytes", 1, "fetch.max.bytes", 1)) {
            report.line("a batch larger than the limit", "count", Broker.read(consumer, 100).size());
        }
        try (var consumer = broker.reader(topic, 1, "max.poll.records", 7)) {
            Broker.await("records", () -> consumer.poll(Broker.SHORT).count() == 7);
            report.line("seven at a time", "position", consumer.position(new TopicPartition(topic, 0)));
            consumer.pause(consumer.assignment());
            report.line("paused", "count", consumer.poll(Broker.SHORT).count());
            consumer.resume(consumer.assignment());
            report.line("resumed", "count", Broker.read(consumer, 93).size());
        }
        try (var consumer = broker.reader(topic, 1, "fetch.min.bytes", 1, "fetch.max.wait.ms", 25_000); var producer = broker.producer()) {
            Broker.read(consumer, 100);
            long begin = System.nanoTime();
            Thread late = new Thread(() -> {
                try {
                    Thread.sleep(300);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                producer.send(new ProducerRecord<>(topic, 0, "late", "late"));
                producer.flush();
            });
            late.start();
            List<ConsumerRecord<String, String>> read = new ArrayList<>();
            consumer.poll(Duration.ofSeconds(25)).forEach(read::add);
            report.line("a waiting fetch is woken", "value", read.get(0).value(), "in time", System.nanoTime() - begin < 15_000_000_000L);
            late.join();
            consumer.close(Duration.ZERO);
        }
    }

    /** Ten batches of ten records each; see {@link #byTime} for their times. */
    private static String filled(Broker broker, String name, String codec) throws Exception {
        String topic = broker.topic(name, 1, "retention.ms", "-1");
        try (KafkaProducer<String, String> producer = broker.producer("compression.type", codec, "linger.ms", 5000, "batch.size", 100_000)) {
            for (int batch = 0; batch < BATCHES; batch++) {
                List<ProducerRecord<String, String>> records = new ArrayList<>();
                for (int i = 0; i < BATCH; i++) {
                    records.add(new ProducerRecord<>(topic, 0, 1000L * (batch + 1) - 10L * i, "k", "v" + (batch * BATCH + i)));
                }
                Producing.send(producer, records);
            }
        }
        return topic;
    }

    private static Object at(OffsetAndTimestamp found) {
        return found == null ? null : List.of(found.offset(), found.timestamp(), found.leaderEpoch().orElse(-1));
    }

    private static Object listed(Admin admin, TopicPartition partition, OffsetSpec spec) {
        return Report.outcome(() -> {
            var result = admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
            return List.of(result.offset(), result.timestamp(), result.leaderEpoch().orElse(-1));
        });
    }
}
