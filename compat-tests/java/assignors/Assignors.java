import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.PartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.SimpleAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/**
 * Prints what Apache Kafka's assignors decide for random groups that change step by step, one step per line, as JSON.
 * A topic is a number from 1, which is also its id, and the order of the members is that of their names: so
 * Kafka's hash maps have an order that can be told. What is decided in a step is held in the next one.
 */
public class Assignors {
    private static final int GROUPS = 20;
    private static final int STEPS = 5;
    private static final int TOPICS = 4;
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final class Member {
        String instance;
        Set<Integer> topics = new TreeSet<>();
        Map<Integer, Set<Integer>> held = new TreeMap<>();
    }

    private final Random random;
    private final PartitionAssignor assignor;
    private final boolean alike;
    private final List<Integer> sizes = new ArrayList<>();
    private final Map<String, Member> members = new TreeMap<>();

    public static void main(String[] args) throws JsonProcessingException {
        for (PartitionAssignor assignor : List.of(new RangeAssignor(), new UniformAssignor(), new SimpleAssignor())) {
            for (int seed = 0; seed < GROUPS; seed++) {
                new Assignors(assignor, seed).run();
            }
        }
    }

    private Assignors(PartitionAssignor assignor, int seed) {
        this.random = new Random(seed);
        this.assignor = assignor;
        this.alike = seed % 2 == 0;
    }

    private void run() throws JsonProcessingException {
        int most = 1 + random.nextInt(12);
        for (int topic = 0; topic < TOPICS; topic++) {
            sizes.add(1 + random.nextInt(most));
        }
        int first = 1 + random.nextInt(8);
        for (int member = 0; member < first; member++) {
            join();
        }
        for (int step = 0; step < STEPS; step++) {
            assign();
            change();
        }
    }

    private void change() {
        switch (random.nextInt(5)) {
            case 0, 1 -> join();
            case 2 -> leave();
            case 3 -> resubscribe();
            default -> grow(random.nextInt(TOPICS));
        }
    }

    private void grow(int topic) {
        sizes.set(topic, sizes.get(topic) + 1 + random.nextInt(4));
    }

    private void join() {
        Member member = new Member();
        boolean isStatic = assignor instanceof RangeAssignor && random.nextInt(3) == 0;
        member.instance = isStatic ? name("i") : null;
        member.topics = alike && !members.isEmpty() ? members.values().iterator().next().topics : someTopics();
        members.put(name("m"), member);
    }

    private void leave() {
        if (members.size() > 1) {
            members.remove(anyone());
        }
    }

    private void resubscribe() {
        Set<Integer> topics = someTopics();
        if (alike) {
            members.values().forEach(member -> member.topics = topics);
        } else {
            members.get(anyone()).topics = topics;
        }
    }

    private Set<Integer> someTopics() {
        Set<Integer> topics = new TreeSet<>();
        for (int topic = 1; topic <= TOPICS; topic++) {
            if (random.nextBoolean()) {
                topics.add(topic);
            }
        }
        return topics.isEmpty() ? new TreeSet<>(Set.of(1)) : topics;
    }

    private String anyone() {
        return new ArrayList<>(members.keySet()).get(random.nextInt(members.size()));
    }

    private String name(String prefix) {
        return prefix + (1000 + random.nextInt(9000));
    }

    private void assign() throws JsonProcessingException {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("assignor", assignor.name());
        line.put("sizes", sizes);
        line.put("members", described());
        GroupAssignment assigned = assignor.assign(spec(), new Sizes());
        members.forEach((id, member) -> member.held = numbered(assigned.members().get(id).partitions()));
        Map<String, Object> result = new LinkedHashMap<>();
        members.forEach((id, member) -> result.put(id, member.held));
        line.put("assigned", result);
        System.out.println(JSON.writeValueAsString(line));
    }

    private Map<String, Object> described() {
        Map<String, Object> all = new LinkedHashMap<>();
        members.forEach((id, member) -> {
            Map<String, Object> one = new LinkedHashMap<>();
            if (member.instance != null) {
                one.put("instance", member.instance);
            }
            one.put("topics", member.topics);
            one.put("held", member.held);
            all.put(id, one);
        });
        return all;
    }

    private GroupSpecImpl spec() {
        Map<String, MemberSubscriptionAndAssignmentImpl> subscriptions = new LinkedHashMap<>();
        Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
        members.forEach((id, member) -> {
            Map<Uuid, Set<Integer>> held = new LinkedHashMap<>();
            member.held.forEach((topic, partitions) -> {
                held.put(id(topic), partitions);
                partitions.forEach(partition -> owners.computeIfAbsent(id(topic), t -> new HashMap<>()).put(partition, id));
            });
            Set<Uuid> topics = new TreeSet<>(member.topics.stream().map(Assignors::id).toList());
            subscriptions.put(id, new MemberSubscriptionAndAssignmentImpl(Optional.empty(),
                Optional.ofNullable(member.instance), topics, new Assignment(Collections.unmodifiableMap(held))));
        });
        return new GroupSpecImpl(subscriptions, type(), owners);
    }

    private SubscriptionType type() {
        long kinds = members.values().stream().map(member -> member.topics).distinct().count();
        return kinds == 1 ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
    }

    private static Uuid id(int topic) {
        return new Uuid(0, topic);
    }

    private static Map<Integer, Set<Integer>> numbered(Map<Uuid, Set<Integer>> partitions) {
        Map<Integer, Set<Integer>> numbered = new TreeMap<>();
        partitions.forEach((id, set) -> {
            if (!set.isEmpty()) {
                numbered.put((int) id.getLeastSignificantBits(), new TreeSet<>(set));
            }
        });
        return numbered;
    }

    private final class Sizes implements SubscribedTopicDescriber {
        @Override
        public int numPartitions(Uuid topic) {
            return sizes.get((int) topic.getLeastSignificantBits() - 1);
        }

        @Override
        public Set<String> racksForPartition(Uuid topic, int partition) {
            throw new UnsupportedOperationException("an assignor asks for racks");
        }
    }
}
