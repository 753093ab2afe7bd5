package kafka.server.share;

import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;

import org.apache.kafka.clients.consumer.internals.ShareAcquireMode;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.message.ShareFetchResponseData.AcquiredRecords;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.coordinator.group.GroupConfigManager;
import org.apache.kafka.coordinator.group.GroupCoordinatorConfig;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfig;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfigProvider;
import org.apache.kafka.server.share.PartitionMetadataProvider;
import org.apache.kafka.server.share.acknowledge.ShareAcknowledgementBatch;
import org.apache.kafka.server.share.dlq.NoOpShareGroupDLQManager;
import org.apache.kafka.server.share.dlq.ShareGroupDLQRecordParameter;
import org.apache.kafka.server.share.persister.NoOpStatePersister;
import org.apache.kafka.server.storage.log.FetchIsolation;
import org.apache.kafka.server.storage.log.FetchPartitionData;
import org.apache.kafka.server.util.timer.Timer;
import org.apache.kafka.server.util.timer.TimerTask;
import org.apache.kafka.server.util.timer.TimerTaskEntry;

/**
 * Prints what Apache Kafka's SharePartition decides in random stories, one event per line with its outcome. Each read
 * returns one batch, so that what Kafka keeps as a batch is one of the log. Where it throws a NullPointerException
 * (acknowledgements that begin below the start offset while nothing is in flight) the event is left out.
 */
public class Deliveries {
    private static final int STORIES = 120;
    private static final int EVENTS = 45;
    private static final String GROUP = "g";
    private static final String[] MEMBERS = {"a", "b", "c"};

    /** Fires when told to. */
    private static final class Clock implements Timer {
        List<TimerTask> tasks = new ArrayList<>();

        @Override public void add(TimerTask task) {
            new TimerTaskEntry(task, 0L);
            tasks.add(task);
        }

        @Override public boolean advanceClock(long millis) {
            List<TimerTask> due = tasks;
            tasks = new ArrayList<>();
            due.stream().filter(task -> !task.isCancelled()).forEach(TimerTask::run);
            return true;
        }

        @Override public int size() {
            return tasks.size();
        }

        @Override public void close() { }
    }

    /** Copies are done when told to be. */
    private static final class Copies extends NoOpShareGroupDLQManager {
        List<CompletableFuture<Void>> open = new ArrayList<>();

        @Override public CompletableFuture<Void> enqueue(ShareGroupDLQRecordParameter param) {
            open.add(new CompletableFuture<>());
            return open.get(open.size() - 1);
        }
    }

    private final Random random;
    private final Clock clock = new Clock();
    private final Copies copies = new Copies();
    private final List<long[]> log = new ArrayList<>();
    private final Map<String, TreeSet<Long>> held = new TreeMap<>();
    private final SharePartition partition;
    private long logEnd = 0;

    public static void main(String[] args) {
        for (int seed = 0; seed < STORIES; seed++) {
            Deliveries story = new Deliveries(seed);
            for (int event = 0; event < EVENTS; event++) {
                story.event();
            }
        }
    }

    private Deliveries(int seed) {
        random = new Random(31_415_926L * (seed + 1));
        int limit = between(2, 10);
        int locks = random.nextInt(3) == 0 ? between(20, 60) : 100_000;
        boolean deadLetters = seed % 3 == 2;
        AbstractConfig config = new AbstractConfig(
            Utils.mergeConfigs(List.of(GroupCoordinatorConfig.CONFIG_DEF, ShareGroupConfig.CONFIG_DEF)), Map.of());
        GroupConfigManager groups =
            new GroupConfigManager(new GroupCoordinatorConfig(config), new ShareGroupConfig(config));
        Properties group = new Properties();
        group.put("errors.deadletterqueue.topic.name", "dlq.g");
        groups.updateGroupConfig(GROUP, group);
        TopicIdPartition topic = new TopicIdPartition(new Uuid(1, 1), 0, "t");
        partition = new SharePartition(GROUP, topic, 0, locks, limit, 30_000, clock, Time.SYSTEM,
            new NoOpStatePersister(), emptyLog(), key -> { }, new ShareGroupConfigProvider(groups), null,
            () -> deadLetters, copies);
        partition.maybeInitialize().join();
        for (String member : MEMBERS) {
            held.put(member, new TreeSet<>());
        }
        System.out.printf("story %d %d %b%n", limit, locks, deadLetters);
    }

    /** All offsets that are asked for are 0. */
    private static PartitionMetadataProvider emptyLog() {
        Class<?>[] type = {PartitionMetadataProvider.class};
        return (PartitionMetadataProvider) Proxy.newProxyInstance(Deliveries.class.getClassLoader(), type,
            (proxy, method, args) -> 0L);
    }

