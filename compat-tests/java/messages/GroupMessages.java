import java.nio.ByteBuffer;
import java.util.List;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData;
import org.apache.kafka.common.message.DescribeShareGroupOffsetsRequestData;
import org.apache.kafka.common.message.DescribeShareGroupOffsetsResponseData;
import org.apache.kafka.common.message.ReadShareGroupStateSummaryRequestData;
import org.apache.kafka.common.message.ReadShareGroupStateSummaryResponseData;
import org.apache.kafka.common.message.ShareAcknowledgeRequestData;
import org.apache.kafka.common.message.ShareAcknowledgeResponseData;
import org.apache.kafka.common.message.ShareFetchRequestData;
import org.apache.kafka.common.message.ShareFetchResponseData;
import org.apache.kafka.common.message.WriteShareGroupStateRequestData;
import org.apache.kafka.common.message.WriteShareGroupStateResponseData;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** Messages of consumer groups and share groups. */
class GroupMessages {
    private static final Uuid TOPIC_ID = new Uuid(0x0123456789abcdefL, 0xfedcba9876543210L);

    static void print() {
        for (short version = 0; version <= 1; version++) {
            Messages.print("ConsumerGroupHeartbeatRequest", version, consumerGroupHeartbeatRequest(version));
            Messages.print("ConsumerGroupHeartbeatResponse", version, consumerGroupHeartbeatResponse());
            Messages.print("ConsumerGroupDescribeResponse", version, consumerGroupDescribeResponse());
            Messages.print("WriteShareGroupStateRequest", version, writeShareGroupStateRequest());
            Messages.print("WriteShareGroupStateResponse", version, writeShareGroupStateResponse());
            Messages.print("ReadShareGroupStateSummaryRequest", version, readShareGroupStateSummaryRequest());
            Messages.print("ReadShareGroupStateSummaryResponse", version, readShareGroupStateSummaryResponse());
            Messages.print("DescribeShareGroupOffsetsRequest", version, describeShareGroupOffsetsRequest());
            Messages.print("DescribeShareGroupOffsetsResponse", version, describeShareGroupOffsetsResponse());
        }
        for (short version = 1; version <= 2; version++) {
            Messages.print("ShareFetchRequest", version, shareFetchRequest(version));
            Messages.print("ShareFetchResponse", version, shareFetchResponse());
            Messages.print("ShareAcknowledgeRequest", version, shareAcknowledgeRequest(version));
            Messages.print("ShareAcknowledgeResponse", version, shareAcknowledgeResponse());
        }
    }

    private static Message consumerGroupHeartbeatRequest(short version) {
        return new ConsumerGroupHeartbeatRequestData()
            .setGroupId("a-group").setMemberId("a-member").setMemberEpoch(5).setRackId("a-rack")
            .setRebalanceTimeoutMs(60_000).setSubscribedTopicNames(List.of("t1", "t2"))
            .setSubscribedTopicRegex(version < 1 ? null : "t.*").setServerAssignor("uniform")
            .setTopicPartitions(List.of(new ConsumerGroupHeartbeatRequestData.TopicPartitions()
                .setTopicId(TOPIC_ID).setPartitions(List.of(3, 4))));
    }

    private static Message consumerGroupHeartbeatResponse() {
        return new ConsumerGroupHeartbeatResponseData()
            .setThrottleTimeMs(9).setMemberId("a-member").setMemberEpoch(5).setHeartbeatIntervalMs(3_000)
            .setAssignment(new ConsumerGroupHeartbeatResponseData.Assignment().setTopicPartitions(List.of(
                new ConsumerGroupHeartbeatResponseData.TopicPartitions()
                    .setTopicId(TOPIC_ID).setPartitions(List.of(3, 4)))));
    }

    private static Message consumerGroupDescribeResponse() {
        ConsumerGroupDescribeResponseData.Assignment assignment = new ConsumerGroupDescribeResponseData.Assignment()
            .setTopicPartitions(List.of(new ConsumerGroupDescribeResponseData.TopicPartitions()
                .setTopicId(TOPIC_ID).setTopicName("a-topic").setPartitions(List.of(3))));
        return new ConsumerGroupDescribeResponseData().setThrottleTimeMs(9).setGroups(List.of(
            new ConsumerGroupDescribeResponseData.DescribedGroup()
                .setGroupId("a-group").setGroupState("Stable").setGroupEpoch(7).setAssignmentEpoch(6)
                .setAssignorName("uniform").setAuthorizedOperations(264).setMembers(List.of(
                    new ConsumerGroupDescribeResponseData.Member()
                        .setMemberId("a-member").setInstanceId("an-instance").setMemberEpoch(5).setClientId("a-client")
                        .setClientHost("/127.0.0.1").setSubscribedTopicNames(List.of("a-topic")).setSubscribedTopicRegex("t.*")
                        .setAssignment(assignment).setTargetAssignment(assignment.duplicate()).setMemberType((byte) 1)))));
    }

