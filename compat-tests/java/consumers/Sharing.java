import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.GroupState;

/** Members that are assigned by the broker: they come, share, go, come back under their own name, and resume. */
final class Sharing {
    private static final int PARTITIONS = 4;

    static void joinAndLeave(Broker broker, Report report) throws Exception {
        String topic = broker.topic("shared", PARTITIONS);
        String group = broker.name("shared");
        try (Admin admin = broker.admin()) {
            try (Member a = member(broker, "a", group, topic)) {
                Member.settle(List.of(a), PARTITIONS);
                report.line("alone", "a saw", a.events(), "group", settled(admin, group, 1));
                Membership.fill(broker, topic, 0, 20);
                Member.read(List.of(a), 20);
                a.consumer.commitSync();
                try (Member b = member(broker, "b", group, topic)) {
                    Member.settle(List.of(a, b), 2, 2);
                    report.line("two", "together", together(a, b), "a saw", a.events().size(), "b saw", b.events().size(), "group", settled(admin, group, 2));
                    Membership.fill(broker, topic, 20, 40);
                    Member.read(List.of(a, b), 40);
                    report.line("shared out", "a read", a.read.size(), "b read", b.read.size(), "all", readBy(a, b).size());
                    a.consumer.commitSync();
                    b.consumer.commitSync();
                    report.outcome("deleted under its members", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
                }
                Member.settle(List.of(a), PARTITIONS);
                Membership.fill(broker, topic, 40, 44);
                Member.read(List.of(a), 34);
                report.line("b left", "a read", a.read.size(), "group", settled(admin, group, 1), "listed", listed(admin, group));
            }
            report.line("empty", "group", settled(admin, group, 0), "listed", listed(admin, group));
            report.outcome("deleted", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
            report.line("gone", "listed", listed(admin, group));
        }
    }

    /** Members with a name of their own: one that restarts finds its partitions, a second of that name is turned away. */
    static void named(Broker broker, Report report) throws Exception {
        String topic = broker.topic("named", PARTITIONS);
        String group = broker.name("named");
        Member a = member(broker, "a", group, topic, "group.instance.id", "one");
        try (Member b = member(broker, "b", group, topic, "group.instance.id", "two"); Admin admin = broker.admin()) {
            Member.settle(List.of(a, b), 2, 2);
            Set<Integer> before = a.has();
            Object epochs = settled(admin, group, 2).get("epoch");
            b.events();
            a.close();
            try (Member again = member(broker, "a", group, topic, "group.instance.id", "one")) {
                Member.settle(List.of(again, b), 2, 2);
                report.line("back in time", "same partitions", again.has().equals(before), "b saw", b.events(),
                    "same epoch", settled(admin, group, 2).get("epoch").equals(epochs));
                try (Member second = member(broker, "c", group, topic, "group.instance.id", "one")) {
                    report.outcome("a second of that name", () -> polled(second, List.of(again, b)));
                }
                Member.settle(List.of(again, b), 2, 2);
            }
        }
    }

    /** The broker evaluates the regular expression: a topic made later is found. */
    static void pattern(Broker broker, Report report) throws Exception {
        String first = broker.topic("pattern-a", 1);
        broker.topic("other-pattern", 1);
        String group = broker.name("pattern");
        try (Member member = new Member(consumer(broker, "p", group))) {
            member.consumer.subscribe(new SubscriptionPattern(broker.name("pattern-.*")), member);
            Broker.await("the first topic", () -> topics(member).equals(Set.of(first)));
            String later = broker.topic("pattern-b", 1);
            Broker.await("the later topic", () -> topics(member).equals(Set.of(first, later)));
            report.line("found", "topics", topics(member).size());
        }
        try (Member member = new Member(consumer(broker, "q", broker.name("no-pattern")))) {
            member.consumer.subscribe(new SubscriptionPattern("(unclosed"), member);
            report.outcome("no expression", () -> polled(member, List.of()));
        }
    }

    /** Members end; who comes later goes on where commits, waited for and not, left the group. */
    static void resumed(Broker broker, Report report) throws Exception {
        String topic = broker.topic("resumed", PARTITIONS);
        String group = broker.name("resumed");
        Membership.fill(broker, topic, 0, 20);
        try (Member a = member(broker, "a", group, topic)) {
            Member.read(List.of(a), 20);
            a.consumer.commitSync();
            Membership.fill(broker, topic, 20, 40);
            Member.read(List.of(a), 40);
            AtomicReference<Object> answer = new AtomicReference<>();
            a.consumer.commitAsync((offsets, failure) -> answer.set(failure == null ? offsets.size() : failure));
            Broker.await("the answer to a commit", () -> {
                a.poll();
                return answer.get() != null;
            });
            report.line("committed", "partitions", answer.get());
            Membership.fill(broker, topic, 40, 60);
            Member.read(List.of(a), 60);
        }
        try (Member a = member(broker, "a", group, topic); Member b = member(broker, "b", group, topic)) {
            Member.settle(List.of(a, b), 2, 2);
            Member.read(List.of(a, b), 20);
            Set<String> expected = new TreeSet<>();
            for (int i = 40; i < 60; i++) {
                expected.add("v" + i);
            }
            report.line("resumed", "what was not committed", readBy(a, b).equals(expected));
        }
    }

    /** A member by the consumer protocol; it has no times of its own, the broker tells them. */
    static Member member(Broker broker, String client, String group, String topic, Object... settings) {
        Member member = new Member(consumer(broker, client, group, settings));
        member.consumer.subscribe(List.of(topic), member);
        return member;
    }

    /** The group, once it is stable with `members` members: who has what, and that has and target agree. */
    static Map<String, Object> settled(Admin admin, String group, int members) throws Exception {
        AtomicReference<ConsumerGroupDescription> found = new AtomicReference<>();
        GroupState state = members == 0 ? GroupState.EMPTY : GroupState.STABLE;
        Broker.await("group of " + members, () -> {
            found.set(described(admin, group));
            return found.get().groupState() == state && found.get().members().size() == members;
        });
        ConsumerGroupDescription description = found.get();
        Map<String, Object> shares = new TreeMap<>();
        description.members().forEach(member -> shares.put(member.clientId(), member.assignment().topicPartitions().size()));
        boolean done = description.members().stream().allMatch(member -> upToDate(description, member));
        return new TreeMap<>(Map.of("type", description.type().toString(), "state", description.groupState().toString(), "assignor", description.partitionAssignor(),
            "epoch", description.groupEpoch().orElse(-1), "target epoch", description.targetAssignmentEpoch().orElse(-1), "shares", shares, "all up to date", done));
    }

    static ConsumerGroupDescription described(Admin admin, String group) throws Exception {
        return admin.describeConsumerGroups(List.of(group)).describedGroups().get(group).get();
    }

    private static boolean upToDate(ConsumerGroupDescription group, MemberDescription member) {
        return member.memberEpoch().equals(group.groupEpoch()) && member.targetAssignment().equals(Optional.of(member.assignment()))
            && member.upgraded().equals(Optional.of(true));
    }

    private static KafkaConsumer<String, String> consumer(Broker broker, String client, String group, Object... settings) {
        List<Object> all = new ArrayList<>(List.of("client.id", client, "group.id", group, "group.protocol", "consumer", "metadata.max.age.ms", 1000));
        all.addAll(Arrays.asList(settings));
        return broker.consumer(all.toArray());
    }

    private static Object polled(Member member, List<Member> others) throws Exception {
        Broker.await("an answer", () -> {
            others.forEach(Member::poll);
            member.poll();
            return !member.has().isEmpty();
        });
        return "joined";
    }

    private static Set<String> topics(Member member) {
        member.poll();
        Set<String> topics = new TreeSet<>();
        member.consumer.assignment().forEach(partition -> topics.add(partition.topic()));
        return topics;
    }

    private static List<String> listed(Admin admin, String group) throws Exception {
        return admin.listGroups().all().get().stream().filter(listing -> listing.groupId().equals(group))
            .map(listing -> listing.type().get() + ", " + listing.groupState().get() + ", " + listing.protocol()).toList();
    }

    private static Set<Integer> together(Member a, Member b) {
        Set<Integer> all = new TreeSet<>(a.has());
        all.addAll(b.has());
        return all;
    }

    private static Set<String> readBy(Member a, Member b) {
        Set<String> all = new TreeSet<>(a.read);
        all.addAll(b.read);
        return all;
    }
}
