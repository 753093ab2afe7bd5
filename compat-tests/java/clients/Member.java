import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** A consumer in a group that remembers what it was given, what was taken from it, and what it read. */
final class Member implements ConsumerRebalanceListener, AutoCloseable {
    final KafkaConsumer<String, String> consumer;
    final List<String> read = new ArrayList<>();
    private final List<String> events = new ArrayList<>();

    /** Subscribes `client` to `topic`; `settings` (names and values in turn) over short group timeouts. */
    Member(Broker broker, String client, String group, String topic, Object... settings) {
        List<Object> all = new ArrayList<>(List.of("client.id", client, "group.id", group,
            "heartbeat.interval.ms", 100, "session.timeout.ms", 6000, "metadata.max.age.ms", 1000));
        all.addAll(Arrays.asList(settings));
        consumer = broker.consumer(all.toArray());
        consumer.subscribe(List.of(topic), this);
    }

    /** A member over a consumer that has yet to subscribe. */
    Member(KafkaConsumer<String, String> consumer) {
        this.consumer = consumer;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        remember("assigned", partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        remember("revoked", partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        remember("lost", partitions);
    }

    /** Polls once, briefly. */
    void poll() {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(20))) {
            read.add(record.value());
        }
    }

    /** The numbers of the partitions it has. */
    Set<Integer> has() {
        Set<Integer> numbers = new TreeSet<>();
        consumer.assignment().forEach(partition -> numbers.add(partition.partition()));
        return numbers;
    }

    /** What happened since the last call: rebalances that concerned at least one partition. */
    List<String> events() {
        List<String> since = List.copyOf(events);
        events.clear();
        return since;
    }

    /** Polls all `members` in turn until each has as many partitions as its number in `sizes`. */
    static void settle(List<Member> members, Integer... sizes) throws Exception {
        Broker.await("assignments of " + Arrays.toString(sizes), () -> {
            members.forEach(Member::poll);
            return members.stream().map(member -> member.has().size()).toList().equals(List.of(sizes));
        });
    }

    /** Polls all `members` in turn until they have read `count` records together. */
    static void read(List<Member> members, int count) throws Exception {
        Broker.await(count + " records", () -> {
            members.forEach(Member::poll);
            return members.stream().mapToInt(member -> member.read.size()).sum() >= count;
        });
        members.forEach(Member::poll);
    }

    @Override
    public void close() {
        consumer.close();
    }

    private void remember(String what, Collection<TopicPartition> partitions) {
        if (!partitions.isEmpty()) {
            events.add(what + new TreeSet<>(partitions.stream().map(TopicPartition::partition).toList()));
        }
    }
}