    private static Message shareFetchRequest(short version) {
        return new ShareFetchRequestData()
            .setGroupId("a-group").setMemberId("a-member").setShareSessionEpoch(5).setMaxWaitMs(500).setMinBytes(1)
            .setMaxBytes(1 << 20).setMaxRecords(500).setBatchSize(100).setShareAcquireMode((byte) 1).setIsRenewAck(version >= 2)
            .setTopics(new ShareFetchRequestData.FetchTopicCollection(List.of(new ShareFetchRequestData.FetchTopic()
                .setTopicId(TOPIC_ID)
                .setPartitions(new ShareFetchRequestData.FetchPartitionCollection(List.of(
                    new ShareFetchRequestData.FetchPartition().setPartitionIndex(3).setAcknowledgementBatches(List.of(
                        new ShareFetchRequestData.AcknowledgementBatch()
                            .setFirstOffset(10).setLastOffset(12).setAcknowledgeTypes(List.of((byte) 1, (byte) 0, (byte) 3)))),
                    new ShareFetchRequestData.FetchPartition().setPartitionIndex(4)).iterator()))).iterator()))
            .setForgottenTopicsData(List.of(new ShareFetchRequestData.ForgottenTopic()
                .setTopicId(TOPIC_ID).setPartitions(List.of(5))));
    }

    private static Message shareFetchResponse() {
        ShareFetchResponseData.ShareFetchableTopicResponse topic = new ShareFetchResponseData.ShareFetchableTopicResponse()
            .setTopicId(TOPIC_ID).setPartitions(List.of(
                new ShareFetchResponseData.PartitionData().setPartitionIndex(3)
                    .setRecords(MemoryRecords.readableRecords(ByteBuffer.wrap("some records".getBytes())))
                    .setAcquiredRecords(List.of(new ShareFetchResponseData.AcquiredRecords()
                        .setFirstOffset(10).setLastOffset(19).setDeliveryCount((short) 2))),
                new ShareFetchResponseData.PartitionData().setPartitionIndex(4).setRecords(MemoryRecords.EMPTY)
                    .setErrorCode((short) 6).setErrorMessage("not here").setAcknowledgeErrorCode((short) 121)
                    .setAcknowledgeErrorMessage("not yours").setCurrentLeader(
                        new ShareFetchResponseData.LeaderIdAndEpoch().setLeaderId(2).setLeaderEpoch(8))));
        ShareFetchResponseData response = new ShareFetchResponseData()
            .setThrottleTimeMs(9).setErrorCode((short) 1).setErrorMessage("a message").setAcquisitionLockTimeoutMs(30_000)
            .setResponses(new ShareFetchResponseData.ShareFetchableTopicResponseCollection(List.of(topic).iterator()));
        response.nodeEndpoints().add(new ShareFetchResponseData.NodeEndpoint()
            .setNodeId(2).setHost("a-host").setPort(9092).setRack("a-rack"));
        return response;
    }

    private static Message shareAcknowledgeRequest(short version) {
        return new ShareAcknowledgeRequestData()
            .setGroupId("a-group").setMemberId("a-member").setShareSessionEpoch(5).setIsRenewAck(version >= 2)
            .setTopics(new ShareAcknowledgeRequestData.AcknowledgeTopicCollection(List.of(
                new ShareAcknowledgeRequestData.AcknowledgeTopic().setTopicId(TOPIC_ID)
                    .setPartitions(new ShareAcknowledgeRequestData.AcknowledgePartitionCollection(List.of(
                        new ShareAcknowledgeRequestData.AcknowledgePartition().setPartitionIndex(3).setAcknowledgementBatches(List.of(
                            new ShareAcknowledgeRequestData.AcknowledgementBatch()
                                .setFirstOffset(10).setLastOffset(12).setAcknowledgeTypes(List.of((byte) 2))))).iterator()))).iterator()));
    }

