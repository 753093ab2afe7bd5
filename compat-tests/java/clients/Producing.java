import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;

/** What is produced comes back as it was: every kind of record, through every codec, with every number of acks. */
final class Producing {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final int BULK = 3000;
    private static final long MORNING_MS = 1_700_000_000_000L;

    static void everyKindOfRecord(Broker broker, Report report) throws Exception {
        for (String codec : CODECS) {
            for (boolean idempotent : List.of(false, true)) {
                String topic = broker.topic("records-" + codec + "-" + idempotent, 2, "retention.ms", "-1");
                List<Object> stored = new ArrayList<>();
                try (var producer = broker.producer("compression.type", codec, "enable.idempotence", idempotent, "linger.ms", 20)) {
                    for (RecordMetadata at : send(producer, kinds(topic))) {
                        stored.add(List.of(at.partition(), at.offset(), at.timestamp(), at.serializedKeySize(), at.serializedValueSize()));
                    }
                }
                try (var consumer = broker.reader(topic, 2)) {
                    List<ConsumerRecord<String, String>> read = Broker.read(consumer, stored.size());
                    read.sort((a, b) -> a.partition() != b.partition() ? a.partition() - b.partition() : Long.compare(a.offset(), b.offset()));
                    report.line(codec + (idempotent ? ", idempotent" : ""), "stored", stored, "read", read.stream().map(Producing::facts).toList());
                }
            }
        }
    }

    /** Enough for many batches, from several producers of different codecs into the same partitions. */
    static void bulk(Broker broker, Report report) throws Exception {
        String topic = broker.topic("bulk", 3);
        for (String codec : CODECS) {
            try (var producer = broker.producer("compression.type", codec, "batch.size", 4000, "linger.ms", 1)) {
                List<ProducerRecord<String, String>> records = new ArrayList<>();
                for (int i = 0; i < BULK; i++) {
                    records.add(new ProducerRecord<>(topic, "key-" + i % 100, codec + "-" + i + "-" + "lorem ipsum ".repeat(i % 20)));
                }
                report.line(codec, "sent", send(producer, records).size());
            }
        }
        for (String isolation : List.of("read_uncommitted", "read_committed")) {
            try (var consumer = broker.reader(topic, 3, "isolation.level", isolation, "check.crcs", true)) {
                List<ConsumerRecord<String, String>> read = Broker.read(consumer, BULK * CODECS.size());
                report.line(isolation, "read", read.size(), "partitions", digests(read), "end", Broker.partitions(topic, 3).stream().map(consumer.endOffsets(Broker.partitions(topic, 3))::get).toList());
            }
        }
    }

    static void acks(Broker broker, Report report) throws Exception {
        for (String acks : List.of("0", "1", "all")) {
            String topic = broker.topic("acks-" + acks, 1);
            try (var producer = broker.producer("acks", acks, "enable.idempotence", false)) {
                List<Long> offsets = new ArrayList<>();
                for (int i = 0; i < 5; i++) {
                    RecordMetadata at = producer.send(new ProducerRecord<>(topic, "k" + i, "v" + i)).get();
                    offsets.add(at.hasOffset() ? at.offset() : -1);
                }
                try (var consumer = broker.reader(topic, 1)) {
                    report.line("acks " + acks, "offsets", offsets, "read", Broker.read(consumer, 5).stream().map(ConsumerRecord::value).toList());
                }
            }
        }
    }

    /** A topic with `LogAppendTime` gives every record of a batch the broker's time, which the producer hears of. */
    static void appendTime(Broker broker, Report report) throws Exception {
        String topic = broker.topic("append-time", 1, "message.timestamp.type", "LogAppendTime");
        long before = System.currentTimeMillis();
        List<RecordMetadata> sent;
        try (var producer = broker.producer("linger.ms", 20, "compression.type", "lz4")) {
            sent = send(producer, List.of(new ProducerRecord<>(topic, 0, MORNING_MS, "k", "v"), new ProducerRecord<>(topic, 0, MORNING_MS + 1, "k", "w")));
        }
        long after = System.currentTimeMillis();
        try (var consumer = broker.reader(topic, 1)) {
            for (ConsumerRecord<String, String> record : Broker.read(consumer, 2)) {
                report.line("read", "offset", record.offset(), "type", record.timestampType(), "told", record.timestamp() == sent.get((int) record.offset()).timestamp(),
                    "within the send", before <= record.timestamp() && record.timestamp() <= after);
            }
        }
    }

    static List<RecordMetadata> send(KafkaProducer<String, String> producer, List<ProducerRecord<String, String>> records) throws Exception {
        List<Future<RecordMetadata>> sending = new ArrayList<>();
        records.forEach(record -> sending.add(producer.send(record)));
        producer.flush();
        List<RecordMetadata> sent = new ArrayList<>();
        for (Future<RecordMetadata> one : sending) {
            sent.add(one.get());
        }
        return sent;
    }

    static List<ProducerRecord<String, String>> kinds(String topic) {
        List<ProducerRecord<String, String>> kinds = new ArrayList<>(List.of(
            new ProducerRecord<>(topic, 0, MORNING_MS, "key", "value"),
            new ProducerRecord<>(topic, 0, MORNING_MS + 5, null, "without a key"),
            new ProducerRecord<>(topic, 0, MORNING_MS - 7, "without a value", (String) null),
            new ProducerRecord<>(topic, 0, 0L, (String) null, (String) null),
            new ProducerRecord<>(topic, 1, MORNING_MS + 100, "", ""),
            new ProducerRecord<>(topic, 1, MORNING_MS, "headers", "two of a name, one empty, one null"),
            new ProducerRecord<>(topic, 1, MORNING_MS + 1, "größer", "zwölf \u0000 𝄞 " + "long ".repeat(300))));
        Headers headers = kinds.get(5).headers();
        headers.add("h", "first".getBytes(StandardCharsets.UTF_8)).add("other", new byte[0]);
        headers.add("h", "second".getBytes(StandardCharsets.UTF_8)).add("", null).add("h", "first".getBytes(StandardCharsets.UTF_8));
        return kinds;
    }

    private static List<Object> facts(ConsumerRecord<String, String> record) {
        List<Object> facts = new ArrayList<>(List.of(record.partition(), record.offset(), record.timestamp(), record.timestampType()));
        facts.add(record.key());
        facts.add(record.value());
        for (Header header : record.headers()) {
            facts.add(header.key() + "=" + (header.value() == null ? null : HexFormat.of().formatHex(header.value())));
        }
        return facts;
    }

    /** Per partition: what SHA-256 makes of its offsets, keys and values in the order of reading. */
    private static Map<Integer, String> digests(List<ConsumerRecord<String, String>> records) throws Exception {
        Map<Integer, MessageDigest> digests = new TreeMap<>();
        for (ConsumerRecord<String, String> record : records) {
            if (!digests.containsKey(record.partition())) {
                digests.put(record.partition(), MessageDigest.getInstance("SHA-256"));
            }
            digests.get(record.partition()).update((record.offset() + "\n" + record.key() + "\n" + record.value() + "\n").getBytes(StandardCharsets.UTF_8));
        }
        Map<Integer, String> shown = new TreeMap<>();
        digests.forEach((partition, digest) -> shown.put(partition, HexFormat.of().formatHex(digest.digest())));
        return shown;
    }
}
