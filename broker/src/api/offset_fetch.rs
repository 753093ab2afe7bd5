//! OffsetFetch (9), versions 1 to 9: what groups have committed.
//!
//! v2 adds an error of the whole group, and null instead of topics to ask for all that is committed; v5 the leader
//! epoch, v7 "only stable offsets" (always so here: there are no transactions); v8 asks for several groups at once, v9
//! names the asking member of a group of the new protocol (not used by classic groups).
//!
//! A partition without a committed offset, and a group that does not exist, is answered with offset -1 and no error.
//!
//! Source: Apache Kafka, `KafkaApis.handleOffsetFetchRequest`, `OffsetMetadataManager.fetchOffsets`,
//! `OffsetFetchResponse`.

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{CommittedOffset, FetchOffsetsEvent, TopicOffsets, TopicPartitions};

const GROUP_ERROR_SINCE: i16 = 2;
const GROUPS_SINCE: i16 = 8;
const NO_OFFSET: i64 = -1;
const NO_EPOCH: i32 = -1;

/// Answers for each group, in the order asked.
pub async fn handle(broker: &Broker, context: &RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let version = context.api_version;
    let asked = if version < GROUPS_SINCE { vec![the_one_group(request)] } else { request.groups };
    let fetching: Vec<_> = asked.iter().map(|group| broker.groups.fetch_offsets(event(group))).collect();
    let mut groups = Vec::with_capacity(asked.len());
    for (group, fetching) in asked.into_iter().zip(fetching) {
        let answer = match fetching.await {
            Ok(topics) => found(topics),
            Err(error) => failed(version, group.topics.unwrap_or_default(), errors::group(error)),
        };
        groups.push(answer.with_group_id(group.group_id));
    }
    if version < GROUPS_SINCE { flattened(groups) } else { OffsetFetchResponse::default().with_groups(groups) }
}

/// A request of the form that versions before 8 have, in the form of the newer ones.
fn the_one_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topic = |topic: OffsetFetchRequestTopic| {
        OffsetFetchRequestTopics::default().with_name(topic.name).with_partition_indexes(topic.partition_indexes)
    };
    let topics = request.topics.map(|topics| topics.into_iter().map(topic).collect());
    OffsetFetchRequestGroup::default().with_group_id(request.group_id).with_topics(topics)
}

fn event(group: &OffsetFetchRequestGroup) -> FetchOffsetsEvent {
    let topic = |topic: &OffsetFetchRequestTopics| TopicPartitions {
        name: topic.name.to_string(),
        partitions: topic.partition_indexes.clone(),
    };
    FetchOffsetsEvent {
        group_id: group.group_id.to_string(),
        topics: group.topics.as_ref().map(|topics| topics.iter().map(topic).collect()),
    }
}

fn found(topics: Vec<TopicOffsets>) -> OffsetFetchResponseGroup {
    let topics = topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|(index, offset)| partition(index, offset));
        OffsetFetchResponseTopics::default()
            .with_name(TopicName(StrBytes::from_string(topic.name)))
            .with_partitions(partitions.collect())
    });
    OffsetFetchResponseGroup::default().with_topics(topics.collect())
}

fn partition(index: i32, offset: Option<CommittedOffset>) -> OffsetFetchResponsePartitions {
    let answer = OffsetFetchResponsePartitions::default().with_partition_index(index);
    match offset {
        Some(committed) => answer
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(StrBytes::from_string(committed.metadata))),
        None => nothing(answer),
    }
}

fn nothing(answer: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartitions {
    answer
        .with_committed_offset(NO_OFFSET)
        .with_committed_leader_epoch(NO_EPOCH)
        .with_metadata(Some(StrBytes::default()))
}

/// The error of a group: once, or, for clients that have no place for it, with each partition.
fn failed(version: i16, asked: Vec<OffsetFetchRequestTopics>, error: ErrorCode) -> OffsetFetchResponseGroup {
    if version >= GROUP_ERROR_SINCE {
        return OffsetFetchResponseGroup::default().with_error_code(error.code());
    }
    let partition = |index: i32| {
        nothing(OffsetFetchResponsePartitions::default().with_partition_index(index)).with_error_code(error.code())
    };
    let topics = asked.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.into_iter().map(partition).collect();
        OffsetFetchResponseTopics::default().with_name(topic.name).with_partitions(partitions)
    });
    OffsetFetchResponseGroup::default().with_topics(topics.collect())
}

/// A response of the form that versions before 8 have.
fn flattened(groups: Vec<OffsetFetchResponseGroup>) -> OffsetFetchResponse {
    let error = groups.first().map_or(ErrorCode::None.code(), |group| group.error_code);
    let topics = groups.into_iter().flat_map(|group| group.topics).map(|topic| {
        let partitions = topic.partitions.into_iter().map(old_partition).collect();
        OffsetFetchResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    OffsetFetchResponse::default().with_error_code(error).with_topics(topics.collect())
}

fn old_partition(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition::default()
        .with_partition_index(partition.partition_index)
        .with_committed_offset(partition.committed_offset)
        .with_committed_leader_epoch(partition.committed_leader_epoch)
        .with_metadata(partition.metadata)
        .with_error_code(partition.error_code)
}
