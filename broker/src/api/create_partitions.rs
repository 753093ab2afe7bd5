//! CreatePartitions (37), versions 0 to 3: more partitions for topics, or only the check whether that could be.
//!
//! v2 is flexible. Answers are in the request's order, and complete when they leave: `timeoutMs` is not needed.
//!
//! Source: Apache Kafka, `ControllerApis.createPartitions`, `ReplicationControlManager.createPartitions`.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::explain;
use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::topics::ChangeError;
use crate::topics::growth::{GrowthError, GrowthRequest};

/// Answers for each topic.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let topics = request.topics.into_iter().map(asked).collect();
    let outcomes = broker.topics.grow(topics, request.validate_only).await;
    let answer = |(name, outcome)| {
        let answer = CreatePartitionsTopicResult::default().with_name(TopicName(StrBytes::from_string(name)));
        match outcome {
            Ok(()) => answer.with_error_message(None),
            Err(error) => answer
                .with_error_code(errors::change(&error, errors::growth).code())
                .with_error_message(message(&error)),
        }
    };
    CreatePartitionsResponse::default().with_results(outcomes.into_iter().map(answer).collect())
}

fn asked(topic: CreatePartitionsTopic) -> GrowthRequest {
    let brokers = |ids: Vec<kafka_protocol::messages::BrokerId>| ids.into_iter().map(|id| id.0).collect();
    GrowthRequest {
        name: topic.name.to_string(),
        total: topic.count,
        assignments: topic.assignments.map(|lists| lists.into_iter().map(|list| brokers(list.broker_ids)).collect()),
    }
}

/// Kafka says no more about an unknown topic than the code does.
fn message(error: &ChangeError<GrowthError>) -> Option<StrBytes> {
    match error {
        ChangeError::Rule(GrowthError::Unknown) => None,
        error => Some(explain::message(error)),
    }
}
