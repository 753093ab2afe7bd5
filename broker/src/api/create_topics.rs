//! CreateTopics (19), versions 2 to 7: new topics, or only the check whether they could be.
//!
//! v4 makes partitions and replication factor optional (-1), v5 is flexible and tells partitions and settings of what was
//! created, v7 the topic id.
//!
//! Answers are in the request's order, and complete when they leave: `timeoutMs` is not needed. A check tells no topic
//! id; Kafka tells one that no topic will ever have.
//!
//! Source: Apache Kafka, `ControllerApis.createTopics`, `ReplicationControlManager.createTopics`.

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::explain;
use crate::broker::{Broker, RequestContext};
use crate::config::describe::{self, Brokers, Described};
use crate::config::topic::is_config_topic;
use crate::errors;
use crate::topics::creation::{Assignment, CreateError, TopicRequest};
use crate::topics::{Created, Outcome};

/// The version since which the answer tells what was created.
const CREATED_SINCE: i16 = 5;

/// Answers for each topic.
pub async fn handle(broker: &Broker, context: &RequestContext, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let topics = request.topics.into_iter().map(asked).collect();
    let outcomes = broker.topics.create(topics, request.validate_only, &context.config.topics).await;
    look_after_fleets(broker, &outcomes);
    let answer = |(name, outcome)| {
        let answer = CreatableTopicResult::default().with_name(TopicName(StrBytes::from_string(name)));
        match outcome {
            Ok(created) if context.api_version >= CREATED_SINCE => with_created(broker, answer, &created),
            Ok(_) => answer.with_error_message(None),
            Err(error) => answer
                .with_error_code(errors::change(&error, errors::creation).code())
                .with_error_message(Some(explain::message(&error)))
                .with_configs(Some(Vec::new())),
        }
    };
    CreateTopicsResponse::default().with_topics(outcomes.into_iter().map(answer).collect())
}

/// A topic may have been created as a config topic.
fn look_after_fleets(broker: &Broker, outcomes: &[Outcome<Created, CreateError>]) {
    let created = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok());
    for created in created.filter(|created| is_config_topic(&created.configs)) {
        broker.storage.topic_by_id(created.id).inspect(|topic| broker.fleets.look(broker, topic));
    }
}

fn asked(topic: CreatableTopic) -> TopicRequest {
    let assignments = topic.assignments.into_iter().map(|wanted| Assignment {
        partition: wanted.partition_index,
        brokers: wanted.broker_ids.into_iter().map(|id| id.0).collect(),
    });
    let configs =
        topic.configs.into_iter().map(|config| (config.name.to_string(), config.value.map(|v| v.to_string())));
    TopicRequest {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.collect(),
    }
}

fn with_created(broker: &Broker, answer: CreatableTopicResult, created: &Created) -> CreatableTopicResult {
    let (in_force, layers) = (broker.config(), broker.configs.known().layers());
    let brokers = Brokers { in_force: &in_force.settings, layers: &layers };
    let described = describe::of_topic(&created.configs, brokers);
    answer
        .with_error_message(None)
        .with_topic_id(created.id)
        .with_num_partitions(i32::try_from(created.partitions).unwrap_or(i32::MAX))
        .with_replication_factor(1)
        .with_configs(Some(described.into_iter().map(config).collect()))
}

fn config(described: Described) -> CreatableTopicConfigs {
    CreatableTopicConfigs::default()
        .with_name(StrBytes::from_static_str(described.definition.name))
        .with_value(described.value.map(StrBytes::from_string))
        .with_read_only(described.read_only)
        .with_config_source(describe::source_id(described.source))
        .with_is_sensitive(described.definition.is_sensitive())
}
