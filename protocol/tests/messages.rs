//! Messages that are own code, or whose newest version borrows an older layout, against the bytes that Apache Kafka
//! 4.4's classes write (`golden/messages/kafka-4.4.0.txt`, printed by `compat-tests/java/messages`).

mod support {
    pub mod golden;
}

use catena_protocol::messages::api_versions::ApiVersionsRequest;
use catena_protocol::messages::delete_groups::{DeletableGroupResult, DeleteGroupsResponse};
use catena_protocol::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use catena_protocol::messages::offset_commit::*;
use catena_protocol::messages::offset_fetch::*;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{
    ApiVersionsResponse, BrokerId, DeleteGroupsRequest, DescribeLogDirsRequest, GroupId, ListOffsetsRequest,
    ListOffsetsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use support::golden::{TOPIC_ID, assert_read, assert_written, text};
use uuid::Uuid;

fn topic_name() -> TopicName {
    TopicName(text("a-topic"))
}

/// The topic's name before the version that brought ids, its id since.
fn name_and_id(version: i16, ids_since: i16) -> (StrBytes, Uuid) {
    if version < ids_since { (text("a-topic"), Uuid::nil()) } else { (StrBytes::default(), TOPIC_ID) }
}

#[test]
fn api_versions() {
    assert_read("ApiVersionsRequest", 18, |version| ApiVersionsRequest {
        client_software_name: text(if version < 3 { "" } else { "a-client" }),
        client_software_version: text(if version < 3 { "" } else { "1.2.3" }),
        cluster_id: (version >= 5).then(|| text("a-cluster")),
        node_id: if version < 5 { -1 } else { 7 },
    });
    let name = || text("metadata.version");
    let supported = SupportedFeatureKey::default().with_name(name()).with_min_version(7).with_max_version(33);
    let finalized = FinalizedFeatureKey::default().with_min_version_level(33).with_max_version_level(33);
    let response = ApiVersionsResponse::default()
        .with_error_code(35)
        .with_throttle_time_ms(9)
        .with_api_keys(vec![ApiVersion::default().with_api_key(18).with_min_version(0).with_max_version(5)])
        .with_supported_features(vec![supported])
        .with_finalized_features(vec![finalized.with_name(name())])
        .with_finalized_features_epoch(12);
    assert_written("ApiVersionsResponse", |_| response.clone());
}

#[test]
fn list_offsets() {
    assert_read("ListOffsetsRequest", 2, |version| {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(3)
            .with_timestamp(-6)
            .with_current_leader_epoch(if version < 4 { -1 } else { 2 });
        let topic = ListOffsetsTopic::default().with_name(topic_name()).with_partitions(vec![partition]);
        ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_timeout_ms(if version < 10 { 0 } else { 30 })
            .with_topics(vec![topic])
    });
    assert_written("ListOffsetsResponse", |version| {
        let partition = ListOffsetsPartitionResponse::default()
            .with_partition_index(3)
            .with_offset(1234)
            .with_timestamp(5678)
            .with_error_code(6)
            .with_leader_epoch(if version < 4 { -1 } else { 2 });
        let topic = ListOffsetsTopicResponse::default().with_name(topic_name()).with_partitions(vec![partition]);
        let throttle_time_ms = if version < 2 { 0 } else { 9 };
        ListOffsetsResponse::default().with_throttle_time_ms(throttle_time_ms).with_topics(vec![topic])
    });
}

#[test]
fn offset_commit() {
    assert_read("OffsetCommitRequest", 8, |version| {
        let partition = |partition_index, committed_offset, epoch, note: Option<_>| OffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_leader_epoch: if version < 6 { -1 } else { epoch },
            committed_metadata: note.map(text),
        };
        let (name, topic_id) = name_and_id(version, 10);
        let partitions = vec![partition(3, 1234, 2, Some("a note")), partition(4, 5678, -1, None)];
        OffsetCommitRequest {
            group_id: text("a-group"),
            generation_id_or_member_epoch: 5,
            member_id: text("a-member"),
            group_instance_id: (version >= 7).then(|| text("an-instance")),
            retention_time_ms: if version < 5 { 60_000 } else { -1 },
            topics: vec![OffsetCommitRequestTopic { name, topic_id, partitions }],
        }
    });
    assert_written("OffsetCommitResponse", |_| OffsetCommitResponse {
        throttle_time_ms: 9,
        topics: vec![OffsetCommitResponseTopic {
            name: text("a-topic"),
            topic_id: TOPIC_ID,
            partitions: vec![OffsetCommitResponsePartition { partition_index: 3, error_code: 22 }],
        }],
    });
}

