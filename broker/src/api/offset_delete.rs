//! OffsetDelete (47), version 0: forgets what a group has committed for some partitions.
//!
//! Partitions that do not exist are refused here; those of a topic the group's members subscribe to by the coordinator.
//! An error of the group is an answer without partitions.
//!
//! Source: Apache Kafka, `KafkaApis.handleOffsetDeleteRequest`, `OffsetMetadataManager.deleteOffsets`.

use catena_protocol::error_code::ErrorCode;
use catena_storage::Topic;
use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{DeleteOffsetsEvent, PartitionResults, TopicPartitions};

/// Deletes, and answers for each partition in the order asked.
pub async fn handle(broker: &Broker, _context: &RequestContext, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let mut plan = Plan::default();
    for topic in request.topics {
        plan.add(broker.storage.topic(&topic.name).as_deref(), topic);
    }
    let topics = std::mem::take(&mut plan.deletions);
    let event = DeleteOffsetsEvent { group_id: request.group_id.to_string(), topics };
    match broker.groups.delete_offsets(event).await {
        Ok(results) => OffsetDeleteResponse::default().with_topics(plan.settled(results)),
        Err(error) => OffsetDeleteResponse::default().with_error_code(errors::group(error).code()),
    }
}

/// What of a request goes to the coordinator, and the answers, complete but for the coordinator's word.
#[derive(Default)]
struct Plan {
    deletions: Vec<TopicPartitions>,
    answers: Vec<OffsetDeleteResponseTopic>,
    /// Where in `answers` the partitions of `deletions` stand, in their order.
    slots: Vec<(usize, usize)>,
}

impl Plan {
    fn add(&mut self, topic: Option<&Topic>, asked: OffsetDeleteRequestTopic) {
        let mut answers = Vec::with_capacity(asked.partitions.len());
        let mut partitions = Vec::new();
        for partition in asked.partitions {
            let index = partition.partition_index;
            let is_known = has_partition(topic, index);
            let code = if is_known { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
            let answer = OffsetDeleteResponsePartition::default().with_partition_index(index);
            answers.push(answer.with_error_code(code.code()));
            if is_known {
                self.slots.push((self.answers.len(), answers.len() - 1));
                partitions.push(index);
            }
        }
        if !partitions.is_empty() {
            self.deletions.push(TopicPartitions { name: asked.name.to_string(), partitions });
        }
        self.answers.push(OffsetDeleteResponseTopic::default().with_name(asked.name).with_partitions(answers));
    }

    /// The answers, with the coordinator's results in their slots.
    fn settled(mut self, results: PartitionResults) -> Vec<OffsetDeleteResponseTopic> {
        let results = results.into_iter().flat_map(|topic| topic.partitions);
        for ((topic, partition), (_, result)) in self.slots.into_iter().zip(results) {
            let code = result.map_or_else(errors::group, |()| ErrorCode::None);
            self.answers[topic].partitions[partition].error_code = code.code();
        }
        self.answers
    }
}

fn has_partition(topic: Option<&Topic>, index: i32) -> bool {
    topic.is_some_and(|topic| usize::try_from(index).is_ok_and(|index| index < topic.partitions.len()))
}
