//! DescribeTopicPartitions (75), version 0: topics and their partitions, in pages.
//!
//! Topics come in order of their names. A page holds at most `max.request.partition.size.limit` partitions and at most as
//! many as the client wants; a cursor says where the next one begins. There is one node, so it leads everything.
//!
//! Source: Apache Kafka, `DescribeTopicPartitionsRequestHandler` (KIP-966).

use catena_protocol::error_code::ErrorCode;
use catena_storage::PartitionLog;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor as NextCursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::operations;
use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::topics::listing::{self, Cursor, Listed};
use crate::topics::name;

/// Answers with one page.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let cursor = request.cursor.as_ref();
    let cursor = cursor.map(|at| Cursor { topic: at.topic_name.to_string(), partition: at.partition_index });
    let asked: Vec<_> = request.topics.iter().map(|topic| topic.name.to_string()).collect();
    let all = asked.is_empty();
    let names =
        if all { broker.storage.topics().iter().map(|topic| topic.name.clone()).collect() } else { asked.clone() };
    let topics = match listing::from_cursor(names.into_iter(), !all, cursor.as_ref()) {
        Ok(topics) => topics,
        Err(error) => return refused(asked, errors::cursor(&error)),
    };
    let partitions_max = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let partitions_max = partitions_max.min(context.config.topics.described_partitions_max);
    let count = |name: &str| broker.storage.topic(name).map(|topic| topic.partitions.len());
    let page = listing::page(topics, cursor.as_ref(), partitions_max, count);
    let next = page.next.map(|next| {
        NextCursor::default()
            .with_topic_name(TopicName(StrBytes::from_string(next.topic)))
            .with_partition_index(next.partition)
    });
    // One that was deleted since all names were listed is left out.
    let listed = page.topics.into_iter().filter(|listed| !all || listed.partitions.is_some());
    DescribeTopicPartitionsResponse::default()
        .with_topics(listed.map(|listed| topic(broker, listed)).collect())
        .with_next_cursor(next)
}

fn refused(topics: Vec<String>, error: ErrorCode) -> DescribeTopicPartitionsResponse {
    let topics = topics.into_iter().map(|name| named(name, error)).collect();
    DescribeTopicPartitionsResponse::default().with_topics(topics)
}

fn topic(broker: &Broker, listed: Listed) -> DescribeTopicPartitionsResponseTopic {
    let found = listed.partitions.and_then(|range| Some((range, broker.storage.topic(&listed.topic)?)));
    let described = match found {
        Some((range, topic)) => {
            let logs = topic.partitions.get(range).unwrap_or_default();
            let partitions = logs.iter().map(|log| partition(broker, log)).collect();
            let internal = name::is_internal(&listed.topic);
            named(listed.topic, ErrorCode::None)
                .with_topic_id(topic.id)
                .with_is_internal(internal)
                .with_partitions(partitions)
        }
        None => {
            let error = name::check(&listed.topic).err().map(|error| errors::topic_name(&error));
            let internal = name::is_internal(&listed.topic);
            named(listed.topic, error.unwrap_or(ErrorCode::UnknownTopicOrPartition)).with_is_internal(internal)
        }
    };
    described.with_topic_authorized_operations(operations::OF_TOPIC)
}

fn named(name: String, error: ErrorCode) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(TopicName(StrBytes::from_string(name))))
        .with_topic_authorized_operations(operations::NOT_ASKED)
}

fn partition(broker: &Broker, log: &PartitionLog) -> DescribeTopicPartitionsResponsePartition {
    let this = BrokerId(broker.node_id);
    DescribeTopicPartitionsResponsePartition::default()
        .with_partition_index(log.index())
        .with_leader_id(this)
        .with_leader_epoch(log.leader_epoch())
        .with_replica_nodes(vec![this])
        .with_isr_nodes(vec![this])
        .with_eligible_leader_replicas(Some(Vec::new()))
        .with_last_known_elr(Some(Vec::new()))
}
