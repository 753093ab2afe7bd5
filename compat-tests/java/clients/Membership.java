import java.io.BufferedReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Groups: members that come, go, die, come back under their own name, and hand over one partition at a time. */
final class Membership {
    private static final int PARTITIONS = 4;
    private static final String ASSIGNOR = "partition.assignment.strategy";

    static void joinAndLeave(Broker broker, Report report) throws Exception {
        String topic = broker.topic("join", PARTITIONS);
        String group = broker.name("join");
        try (Member a = new Member(broker, "a", group, topic); Admin admin = broker.admin()) {
            Member.settle(List.of(a), PARTITIONS);
            report.line("alone", "a", a.has(), "events", a.events(), "group", describe(admin, group));
            fill(broker, topic, 0, 20);
            Member.read(List.of(a), 20);
            a.consumer.commitSync();
            try (Member b = new Member(broker, "b", group, topic)) {
                Member.settle(List.of(a, b), 2, 2);
                report.line("two", "a", a.has(), "b", b.has(), "a saw", a.events(), "b saw", b.events(), "group", describe(admin, group));
                fill(broker, topic, 20, 40);
                Member.read(List.of(a, b), 40);
                report.line("shared out", "a read", a.read.size(), "b read", b.read.size(), "all, once", union(a, b));
                b.consumer.commitSync();
                a.consumer.commitSync();
                report.outcome("deleted under its members", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
            }
            Member.settle(List.of(a), PARTITIONS);
            report.line("b left", "a", a.has(), "a saw", a.events(), "read again", a.read.size() - 30);
            fill(broker, topic, 40, 44);
            Member.read(List.of(a), 34);
            report.line("a goes on", "read", a.read.size());
            report.line("listed", "states", listed(admin, group));
        }
        try (Admin admin = broker.admin()) {
            report.line("empty", "group", describe(admin, group), "states", listed(admin, group));
            report.outcome("deleted", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
            report.outcome("deleted again", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
            report.line("gone", "states", listed(admin, group));
        }
    }

    /** A member in a process of its own is killed: its partitions come over when its session has timed out. */
    static void killed(Broker broker, Report report) throws Exception {
        String topic = broker.topic("kill", PARTITIONS);
        String group = broker.name("kill");
        Process victim = Victim.start(broker.bootstrap, group, topic);
        try (Member survivor = new Member(broker, "a", group, topic)) {
            BufferedReader said = victim.inputReader();
            Member.settle(List.of(survivor), PARTITIONS / 2);
            Broker.await("the victim's assignment", () -> {
                survivor.poll();
                return said.ready();
            });
            report.line("both", "survivor", survivor.has().size(), "victim", said.readLine());
            survivor.events();
            victim.destroyForcibly().waitFor();
            long begin = System.nanoTime();
            Member.settle(List.of(survivor), PARTITIONS);
            long took = (System.nanoTime() - begin) / 1_000_000;
            report.line("one killed", "survivor", survivor.has(), "saw", survivor.events(), "not before the timeout", took > 3000, "soon after it", took < 40_000);
        } finally {
            victim.destroyForcibly();
        }
    }

    static void staticMembers(Broker broker, Report report) throws Exception {
        String topic = broker.topic("static", PARTITIONS);
        String group = broker.name("static");
        Object[] one = {"group.instance.id", "one"};
        Object[] two = {"group.instance.id", "two"};
        Member a = new Member(broker, "a", group, topic, one);
        try (Member b = new Member(broker, "b", group, topic, two); Admin admin = broker.admin()) {
            Member.settle(List.of(a, b), 2, 2);
            Set<Integer> before = a.has();
            int generation = b.consumer.groupMetadata().generationId();
            b.events();
            a.close();
            try (Member again = new Member(broker, "a", group, topic, one)) {
                Member.settle(List.of(again, b), 2, 2);
                report.line("back in time", "same partitions", again.has().equals(before), "b saw", b.events(),
                    "same generation", b.consumer.groupMetadata().generationId() == generation, "group", describe(admin, group));
                try (Member impostor = new Member(broker, "c", group, topic, one)) {
                    Member.settle(List.of(impostor, b), 2, 2);
                    report.outcome("the one before, fenced", () -> {
                        Broker.await("fencing", () -> {
                            again.poll();
                            return false;
                        });
                        return "not fenced";
                    });
                    report.outcome("removed by its name", () -> admin.removeMembersFromConsumerGroup(group,
                        new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("one")))).all().get());
                    Member.settle(List.of(b), PARTITIONS);
                    report.line("alone", "b", b.has());
                }
            }
            report.outcome("removed, though not there", () -> admin.removeMembersFromConsumerGroup(group,
                new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("nobody")))).all().get());
        }
    }

    static void cooperative(Broker broker, Report report) throws Exception {
        String topic = broker.topic("cooperative", PARTITIONS);
        String group = broker.name("cooperative");
        String assignor = CooperativeStickyAssignor.class.getName();
        try (Member a = new Member(broker, "a", group, topic, ASSIGNOR, assignor); Admin admin = broker.admin()) {
            Member.settle(List.of(a), PARTITIONS);
            report.line("alone", "a saw", a.events());
            Member b = new Member(broker, "b", group, topic, ASSIGNOR, assignor);
            try (b) {
                Member.settle(List.of(a, b), 2, 2);
                report.line("two", "a saw", a.events(), "b saw", b.events(), "disjoint", union(List.of(a.has(), b.has())), "group", describe(admin, group));
            }
            Member.settle(List.of(a), PARTITIONS);
            report.line("b left", "a saw", a.events());
        }
    }

    static void errors(Broker broker, Report report) throws Exception {
        String topic = broker.topic("group-errors", PARTITIONS);
        String group = broker.name("group-errors");
        try (Member a = new Member(broker, "a", group, topic, ASSIGNOR, RangeAssignor.class.getName())) {
            Member.settle(List.of(a), PARTITIONS);
            try (Member other = new Member(broker, "b", group, topic, ASSIGNOR, RoundRobinAssignor.class.getName())) {
                report.outcome("no assignor in common", () -> polled(other));
            }
            try (Member both = new Member(broker, "b", group, topic, ASSIGNOR, List.of(StickyAssignor.class.getName(), RangeAssignor.class.getName()))) {
                Member.settle(List.of(a, both), 2, 2);
                report.line("one assignor in common", "a", a.has(), "b", both.has());
            }
            try (var outsider = broker.consumer("group.id", group)) {
                outsider.assign(Broker.partitions(topic, 1));
                report.outcome("commit by one who is no member", () -> commit(outsider, topic));
            }
        }
        try (Member hasty = new Member(broker, "h", broker.name("hasty"), topic, "session.timeout.ms", 500, "heartbeat.interval.ms", 100)) {
            report.outcome("session too short for the broker", () -> polled(hasty));
        }
        try (Member slow = new Member(broker, "s", broker.name("slow"), topic, "session.timeout.ms", 4_000_000)) {
            report.outcome("session too long for the broker", () -> polled(slow));
        }
        try (Member late = new Member(broker, "l", broker.name("late"), topic, "max.poll.interval.ms", 1500)) {
            Member.settle(List.of(late), PARTITIONS);
            try (Admin admin = broker.admin()) {
                Broker.await("its removal", () -> describe(admin, broker.name("late")).get("state").equals("Empty"));
            }
            report.outcome("commit after being too late to poll", () -> commit(late.consumer, topic));
            Member.settle(List.of(late), PARTITIONS);
            report.line("back", "saw", late.events());
        }
        try (Admin admin = broker.admin()) {
            report.outcome("unknown group described", () -> describe(admin, broker.name("nowhere")).get("state"));
            report.outcome("unknown group deleted", () -> admin.deleteConsumerGroups(List.of(broker.name("nowhere"))).all().get());
            report.outcome("offsets of an unknown group", () -> admin.listConsumerGroupOffsets(broker.name("nowhere")).partitionsToOffsetAndMetadata().get().size());
        }
    }

    static Object commit(Consumer<?, ?> consumer, String topic) {
        consumer.commitSync(Map.of(Broker.partitions(topic, 1).get(0), new OffsetAndMetadata(0)), Broker.PATIENCE);
        return null;
    }

    /** Puts the values `from` to `to` (exclusive) into the partitions of `topic` in turn. */
    static void fill(Broker broker, String topic, int from, int to) throws Exception {
        try (var producer = broker.producer()) {
            List<ProducerRecord<String, String>> records = new ArrayList<>();
            for (int i = from; i < to; i++) {
                records.add(new ProducerRecord<>(topic, i % PARTITIONS, "k", "v" + i));
            }
            Producing.send(producer, records);
        }
    }

    /** The group as an administrator sees it, members by the names of their clients. */
    static Map<String, Object> describe(Admin admin, String group) throws Exception {
        ConsumerGroupDescription described = admin.describeConsumerGroups(List.of(group)).describedGroups().get(group).get();
        Map<String, Object> members = new TreeMap<>();
        described.members().forEach(member -> members.put(member.clientId() + member.groupInstanceId().map(id -> "=" + id).orElse(""),
            new TreeSet<>(member.assignment().topicPartitions().stream().map(p -> p.partition()).toList())));
        return Map.of("state", described.state().toString(), "assignor", described.partitionAssignor(), "members", members, "simple", described.isSimpleConsumerGroup());
    }

    private static Object polled(Member member) throws Exception {
        Broker.await("an answer", () -> {
            member.poll();
            return !member.has().isEmpty();
        });
        return "joined";
    }

    private static List<String> listed(Admin admin, String group) throws Exception {
        return admin.listConsumerGroups().all().get().stream().filter(listing -> listing.groupId().equals(group))
            .map(listing -> listing.state().get() + (listing.isSimpleConsumerGroup() ? ", simple" : "")).toList();
    }

    /** Everything `a` and `b` read, in order; the same value twice would be seen. */
    private static int union(Member a, Member b) {
        Set<String> all = new TreeSet<>(a.read);
        all.addAll(b.read);
        return all.size() == a.read.size() + b.read.size() ? all.size() : -1;
    }

    private static Set<Integer> union(List<Set<Integer>> parts) {
        Set<Integer> all = new TreeSet<>();
        parts.forEach(all::addAll);
        return all;
    }
}
