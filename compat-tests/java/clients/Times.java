import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** Whose time a record has, what a producer hears of it, and which times a topic takes. */
final class Times {
    private static final long HOUR_MS = 3_600_000;
    private static final long MORNING_MS = 1_700_000_000_000L;

    static void ofTheBroker(Broker broker, Report report) throws Exception {
        for (String kept : List.of("producer", "zstd")) {
            String topic = broker.topic("broker-time-" + kept, 1, "message.timestamp.type", "LogAppendTime", "compression.type", kept,
                "message.timestamp.before.max.ms", "1000", "message.timestamp.after.max.ms", "1000");
            TopicPartition partition = new TopicPartition(topic, 0);
            // Three batches of three records, each of its own millisecond; the producer's times are far outside of what would be taken.
            List<Long> told = new ArrayList<>();
            try (var producer = broker.producer("linger.ms", 5000, "compression.type", "gzip")) {
                for (int batch = 0; batch < 3; batch++) {
                    List<ProducerRecord<String, String>> records = new ArrayList<>();
                    for (int i = 0; i < 3; i++) {
                        records.add(new ProducerRecord<>(topic, 0, i == 0 ? MORNING_MS : i == 1 ? 0 : System.currentTimeMillis() + 24 * HOUR_MS, "k", "v" + batch + i));
                    }
                    Producing.send(producer, records).forEach(at -> told.add(at.timestamp()));
                    long now = System.currentTimeMillis();
                    Broker.await("another millisecond", () -> System.currentTimeMillis() > now);
                }
            }
            report.line(kept, "one time for a batch", told.get(0).equals(told.get(2)) && told.get(3).equals(told.get(5)), "times rise", told.get(0) < told.get(3) && told.get(3) < told.get(6));
            try (var consumer = broker.reader(topic, 1); Admin admin = broker.admin()) {
                List<ConsumerRecord<String, String>> read = Broker.read(consumer, told.size());
                report.line(kept, "as told", read.stream().map(ConsumerRecord::timestamp).toList().equals(told), "types", read.stream().map(record -> record.timestampType().toString()).distinct().toList());
                Map<String, Object> found = new TreeMap<>();
                Map<String, Long> asked = Map.of("long ago", 0L, "first", told.get(0), "behind the first", told.get(0) + 1, "second", told.get(3), "last", told.get(8), "behind the last", told.get(8) + 1);
                for (Map.Entry<String, Long> at : asked.entrySet()) {
                    found.put(at.getKey(), place(consumer.offsetsForTimes(Map.of(partition, at.getValue())).get(partition), told));
                }
                report.line(kept, "offsets for times", found);
                var largest = admin.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp())).partitionResult(partition).get();
                report.line(kept, "largest at", largest.offset(), "is the last batch's", told.get(8) == largest.timestamp());
            }
            for (String acks : List.of("0", "1")) {
                try (var producer = broker.producer("acks", acks, "enable.idempotence", false)) {
                    RecordMetadata at = producer.send(new ProducerRecord<>(topic, 0, MORNING_MS, "k", acks)).get();
                    report.line(kept + ", acks " + acks, "told the broker's", at.timestamp() >= told.get(8), "told the producer's", at.timestamp() == MORNING_MS);
                }
            }
        }
    }

    /** Distances from now, in minutes, that topics with limits take and refuse; each record in a batch of its own, then all in one batch. */
    static void withinLimits(Broker broker, Report report) throws Exception {
        Map<String, String[]> topics = new TreeMap<>();
        topics.put("defaults", new String[] {});
        topics.put("an hour", new String[] {"message.timestamp.before.max.ms", "" + HOUR_MS, "message.timestamp.after.max.ms", "" + HOUR_MS});
        topics.put("only before", new String[] {"message.timestamp.before.max.ms", "" + HOUR_MS, "message.timestamp.after.max.ms", "" + Long.MAX_VALUE});
        topics.put("an hour, zstd", new String[] {"message.timestamp.before.max.ms", "" + HOUR_MS, "message.timestamp.after.max.ms", "" + HOUR_MS, "compression.type", "zstd"});
        int number = 0;
        for (Map.Entry<String, String[]> settings : topics.entrySet()) {
            String topic = broker.topic("limits-of-time-" + number++, 1, kept(settings.getValue()));
            for (String codec : List.of("none", "lz4")) {
                Map<String, Object> alone = new HashMap<>();
                for (int minutes : List.of(-600_000, -90, -30, 0, 30, 90)) {
                    alone.put("" + minutes, send(broker, topic, codec, minutes).get(0));
                }
                report.line(settings.getKey() + ", " + codec, "alone", alone);
                report.line(settings.getKey() + ", " + codec, "in one batch", send(broker, topic, codec, 0, -90, 30, 90, 0));
                report.line(settings.getKey() + ", " + codec, "good ones in one batch", send(broker, topic, codec, 0, -30, 30));
            }
            try (var consumer = broker.consumer()) {
                report.line(settings.getKey(), "end", consumer.endOffsets(Broker.partitions(topic, 1)).values());
            }
        }
    }

    /** What becomes of one batch of records that many minutes from now: the offset and whether the time told is the record's, or the exception. */
    private static List<Object> send(Broker broker, String topic, String codec, int... minutes) {
        List<Object> outcomes = new ArrayList<>();
        try (var producer = broker.producer("linger.ms", 5000, "compression.type", codec)) {
            List<Future<RecordMetadata>> sending = new ArrayList<>();
            List<Long> times = new ArrayList<>();
            for (int distance : minutes) {
                times.add(System.currentTimeMillis() + distance * 60_000L);
                sending.add(producer.send(new ProducerRecord<>(topic, 0, times.get(times.size() - 1), "k", "v" + distance)));
            }
            producer.flush();
            for (int i = 0; i < minutes.length; i++) {
                Future<RecordMetadata> one = sending.get(i);
                long time = times.get(i);
                outcomes.add(Report.outcome(() -> one.get().timestamp() == time ? one.get().offset() : "another time"));
            }
        }
        return outcomes;
    }

    /** With the records of long ago kept. */
    private static String[] kept(String... settings) {
        List<String> all = new ArrayList<>(List.of(settings));
        all.addAll(List.of("retention.ms", "-1"));
        return all.toArray(String[]::new);
    }

    /** The offset found, and the number of the record that has that time. */
    private static Object place(OffsetAndTimestamp found, List<Long> told) {
        return found == null ? null : List.of(found.offset(), told.indexOf(found.timestamp()));
    }
}
