//! Metadata (3), versions 0 to 13: brokers, topics and who leads their partitions.
//!
//! v0 names no topics to mean all, later versions send null; v4 lets the client forbid auto-creation; v5 adds offline
//! replicas, v7 the leader epoch, v8 authorized operations (those of the cluster until v10), v10 topic ids, v12
//! asking by id; v13 a top-level error.
//!
//! Each topic is answered once, however often it is asked for, so an answer is no larger than that about all topics.
//!
//! A topic that is created by this request is answered at once, with its partitions; Kafka answers
//! UNKNOWN_TOPIC_OR_PARTITION first and lets the client ask again. There is one node, so it leads everything.
//!
//! Source: Apache Kafka, `KafkaApis.handleTopicMetadataRequest`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use catena_protocol::error_code::ErrorCode;
use catena_storage::{PartitionLog, Topic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::operations;
use crate::broker::{Broker, RequestContext};
use crate::config::TopicDefaults;
use crate::errors;

/// The version since which topics may be asked for by id.
const IDS_SINCE: i16 = 12;

/// Answers with the topics asked for.
pub async fn handle(broker: &Broker, context: &RequestContext, request: MetadataRequest) -> MetadataResponse {
    let topics = topics(broker, context, &request).await;
    let of_topic = |topic: MetadataResponseTopic| {
        let asked = request.include_topic_authorized_operations && topic.name.is_some();
        topic.with_topic_authorized_operations(operations::of_topic(asked))
    };
    let of_cluster = operations::of_cluster(request.include_cluster_authorized_operations);
    MetadataResponse::default()
        .with_brokers(this_broker(broker, context))
        .with_cluster_id(Some(StrBytes::from_string(broker.storage.cluster_id().to_owned())))
        .with_controller_id(BrokerId(broker.node_id))
        .with_topics(topics.into_iter().map(of_topic).collect())
        .with_cluster_authorized_operations(of_cluster)
}

/// The brokers that clients of this listener can reach: this one, if the listener is advertised.
fn this_broker(broker: &Broker, context: &RequestContext) -> Vec<MetadataResponseBroker> {
    let described = |advertised: &crate::broker::AdvertisedListener| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(broker.node_id))
            .with_host(StrBytes::from_string(advertised.host.clone()))
            .with_port(i32::from(advertised.port))
            .with_rack(context.config.rack.clone().map(StrBytes::from_string))
    };
    broker.advertised(&context.listener).map(described).into_iter().collect()
}

async fn topics(broker: &Broker, context: &RequestContext, request: &MetadataRequest) -> Vec<MetadataResponseTopic> {
    let Some(asked) = request.topics.as_ref().filter(|asked| context.api_version > 0 || !asked.is_empty()) else {
        return broker.storage.topics().iter().map(|topic| found(broker, topic)).collect();
    };
    if context.api_version < IDS_SINCE && asked.iter().any(|topic| topic.name.is_none() || !topic.topic_id.is_nil()) {
        return asked.iter().map(|topic| refused(topic, ErrorCode::InvalidRequest)).collect();
    }
    let ids: HashSet<Uuid> = asked.iter().map(|topic| topic.topic_id).filter(|id| !id.is_nil()).collect();
    if !ids.is_empty() {
        return ids.into_iter().map(|id| by_id(broker, id)).collect();
    }
    by_name(broker, asked, request.allow_auto_topic_creation, &context.config.topics).await
}

fn by_id(broker: &Broker, id: Uuid) -> MetadataResponseTopic {
    let unknown = || topic_named(None, id, ErrorCode::UnknownTopicId);
    broker.storage.topic_by_id(id).map_or_else(unknown, |topic| found(broker, &topic))
}

/// Each name once, in the order asked; those that are missing are created together, if both sides allow it.
async fn by_name(
    broker: &Broker,
    asked: &[MetadataRequestTopic],
    may_create: bool,
    rules: &TopicDefaults,
) -> Vec<MetadataResponseTopic> {
    let mut seen = HashSet::new();
    let names: Vec<_> =
        asked.iter().filter_map(|topic| topic.name.as_ref()).filter(|name| seen.insert(*name)).collect();
    let missing = names.iter().filter(|name| broker.storage.topic(name).is_none()).map(|name| name.to_string());
    let missing: Vec<_> = missing.collect();
    let made = broker.topics.auto_create(missing.clone(), may_create, rules).await;
    let mut made: HashMap<_, _> = missing.into_iter().zip(made).collect();
    let answer = |name: &TopicName| match made.remove(name.as_str()) {
        Some(Ok(topic)) => found(broker, &topic),
        Some(Err(error)) => topic_named(Some(name.clone()), Uuid::nil(), errors::auto_creation(&error)),
        None => match broker.storage.topic(name) {
            Some(topic) => found(broker, &topic),
            None => topic_named(Some(name.clone()), Uuid::nil(), ErrorCode::UnknownTopicOrPartition),
        },
    };
    names.into_iter().map(answer).collect()
}

fn refused(asked: &MetadataRequestTopic, error: ErrorCode) -> MetadataResponseTopic {
    topic_named(Some(asked.name.clone().unwrap_or_default()), asked.topic_id, error)
}

fn topic_named(name: Option<TopicName>, id: Uuid, error: ErrorCode) -> MetadataResponseTopic {
    let internal = name.as_deref().is_some_and(|name| crate::topics::is_internal(name));
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_name(name)
        .with_topic_id(id)
        .with_is_internal(internal)
}

fn found(broker: &Broker, topic: &Arc<Topic>) -> MetadataResponseTopic {
    let name = TopicName(StrBytes::from_string(topic.name.clone()));
    let partitions = topic.partitions.iter().map(|log| partition(broker, log)).collect();
    topic_named(Some(name), topic.id, ErrorCode::None).with_partitions(partitions)
}

fn partition(broker: &Broker, log: &PartitionLog) -> MetadataResponsePartition {
    let this = BrokerId(broker.node_id);
    MetadataResponsePartition::default()
        .with_partition_index(log.index())
        .with_leader_id(this)
        .with_leader_epoch(log.leader_epoch())
        .with_replica_nodes(vec![this])
        .with_isr_nodes(vec![this])
}