    private void event() {
        String member = MEMBERS[random.nextInt(MEMBERS.length)];
        int kind = random.nextInt(100);
        if (kind < 15) {
            append();
        } else if (kind < 45) {
            acquire(member);
        } else if (kind < 80) {
            acknowledge(member);
        } else if (kind < 88) {
            partition.releaseAcquiredRecords(member).join();
            held.get(member).clear();
            print("release " + member, "ok");
        } else if (kind < 94) {
            clock.advanceClock(0);
            held.values().forEach(TreeSet::clear);
            print("expire", "ok");
        } else {
            List<CompletableFuture<Void>> open = new ArrayList<>(copies.open);
            copies.open.clear();
            open.forEach(copy -> copy.complete(null));
            print("copied", "ok");
        }
    }

    private void append() {
        long last = logEnd + random.nextInt(20);
        log.add(new long[] {logEnd, last});
        System.out.printf("batch %d %d%n", logEnd, last);
        logEnd = last + 1;
    }

    private void acquire(String member) {
        int records = between(1, 30);
        int size = between(1, 40);
        boolean exact = random.nextInt(3) == 0;
        String event = String.format("acquire %s %d %d %b", member, records, size, exact);
        if (!partition.canAcquireRecords()) {
            print(event, "full");
            return;
        }
        long from = partition.nextFetchOffset();
        Optional<long[]> read = log.stream().filter(batch -> batch[1] >= from).findFirst();
        if (read.isEmpty()) {
            print(event, "nothing");
            return;
        }
        ShareAcquireMode mode = exact ? ShareAcquireMode.RECORD_LIMIT : ShareAcquireMode.BATCH_OPTIMIZED;
        List<AcquiredRecords> acquired = partition.acquire(member, mode, size, records, from, fetched(read.get()),
            FetchIsolation.HIGH_WATERMARK).acquiredRecords();
        for (AcquiredRecords range : acquired) {
            for (long offset = range.firstOffset(); offset <= range.lastOffset(); offset++) {
                held.get(member).add(offset);
            }
        }
        print(event, acquired.stream()
            .map(range -> range.firstOffset() + "-" + range.lastOffset() + "x" + range.deliveryCount())
            .collect(Collectors.joining(" ")));
    }

    private static FetchPartitionData fetched(long[] batch) {
        MemoryRecordsBuilder records = MemoryRecords.builder(ByteBuffer.allocate(4096), Compression.NONE,
            TimestampType.CREATE_TIME, batch[0]);
        for (long offset = batch[0]; offset <= batch[1]; offset++) {
            records.appendWithOffset(offset, new SimpleRecord(new byte[1]));
        }
        return new FetchPartitionData(Errors.NONE, batch[1] + 1, 0, records.build(), Optional.empty(),
            OptionalLong.empty(), Optional.empty(), OptionalInt.empty(), false);
    }

    private void acknowledge(String member) {
        List<ShareAcknowledgementBatch> batches = new ArrayList<>();
        TreeSet<Long> mine = held.get(member);
        long next = 0;
        while (mine.ceiling(next) != null) {
            long first = mine.ceiling(next);
            long last = first;
            while (mine.contains(last + 1) && random.nextInt(12) > 0) {
                last++;
            }
            if (random.nextInt(10) > 3) {
                batches.add(batch(first, last, random.nextBoolean()));
            }
            next = last + 1;
        }
        if (random.nextInt(8) == 0) {
            long first = next + random.nextInt((int) Math.max(1, partition.endOffset() + 3 - next));
            batches.add(batch(first, first + random.nextInt(6), false));
        }
        if (!batches.isEmpty()) {
            acknowledge(member, batches);
        }
    }

    private ShareAcknowledgementBatch batch(long first, long last, boolean each) {
        List<Byte> types = new ArrayList<>();
        for (long offset = first; offset <= (each ? last : first); offset++) {
            types.add((byte) (random.nextInt(3) == 0 ? 2 : random.nextInt(5)));
        }
        return new ShareAcknowledgementBatch(first, last, types);
    }

    private void acknowledge(String member, List<ShareAcknowledgementBatch> batches) {
        String outcome = "ok";
        try {
            partition.acknowledge(member, batches).join();
            forget(member, batches);
        } catch (CompletionException e) {
            outcome = e.getCause().getClass().getSimpleName();
        } catch (NullPointerException e) {
            return;
        }
        String written = batches.stream()
            .map(batch -> batch.firstOffset() + "-" + batch.lastOffset() + ":" + batch.acknowledgeTypes().stream()
                .map(String::valueOf).collect(Collectors.joining(",")))
            .collect(Collectors.joining(" "));
        print("ack " + member + " " + written, outcome);
    }

    private void forget(String member, List<ShareAcknowledgementBatch> batches) {
        for (ShareAcknowledgementBatch batch : batches) {
            for (long offset = batch.firstOffset(); offset <= batch.lastOffset(); offset++) {
                List<Byte> types = batch.acknowledgeTypes();
                byte type = types.size() == 1 ? types.get(0) : types.get((int) (offset - batch.firstOffset()));
                if (type != 4) {
                    held.get(member).remove(offset);
                }
            }
        }
    }

    private void print(String event, String outcome) {
        System.out.printf("%s => %s | %d %d %d%n", event, outcome, partition.startOffset(),
            partition.nextFetchOffset(), partition.deliveryCompleteCount());
    }

    private int between(int first, int last) {
        return first + random.nextInt(last - first + 1);
    }
}
