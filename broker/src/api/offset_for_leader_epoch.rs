//! OffsetForLeaderEpoch (23), versions 2 to 4: where the records of a leader epoch end, so that a client can find out
//! whether its own log still agrees with ours.
//!
//! v3 adds the replica id (not used), v4 is flexible.
//!
//! Source: Apache Kafka, `ReplicaManager.lastOffsetForLeaderEpoch`, `Partition.lastOffsetForLeaderEpoch`.

use catena_protocol::error_code::ErrorCode;
use catena_storage::Topic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::fetch::check_leader_epoch;

const UNKNOWN_EPOCH: i32 = -1;
const UNKNOWN_OFFSET: i64 = -1;

/// Answers for each partition.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| of_topic(broker, topic)).collect();
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}

fn of_topic(broker: &Broker, asked: OffsetForLeaderTopic) -> OffsetForLeaderTopicResult {
    let topic = broker.storage.topic(&asked.topic);
    let partitions = asked.partitions.iter().map(|partition| of_partition(topic.as_deref(), partition)).collect();
    OffsetForLeaderTopicResult::default().with_topic(asked.topic).with_partitions(partitions)
}

fn of_partition(topic: Option<&Topic>, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let (error, epoch, offset) = match epoch_end(topic, asked) {
        Ok((epoch, offset)) => (ErrorCode::None, epoch, offset),
        Err(error) => (error, UNKNOWN_EPOCH, UNKNOWN_OFFSET),
    };
    EpochEndOffset::default()
        .with_error_code(error.code())
        .with_partition(asked.partition)
        .with_leader_epoch(epoch)
        .with_end_offset(offset)
}

fn epoch_end(topic: Option<&Topic>, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), ErrorCode> {
    let log = topic.and_then(|topic| topic.partitions.get(usize::try_from(asked.partition).ok()?));
    let log = log.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let current = log.leader_epoch();
    check_leader_epoch(asked.current_leader_epoch, current).map_err(|error| errors::fetch(&error))?;
    if asked.leader_epoch == current {
        return Ok((current, log.offsets().log_end));
    }
    let end = log.end_offset_for_epoch(asked.leader_epoch);
    Ok(end.map_or((UNKNOWN_EPOCH, UNKNOWN_OFFSET), |end| (end.leader_epoch, end.end_offset)))
}
