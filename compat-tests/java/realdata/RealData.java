import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The commands `load` and `drain` of python/client.py, with the Java client. */
public final class RealData {
    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[1];
        if (arguments[0].equals("load")) {
            load(bootstrap, arguments[2], arguments[3], Path.of(arguments[4]));
        } else {
            for (String topic : Arrays.copyOfRange(arguments, 2, arguments.length)) {
                drain(bootstrap, topic);
            }
        }
    }

    /** The file holds partition, key length, key, value length, value; numbers are 32 bits, big-endian. */
    private static void load(String bootstrap, String topic, String codec, Path file) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "compression.type", codec);
        ByteArraySerializer bytes = new ByteArraySerializer();
        List<Exception> errors = new ArrayList<>();
        long records = 0;
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes);
                DataInputStream input = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            while (true) {
                int partition;
                try {
                    partition = input.readInt();
                } catch (EOFException end) {
                    break;
                }
                byte[] key = input.readNBytes(input.readInt());
                byte[] value = input.readNBytes(input.readInt());
                producer.send(new ProducerRecord<>(topic, partition, key, value), (metadata, error) -> {
                    if (error != null) {
                        errors.add(error);
                    }
                });
                records++;
            }
        }
        if (!errors.isEmpty()) {
            throw errors.get(0);
        }
        System.out.printf("{\"step\":\"load\",\"records\":%d}%n", records);
    }

    private static void drain(String bootstrap, String topic) throws Exception {
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .collect(Collectors.toList());
            consumer.assign(partitions);
            long end = consumer.endOffsets(partitions).values().stream().mapToLong(Long::longValue).sum();
            Digest digest = new Digest();
            while (digest.records.size() < end) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    digest.add(record);
                }
            }
            System.out.println(digest.line(topic));
        }
    }

    /** What a topic holds: the multiset of its records, and the order within each partition. */
    private static final class Digest {
        final List<byte[]> records = new ArrayList<>();
        final Map<Integer, MessageDigest> partitions = new TreeMap<>();

        void add(ConsumerRecord<byte[], byte[]> record) throws Exception {
            MessageDigest one = MessageDigest.getInstance("SHA-256");
            one.update(ByteBuffer.allocate(4).putInt(0, record.key().length));
            one.update(record.key());
            byte[] digest = one.digest(record.value());
            records.add(digest);
            if (!partitions.containsKey(record.partition())) {
                partitions.put(record.partition(), MessageDigest.getInstance("SHA-256"));
            }
            partitions.get(record.partition()).update(digest);
        }

        String line(String topic) throws Exception {
            MessageDigest multiset = MessageDigest.getInstance("SHA-256");
            records.sort(Arrays::compareUnsigned);
            records.forEach(multiset::update);
            HexFormat hex = HexFormat.of();
            String order = partitions.entrySet().stream()
                    .map(entry -> "\"%d\":\"%s\"".formatted(entry.getKey(), hex.formatHex(entry.getValue().digest())))
                    .collect(Collectors.joining(","));
            return "{\"step\":\"drain\",\"topic\":\"%s\",\"records\":%d,\"multiset\":\"%s\",\"order\":{%s}}"
                    .formatted(topic, records.size(), hex.formatHex(multiset.digest()), order);
        }
    }
}
