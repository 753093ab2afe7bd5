import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocol;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocolCollection;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordHelpers;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.OffsetAndMetadata;
import org.apache.kafka.coordinator.group.classic.ClassicGroup;
import org.apache.kafka.coordinator.group.classic.ClassicGroupMember;
import org.apache.kafka.coordinator.group.classic.ClassicGroupState;
import org.apache.kafka.coordinator.group.generated.ConsumerGroupMetadataKey;
import org.apache.kafka.coordinator.group.generated.GroupMetadataKey;
import org.apache.kafka.coordinator.group.generated.GroupMetadataValue;
import org.apache.kafka.coordinator.group.generated.LegacyOffsetCommitKey;
import org.apache.kafka.coordinator.group.generated.LegacyOffsetCommitValue;
import org.apache.kafka.coordinator.group.generated.OffsetCommitKey;
import org.apache.kafka.coordinator.group.generated.OffsetCommitValue;
import org.apache.kafka.server.common.ApiMessageAndVersion;

/**
 * Prints records of __consumer_offsets as Apache Kafka's own classes write them, one per line: name, key and value in
 * hex ("-": no value). Names that begin with "now-" are records as the coordinator of this version makes them.
 */
public class GroupRecords {
    private static final GroupCoordinatorRecordSerde SERDE = new GroupCoordinatorRecordSerde();
    private static final Uuid TOPIC_ID = new Uuid(0x0123456789abcdefL, 0xfedcba9876543210L);
    private static final long COMMITTED_AT = 1_700_000_000_123L;

    public static void main(String[] args) {
        offsets();
        groups();
        subscriptions();
    }

    private static void offsets() {
        for (short version = 0; version <= 4; version++) {
            print("offset-v" + version, CoordinatorRecord.record(offsetKey(), new ApiMessageAndVersion(offsetValue(), version)));
        }
        print("offset-v4-topic-id", CoordinatorRecord.record(
            offsetKey(), new ApiMessageAndVersion(offsetValue().setTopicId(TOPIC_ID), (short) 4)));
        ApiMessage legacy = new LegacyOffsetCommitKey().setGroup("a-group").setTopic("töpic").setPartition(7);
        ApiMessage value = new LegacyOffsetCommitValue().setOffset(42).setMetadata("with metadata")
            .setCommitTimestamp(COMMITTED_AT);
        print("offset-legacy", CoordinatorRecord.record(legacy, new ApiMessageAndVersion(value, (short) 0)));
        print("now-offset", now(OptionalInt.of(3), "with metadata", OptionalLong.empty(), TOPIC_ID));
        print("now-offset-plain", now(OptionalInt.empty(), "", OptionalLong.empty(), Uuid.ZERO_UUID));
        print("now-offset-expiring", now(OptionalInt.of(3), "m", OptionalLong.of(COMMITTED_AT + 1000), TOPIC_ID));
        print("now-offset-gone", GroupCoordinatorRecordHelpers.newOffsetCommitTombstoneRecord("a-group", "töpic", 7));
    }

    private static OffsetCommitKey offsetKey() {
        return new OffsetCommitKey().setGroup("a-group").setTopic("töpic").setPartition(7);
    }

    private static OffsetCommitValue offsetValue() {
        return new OffsetCommitValue().setOffset(42).setLeaderEpoch(3).setMetadata("with metadata")
            .setCommitTimestamp(COMMITTED_AT).setExpireTimestamp(COMMITTED_AT + 1000);
    }

    private static CoordinatorRecord now(OptionalInt epoch, String metadata, OptionalLong expires, Uuid id) {
        return GroupCoordinatorRecordHelpers.newOffsetCommitRecord("a-group", "töpic", 7,
            new OffsetAndMetadata(42, epoch, metadata, COMMITTED_AT, expires, id));
    }

