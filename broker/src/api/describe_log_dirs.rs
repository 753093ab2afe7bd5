//! DescribeLogDirs (35), versions 1 to 5: the directories of this broker, and what is in each.
//!
//! v2 is flexible, v3 adds an error of its own, v4 the room in each directory, v5 whether it is cordoned. Null topics mean all. A partition is
//! listed in every directory that holds some of it: after the failure of a disk that may be two.
//!
//! Source: Apache Kafka, `KafkaApis.handleDescribeLogDirsRequest`, `ReplicaManager.describeLogDirs`.

use std::collections::HashSet;

use catena_protocol::error_code::ErrorCode;
use catena_protocol::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use catena_storage::{LogDir, LogDirPartition};
use kafka_protocol::messages::DescribeLogDirsRequest;
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};

/// In place of a number of bytes that is not known.
const UNKNOWN: i64 = -1;

/// Answers for every directory.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let storage = broker.storage.clone();
    let dirs = tokio::task::spawn_blocking(move || storage.log_dirs()).await.unwrap_or_default();
    let wanted = request.topics.map(|topics| {
        let of = |topic: &kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic| {
            let name = topic.topic.to_string();
            topic.partitions.iter().map(|index| (name.clone(), *index)).collect::<Vec<_>>()
        };
        topics.iter().flat_map(of).collect::<HashSet<_>>()
    });
    let is_wanted = |partition: &LogDirPartition| match &wanted {
        None => true,
        Some(wanted) => wanted.contains(&(partition.topic_name.clone(), index_of(partition))),
    };
    let results = dirs.into_iter().map(|dir| result(dir, is_wanted)).collect();
    DescribeLogDirsResponse { throttle_time_ms: 0, error_code: ErrorCode::None.code(), results }
}

fn result(dir: LogDir, is_wanted: impl Fn(&LogDirPartition) -> bool) -> DescribeLogDirsResult {
    let log_dir = StrBytes::from_string(dir.path.display().to_string());
    let Some(space) = dir.space else {
        let error_code = ErrorCode::KafkaStorageError.code();
        let (total_bytes, usable_bytes) = (UNKNOWN, UNKNOWN);
        return DescribeLogDirsResult { error_code, log_dir, total_bytes, usable_bytes, ..Default::default() };
    };
    DescribeLogDirsResult {
        error_code: ErrorCode::None.code(),
        log_dir,
        topics: topics(dir.partitions.into_iter().filter(is_wanted)),
        total_bytes: bytes(space.total),
        usable_bytes: bytes(space.available),
        is_cordoned: dir.is_cordoned,
    }
}

/// Partitions of one topic follow each other.
fn topics(partitions: impl Iterator<Item = LogDirPartition>) -> Vec<DescribeLogDirsTopic> {
    let mut topics: Vec<DescribeLogDirsTopic> = Vec::new();
    for partition in partitions {
        if topics.last().is_none_or(|topic| *topic.name != *partition.topic_name) {
            let name = StrBytes::from_string(partition.topic_name.clone());
            topics.push(DescribeLogDirsTopic { name, partitions: Vec::new() });
        }
        let described = DescribeLogDirsPartition {
            partition_index: index_of(&partition),
            partition_size: bytes(partition.bytes),
            offset_lag: partition.lag,
            is_future_key: partition.is_future,
        };
        topics.last_mut().into_iter().for_each(|topic| topic.partitions.push(described.clone()));
    }
    topics
}

fn index_of(partition: &LogDirPartition) -> i32 {
    i32::try_from(partition.index).unwrap_or(i32::MAX)
}

fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
