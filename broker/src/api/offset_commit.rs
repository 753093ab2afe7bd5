//! OffsetCommit (8), versions 2 to 10: keeps what a group has consumed.
//!
//! v2 to v4 carry a retention time of the client's own; v6 adds the leader epoch, v7 `group.instance.id`; v9 has the
//! error GROUP_ID_NOT_FOUND, where older clients are told ILLEGAL_GENERATION; v10 names topics by id.
//!
//! Partitions that do not exist are refused here, and the others committed. The commit enters the coordinator in
//! `start`; the answer waits until the offsets are durable.
//!
//! Source: Apache Kafka, `KafkaApis.handleOffsetCommitRequest`, `OffsetMetadataManager.commitOffset`.

use std::future::Future;
use std::sync::Arc;

use catena_protocol::error_code::ErrorCode;
use catena_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use catena_storage::Topic;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{CommitEvent, CommitReply, PartitionCommit, TopicCommit};

const GROUP_ID_NOT_FOUND_SINCE: i16 = 9;
/// The version since which topics are named by id.
const IDS_SINCE: i16 = 10;

/// Hands in what can be committed, and returns the wait for its durability.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    mut request: OffsetCommitRequest,
) -> impl Future<Output = OffsetCommitResponse> + Send + 'static {
    let by_id = context.api_version >= IDS_SINCE;
    let mut plan = Plan::default();
    for asked in std::mem::take(&mut request.topics) {
        let found = if by_id { broker.storage.topic_by_id(asked.topic_id) } else { broker.storage.topic(&asked.name) };
        match found {
            None if by_id => plan.refuse(asked, ErrorCode::UnknownTopicId),
            None => plan.refuse(asked, ErrorCode::UnknownTopicOrPartition),
            Some(topic) => plan.add(&topic, asked),
        }
    }
    let commits = std::mem::take(&mut plan.commits);
    let is_empty = commits.is_empty();
    let committing = (!is_empty).then(|| broker.groups.commit_offsets(event(context, request, commits)));
    async move {
        if let Some(committing) = committing {
            plan.settle(committing.await);
        }
        OffsetCommitResponse { throttle_time_ms: 0, topics: plan.answers }
    }
}

fn event(context: &RequestContext, request: OffsetCommitRequest, topics: Vec<TopicCommit>) -> CommitEvent {
    CommitEvent {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|id| id.to_string()),
        generation: request.generation_id_or_member_epoch,
        retention_time_ms: request.retention_time_ms,
        knows_group_id_not_found: context.api_version >= GROUP_ID_NOT_FOUND_SINCE,
        metadata_bytes_max: context.config_of_group(&request.group_id).groups.offset_metadata_bytes_max,
        topics,
    }
}

/// What of a request goes to the coordinator, and the answers, complete but for the coordinator's word.
#[derive(Default)]
struct Plan {
    commits: Vec<TopicCommit>,
    answers: Vec<OffsetCommitResponseTopic>,
    /// Where in `answers` the partitions of `commits` stand, in their order.
    slots: Vec<(usize, usize)>,
}

impl Plan {
    /// Takes on the partitions that exist.
    fn add(&mut self, topic: &Topic, asked: OffsetCommitRequestTopic) {
        let mut answers = Vec::with_capacity(asked.partitions.len());
        let mut commits = Vec::new();
        for partition in asked.partitions {
            let is_known = has_partition(topic, partition.partition_index);
            let code = if is_known { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
            answers.push(answer(partition.partition_index, code));
            if is_known {
                self.slots.push((self.answers.len(), answers.len() - 1));
                commits.push(commit(partition));
            }
        }
        if !commits.is_empty() {
            self.commits.push(TopicCommit { name: topic.name.to_string(), topic_id: topic.id, partitions: commits });
        }
        // Kafka does not mention a topic of which nothing was asked.
        if !answers.is_empty() {
            self.answer(asked.name, asked.topic_id, answers);
        }
    }

    /// Answers each partition with `code`.
    fn refuse(&mut self, asked: OffsetCommitRequestTopic, code: ErrorCode) {
        let answers = asked.partitions.iter().map(|partition| answer(partition.partition_index, code)).collect();
        self.answer(asked.name, asked.topic_id, answers);
    }

    fn answer(&mut self, name: StrBytes, topic_id: Uuid, partitions: Vec<OffsetCommitResponsePartition>) {
        self.answers.push(OffsetCommitResponseTopic { name, topic_id, partitions });
    }

    /// Writes the coordinator's results into their slots.
    fn settle(&mut self, reply: CommitReply) {
        let codes: Vec<ErrorCode> = match reply {
            Err(error) => vec![errors::group(error); self.slots.len()],
            Ok(topics) => {
                let results = topics.into_iter().flat_map(|topic| topic.partitions);
                results.map(|(_, result)| result.map_or_else(errors::group, |()| ErrorCode::None)).collect()
            }
        };
        for ((topic, partition), code) in self.slots.drain(..).zip(codes) {
            self.answers[topic].partitions[partition].error_code = code.code();
        }
    }
}

fn has_partition(topic: &Topic, index: i32) -> bool {
    usize::try_from(index).is_ok_and(|index| index < topic.partitions.len())
}

fn answer(index: i32, code: ErrorCode) -> OffsetCommitResponsePartition {
    OffsetCommitResponsePartition { partition_index: index, error_code: code.code() }
}

fn commit(partition: OffsetCommitRequestPartition) -> PartitionCommit {
    PartitionCommit {
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.map(|metadata| metadata.to_string()),
    }
}
