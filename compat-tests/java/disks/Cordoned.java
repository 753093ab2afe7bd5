import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What an administrator sees of two directories of which none, the second one, or both are cordoned: `Cordoned BOOTSTRAP NODE A B STATE VALUE`,
 * where STATE is `none`, `second` or `both`, in this order; then the value of `cordoned.log.dirs`, for a broker whose settings change while it runs.
 */
public final class Cordoned {
    private static final long PATIENCE_NS = 60_000_000_000L;
    private final Admin admin;
    private final String bootstrap;
    private final int node;
    private final List<String> dirs;

    private Cordoned(Admin admin, String[] arguments) {
        this.admin = admin;
        bootstrap = arguments[0];
        node = Integer.parseInt(arguments[1]);
        dirs = List.of(arguments[2], arguments[3]);
    }

    public static void main(String[] arguments) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            Cordoned cordoned = new Cordoned(admin, arguments);
            if (arguments.length > 5) {
                cordoned.set(arguments[5]);
            }
            switch (arguments[4]) {
                case "none" -> cordoned.none();
                case "second" -> cordoned.second();
                default -> cordoned.both();
            }
        }
    }

    private void none() throws Exception {
        say("create", outcome(() -> create("old", 2)));
        produce("old", 2);
        say("old is in", placesOf("old").values().stream().sorted().toList().toString());
        for (int partition = 0; partition < 3; partition++) {
            say("move of nothing", move("later", partition, dirs.get(1)));
        }
        say("move of no partition", move("old", 7, dirs.get(1)));
        say("move to nowhere", move("old", 0, "/no/such/directory"));
        say("create", outcome(() -> create("later", 3)));
        produce("later", 3);
        say("later is in", placesOf("later").toString());
        describe();
    }

    private void second() throws Exception {
        describe();
        String second = dirs.get(1);
        var places = placesOf("old");
        int inFirst = places.get(0).equals("A") ? 0 : 1;
        say("create", outcome(() -> create("new", 4)));
        produce("new", 4);
        say("new is in", placesOf("new").values().toString());
        say("grow", outcome(() -> grow("new", 6)));
        produce("new", 6);
        say("new is in", placesOf("new").values().toString());
        produce("old", 2);
        say("old is in", placesOf("old").values().stream().sorted().toList().toString());
        say("move to a cordoned directory", move("old", inFirst, second));
        say("move to where it is", move("old", 1 - inFirst, second));
        say("move of nothing to a cordoned directory", move("never", 0, second));
        say("move of no partition to a cordoned directory", move("old", 7, second));
        say("move out of a cordoned directory", move("later", 0, dirs.get(0)));
        await("the move", () -> placesOf("later").toString().equals("{0=A, 1=B, 2=B}"));
    }

    private void both() throws Exception {
        describe();
        say("create", outcome(() -> create("refused", 1)));
        say("create with brokers", outcome(() -> create(new NewTopic("assigned", Map.of(0, List.of(node))), false)));
        say("create with the broker twice", outcome(() -> create(new NewTopic("assigned", Map.of(0, List.of(node, node))), false)));
        say("create with another broker", outcome(() -> create(new NewTopic("assigned", Map.of(0, List.of(node, 77))), false)));
        say("create without partitions", outcome(() -> create("validated", 0)));
        say("reassign", outcome(() -> admin.alterPartitionReassignments(
            Map.of(new TopicPartition("old", 0), Optional.of(new NewPartitionReassignment(List.of(node))))).all().get()));
        say("validate", outcome(() -> create(new NewTopic("validated", 2, (short) 1), true)));
        say("validate defaults", outcome(() -> create(new NewTopic("validated", Optional.empty(), Optional.empty()), true)));
        say("validate too many replicas", outcome(() -> create(new NewTopic("validated", 2, (short) 2), true)));
        say("grow", outcome(() -> grow("old", 3)));
        say("grow with brokers", outcome(() -> grow("old", NewPartitions.increaseTo(3, List.of(List.of(node))))));
        produce("old", 2);
        say("old is in", placesOf("old").values().stream().sorted().toList().toString());
        say("topics", admin.listTopics().names().get().stream().sorted().toList().toString());
    }

    private void set(String value) throws Exception {
        var broker = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(node));
        var operation = new AlterConfigOp(new ConfigEntry("cordoned.log.dirs", value), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.<ConfigResource, Collection<AlterConfigOp>>of(broker, List.of(operation))).all().get();
        long expected = value.isEmpty() ? 0 : value.equals("*") ? 2 : 1;
        await("the setting", () -> described().values().stream().filter(LogDirDescription::isCordoned).count() == expected);
    }

    private Object create(String name, int partitions) throws Exception {
        return create(new NewTopic(name, partitions, (short) 1), false);
    }

    private Object create(NewTopic topic, boolean onlyValidated) throws Exception {
        return admin.createTopics(List.of(topic), new CreateTopicsOptions().validateOnly(onlyValidated)).all().get();
    }

    private Object grow(String name, int total) throws Exception {
        return grow(name, NewPartitions.increaseTo(total));
    }

    private Object grow(String name, NewPartitions partitions) throws Exception {
        return admin.createPartitions(Map.of(name, partitions)).all().get();
    }

    private String move(String topic, int partition, String dir) {
        var replica = new TopicPartitionReplica(topic, partition, node);
        return outcome(() -> admin.alterReplicaLogDirs(Map.of(replica, dir)).all().get());
    }

    /** One record into each partition, as soon as it is served. */
    private void produce(String topic, int partitions) throws Exception {
        StringSerializer strings = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap), strings, strings)) {
            for (int partition = 0; partition < partitions; partition++) {
                producer.send(new ProducerRecord<>(topic, partition, null, "record")).get();
            }
        }
    }

    private Map<String, LogDirDescription> described() throws Exception {
        return admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node);
    }

    private void describe() throws Exception {
        var all = described();
        say("cordoned", dirs.stream().map(dir -> String.valueOf(all.get(dir).isCordoned())).collect(Collectors.joining(" ")));
    }

    /** The directory of each partition, by its letter. */
    private Map<Integer, String> placesOf(String topic) throws Exception {
        Map<Integer, String> places = new TreeMap<>();
        described().forEach((dir, description) -> description.replicaInfos().forEach((partition, info) -> {
            if (partition.topic().equals(topic) && !info.isFuture()) {
                places.merge(partition.partition(), letter(dir), String::concat);
            }
        }));
        return places;
    }

    private String letter(String dir) {
        return dir.equals(dirs.get(0)) ? "A" : "B";
    }

    private String outcome(Callable<Object> action) {
        try {
            action.call();
            return "ok";
        } catch (ExecutionException error) {
            String text = String.valueOf(error.getCause().getMessage());
            return error.getCause().getClass().getSimpleName() + ": " + text.replace(dirs.get(0), "A").replace(dirs.get(1), "B");
        } catch (Exception error) {
            return error.toString();
        }
    }

    private static void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + PATIENCE_NS;
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("waited in vain for " + what);
            }
            Thread.sleep(20);
        }
    }

    private static void say(String step, String outcome) {
        System.out.println(step + " => " + outcome.replace("\n", " "));
    }
}
