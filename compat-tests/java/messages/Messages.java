import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.DeleteGroupsRequestData;
import org.apache.kafka.common.message.DeleteGroupsResponseData;
import org.apache.kafka.common.message.DescribeLogDirsRequestData;
import org.apache.kafka.common.message.DescribeLogDirsResponseData;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetCommitResponseData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Prints messages as Apache Kafka's own classes write them, one per line: name, version, body in hex. Of each message
 * that Catena codes itself, most of them because its library lacks the newest version, every version that Kafka has.
 */
public class Messages {
    private static final Uuid TOPIC_ID = new Uuid(0x0123456789abcdefL, 0xfedcba9876543210L);

    public static void main(String[] args) {
        for (short version = 0; version <= 5; version++) {
            print("ApiVersionsRequest", version, apiVersionsRequest(version));
            print("ApiVersionsResponse", version, apiVersionsResponse());
        }
        for (short version = 1; version <= 11; version++) {
            print("ListOffsetsRequest", version, listOffsetsRequest());
            print("ListOffsetsResponse", version, listOffsetsResponse(version));
        }
        for (short version = 2; version <= 10; version++) {
            print("OffsetCommitRequest", version, offsetCommitRequest(version));
            print("OffsetCommitResponse", version, offsetCommitResponse());
        }
        for (short version = 1; version <= 10; version++) {
            print("OffsetFetchRequest", version, offsetFetchRequest(version));
            print("OffsetFetchResponse", version, offsetFetchResponse(version));
        }
        for (short version = 0; version <= 3; version++) {
            print("DeleteGroupsRequest", version, new DeleteGroupsRequestData().setGroupsNames(List.of("g1", "g2")));
            print("DeleteGroupsResponse", version, deleteGroupsResponse());
        }
        for (short version = 1; version <= 5; version++) {
            print("DescribeLogDirsRequest", version, describeLogDirsRequest());
            print("DescribeLogDirsResponse", version, describeLogDirsResponse());
        }
        GroupMessages.print();
    }

