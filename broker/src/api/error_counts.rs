//! Where the error codes of each response stand, so that they can be counted.
//!
//! What must always hold: an API whose response is not in this table does not compile.
//!
//! Source: Apache Kafka, `AbstractResponse.errorCounts`.

use catena_protocol::messages::delete_groups::DeleteGroupsResponse;
use catena_protocol::messages::describe_log_dirs::DescribeLogDirsResponse;
use catena_protocol::messages::offset_commit::OffsetCommitResponse;
use catena_protocol::messages::offset_fetch::OffsetFetchResponse;
use catena_protocol::messages::produce::ProduceResponse;
use kafka_protocol::messages::{
    AlterConfigsResponse, AlterPartitionReassignmentsResponse, AlterReplicaLogDirsResponse, ApiVersionsResponse,
    ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteRecordsResponse, DeleteTopicsResponse, DescribeClusterResponse, DescribeConfigsResponse,
    DescribeGroupsResponse, DescribeTopicPartitionsResponse, FindCoordinatorResponse, HeartbeatResponse,
    IncrementalAlterConfigsResponse, InitProducerIdResponse, JoinGroupResponse, LeaveGroupResponse,
    ListConfigResourcesResponse, ListGroupsResponse, ListOffsetsResponse, ListPartitionReassignmentsResponse,
    MetadataResponse, OffsetDeleteResponse, OffsetForLeaderEpochResponse, SyncGroupResponse,
};

type FetchResponse = catena_protocol::messages::fetch::FetchResponse<bytes::Bytes>;

/// A response that says where its errors are.
pub trait ErrorCounts {
    /// Calls `count` with each error code but 0.
    fn count_errors(&self, count: &mut dyn FnMut(i16));
}

/// Walks fields: `name` is an error code, `name [..]` a list of things with fields of their own.
macro_rules! walk {
    ($count:ident $at:expr;) => {};
    ($count:ident $at:expr; $list:ident [$($inner:tt)*] $($rest:tt)*) => {
        for item in &$at.$list {
            walk!($count item; $($inner)*);
        }
        walk!($count $at; $($rest)*);
    };
    ($count:ident $at:expr; $code:ident $($rest:tt)*) => {
        if $at.$code != 0 {
            $count($at.$code);
        }
        walk!($count $at; $($rest)*);
    };
}

macro_rules! error_counts {
    ($($response:ident { $($fields:tt)* })*) => {
        $(impl ErrorCounts for $response {
            fn count_errors(&self, count: &mut dyn FnMut(i16)) {
                walk!(count self; $($fields)*);
            }
        })*
    };
}

error_counts! {
    AlterConfigsResponse { responses [error_code] }
    AlterPartitionReassignmentsResponse { error_code responses [partitions [error_code]] }
    AlterReplicaLogDirsResponse { results [partitions [error_code]] }
    ApiVersionsResponse { error_code }
    ConsumerGroupDescribeResponse { groups [error_code] }
    ConsumerGroupHeartbeatResponse { error_code }
    CreatePartitionsResponse { results [error_code] }
    CreateTopicsResponse { topics [error_code] }
    DeleteGroupsResponse { results [error_code] }
    DeleteRecordsResponse { topics [partitions [error_code]] }
    DeleteTopicsResponse { responses [error_code] }
    DescribeClusterResponse { error_code }
    DescribeConfigsResponse { results [error_code] }
    DescribeGroupsResponse { groups [error_code] }
    DescribeLogDirsResponse { error_code results [error_code] }
    DescribeTopicPartitionsResponse { topics [error_code partitions [error_code]] }
    FetchResponse { error_code responses [partitions [error_code]] }
    FindCoordinatorResponse { error_code coordinators [error_code] }
    HeartbeatResponse { error_code }
    IncrementalAlterConfigsResponse { responses [error_code] }
    InitProducerIdResponse { error_code }
    JoinGroupResponse { error_code }
    LeaveGroupResponse { error_code members [error_code] }
    ListConfigResourcesResponse { error_code }
    ListGroupsResponse { error_code }
    ListPartitionReassignmentsResponse { error_code }
    ListOffsetsResponse { topics [partitions [error_code]] }
    MetadataResponse { error_code topics [error_code partitions [error_code]] }
    OffsetCommitResponse { topics [partitions [error_code]] }
    OffsetDeleteResponse { error_code topics [partitions [error_code]] }
    OffsetFetchResponse { groups [error_code topics [partitions [error_code]]] }
    OffsetForLeaderEpochResponse { topics [partitions [error_code]] }
    ProduceResponse { responses [partition_responses [error_code]] }
    SyncGroupResponse { error_code }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};

    use super::*;

    #[test]
    fn errors_are_found_at_every_depth_and_success_is_not_counted() {
        let partition = |code| MetadataResponsePartition::default().with_error_code(code);
        let topic = |code| MetadataResponseTopic::default().with_error_code(code);
        let topics = vec![topic(0).with_partitions(vec![partition(0), partition(5)]), topic(3)];
        let mut found = Vec::new();
        MetadataResponse::default().with_topics(topics).with_error_code(29).count_errors(&mut |code| found.push(code));
        assert_eq!(found, [29, 5, 3]);
    }
}
