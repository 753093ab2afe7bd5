//! DeleteRecords (21), versions 0 to 2: the records of a partition before an offset go, its log start moves.
//!
//! v1 is v0, v2 is flexible. Offset -1 stands for the high watermark. Records of internal topics stay, and those of topics that are only
//! compacted. A partition named twice is answered once, for the offset named last.
//!
//! The answer leaves when the new log start is durable (Kafka writes it down within a minute). There are no replicas to wait for.
//!
//! Source: Apache Kafka, `KafkaApis.handleDeleteRecordsRequest`, `ReplicaManager.deleteRecordsOnLocalLog`.

use std::collections::HashMap;
use std::sync::Arc;

use catena_protocol::error_code::ErrorCode;
use catena_storage::{DeleteRecordsError, PartitionLog};
use kafka_protocol::messages::delete_records_request::DeleteRecordsTopic;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};
use tokio::task::spawn_blocking;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::topics::is_internal;

/// The low watermark told with an error.
const NONE: i64 = -1;

type Verdict = Result<i64, DeleteRecordsError>;

/// Partitions of one topic and the offset for each, in the order in which they were first named.
type Wanted = Vec<(TopicName, Vec<(i32, i64)>)>;

/// Answers for each partition.
pub async fn handle(broker: &Broker, _: &RequestContext, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let wanted = once(request.topics);
    let named = wanted.iter().flat_map(|(topic, partitions)| partitions.iter().map(move |named| (topic, *named)));
    let found: Vec<_> = named.map(|(topic, (index, offset))| (log(broker, topic, index), offset)).collect();
    let allowed = found.iter().filter_map(|(log, offset)| Some((log.as_ref().ok()?.clone(), *offset))).collect();
    let mut deleted = delete(broker, allowed).await.into_iter();
    let mut answers = found.into_iter().map(|(log, _)| match log {
        Ok(_) => deleted.next().map_or(Err(ErrorCode::UnknownServerError), told),
        Err(error) => Err(error),
    });
    let mut answer = |index| result(index, answers.next().unwrap_or(Err(ErrorCode::UnknownServerError)));
    let topics = wanted.into_iter().map(|(topic, partitions)| {
        let results = partitions.into_iter().map(|(index, _)| answer(index)).collect();
        DeleteRecordsTopicResult::default().with_name(topic).with_partitions(results)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn once(topics: Vec<DeleteRecordsTopic>) -> Wanted {
    let mut wanted: Wanted = Vec::new();
    let mut places: HashMap<TopicName, (usize, HashMap<i32, usize>)> = HashMap::new();
    for topic in topics {
        let (at, partitions) = places.entry(topic.name.clone()).or_insert_with(|| {
            wanted.push((topic.name, Vec::new()));
            (wanted.len() - 1, HashMap::new())
        });
        let Some((_, named)) = wanted.get_mut(*at) else { continue };
        for partition in topic.partitions {
            let place = *partitions.entry(partition.partition_index).or_insert(named.len());
            match named.get_mut(place) {
                Some(earlier) => earlier.1 = partition.offset,
                None => named.push((partition.partition_index, partition.offset)),
            }
        }
    }
    // Answers are gathered from partitions: a topic without any has none.
    wanted.retain(|(_, partitions)| !partitions.is_empty());
    wanted
}

fn log(broker: &Broker, topic: &TopicName, index: i32) -> Result<Arc<PartitionLog>, ErrorCode> {
    let topic = broker.storage.topic(topic.as_str()).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let log = usize::try_from(index).ok().and_then(|index| topic.partitions.get(index));
    let log = log.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if is_internal(&topic.name) { Err(ErrorCode::InvalidTopicException) } else { Ok(log.clone()) }
}

async fn delete(broker: &Broker, wanted: Vec<(Arc<PartitionLog>, i64)>) -> Vec<Verdict> {
    let storage = broker.storage.clone();
    // Without an answer of the thread there is none for any partition.
    spawn_blocking(move || storage.delete_records(&wanted)).await.unwrap_or_default()
}

fn told(verdict: Verdict) -> Result<i64, ErrorCode> {
    verdict.map_err(|error| errors::delete_records(&error))
}

fn result(index: i32, outcome: Result<i64, ErrorCode>) -> DeleteRecordsPartitionResult {
    let error = outcome.as_ref().err().copied().unwrap_or(ErrorCode::None);
    DeleteRecordsPartitionResult::default()
        .with_partition_index(index)
        .with_low_watermark(outcome.unwrap_or(NONE))
        .with_error_code(error.code())
}
