import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.LongAdder;
import java.util.zip.CRC32;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A process of a fleet: see python/fleet.py, which also says what the arguments are. */
final class Fleet {
    private static final long MILLIS_EACH = 50;
    private final String bootstrap, topic, process;
    private final LongAdder requests = new LongAdder(), errors = new LongAdder();
    private final CountDownLatch known = new CountDownLatch(1);
    private volatile Map<String, String> settings;

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "use" -> {
                for (int at = 3; at < arguments.length; at++) {
                    System.out.println(new Fleet(arguments[1], arguments[2], arguments[at]).settings.get("pool.size"));
                }
                System.exit(0);
            }
            case "work" -> new Fleet(arguments[1], arguments[2], arguments[3]).work(0);
            case "lie" -> new Fleet(arguments[1], arguments[2], arguments[3]).work(2);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private Fleet(String bootstrap, String topic, String process) throws InterruptedException {
        this.bootstrap = bootstrap;
        this.topic = topic;
        this.process = process;
        start(() -> {
            Config.follow(bootstrap, topic, process, anew -> {
                settings = anew;
                known.countDown();
            });
            return null;
        });
        known.await();
    }

    private static void start(Callable<Void> task) {
        new Thread(() -> {
            try {
                task.call();
            } catch (Exception error) {
                error.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        }).start();
    }

    private void work(long failed) throws InterruptedException {
        start(this::report);
        var crc = new CRC32();
        crc.update(process.getBytes(StandardCharsets.UTF_8));
        long place = crc.getValue() % 1_000_000;
        String used = "";
        for (long request = 0; ; request++) {
            String value = String.valueOf(settings.get("pool.size"));
            if (!value.equals(used)) {
                used = value;
                System.out.println("{\"uses\": \"" + used + "\"}");
            }
            if (used.equals("0") && place % 2 == 1) {
                System.err.println("killed by its configuration");
                Runtime.getRuntime().halt(1);
            }
            requests.add(1);
            errors.add(failed > 0 ? failed : used.equals("40") && place % 20 == 7 ? request % 2 : 0);
            Thread.sleep(MILLIS_EACH);
        }
    }

    private Void report() throws InterruptedException {
        Map<String, Object> broker = Map.of("bootstrap.servers", bootstrap);
        var producer = new KafkaProducer<>(broker, new StringSerializer(), new StringSerializer());
        while (true) {
            Thread.sleep(1000);
            // What failed is taken first, so that it is never more than what was done.
            long failed = errors.sumThenReset();
            String figures = "{\"requests\":%d,\"errors\":%d}".formatted(requests.sumThenReset(), failed);
            try {
                Config.report(producer, topic, process, figures).get();
            } catch (ExecutionException error) {
                System.err.println("report refused: " + error.getCause().getMessage());
            }
        }
    }
}
