//! Keys and values of the catalog as bytes.
//!
//! What must always hold: keys order chains by topic, partition, epoch and sequence; what cannot be read gives `None`, and
//! reading allocates no more than the bytes account for.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut};
use uuid::Uuid;

use super::{ChainRecord, PartitionId};
use crate::ids::ChainId;
use crate::segment::SegmentSummary;

const SEGMENT_LEN: usize = 24;
/// In place of an end: the chain is open.
const OPEN: i64 = -1;

/// A topic as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// Whether it is one of the coordinators' own.
    pub internal: bool,
    /// Settings by name, as they were given.
    pub configs: BTreeMap<String, String>,
}

pub fn partition_key(partition: PartitionId) -> Vec<u8> {
    let mut key = partition.topic.as_bytes().to_vec();
    key.put_u32(partition.index);
    key
}

pub fn chain_key(chain: &ChainRecord) -> Vec<u8> {
    let mut key = partition_key(chain.partition);
    key.put_u32(chain.id.epoch);
    key.put_u32(chain.id.sequence);
    key
}

fn decode_chain_key(mut key: &[u8]) -> Option<(PartitionId, ChainId)> {
    let topic = Uuid::from_bytes(*key.split_off(..16)?.first_chunk()?);
    let partition = PartitionId { topic, index: key.try_get_u32().ok()? };
    let id = ChainId { epoch: key.try_get_u32().ok()?, sequence: key.try_get_u32().ok()? };
    key.is_empty().then_some((partition, id))
}

pub fn encode_chain(chain: &ChainRecord) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + chain.segments.len() * SEGMENT_LEN);
    out.put_i64(chain.start);
    out.put_i64(chain.end.unwrap_or(OPEN));
    for segment in &chain.segments {
        out.put_i64(segment.base_offset);
        out.put_u64(segment.len);
        out.put_i64(segment.max_timestamp);
    }
    out
}

pub fn decode_chain(key: &[u8], mut value: &[u8]) -> Option<ChainRecord> {
    let (partition, id) = decode_chain_key(key)?;
    let (start, end) = (value.try_get_i64().ok()?, value.try_get_i64().ok()?);
    let mut segments = Vec::with_capacity(value.len() / SEGMENT_LEN);
    while !value.is_empty() {
        segments.push(SegmentSummary {
            base_offset: value.try_get_i64().ok()?,
            len: value.try_get_u64().ok()?,
            max_timestamp: value.try_get_i64().ok()?,
        });
    }
    Some(ChainRecord { partition, id, start, end: (end != OPEN).then_some(end), segments })
}

pub fn encode_topic(topic: &TopicRecord) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32(topic.partitions);
    out.put_u8(u8::from(topic.internal));
    put_text(&mut out, &topic.name);
    for (name, value) in &topic.configs {
        put_text(&mut out, name);
        put_text(&mut out, value);
    }
    out
}

pub fn decode_topic(key: &[u8], mut value: &[u8]) -> Option<TopicRecord> {
    let id = Uuid::from_slice(key).ok()?;
    let (partitions, internal) = (value.try_get_u32().ok()?, value.try_get_u8().ok()? != 0);
    let name = get_text(&mut value)?;
    let mut configs = BTreeMap::new();
    while !value.is_empty() {
        configs.insert(get_text(&mut value)?, get_text(&mut value)?);
    }
    Some(TopicRecord { id, name, partitions, internal, configs })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    out.put_slice(text.as_bytes());
}

fn get_text(value: &mut &[u8]) -> Option<String> {
    let len = usize::try_from(value.try_get_u32().ok()?).ok()?;
    let bytes = value.split_off(..len)?;
    String::from_utf8(bytes.to_vec()).ok()
}
