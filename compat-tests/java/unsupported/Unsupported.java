import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Arguments as {@link Main}. Asks for all that Kafka has and a broker may not have, and prints how it is told so: at once and by a clear
 * exception, not by waiting for a time-out.
 */
final class Unsupported {
    /** Far less than one of them takes that waits for a time-out. */
    private static final long LIMIT_NS = 10_000_000_000L;

    public static void main(String[] arguments) throws Exception {
        Broker broker = new Broker(arguments[0], arguments[1]);
        Report report = new Report("unsupported");
        String topic = broker.topic("unsupported", 1);
        long begin = System.nanoTime();
        report.outcome("transactional producer", () -> {
            try (var producer = broker.producer("transactional.id", broker.name("transaction"), "max.block.ms", 15_000)) {
                producer.initTransactions();
                return "initialized";
            }
        });
        report.outcome("share consumer", () -> {
            Map<String, Object> settings = Map.of("bootstrap.servers", broker.bootstrap, "group.id", broker.name("shared"));
            try (var consumer = new KafkaShareConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
                consumer.subscribe(List.of(topic));
                Broker.await("records", () -> consumer.poll(Broker.SHORT).count() > 0);
                return "polled";
            }
        });
        try (Admin admin = broker.admin()) {
            administration(report, admin, topic);
            groups(report, admin, topic);
            security(report, admin);
            quorum(report, admin);
        }
        long took = System.nanoTime() - begin;
        System.err.println(took / 1_000_000 + " ms");
        report.line("all", "at once", took < LIMIT_NS);
        System.out.print(report);
        System.out.flush();
        System.exit(0);
    }

    private static void administration(Report report, Admin admin, String topic) {
        TopicPartition partition = new TopicPartition(topic, 0);
        report.outcome("election", () -> admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).all().get());
        report.outcome("producers", () -> admin.describeProducers(List.of(partition)).all().get().size());
        report.outcome("transactions", () -> admin.listTransactions().all().get().size());
        report.outcome("one transaction", () -> admin.describeTransactions(List.of("none")).all().get().size());
        report.outcome("fence", () -> admin.fenceProducers(List.of("none")).all().get());
        report.outcome("end of a transaction", () -> admin.abortTransaction(new AbortTransactionSpec(partition, 1, (short) 1, 1)).all().get());
        report.outcome("quotas", () -> admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().size());
        ClientQuotaAlteration quota = new ClientQuotaAlteration(new ClientQuotaEntity(Map.of("user", "u")), List.of(new ClientQuotaAlteration.Op("request_percentage", 1.0)));
        report.outcome("change of a quota", () -> admin.alterClientQuotas(List.of(quota)).all().get());
    }

    private static void groups(Report report, Admin admin, String topic) {
        TopicPartition partition = new TopicPartition(topic, 0);
        report.outcome("share groups", () -> admin.describeShareGroups(List.of("none")).all().get().size());
        report.outcome("offsets of a share group", () -> admin.listShareGroupOffsets(Map.of("none", new ListShareGroupOffsetsSpec())).all().get().size());
        report.outcome("change of a share group's offsets", () -> admin.alterShareGroupOffsets("none", Map.of(partition, 0L)).all().get());
        report.outcome("end of a share group's offsets", () -> admin.deleteShareGroupOffsets("none", Set.of(topic)).all().get());
        report.outcome("streams groups", () -> admin.describeStreamsGroups(List.of("none")).all().get().size());
    }

    private static void security(Report report, Admin admin) {
        AclBinding rule = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "t", PatternType.LITERAL), new AccessControlEntry("User:u", "*", AclOperation.READ, AclPermissionType.ALLOW));
        report.outcome("access rules", () -> admin.describeAcls(AclBindingFilter.ANY).values().get().size());
        report.outcome("new access rule", () -> admin.createAcls(List.of(rule)).all().get());
        report.outcome("end of access rules", () -> admin.deleteAcls(List.of(AclBindingFilter.ANY)).all().get().size());
        report.outcome("users", () -> admin.describeUserScramCredentials().all().get().size());
        report.outcome("end of a user", () -> admin.alterUserScramCredentials(List.of(new UserScramCredentialDeletion("u", ScramMechanism.SCRAM_SHA_256))).all().get());
        report.outcome("tokens", () -> admin.describeDelegationToken().delegationTokens().get().size());
        report.outcome("new token", () -> admin.createDelegationToken().delegationToken().get());
        report.outcome("longer token", () -> admin.renewDelegationToken(new byte[1]).expiryTimestamp().get());
        report.outcome("end of a token", () -> admin.expireDelegationToken(new byte[1]).expiryTimestamp().get());
    }

    private static void quorum(Report report, Admin admin) {
        report.outcome("quorum", () -> admin.describeMetadataQuorum().quorumInfo().get().leaderId());
        report.outcome("new voter", () -> admin.addRaftVoter(2, Uuid.randomUuid(), Set.of()).all().get());
        report.outcome("end of a voter", () -> admin.removeRaftVoter(2, Uuid.randomUuid()).all().get());
        report.outcome("end of a broker", () -> admin.unregisterBroker(2).all().get());
        report.outcome("other features", () -> admin.updateFeatures(Map.of("group.version", new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE)), new UpdateFeaturesOptions()).all().get());
    }
}
