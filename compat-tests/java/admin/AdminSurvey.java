import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

/**
 * What an administrator does with topics, through Kafka's Admin client: prints a JSON line for each step, the same for
 * brokers that behave the same.
 *
 * <p>Argument: bootstrap server.
 */
public final class AdminSurvey {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String A = "survey-a";
    private static final String B = "survey.b";

    private final Admin admin;

    private AdminSurvey(Admin admin) {
        this.admin = admin;
    }

    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("default.api.timeout.ms", "30000");
        try (Admin admin = Admin.create(settings)) {
            new AdminSurvey(admin).run();
        }
    }

    private void run() throws Exception {
        create();
        describe();
        grow();
        settings();
        delete();
    }

    /** Kafka's brokers learn of changes a little later; waits until this one knows. */
    private void await(Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!condition.call() && System.nanoTime() < deadline) {
            Thread.sleep(20);
        }
    }

    private boolean exists(String topic) throws Exception {
        return admin.listTopics().names().get().contains(topic);
    }

    private int partitions(String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
    }

    private void create() throws Exception {
        NewTopic plain = new NewTopic(A, 3, (short) 1);
        NewTopic set = new NewTopic(B, Map.of(0, List.of(1), 1, List.of(1)))
            .configs(Map.of("retention.ms", "1000", "cleanup.policy", "compact"));
        CreateTopicsOptions check = new CreateTopicsOptions().validateOnly(true);
        step("check", () -> created(admin.createTopics(List.of(plain, set), check), A, B));
        step("nothing is created by a check", () -> admin.listTopics().names().get().contains(A));
        step("create", () -> created(admin.createTopics(List.of(plain, set)), A, B));
        await(() -> exists(A) && exists(B));
        step("create again", () -> created(admin.createTopics(List.of(plain, set)), A, B));
        for (NewTopic wrong : List.of(new NewTopic("survey b", 1, (short) 1), new NewTopic("survey_b", 1, (short) 1),
            new NewTopic("survey-c", 0, (short) 1), new NewTopic("survey-c", 1, (short) 0),
            new NewTopic("survey-c", Map.of(0, List.of(9))),
            new NewTopic("survey-c", 1, (short) 1).configs(Map.of("retention.ms", "soon")))) {
            step("create " + wrong, () -> created(admin.createTopics(List.of(wrong)), wrong.name()));
        }
    }

    private void describe() throws Exception {
        DescribeTopicsOptions paged = new DescribeTopicsOptions().partitionSizeLimitPerResponse(2);
        step("describe in pages", () -> described(admin.describeTopics(TopicCollection.ofTopicNames(List.of(A, B)), paged)
            .topicNameValues()));
        step("describe by id", () -> {
            Uuid id = id(A);
            TopicDescription found = admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).topicIdValues().get(id).get();
            return found.name() + " " + found.topicId().equals(id);
        });
        step("describe none", () -> described(admin.describeTopics(List.of("survey-none")).topicNameValues()));
        step("describe an unknown id", () -> {
            Uuid id = new Uuid(1, 2);
            return admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).topicIdValues().get(id).get().name();
        });
        step("list", () -> admin.listTopics(new ListTopicsOptions().listInternal(true)).listings().get().stream()
            .filter(topic -> topic.name().startsWith("survey"))
            .map(topic -> topic.name() + " " + topic.isInternal()).sorted().collect(Collectors.toList()));
        step("cluster", () -> {
            DescribeClusterResult cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
            return List.of(cluster.nodes().get().size(), cluster.controller().get().id(), cluster.clusterId().get().length(),
                cluster.authorizedOperations().get().stream().map(Enum::name).sorted().collect(Collectors.toList()));
        });
    }

    private void grow() throws Exception {
        CreatePartitionsOptions check = new CreatePartitionsOptions().validateOnly(true);
        step("check growth", () -> admin.createPartitions(Map.of(A, NewPartitions.increaseTo(5)), check).all().get());
        step("grow", () -> admin.createPartitions(Map.of(A, NewPartitions.increaseTo(5))).all().get());
        step("grow with brokers", () ->
            admin.createPartitions(Map.of(B, NewPartitions.increaseTo(3, List.of(List.of(1))))).all().get());
        for (int total : new int[] {5, 4, 0}) {
            step("grow to " + total, () -> admin.createPartitions(Map.of(A, NewPartitions.increaseTo(total))).all().get());
        }
        step("grow none", () -> admin.createPartitions(Map.of("survey-none", NewPartitions.increaseTo(5))).all().get());
        await(() -> partitions(A) == 5 && partitions(B) == 3);
        step("grown", () -> described(admin.describeTopics(List.of(A, B)).topicNameValues()));
    }

    private void settings() throws Exception {
        step("settings", () -> settings(new ConfigResource(ConfigResource.Type.TOPIC, B)));
        step("settings of none", () -> settings(new ConfigResource(ConfigResource.Type.TOPIC, "survey-none")));
        step("settings of a bad name", () -> settings(new ConfigResource(ConfigResource.Type.TOPIC, "survey none")));
    }

    private void delete() throws Exception {
        step("delete none", () -> admin.deleteTopics(List.of("survey-none")).all().get());
        step("delete an unknown id", () -> admin.deleteTopics(TopicCollection.ofTopicIds(List.of(new Uuid(1, 2)))).all().get());
        step("delete by id", () -> admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id(A)))).all().get());
        step("delete by name", () -> admin.deleteTopics(List.of(B)).all().get());
        await(() -> !exists(A) && !exists(B));
        step("delete again", () -> admin.deleteTopics(List.of(B)).all().get());
        step("nothing is left", () -> admin.listTopics().names().get().stream().filter(Set.of(A, B)::contains).toList());
    }

    private Uuid id(String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
    }

    private static Object created(CreateTopicsResult result, String... topics) throws Exception {
        Map<String, Object> told = new TreeMap<>();
        for (String topic : topics) {
            told.put(topic, outcome(() -> List.of(result.numPartitions(topic).get(), result.replicationFactor(topic).get(),
                entries(result.config(topic).get()))));
        }
        return told;
    }

    private static Object described(Map<String, KafkaFuture<TopicDescription>> topics) throws Exception {
        Map<String, Object> told = new TreeMap<>();
        for (String topic : topics.keySet()) {
            told.put(topic, outcome(() -> {
                TopicDescription found = topics.get(topic).get();
                List<String> partitions = new ArrayList<>();
                found.partitions().forEach(partition -> partitions.add(partition.partition() + " " + partition.leader().id()
                    + " " + partition.replicas().size() + " " + partition.isr().size()));
                return List.of(found.isInternal(), partitions);
            }));
        }
        return told;
    }

    private Object settings(ConfigResource resource) throws Exception {
        DescribeConfigsOptions options = new DescribeConfigsOptions().includeSynonyms(true);
        return entries(admin.describeConfigs(List.of(resource), options).all().get().get(resource));
    }

    /** But for the one that a freshly formatted Kafka sets by itself, and Catena's own. */
    private static Object entries(Config config) {
        Map<String, Object> told = new TreeMap<>();
        for (ConfigEntry entry : config.entries()) {
            if (!entry.name().equals("min.insync.replicas") && !entry.name().startsWith("catena.")) {
                told.put(entry.name(), entry.value() + " " + entry.source() + " " + entry.type() + " " + entry.synonyms());
            }
        }
        return told;
    }

    private static void step(String name, Callable<Object> work) throws Exception {
        Map<String, Object> line = new TreeMap<>();
        line.put("step", name);
        line.put("result", outcome(work));
        System.out.println(JSON.writeValueAsString(line));
    }

    private static Object outcome(Callable<Object> work) throws Exception {
        try {
            return work.call();
        } catch (ExecutionException error) {
            return error.getCause().getClass().getSimpleName() + ": " + error.getCause().getMessage();
        }
    }
}
