import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * Arguments: bootstrap server, topic, offset of the batch that the disk changed, end of the log. Prints what a consumer sees that comes upon it, that
 * polls on, that seeks past it, and that seeks back. Every batch has one record.
 */
final class Rotten {
    public static void main(String[] arguments) throws Exception {
        Broker broker = new Broker(arguments[0], "");
        TopicPartition partition = new TopicPartition(arguments[1], 0);
        long rotten = Long.parseLong(arguments[2]);
        long end = Long.parseLong(arguments[3]);
        Report report = new Report("rotten");
        try (var consumer = Deleting.at(broker, partition, 0, "none")) {
            readOn(consumer, partition, end, report, "from the beginning");
            readOn(consumer, partition, end, report, "polled on");
            consumer.seek(partition, rotten + 1);
            readOn(consumer, partition, end, report, "from behind it");
            consumer.seek(partition, rotten);
            readOn(consumer, partition, end, report, "back at it");
        }
        System.out.print(report);
        System.out.flush();
        System.exit(0);
    }

    /** Reads until the end or until the application is told something. */
    private static void readOn(KafkaConsumer<String, String> consumer, TopicPartition partition, long end, Report report, String step) throws Exception {
        List<Long> offsets = new ArrayList<>();
        List<String> told = new ArrayList<>();
        try {
            Broker.await("offset " + end, () -> {
                consumer.poll(Broker.SHORT).forEach(record -> offsets.add(record.offset()));
                return consumer.position(partition) >= end;
            });
        } catch (KafkaException refused) {
            told.add(refused.getClass().getSimpleName());
            told.add(refused.getMessage().replace(partition.toString(), "the partition"));
        }
        report.line(step, "read", offsets, "told", told, "position", consumer.position(partition));
    }
}