    private static void groups() {
        ApiMessage key = new GroupMetadataKey().setGroup("a-group");
        for (short version = 0; version <= 4; version++) {
            print("group-v" + version, CoordinatorRecord.record(key, new ApiMessageAndVersion(groupValue(), version)));
        }
        GroupMetadataValue large = groupValue();
        large.members().get(0).setSubscription(new byte[300]).setClientId("c".repeat(200));
        print("group-v4-large", CoordinatorRecord.record(key, new ApiMessageAndVersion(large, (short) 4)));
        print("now-group", GroupCoordinatorRecordHelpers.newGroupMetadataRecord(
            group(), Map.of("member-1", new byte[] {7, 8, 9}, "member-2", new byte[0])));
        print("now-group-empty", GroupCoordinatorRecordHelpers.newEmptyGroupMetadataRecord(
            new ClassicGroup(new LogContext(), "a-group", ClassicGroupState.EMPTY, Time.SYSTEM, 0,
                Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(COMMITTED_AT))));
        print("now-group-gone", GroupCoordinatorRecordHelpers.newGroupMetadataTombstoneRecord("a-group"));
        print("other-kind", CoordinatorRecord.tombstone(new ConsumerGroupMetadataKey().setGroupId("a-group")));
    }

    private static GroupMetadataValue groupValue() {
        return new GroupMetadataValue().setProtocolType("consumer").setGeneration(5).setProtocol("range")
            .setLeader("member-1").setCurrentStateTimestamp(COMMITTED_AT).setMembers(List.of(
                new GroupMetadataValue.MemberMetadata().setMemberId("member-1").setGroupInstanceId("static-1")
                    .setClientId("client").setClientHost("/127.0.0.1").setRebalanceTimeout(60000).setSessionTimeout(30000)
                    .setSubscription(new byte[] {1, 2, 3}).setAssignment(new byte[] {7, 8, 9}),
                new GroupMetadataValue.MemberMetadata().setMemberId("member-2").setGroupInstanceId(null)
                    .setClientId("").setClientHost("/::1").setRebalanceTimeout(60001).setSessionTimeout(30001)
                    .setSubscription(new byte[] {4}).setAssignment(new byte[0])));
    }

    private static ClassicGroup group() {
        ClassicGroup group = new ClassicGroup(new LogContext(), "a-group", ClassicGroupState.EMPTY, Time.SYSTEM, 5,
            Optional.of("consumer"), Optional.of("range"), Optional.of("member-1"), Optional.of(COMMITTED_AT));
        group.add(member("member-1", Optional.of("static-1"), "client", "/127.0.0.1", 60000, 30000, new byte[] {1, 2, 3}));
        group.add(member("member-2", Optional.empty(), "", "/::1", 60001, 30001, new byte[] {4}));
        return group;
    }

    private static ClassicGroupMember member(String id, Optional<String> instance, String client, String host,
                                             int rebalanceTimeout, int sessionTimeout, byte[] metadata) {
        JoinGroupRequestProtocolCollection protocols = new JoinGroupRequestProtocolCollection();
        protocols.add(new JoinGroupRequestProtocol().setName("range").setMetadata(metadata));
        return new ClassicGroupMember(id, instance, client, host, rebalanceTimeout, sessionTimeout, "consumer", protocols);
    }

    private static void subscriptions() {
        Subscription full = new Subscription(List.of("first", "zweites-ä"), ByteBuffer.wrap(new byte[] {1, 2}),
            List.of(new TopicPartition("first", 3)), 4, Optional.of("rack"));
        for (short version = 0; version <= 3; version++) {
            System.out.println("subscription-v" + version + " "
                + hex(ConsumerProtocol.serializeSubscription(full, version)) + " -");
        }
        System.out.println("subscription-none " + hex(ConsumerProtocol.serializeSubscription(new Subscription(List.of()))) + " -");
    }

    private static void print(String name, CoordinatorRecord record) {
        byte[] value = SERDE.serializeValue(record);
        System.out.println(name + " " + HexFormat.of().formatHex(SERDE.serializeKey(record)) + " "
            + (value == null ? "-" : HexFormat.of().formatHex(value)));
    }

    private static String hex(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
