import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The commands of python/steady.py, with the Java client and its default settings. */
public final class Steady {
    public static void main(String[] arguments) throws Exception {
        String topic = arguments[2];
        if (arguments[0].equals("produce")) {
            int[] numbers = Arrays.stream(arguments).skip(4).mapToInt(Integer::parseInt).toArray();
            produce(arguments[1], topic, arguments[3], numbers[0], numbers[1], numbers[2]);
        } else {
            consume(arguments[1], topic, Integer.parseInt(arguments[3]));
        }
    }

    private static void produce(String bootstrap, String topic, String name, int partitions, int bytes, int perSecond) throws Exception {
        StringSerializer strings = new StringSerializer();
        int number = 0;
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap), strings, strings)) {
            long begin = System.nanoTime();
            while (!isToldToStop()) {
                long due = begin + number * 1_000_000_000L / perSecond;
                Thread.sleep(Math.max(0, (due - System.nanoTime()) / 1_000_000));
                send(producer, topic, number % partitions, number, value(name, number, bytes));
                number++;
            }
        }
        say("{\"sent\":%d}", number);
    }

    private static void send(KafkaProducer<String, String> producer, String topic, int partition, int number, String value) {
        producer.send(new ProducerRecord<>(topic, partition, null, value), (metadata, error) -> {
            if (error == null) {
                say("{\"number\":%d,\"partition\":%d,\"offset\":%d}", number, partition, metadata.offset());
            } else {
                say("{\"number\":%d,\"error\":\"%s\"}", number, error.toString().replace('"', '\''));
            }
        });
    }

    private static String value(String name, int number, int bytes) {
        String head = name + " " + number + " ";
        return head + "x".repeat(Math.max(0, bytes - head.length()));
    }

    private static void consume(String bootstrap, String topic, int partitions) throws Exception {
        StringDeserializer strings = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap), strings, strings)) {
            List<TopicPartition> all = IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).toList();
            consumer.assign(all);
            consumer.seekToBeginning(all);
            while (!isToldToStop()) {
                consumer.poll(Duration.ofMillis(50)).forEach(record -> say("{\"partition\":%d,\"offset\":%d,\"value\":\"%s\"}",
                    record.partition(), record.offset(), record.value().strip().replaceAll(" x*$", "")));
            }
        }
    }

    /** A line on the standard input says so. */
    private static boolean isToldToStop() throws IOException {
        return System.in.available() > 0;
    }

    private static synchronized void say(String format, Object... values) {
        System.out.println(String.format(format, values));
    }
}
