import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Topics with a codec of their own: what producers of any codec send is kept in the topic's, and read as it was sent. */
final class Recompressed {
    static final List<String> KEPT_IN = List.of("uncompressed", "gzip", "snappy", "lz4", "zstd");

    /** Which codec the batches are kept in is looked up by the caller of the program: no client tells. */
    static void everyPair(Broker broker, Report report) throws Exception {
        for (String kept : KEPT_IN) {
            String topic = broker.topic("kept-" + kept, 2, "compression.type", kept, "retention.ms", "-1");
            List<ProducerRecord<String, String>> sent = new ArrayList<>();
            List<RecordMetadata> told = new ArrayList<>();
            for (String codec : Producing.CODECS) {
                try (var producer = broker.producer("compression.type", codec, "enable.idempotence", !codec.equals("lz4"), "linger.ms", 20)) {
                    List<ProducerRecord<String, String>> kinds = Producing.kinds(topic);
                    told.addAll(Producing.send(producer, kinds));
                    sent.addAll(kinds);
                }
            }
            try (var consumer = broker.reader(topic, 2, "check.crcs", true)) {
                List<ConsumerRecord<String, String>> read = Broker.read(consumer, sent.size());
                report.line(kept, "offsets", told.stream().map(RecordMetadata::offset).toList(), "read", read.size(), "not as sent", different(sent, told, read));
            }
        }
    }

    /** The records that were not read, at the place that the producer was told, as they were sent. */
    private static List<String> different(List<ProducerRecord<String, String>> sent, List<RecordMetadata> told, List<ConsumerRecord<String, String>> read) {
        List<String> different = new ArrayList<>();
        for (int i = 0; i < sent.size(); i++) {
            ProducerRecord<String, String> record = sent.get(i);
            RecordMetadata at = told.get(i);
            String wanted = fact(at.partition(), at.offset(), record.timestamp(), record.key(), record.value(), record.headers());
            boolean found = at.timestamp() == record.timestamp()
                && read.stream().anyMatch(r -> fact(r.partition(), r.offset(), r.timestamp(), r.key(), r.value(), r.headers()).equals(wanted));
            if (!found) {
                different.add(wanted);
            }
        }
        return different;
    }

    private static String fact(int partition, long offset, long time, String key, String value, Iterable<org.apache.kafka.common.header.Header> headers) {
        StringBuilder fact = new StringBuilder(partition + "-" + offset + " " + time + " " + key + "=" + value);
        headers.forEach(header -> fact.append(' ').append(header.key()).append('=')
            .append(header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8)));
        return fact.toString();
    }
}
