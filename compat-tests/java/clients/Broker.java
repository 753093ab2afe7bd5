import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The broker under test: makes clients for it, topics on it, and names that no other run uses. */
final class Broker {
    static final Duration PATIENCE = Duration.ofSeconds(60);
    static final Duration SHORT = Duration.ofMillis(50);

    final String bootstrap;
    private final String prefix;

    Broker(String bootstrap, String prefix) {
        this.bootstrap = bootstrap;
        this.prefix = prefix;
    }

    /** The name of a topic or group of this run. */
    String name(String shortName) {
        return prefix + "-" + shortName;
    }

    Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    /** A producer with `settings` (names and values in turn) over the defaults. */
    KafkaProducer<String, String> producer(Object... settings) {
        return new KafkaProducer<>(settings(settings), new StringSerializer(), new StringSerializer());
    }

    /** A consumer from the earliest offset on, with `settings` (names and values in turn) over the defaults. */
    KafkaConsumer<String, String> consumer(Object... settings) {
        Map<String, Object> all = settings(settings);
        all.putIfAbsent("auto.offset.reset", "earliest");
        all.putIfAbsent("enable.auto.commit", false);
        // A consumer that closes waits for its last fetch.
        all.putIfAbsent("fetch.max.wait.ms", 100);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    /** A consumer of all partitions of `topic`, at their beginning. */
    KafkaConsumer<String, String> reader(String topic, int partitions, Object... settings) {
        KafkaConsumer<String, String> consumer = consumer(settings);
        consumer.assign(partitions(topic, partitions));
        consumer.seekToBeginning(consumer.assignment());
        return consumer;
    }

    /** Creates a topic with `configs` (names and values in turn), and waits until the broker serves it. */
    String topic(String shortName, int partitions, String... configs) throws Exception {
        Map<String, String> settings = new HashMap<>();
        for (int i = 0; i < configs.length; i += 2) {
            settings.put(configs[i], configs[i + 1]);
        }
        String topic = name(shortName);
        try (Admin admin = admin()) {
            NewTopic wanted = new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(settings);
            admin.createTopics(List.of(wanted)).all().get();
            await("topic " + topic, () -> served(admin, topic) == partitions);
            // A leader that is known may still not lead; one that lists its offsets does.
            Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
            partitions(topic, partitions).forEach(partition -> latest.put(partition, OffsetSpec.latest()));
            admin.listOffsets(latest).all().get();
        }
        return topic;
    }

    /** Polls until `count` records have come, and a little more to see that no further ones come. */
    static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, int count) throws Exception {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        await(count + " records", () -> {
            consumer.poll(SHORT).forEach(records::add);
            return records.size() >= count;
        });
        consumer.poll(SHORT).forEach(records::add);
        return records;
    }

    static List<TopicPartition> partitions(String topic, int count) {
        return IntStream.range(0, count).mapToObj(p -> new TopicPartition(topic, p)).toList();
    }

    /** Tries `condition` again and again until it holds; the scenario breaks off when it does not for too long. */
    static void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("waited in vain for " + what);
            }
            Thread.sleep(5);
        }
    }

    private static int served(Admin admin, String topic) {
        try {
            var partitions = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions();
            return (int) partitions.stream().filter(partition -> partition.leader() != null).count();
        } catch (Exception notYet) {
            return 0;
        }
    }

    private Map<String, Object> settings(Object... settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        for (int i = 0; i < settings.length; i += 2) {
            all.put((String) settings[i], settings[i + 1]);
        }
        return all;
    }
}
