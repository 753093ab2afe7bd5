import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Arguments: `member`, bootstrap server, topic, group. A member of a group of the consumer protocol with the commands and lines of
 * `python/client.py`, and two more: `hold` stops polling until the next command, and a commit that is refused is said to be.
 */
final class Members {
    private final String topic;
    private final BlockingQueue<String[]> commands = new LinkedBlockingQueue<>();
    private final KafkaConsumer<String, String> consumer;

    private Members(Broker broker, String topic, String group) {
        this.topic = topic;
        consumer = broker.consumer("group.id", group, "group.protocol", "consumer");
    }

    public static void main(String[] arguments) throws Exception {
        Members member = new Members(new Broker(arguments[1], ""), arguments[2], arguments[3]);
        Thread listener = new Thread(member::listen);
        listener.setDaemon(true);
        listener.start();
        member.run();
        System.exit(0);
    }

    private void listen() {
        new BufferedReader(new InputStreamReader(System.in)).lines().forEach(line -> commands.add(line.split(" ")));
    }

    private void run() throws Exception {
        // A member with a listener cannot join again before it has polled, and so been told what it lost.
        consumer.subscribe(List.of(topic), new Listener());
        List<Integer> assigned = null;
        while (true) {
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(50))) {
                say("record", "partition", record.partition(), "offset", record.offset());
            }
            List<Integer> now = consumer.assignment().stream().map(TopicPartition::partition).sorted().toList();
            if (!now.equals(assigned)) {
                say("assigned", "partitions", now);
                assigned = now;
            }
            String[] command = commands.poll();
            if (command != null && command[0].equals("hold")) {
                say("holding");
                command = commands.take();
            }
            if (command != null && command[0].equals("leave")) {
                consumer.close();
                say("left");
                return;
            }
            if (command != null) {
                commit(command);
            }
        }
    }

    private void commit(String[] command) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (int i = 1; i < command.length; i++) {
            offsets.put(new TopicPartition(topic, i - 1), new OffsetAndMetadata(Long.parseLong(command[i])));
        }
        try {
            if (offsets.isEmpty()) {
                consumer.commitSync();
            } else {
                consumer.commitSync(offsets);
            }
            say("committed");
        } catch (CommitFailedException refused) {
            say("refused");
        }
    }

    private static final class Listener implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        }
    }

    private static void say(String event, Object... facts) {
        StringBuilder line = new StringBuilder("{\"event\":\"" + event + "\"");
        for (int i = 0; i < facts.length; i += 2) {
            line.append(",\"").append(facts[i]).append("\":").append(facts[i + 1]);
        }
        System.out.println(line.append("}"));
        System.out.flush();
    }
}
