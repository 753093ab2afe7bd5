import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

/** Topics through an administrator's client: made, described, grown, deleted, refused. */
final class Topics {
    static void lifeCycle(Broker broker, Report report) throws Exception {
        String topic = broker.name("life");
        try (Admin admin = broker.admin()) {
            var created = admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1)
                .configs(Map.of("retention.ms", "86400000", "cleanup.policy", "compact,delete"))));
            report.line("created", "partitions", created.numPartitions(topic).get(), "replicas", created.replicationFactor(topic).get(),
                "set", chosen(created.config(topic).get()));
            Uuid id = created.topicId(topic).get();
            Broker.await("the topic", () -> admin.listTopics().names().get().contains(topic));
            Broker.await("its leader", () -> describe(admin, topic).partitions().stream().allMatch(p -> p.leader() != null));
            TopicDescription described = describe(admin, topic);
            report.line("described", "same id", described.topicId().equals(id), "internal", described.isInternal(), "partitions", layout(described));
            report.line("by id", "name", admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id).name().equals(topic));
            report.line("set", "configs", chosen(describeConfigs(admin, topic)));
            report.line("defaults", "configs", some(describeConfigs(admin, topic), "max.message.bytes", "segment.bytes", "compression.type", "min.insync.replicas"));
            report.outcome("created again", () -> admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1))).all().get());
            report.outcome("grown", () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get());
            Broker.await("five partitions", () -> describe(admin, topic).partitions().size() == 5);
            report.outcome("shrunk", () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all().get());
            report.outcome("grown to the same", () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get());
            report.outcome("deleted", () -> admin.deleteTopics(List.of(topic)).all().get());
            Broker.await("its end", () -> !admin.listTopics().names().get().contains(topic));
            report.outcome("described after the end", () -> describe(admin, topic).name());
            report.outcome("described by id after the end", () -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().size());
            report.outcome("deleted again", () -> admin.deleteTopics(List.of(topic)).all().get());
            report.outcome("deleted again by id", () -> admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get());
            report.outcome("made anew", () -> admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get());
            Broker.await("another id", () -> Report.outcome(() -> describe(admin, topic).partitions().size()).equals(1));
            report.line("anew", "same id", describe(admin, topic).topicId().equals(id), "set", chosen(describeConfigs(admin, topic)));
            var cluster = admin.describeCluster();
            report.line("cluster", "nodes", cluster.nodes().get().size(), "has id", !cluster.clusterId().get().isEmpty(),
                "controller is a node", cluster.nodes().get().contains(cluster.controller().get()));
        }
    }

    static void refused(Broker broker, Report report) throws Exception {
        try (Admin admin = broker.admin()) {
            for (String name : List.of("", ".", "..", "a/b", "white space", "ümlaut", "x".repeat(250))) {
                report.outcome("name " + (name.length() > 20 ? name.length() + " long" : name), () -> create(admin, new NewTopic(name, 1, (short) 1)));
            }
            String good = broker.name("refused");
            report.outcome("no partitions", () -> create(admin, new NewTopic(good, 0, (short) 1)));
            report.outcome("too many replicas", () -> create(admin, new NewTopic(good, 1, (short) 3)));
            report.outcome("no replicas", () -> create(admin, new NewTopic(good, 1, (short) 0)));
            report.outcome("unknown setting", () -> create(admin, new NewTopic(good, 1, (short) 1).configs(Map.of("no.such.setting", "1"))));
            report.outcome("bad value", () -> create(admin, new NewTopic(good, 1, (short) 1).configs(Map.of("retention.ms", "soon"))));
            report.outcome("value out of bounds", () -> create(admin, new NewTopic(good, 1, (short) 1).configs(Map.of("max.message.bytes", "-1"))));
            report.outcome("assignment to a strange broker", () -> create(admin, new NewTopic(good, Map.of(0, List.of(4711)))));
            report.outcome("assignment with a gap", () -> create(admin, new NewTopic(good, Map.of(1, List.of(1)))));
            report.outcome("only validated", () -> admin.createTopics(List.of(new NewTopic(good, 2, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get());
            report.line("nothing made", "exists", admin.listTopics().names().get().contains(good));
            report.line("defaults", "partitions", admin.createTopics(List.of(new NewTopic(good, Optional.empty(), Optional.empty()))).numPartitions(good).get());
            report.outcome("partitions of an unknown topic", () -> admin.createPartitions(Map.of(broker.name("nowhere"), NewPartitions.increaseTo(2))).all().get());
            report.outcome("configs of an unknown topic", () -> describeConfigs(admin, broker.name("nowhere")).entries().size());
            String collides = broker.name("dots.and_");
            report.outcome("name with a dot", () -> create(admin, new NewTopic(collides, 1, (short) 1)));
            report.outcome("name that collides with it", () -> create(admin, new NewTopic(collides.replace('.', '_'), 1, (short) 1)));
        }
    }

    private static Object create(Admin admin, NewTopic topic) throws Exception {
        return admin.createTopics(List.of(topic)).all().get();
    }

    private static TopicDescription describe(Admin admin, String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    }

    private static Config describeConfigs(Admin admin, String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return admin.describeConfigs(List.of(resource)).all().get().get(resource);
    }

    /** Partitions with the numbers of their replicas and of those in sync. */
    private static List<List<Integer>> layout(TopicDescription topic) {
        return topic.partitions().stream().map(p -> List.of(p.partition(), p.replicas().size(), p.isr().size())).toList();
    }

    /** What was set for the topic itself. */
    private static Map<String, String> chosen(Config config) {
        Map<String, String> values = new TreeMap<>();
        config.entries().stream().filter(entry -> entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG)
            .forEach(entry -> values.put(entry.name(), entry.value()));
        return values;
    }

    private static Map<String, Collection<Object>> some(Config config, String... names) {
        Map<String, Collection<Object>> values = new TreeMap<>();
        for (String name : names) {
            ConfigEntry entry = config.get(name);
            Collection<Object> facts = new ArrayList<>();
            facts.add(entry.value());
            facts.add(entry.source());
            facts.add(entry.isReadOnly());
            facts.add(entry.isSensitive());
            values.put(name, facts);
        }
        return values;
    }
}
