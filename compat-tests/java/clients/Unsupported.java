import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;

/**
 * Arguments as {@link Main}. Asks for what a broker may not have, and prints how it is told so: at once and by a clear
 * exception, not by waiting for a time-out.
 */
final class Unsupported {
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
        report.outcome("consumer group protocol", () -> {
            try (var consumer = broker.consumer("group.id", broker.name("unsupported"), "group.protocol", "consumer")) {
                consumer.subscribe(List.of(topic));
                consumer.poll(Duration.ofSeconds(15));
                return "polled";
            }
        });
        try (Admin admin = broker.admin()) {
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            AlterConfigOp change = new AlterConfigOp(new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET);
            report.outcome("change of a topic's settings", () -> admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get());
            report.outcome("access rules", () -> admin.describeAcls(AclBindingFilter.ANY).values().get().size());
            report.outcome("transactions", () -> admin.listTransactions().all().get().size());
            report.outcome("quorum", () -> admin.describeMetadataQuorum().quorumInfo().get().leaderId());
        }
        report.line("all", "at once", System.nanoTime() - begin < 10_000_000_000L);
        System.out.print(report);
        System.out.flush();
        System.exit(0);
    }
}
