import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * A group is moved from the classic to the consumer protocol and back, member by member, while records flow. Each record is
 * read, and none has to wait long for it.
 */
final class Moving implements AutoCloseable {
    private static final int PARTITIONS = 4;
    private static final long PAUSE_MS_MAX = 8000;

    private final Broker broker;
    private final String topic;
    private final String group;
    private final Admin admin;
    private final List<Member> members = new ArrayList<>();
    private final Map<String, Long> sent = new ConcurrentHashMap<>();
    private final Map<String, Long> waited = new HashMap<>();
    private volatile boolean isSending = true;
    private final Thread sender = new Thread(this::send);

    private Moving(Broker broker) throws Exception {
        this.broker = broker;
        topic = broker.topic("moved", PARTITIONS);
        group = broker.name("moved");
        admin = broker.admin();
        sender.start();
    }

    static void thereAndBack(Broker broker, Report report) throws Exception {
        try (Moving moving = new Moving(broker)) {
            moving.join(false);
            moving.join(false);
            report.line("classic", "group", moving.group());
            moving.join(true);
            moving.leave();
            report.line("both", "group", moving.group());
            moving.join(true);
            moving.leave();
            report.line("consumer", "group", moving.group());
            moving.join(false);
            moving.leave();
            report.line("both again", "group", moving.group());
            moving.join(false);
            moving.leave();
            report.line("classic again", "group", moving.group());
            moving.drain();
            long longest = moving.waited.values().stream().max(Long::compare).get();
            System.err.println("moved group: " + moving.waited.size() + " records, the longest waited for " + longest + " ms");
            report.line("records", "lost", moving.sent.size() - moving.waited.size(), "no long pause", longest < PAUSE_MS_MAX);
        }
    }

    private void join(boolean isConsumer) throws Exception {
        String client = "m" + System.nanoTime();
        members.add(isConsumer ? Sharing.member(broker, client, group, topic)
            : new Member(broker, client, group, topic, "partition.assignment.strategy", CooperativeStickyAssignor.class.getName()));
        settle();
    }

    private void leave() throws Exception {
        Member first = members.remove(0);
        first.consumer.commitSync();
        first.close();
        settle();
    }

    /** Until all partitions are given out, evenly, and a record that is sent now comes. */
    private void settle() throws Exception {
        Broker.await("all partitions given out", () -> {
            poll();
            int most = (PARTITIONS + members.size() - 1) / members.size();
            return members.stream().mapToInt(member -> member.has().size()).sum() == PARTITIONS
                && members.stream().allMatch(member -> !member.has().isEmpty() && member.has().size() <= most);
        });
        int before = waited.size();
        Broker.await("more records", () -> {
            poll();
            return waited.size() > before;
        });
    }

    private void drain() throws Exception {
        isSending = false;
        sender.join();
        Broker.await("the last record", () -> {
            poll();
            return waited.size() == sent.size();
        });
    }

    private void poll() {
        for (Member member : members) {
            member.poll();
            long now = System.nanoTime();
            member.read.forEach(value -> waited.putIfAbsent(value, (now - sent.get(value)) / 1_000_000));
            if (!member.read.isEmpty()) {
                member.consumer.commitAsync();
            }
            member.read.clear();
        }
    }

    private Object group() throws Exception {
        var described = Sharing.described(admin, group);
        return List.of(described.type().toString(), described.members().size());
    }

    private void send() {
        try (var producer = broker.producer("linger.ms", 0)) {
            for (int i = 0; isSending; i++) {
                sent.put("v" + i, System.nanoTime());
                producer.send(new ProducerRecord<>(topic, i % PARTITIONS, "k", "v" + i)).get();
                Thread.sleep(5);
            }
        } catch (Exception failure) {
            failure.printStackTrace();
        }
    }

    @Override
    public void close() {
        isSending = false;
        members.forEach(Member::close);
        admin.close();
    }
}