#[test]
fn offset_fetch() {
    assert_read("OffsetFetchRequest", 9, |version| {
        let (name, topic_id) = name_and_id(version, 10);
        let topic = OffsetFetchRequestTopics { name, topic_id, partition_indexes: vec![3, 4] };
        let mut groups = vec![OffsetFetchRequestGroup {
            group_id: text("a-group"),
            member_id: (version >= 9).then(|| text("a-member")),
            member_epoch: if version < 9 { -1 } else { 5 },
            topics: Some(vec![topic]),
        }];
        if version >= 8 {
            let group_id = text("all-of-it");
            groups.push(OffsetFetchRequestGroup { group_id, member_id: None, member_epoch: -1, topics: None });
        }
        OffsetFetchRequest { groups, require_stable: version >= 7 }
    });
    assert_written("OffsetFetchResponse", |_| OffsetFetchResponse {
        throttle_time_ms: 9,
        groups: vec![OffsetFetchResponseGroup {
            group_id: text("a-group"),
            error_code: 15,
            topics: vec![OffsetFetchResponseTopics {
                name: text("a-topic"),
                topic_id: TOPIC_ID,
                partitions: vec![OffsetFetchResponsePartitions {
                    partition_index: 3,
                    committed_offset: 1234,
                    committed_leader_epoch: 2,
                    metadata: Some(text("a note")),
                    error_code: 3,
                }],
            }],
        }],
    });
}

#[test]
fn delete_groups() {
    let groups = ["g1", "g2"].map(|name| GroupId(text(name))).to_vec();
    assert_read("DeleteGroupsRequest", 42, |_| DeleteGroupsRequest::default().with_groups_names(groups.clone()));
    assert_written("DeleteGroupsResponse", |_| DeleteGroupsResponse {
        throttle_time_ms: 9,
        results: vec![
            DeletableGroupResult { group_id: text("g1"), error_code: 68, error_message: Some(text("has members")) },
            DeletableGroupResult { group_id: text("g2"), error_code: 0, error_message: None },
        ],
    });
}

#[test]
fn describe_log_dirs() {
    assert_read("DescribeLogDirsRequest", 35, |_| {
        let topic =
            DescribableLogDirTopic::default().with_topic(TopicName(text("a-topic"))).with_partitions(vec![3, 4]);
        DescribeLogDirsRequest::default().with_topics(Some(vec![topic]))
    });
    let partition =
        DescribeLogDirsPartition { partition_index: 3, partition_size: 1 << 35, offset_lag: 77, is_future_key: true };
    let topics = vec![DescribeLogDirsTopic { name: text("a-topic"), partitions: vec![partition] }];
    assert_written("DescribeLogDirsResponse", |_| DescribeLogDirsResponse {
        throttle_time_ms: 9,
        error_code: 31,
        results: vec![
            DescribeLogDirsResult {
                error_code: 0,
                log_dir: text("/data/a"),
                topics: topics.clone(),
                total_bytes: 1 << 40,
                usable_bytes: 1 << 33,
                is_cordoned: true,
            },
            DescribeLogDirsResult {
                error_code: 56,
                log_dir: text("/data/b"),
                total_bytes: -1,
                usable_bytes: -1,
                ..DescribeLogDirsResult::default()
            },
        ],
    });
}
