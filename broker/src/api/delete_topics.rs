//! DeleteTopics (20), versions 1 to 6: topics and all their records go.
//!
//! v4 is flexible, v5 adds messages, v6 naming by id. Before v3 a broker that deletes nothing answers INVALID_REQUEST, as
//! older clients do not know TOPIC_DELETION_DISABLED.
//!
//! Offsets that groups committed for a deleted topic go with it. As in Kafka, internal topics can be deleted. Answers are
//! in the request's order (Kafka shuffles them).
//!
//! Source: Apache Kafka, `ControllerApis.deleteTopics`.

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::explain;
use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::topics::Verdict;
use crate::topics::deletion::Named;

/// The version since which clients know TOPIC_DELETION_DISABLED.
const DISABLED_SINCE: i16 = 3;

/// Answers for each topic.
pub async fn handle(broker: &Broker, context: &RequestContext, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request.topic_names.into_iter().map(|name| DeleteTopicState::default().with_name(Some(name)));
    let asked: Vec<_> = by_name.chain(request.topics).map(named).collect();
    let answers = match broker.topics.delete(asked.clone(), &context.config.topics).await {
        Ok(verdicts) => {
            forget_settings(broker, &verdicts).await;
            verdicts.into_iter().map(|(topic, verdict)| answer(broker, topic, verdict)).collect()
        }
        Err(_) if context.api_version < DISABLED_SINCE => refused(asked, ErrorCode::InvalidRequest),
        Err(error) => refused(asked, errors::deletion(&error)),
    };
    DeleteTopicsResponse::default().with_responses(answers)
}

/// Takes away what the deleted topics were given while the broker ran.
async fn forget_settings(broker: &Broker, verdicts: &[(Named, Verdict)]) {
    for (topic, _) in verdicts.iter().filter(|(_, verdict)| verdict.is_ok()) {
        if let Some(name) = &topic.name {
            broker.fleets.forget(topic.id);
            broker.configs.topic_deleted(name.clone(), topic.id).await;
        }
    }
}

fn named(topic: DeleteTopicState) -> Named {
    Named { name: topic.name.map(|name| name.to_string()), id: topic.topic_id }
}

fn answer(broker: &Broker, topic: Named, verdict: Verdict) -> DeletableTopicResult {
    match verdict {
        Ok(()) => {
            topic.name.as_deref().inspect(|name| broker.groups.topic_deleted(name));
            result(topic, ErrorCode::None)
        }
        Err(error) => {
            result(topic, errors::change(&error, errors::deletion)).with_error_message(Some(explain::message(&error)))
        }
    }
}

fn refused(topics: Vec<Named>, error: ErrorCode) -> Vec<DeletableTopicResult> {
    topics.into_iter().map(|topic| result(topic, error)).collect()
}

fn result(topic: Named, error: ErrorCode) -> DeletableTopicResult {
    DeletableTopicResult::default()
        .with_name(topic.name.map(|name| TopicName(StrBytes::from_string(name))))
        .with_topic_id(topic.id)
        .with_error_code(error.code())
        .with_error_message(None)
}
