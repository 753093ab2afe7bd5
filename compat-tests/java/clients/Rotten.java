import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * Arguments: bootstrap server, topic, offset of the batch that the disk changed, end of the log. Prints what a consumer sees that comes upon it, that
 * seeks past it, and that seeks back.
 */
final class Rotten {
    public static void main(String[] arguments) throws Exception {
        Broker broker = new Broker(arguments[0], "");
        TopicPartition partition = new TopicPartition(arguments[1], 0);
        long rotten = Long.parseLong(arguments[2]);
        long end = Long.parseLong(arguments[3]);
        Report report = new Report("rotten");
        try (var consumer = Deleting.at(broker, partition, 0, "none")) {
            List<ConsumerRecord<String, String>> before = Broker.read(consumer, 1);
            report.line("before", "read", read(consumer, partition, before, rotten));
            // The application may poll on: it stays where it is and is told again.
            report.line("at", "told", told(consumer), "position", consumer.position(partition));
            report.line("at", "told", told(consumer), "position", consumer.position(partition));
            consumer.seek(partition, rotten + 1);
            report.line("behind", "read", read(consumer, partition, Broker.read(consumer, 1), end));
            consumer.seek(partition, rotten);
            report.line("again", "told", told(consumer), "position", consumer.position(partition));
        }
        System.out.print(report);
        System.out.flush();
        System.exit(0);
    }

    /** The offsets read up to `end`, after those that were read. */
    private static Object read(KafkaConsumer<String, String> consumer, TopicPartition partition, List<ConsumerRecord<String, String>> first, long end) throws Exception {
        List<Long> offsets = new java.util.ArrayList<>(first.stream().map(ConsumerRecord::offset).toList());
        Broker.await("offset " + end, () -> {
            if (consumer.position(partition) < end) {
                consumer.poll(Broker.SHORT).forEach(record -> offsets.add(record.offset()));
            }
            return consumer.position(partition) >= end;
        });
        return offsets;
    }

    /** Polls until the application is told. */
    private static Object told(KafkaConsumer<String, String> consumer) throws Exception {
        try {
            Broker.await("an exception", () -> consumer.poll(Broker.SHORT).count() > 0);
            return "records";
        } catch (KafkaException told) {
            return List.of(told.getClass().getSimpleName(), told.getMessage().replaceAll("cause: .*", "cause"));
        }
    }
}