    private static Message shareAcknowledgeResponse() {
        ShareAcknowledgeResponseData.ShareAcknowledgeTopicResponse topic =
            new ShareAcknowledgeResponseData.ShareAcknowledgeTopicResponse().setTopicId(TOPIC_ID).setPartitions(List.of(
                new ShareAcknowledgeResponseData.PartitionData().setPartitionIndex(3),
                new ShareAcknowledgeResponseData.PartitionData().setPartitionIndex(4).setErrorCode((short) 6)
                    .setErrorMessage("not here").setCurrentLeader(
                        new ShareAcknowledgeResponseData.LeaderIdAndEpoch().setLeaderId(2).setLeaderEpoch(8))));
        ShareAcknowledgeResponseData response = new ShareAcknowledgeResponseData()
            .setThrottleTimeMs(9).setErrorCode((short) 1).setErrorMessage("a message").setAcquisitionLockTimeoutMs(30_000)
            .setResponses(new ShareAcknowledgeResponseData.ShareAcknowledgeTopicResponseCollection(List.of(topic).iterator()));
        response.nodeEndpoints().add(new ShareAcknowledgeResponseData.NodeEndpoint()
            .setNodeId(2).setHost("a-host").setPort(9092).setRack("a-rack"));
        return response;
    }

    private static Message writeShareGroupStateRequest() {
        return new WriteShareGroupStateRequestData().setGroupId("a-group").setTopics(List.of(
            new WriteShareGroupStateRequestData.WriteStateData().setTopicId(TOPIC_ID).setPartitions(List.of(
                new WriteShareGroupStateRequestData.PartitionData()
                    .setPartition(3).setStateEpoch(1).setLeaderEpoch(2).setStartOffset(10).setDeliveryCompleteCount(4)
                    .setStateBatches(List.of(new WriteShareGroupStateRequestData.StateBatch()
                        .setFirstOffset(10).setLastOffset(19).setDeliveryState((byte) 2).setDeliveryCount((short) 3)))))));
    }

    private static Message writeShareGroupStateResponse() {
        return new WriteShareGroupStateResponseData().setResults(List.of(
            new WriteShareGroupStateResponseData.WriteStateResult().setTopicId(TOPIC_ID).setPartitions(List.of(
                new WriteShareGroupStateResponseData.PartitionResult()
                    .setPartition(3).setErrorCode((short) 74).setErrorMessage("fenced")))));
    }

    private static Message readShareGroupStateSummaryRequest() {
        return new ReadShareGroupStateSummaryRequestData().setGroupId("a-group").setTopics(List.of(
            new ReadShareGroupStateSummaryRequestData.ReadStateSummaryData().setTopicId(TOPIC_ID).setPartitions(List.of(
                new ReadShareGroupStateSummaryRequestData.PartitionData().setPartition(3).setLeaderEpoch(2)))));
    }

    private static Message readShareGroupStateSummaryResponse() {
        return new ReadShareGroupStateSummaryResponseData().setResults(List.of(
            new ReadShareGroupStateSummaryResponseData.ReadStateSummaryResult().setTopicId(TOPIC_ID).setPartitions(List.of(
                new ReadShareGroupStateSummaryResponseData.PartitionResult()
                    .setPartition(3).setErrorCode((short) 74).setErrorMessage("fenced").setStateEpoch(1).setLeaderEpoch(2)
                    .setStartOffset(10).setDeliveryCompleteCount(4)))));
    }

    private static Message describeShareGroupOffsetsRequest() {
        return new DescribeShareGroupOffsetsRequestData().setGroups(List.of(
            new DescribeShareGroupOffsetsRequestData.DescribeShareGroupOffsetsRequestGroup().setGroupId("a-group").setTopics(
                List.of(new DescribeShareGroupOffsetsRequestData.DescribeShareGroupOffsetsRequestTopic()
                    .setTopicName("a-topic").setPartitions(List.of(3, 4)))),
            new DescribeShareGroupOffsetsRequestData.DescribeShareGroupOffsetsRequestGroup()
                .setGroupId("all-of-it").setTopics(null)));
    }

    private static Message describeShareGroupOffsetsResponse() {
        return new DescribeShareGroupOffsetsResponseData().setThrottleTimeMs(9).setGroups(List.of(
            new DescribeShareGroupOffsetsResponseData.DescribeShareGroupOffsetsResponseGroup()
                .setGroupId("a-group").setErrorCode((short) 15).setErrorMessage("a message").setTopics(List.of(
                    new DescribeShareGroupOffsetsResponseData.DescribeShareGroupOffsetsResponseTopic()
                        .setTopicName("a-topic").setTopicId(TOPIC_ID).setPartitions(List.of(
                            new DescribeShareGroupOffsetsResponseData.DescribeShareGroupOffsetsResponsePartition()
                                .setPartitionIndex(3).setStartOffset(1234).setLeaderEpoch(2).setLag(77)
                                .setErrorCode((short) 3).setErrorMessage("unknown")))))));
    }
}
