//! The request of WriteShareGroupState (85), versions 0 and 1.
//!
//! v1 adds how many deliveries are complete (KIP-1226).

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::bounds::{self, Problem};
use crate::codec::Reader;
use crate::message::{Malformed, Request};

const KEY: i16 = 85;
/// "The number of complete deliveries is not known".
const UNKNOWN: i32 = -1;

/// What a partition's leader wants to be kept of share sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteShareGroupStateRequest {
    /// The group.
    pub group_id: StrBytes,
    /// By topic.
    pub topics: Vec<WriteStateData>,
}

/// What to keep of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteStateData {
    /// The topic's id.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<WriteStatePartition>,
}

/// What to keep of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteStatePartition {
    /// The partition's number.
    pub partition: i32,
    /// The epoch of the state.
    pub state_epoch: i32,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// Everything below is finished; -1 when that does not change.
    pub start_offset: i64,
    /// How many offsets from `start_offset` on are finished; -1 when not known.
    pub delivery_complete_count: i32,
    /// What changed.
    pub state_batches: Vec<WriteStateBatch>,
}

/// Offsets that are in the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteStateBatch {
    /// The first offset.
    pub first_offset: i64,
    /// The last offset.
    pub last_offset: i64,
    /// 0 available, 2 acknowledged, 4 archived.
    pub delivery_state: i8,
    /// How many times they were delivered.
    pub delivery_count: i16,
}

impl Request for WriteShareGroupStateRequest {
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, version, bounds::is_flexible(KEY, version));
        let request = Self { group_id: reader.string()?, topics: reader.array(topic)? };
        reader.no_tags()?;
        Ok(request)
    }
}

fn topic(reader: &mut Reader) -> Result<WriteStateData, Problem> {
    let topic = WriteStateData { topic_id: reader.uuid()?, partitions: reader.array(partition)? };
    reader.no_tags()?;
    Ok(topic)
}

fn partition(reader: &mut Reader) -> Result<WriteStatePartition, Problem> {
    let partition = WriteStatePartition {
        partition: reader.int32()?,
        state_epoch: reader.int32()?,
        leader_epoch: reader.int32()?,
        start_offset: reader.int64()?,
        delivery_complete_count: reader.if_since(1, UNKNOWN, Reader::int32)?,
        state_batches: reader.array(batch)?,
    };
    reader.no_tags()?;
    Ok(partition)
}

fn batch(reader: &mut Reader) -> Result<WriteStateBatch, Problem> {
    let batch = WriteStateBatch {
        first_offset: reader.int64()?,
        last_offset: reader.int64()?,
        delivery_state: reader.int8()?,
        delivery_count: reader.int16()?,
    };
    reader.no_tags()?;
    Ok(batch)
}
