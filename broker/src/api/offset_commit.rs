//! OffsetCommit (8), versions 2 to 9: keeps what a group has consumed.
//!
//! v2 to v4 carry a retention time of the client's own; v6 adds the leader epoch, v7 `group.instance.id`; v9 has the
//! error GROUP_ID_NOT_FOUND, where older clients are told ILLEGAL_GENERATION.
//!
//! Partitions that do not exist are refused here, and the others committed. The commit enters the coordinator in
//! `start`; the answer waits until the offsets are durable.
//!
//! Source: Apache Kafka, `KafkaApis.handleOffsetCommitRequest`, `OffsetMetadataManager.commitOffset`.

use std::future::Future;
use std::sync::Arc;

use catena_protocol::error_code::ErrorCode;
use catena_storage::Topic;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{CommitEvent, CommitReply, PartitionCommit, TopicCommit};

const GROUP_ID_NOT_FOUND_SINCE: i16 = 9;

/// Hands in what can be committed, and returns the wait for its durability.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    mut request: OffsetCommitRequest,
) -> impl Future<Output = OffsetCommitResponse> + Send + 'static {
    let mut plan = Plan::default();
    for topic in std::mem::take(&mut request.topics) {
        plan.add(broker.storage.topic(&topic.name).as_deref(), topic);
    }
    let commits = std::mem::take(&mut plan.commits);
    let is_empty = commits.is_empty();
    let committing = (!is_empty).then(|| broker.groups.commit_offsets(event(context, request, commits)));
    async move {
        if let Some(committing) = committing {
            plan.settle(committing.await);
        }
        OffsetCommitResponse::default().with_topics(plan.answers)
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
    fn add(&mut self, topic: Option<&Topic>, asked: OffsetCommitRequestTopic) {
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
            let topic_id = topic.map(|topic| topic.id);
            self.commits.push(TopicCommit { name: asked.name.to_string(), topic_id, partitions: commits });
        }
        // A topic without partitions has no answer.
        if !answers.is_empty() {
            self.answers.push(OffsetCommitResponseTopic::default().with_name(asked.name).with_partitions(answers));
        }
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

fn has_partition(topic: Option<&Topic>, index: i32) -> bool {
    topic.is_some_and(|topic| usize::try_from(index).is_ok_and(|index| index < topic.partitions.len()))
}

fn answer(index: i32, code: ErrorCode) -> OffsetCommitResponsePartition {
    OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code.code())
}

fn commit(partition: OffsetCommitRequestPartition) -> PartitionCommit {
    PartitionCommit {
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.map(|metadata| metadata.to_string()),
    }
}