    static void print(String name, short version, Message message) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        System.out.println(name + " " + version + " " + HexFormat.of().formatHex(bytes));
    }

    private static Message apiVersionsRequest(short version) {
        ApiVersionsRequestData request = new ApiVersionsRequestData()
            .setClientSoftwareName("a-client")
            .setClientSoftwareVersion("1.2.3");
        return version < 5 ? request : request.setClusterId("a-cluster").setNodeId(7);
    }

    private static Message apiVersionsResponse() {
        ApiVersionsResponseData response = new ApiVersionsResponseData().setErrorCode((short) 35).setThrottleTimeMs(9);
        response.apiKeys().add(new ApiVersionsResponseData.ApiVersion()
            .setApiKey((short) 18).setMinVersion((short) 0).setMaxVersion((short) 5));
        response.supportedFeatures().add(new ApiVersionsResponseData.SupportedFeatureKey()
            .setName("metadata.version").setMinVersion((short) 7).setMaxVersion((short) 33));
        response.finalizedFeatures().add(new ApiVersionsResponseData.FinalizedFeatureKey()
            .setName("metadata.version").setMinVersionLevel((short) 33).setMaxVersionLevel((short) 33));
        return response.setFinalizedFeaturesEpoch(12);
    }

    private static Message listOffsetsRequest() {
        return new ListOffsetsRequestData()
            .setReplicaId(-1)
            .setIsolationLevel((byte) 0)
            .setTimeoutMs(30)
            .setTopics(List.of(new ListOffsetsRequestData.ListOffsetsTopic()
                .setName("a-topic")
                .setPartitions(List.of(new ListOffsetsRequestData.ListOffsetsPartition()
                    .setPartitionIndex(3).setTimestamp(-6).setCurrentLeaderEpoch(2)))));
    }

    private static Message listOffsetsResponse(short version) {
        return new ListOffsetsResponseData()
            .setThrottleTimeMs(9)
            .setTopics(List.of(new ListOffsetsResponseData.ListOffsetsTopicResponse()
                .setName("a-topic")
                .setPartitions(List.of(new ListOffsetsResponseData.ListOffsetsPartitionResponse()
                    .setPartitionIndex(3).setOffset(1234).setTimestamp(5678).setErrorCode((short) 6)
                    .setLeaderEpoch(version < 4 ? -1 : 2)))));
    }

    private static Message offsetCommitRequest(short version) {
        return new OffsetCommitRequestData()
            .setGroupId("a-group")
            .setGenerationIdOrMemberEpoch(5)
            .setMemberId("a-member")
            .setGroupInstanceId(version < 7 ? null : "an-instance")
            .setRetentionTimeMs(60_000)
            .setTopics(List.of(new OffsetCommitRequestData.OffsetCommitRequestTopic()
                .setName("a-topic")
                .setTopicId(TOPIC_ID)
                .setPartitions(List.of(
                    new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(3)
                        .setCommittedOffset(1234).setCommittedLeaderEpoch(2).setCommittedMetadata("a note"),
                    new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(4)
                        .setCommittedOffset(5678).setCommittedLeaderEpoch(-1).setCommittedMetadata(null)))));
    }

    private static Message offsetCommitResponse() {
        return new OffsetCommitResponseData()
            .setThrottleTimeMs(9)
            .setTopics(List.of(new OffsetCommitResponseData.OffsetCommitResponseTopic()
                .setName("a-topic")
                .setTopicId(TOPIC_ID)
                .setPartitions(List.of(new OffsetCommitResponseData.OffsetCommitResponsePartition()
                    .setPartitionIndex(3).setErrorCode((short) 22)))));
    }

    private static Message offsetFetchRequest(short version) {
        OffsetFetchRequestData request = new OffsetFetchRequestData().setRequireStable(version >= 7);
        if (version < 8) {
            return request.setGroupId("a-group").setTopics(List.of(
                new OffsetFetchRequestData.OffsetFetchRequestTopic()
                    .setName("a-topic").setPartitionIndexes(List.of(3, 4))));
        }
        return request.setGroups(List.of(
            new OffsetFetchRequestData.OffsetFetchRequestGroup()
                .setGroupId("a-group")
                .setMemberId("a-member")
                .setMemberEpoch(5)
                .setTopics(List.of(new OffsetFetchRequestData.OffsetFetchRequestTopics()
                    .setName("a-topic").setTopicId(TOPIC_ID).setPartitionIndexes(List.of(3, 4)))),
            new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId("all-of-it").setTopics(null)));
    }

    private static Message offsetFetchResponse(short version) {
        OffsetFetchResponseData response = new OffsetFetchResponseData().setThrottleTimeMs(9);
        if (version < 8) {
            return response.setErrorCode((short) 15).setTopics(List.of(
                new OffsetFetchResponseData.OffsetFetchResponseTopic()
                    .setName("a-topic")
                    .setPartitions(List.of(new OffsetFetchResponseData.OffsetFetchResponsePartition()
                        .setPartitionIndex(3).setCommittedOffset(1234).setCommittedLeaderEpoch(2)
                        .setMetadata("a note").setErrorCode((short) 3)))));
        }
        return response.setGroups(List.of(new OffsetFetchResponseData.OffsetFetchResponseGroup()
            .setGroupId("a-group")
            .setErrorCode((short) 15)
            .setTopics(List.of(new OffsetFetchResponseData.OffsetFetchResponseTopics()
                .setName("a-topic")
                .setTopicId(TOPIC_ID)
                .setPartitions(List.of(new OffsetFetchResponseData.OffsetFetchResponsePartitions()
                    .setPartitionIndex(3).setCommittedOffset(1234).setCommittedLeaderEpoch(2)
                    .setMetadata("a note").setErrorCode((short) 3)))))));
    }

    private static Message describeLogDirsRequest() {
        DescribeLogDirsRequestData request = new DescribeLogDirsRequestData();
        request.topics().add(new DescribeLogDirsRequestData.DescribableLogDirTopic()
            .setTopic("a-topic").setPartitions(List.of(3, 4)));
        return request;
    }

    private static Message describeLogDirsResponse() {
        DescribeLogDirsResponseData response = new DescribeLogDirsResponseData().setThrottleTimeMs(9).setErrorCode((short) 31);
        response.results().add(new DescribeLogDirsResponseData.DescribeLogDirsResult()
            .setLogDir("/data/a").setTotalBytes(1L << 40).setUsableBytes(1L << 33).setIsCordoned(true)
            .setTopics(List.of(new DescribeLogDirsResponseData.DescribeLogDirsTopic().setName("a-topic")
                .setPartitions(List.of(new DescribeLogDirsResponseData.DescribeLogDirsPartition()
                    .setPartitionIndex(3).setPartitionSize(1L << 35).setOffsetLag(77).setIsFutureKey(true))))));
        response.results().add(new DescribeLogDirsResponseData.DescribeLogDirsResult()
            .setLogDir("/data/b").setErrorCode((short) 56).setTotalBytes(-1).setUsableBytes(-1));
        return response;
    }

    private static Message deleteGroupsResponse() {
        DeleteGroupsResponseData response = new DeleteGroupsResponseData().setThrottleTimeMs(9);
        response.results().add(new DeleteGroupsResponseData.DeletableGroupResult()
            .setGroupId("g1").setErrorCode((short) 68).setErrorMessage("has members"));
        response.results().add(new DeleteGroupsResponseData.DeletableGroupResult().setGroupId("g2"));
        return response;
    }
}
