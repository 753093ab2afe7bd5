import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongArray;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Producers, and a consumer of everything that they send, until there is a line on the standard input; then until everything that was acknowledged is
 * consumed. The output is as that of python/arms.py. A record that the consumer misses, or gets twice or out of order, is an error of the consumer.
 *
 * <p>Arguments: BOOTSTRAP TOPIC BYTES PER_SECOND NAME=PARTITION...
 */
final class Arms {
    private static final String CONSUMER = "java-consumer";
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final AtomicBoolean STOPPED = new AtomicBoolean();

    private static AtomicLongArray acknowledged;

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0], topic = arguments[1];
        List<String> names = new ArrayList<>();
        List<TopicPartition> partitions = new ArrayList<>();
        for (int at = 4; at < arguments.length; at++) {
            String[] target = arguments[at].split("=");
            names.add(target[0]);
            partitions.add(new TopicPartition(topic, Integer.parseInt(target[1])));
        }
        acknowledged = new AtomicLongArray(partitions.size());
        Thread listening = new Thread(Arms::listenForTheEnd);
        listening.setDaemon(true);
        listening.start();
        AtomicBoolean produced = new AtomicBoolean();
        Thread consuming = new Thread(() -> consume(bootstrap, partitions, produced));
        consuming.start();
        produce(bootstrap, names, partitions, Integer.parseInt(arguments[2]), 1e9 / Integer.parseInt(arguments[3]));
        produced.set(true);
        consuming.join();
        System.exit(0);
    }

    private static void listenForTheEnd() {
        try {
            System.in.read();
        } catch (java.io.IOException closed) {
            // Nobody is there any more.
        }
        STOPPED.set(true);
    }

    private static Map<String, Object> settings(String bootstrap, String name) {
        return new HashMap<>(Map.of("bootstrap.servers", bootstrap, "client.id", name, "reconnect.backoff.ms", 20,
                "reconnect.backoff.max.ms", 200, "retry.backoff.ms", 20));
    }

    private static void produce(String bootstrap, List<String> names, List<TopicPartition> partitions, int bytes, double everyNs)
            throws InterruptedException {
        List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
        for (String name : names) {
            Map<String, Object> settings = settings(bootstrap, name);
            settings.put("linger.ms", 0);
            producers.add(new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer()));
        }
        long begin = System.nanoTime();
        for (long number = 0; !STOPPED.get(); number++) {
            for (int at = 0; at < producers.size(); at++) {
                send(producers.get(at), names.get(at), partitions.get(at), at, ByteBuffer.allocate(bytes).putLong(number).array());
            }
            long wait = begin + (long) ((number + 1) * everyNs) - System.nanoTime();
            Thread.sleep(Math.max(0, wait / 1_000_000));
        }
        producers.forEach(KafkaProducer::close);
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String name, TopicPartition partition, int at, byte[] value) {
        double asked = System.currentTimeMillis() / 1e3;
        long begun = System.nanoTime();
        producer.send(new ProducerRecord<>(partition.topic(), partition.partition(), null, value), (sent, error) -> {
            if (error != null) {
                say(name, asked, "\"error\": \"" + error.getClass().getSimpleName() + "\"");
            } else {
                acknowledged.incrementAndGet(at);
                say(name, asked, "\"ms\": " + (System.nanoTime() - begun) / 1e6);
            }
        });
    }

    /** Counts what comes from each partition: number n is the n-th record. */
    private static void consume(String bootstrap, List<TopicPartition> partitions, AtomicBoolean produced) {
        long[] next = new long[partitions.size()];
        try (var consumer = new KafkaConsumer<>(settings(bootstrap, CONSUMER), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            for (long until = Long.MAX_VALUE; ; ) {
                double asked = System.currentTimeMillis() / 1e3;
                long bytes = 0;
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    int at = partitions.indexOf(new TopicPartition(record.topic(), record.partition()));
                    long number = ByteBuffer.wrap(record.value()).getLong();
                    if (number != next[at]++) {
                        say(CONSUMER, asked, "\"error\": \"" + number + " for " + (next[at] - 1) + " in " + partitions.get(at) + "\"");
                        return;
                    }
                    bytes += record.value().length;
                }
                say(CONSUMER, asked, "\"bytes\": " + bytes);
                if (!produced.get()) {
                    continue;
                }
                until = Math.min(until, System.nanoTime() + PATIENCE.toNanos());
                if (hasAll(next)) {
                    return;
                } else if (System.nanoTime() > until) {
                    say(CONSUMER, asked, "\"error\": \"not all that was acknowledged is there\"");
                    return;
                }
            }
        }
    }

    private static boolean hasAll(long[] next) {
        for (int at = 0; at < next.length; at++) {
            if (next[at] < acknowledged.get(at)) {
                return false;
            }
        }
        return true;
    }

    private static synchronized void say(String client, double at, String more) {
        System.out.println("{\"client\": \"" + client + "\", \"at\": " + at + ", " + more + "}");
    }
}
