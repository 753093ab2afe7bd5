//! ListOffsets (2), versions 1 to 11: offsets by time, and those that stand for a place in the log.
//!
//! v2 adds isolation, v4 leader epochs, v7 the largest timestamp (-3), v8 the earliest local offset (-4), v9 the
//! last tiered offset (-5), v10 a timeout for remote reads (nothing is remote here), v11 the earliest offset that
//! waits for upload (-6).
//!
//! There is no tiered storage, so -4 is the log start, and -5 and -6 are not there, as in Kafka without it.
//!
//! Source: Apache Kafka, `ReplicaManager.fetchOffset`, `UnifiedLog.fetchOffsetByTimestamp`.

use std::collections::HashSet;
use std::sync::Arc;

use catena_protocol::error_code::ErrorCode;
use catena_storage::{LogOffsets, PartitionLog, ReadUpTo, Topic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::fetch::check_leader_epoch;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
/// The special timestamps, each with the version that brought it.
const SPECIAL: [(i64, i16); 6] = [
    (LATEST, 0),
    (EARLIEST, 0),
    (MAX_TIMESTAMP, 7),
    (EARLIEST_LOCAL, 8),
    (LATEST_TIERED, 9),
    (EARLIEST_PENDING_UPLOAD, 11),
];

/// The version since which the leader epoch of an offset is told.
const EPOCH_SINCE: i16 = 4;
const READ_COMMITTED: i8 = 1;
/// The replica id of a consumer; others see the log to its end.
const CONSUMER: i32 = -1;

/// What was found: an offset, its timestamp and leader epoch; -1 each if there is none.
#[derive(Clone, Copy)]
struct Found {
    offset: i64,
    timestamp: i64,
    leader_epoch: i32,
}

const NOTHING: Found = Found { offset: -1, timestamp: -1, leader_epoch: -1 };

/// Answers for each partition.
pub async fn handle(broker: &Broker, context: &RequestContext, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let up_to = match (request.replica_id.0, request.isolation_level) {
        (CONSUMER, READ_COMMITTED) => ReadUpTo::LastStable,
        (CONSUMER, _) => ReadUpTo::HighWatermark,
        _ => ReadUpTo::LogEnd,
    };
    let duplicates = duplicates(&request);
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in request.topics {
        let topic = broker.storage.topic(&asked.name);
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for partition in &asked.partitions {
            let found = if duplicates.contains(&(asked.name.to_string(), partition.partition_index)) {
                Err(ErrorCode::InvalidRequest)
            } else {
                find(context, topic.as_deref(), partition, up_to).await
            };
            partitions.push(answer(context.api_version, partition.partition_index, found));
        }
        topics.push(ListOffsetsTopicResponse::default().with_name(asked.name).with_partitions(partitions));
    }
    ListOffsetsResponse::default().with_topics(topics)
}

fn duplicates(request: &ListOffsetsRequest) -> HashSet<(String, i32)> {
    let mut seen = HashSet::new();
    let all = request.topics.iter().flat_map(|topic: &ListOffsetsTopic| {
        topic.partitions.iter().map(|partition| (topic.name.to_string(), partition.partition_index))
    });
    all.filter(|partition| !seen.insert(partition.clone())).collect()
}

fn answer(version: i16, index: i32, found: Result<Found, ErrorCode>) -> ListOffsetsPartitionResponse {
    let (error, found) = match found {
        Ok(found) => (ErrorCode::None, found),
        Err(error) => (error, NOTHING),
    };
    ListOffsetsPartitionResponse::default()
        .with_partition_index(index)
        .with_error_code(error.code())
        .with_timestamp(found.timestamp)
        .with_offset(found.offset)
        .with_leader_epoch(if version >= EPOCH_SINCE { found.leader_epoch } else { NOTHING.leader_epoch })
}

async fn find(
    context: &RequestContext,
    topic: Option<&Topic>,
    asked: &ListOffsetsPartition,
    up_to: ReadUpTo,
) -> Result<Found, ErrorCode> {
    let since = SPECIAL.iter().find(|(special, _)| *special == asked.timestamp).map(|(_, since)| *since);
    if asked.timestamp < 0 && since.is_none_or(|since| context.api_version < since) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let log = topic.and_then(|topic| topic.partitions.get(usize::try_from(asked.partition_index).ok()?));
    let log = log.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    check_leader_epoch(asked.current_leader_epoch, log.leader_epoch()).map_err(|error| errors::fetch(&error))?;
    let offsets = log.offsets();
    Ok(match asked.timestamp {
        EARLIEST | EARLIEST_LOCAL => {
            let leader_epoch = log.epoch_at(offsets.log_start).unwrap_or(NOTHING.leader_epoch);
            Found { offset: offsets.log_start, leader_epoch, ..NOTHING }
        }
        LATEST => Found { offset: visible_end(&offsets, up_to), leader_epoch: log.leader_epoch(), ..NOTHING },
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => NOTHING,
        timestamp => look_up(log, timestamp, up_to).await?,
    })
}

/// Looks into batches, perhaps cold ones, so not on a thread that serves connections.
async fn look_up(log: &Arc<PartitionLog>, timestamp: i64, up_to: ReadUpTo) -> Result<Found, ErrorCode> {
    let log = log.clone();
    let end = visible_end(&log.offsets(), up_to);
    let looked = tokio::task::spawn_blocking(move || match timestamp {
        MAX_TIMESTAMP => log.max_timestamp(),
        timestamp => log.offset_for_timestamp(timestamp, up_to),
    });
    let found = looked.await.map_err(|_| ErrorCode::UnknownServerError)?.map_err(|error| errors::read(&error))?;
    let visible = found.filter(|at| at.offset < end);
    Ok(visible.map_or(NOTHING, |at| Found {
        offset: at.offset,
        timestamp: at.timestamp,
        leader_epoch: at.leader_epoch,
    }))
}

fn visible_end(offsets: &LogOffsets, up_to: ReadUpTo) -> i64 {
    match up_to {
        ReadUpTo::HighWatermark => offsets.high_watermark,
        ReadUpTo::LastStable => offsets.last_stable,
        ReadUpTo::LogEnd => offsets.log_end,
    }
}
