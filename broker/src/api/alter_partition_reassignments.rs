//! AlterPartitionReassignments (45), versions 0 and 1: moves partitions between brokers, of which there is one (KIP-455).
//!
//! v1 says whether the number of replicas may change (KIP-860), which it cannot here.
//!
//! Source: Apache Kafka, `ReplicationControlManager.alterPartitionReassignments`.

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::alter_partition_reassignments_request::ReassignablePartition;
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::topics::reassignment;

/// Checks, and answers for each partition in the order asked.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let partitions = broker.storage.topic(&topic.name).map(|topic| topic.partitions.len());
        let answer = |partition: ReassignablePartition| answer(broker, &topic.name, partitions, &partition);
        let answers = topic.partitions.into_iter().map(answer).collect();
        responses.push(ReassignableTopicResponse::default().with_name(topic.name.clone()).with_partitions(answers));
    }
    AlterPartitionReassignmentsResponse::default()
        .with_allow_replication_factor_change(request.allow_replication_factor_change)
        .with_responses(responses)
}

fn answer(
    broker: &Broker,
    topic: &str,
    partitions: Option<usize>,
    asked: &ReassignablePartition,
) -> ReassignablePartitionResponse {
    let replicas: Option<Vec<i32>> =
        asked.replicas.as_ref().map(|replicas| replicas.iter().map(|broker| broker.0).collect());
    let index = asked.partition_index;
    let checked = reassignment::check(topic, partitions, index, replicas.as_deref(), broker.topics.broker());
    let (code, message) = match checked {
        Ok(()) => (ErrorCode::None, None),
        Err(error) => (errors::reassignment(&error), Some(StrBytes::from_string(error.to_string()))),
    };
    let answer = ReassignablePartitionResponse::default().with_partition_index(index);
    answer.with_error_code(code.code()).with_error_message(message)
}
