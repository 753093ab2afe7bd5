//! Keys and values of the catalog as bytes.
//!
//! What must always hold: keys order rows by kind, topic, partition, and chains by epoch, sequence and store; what cannot be read
//! gives `None`, and reading allocates no more than the bytes account for.
//!
//! Big endian. A key is a kind and the parts of the id; a value begins with 1, that of a tombstone is 0 alone.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut};
use uuid::Uuid;

use super::row::{
    ChainRecord, LeaderEpoch, PartitionRecord, ProducersRecord, ReservationRecord, Row, RowKey, StoreRecord,
    TopicRecord,
};
use crate::ids::{ChainId, PartitionId, StoreId};
use crate::segment::SegmentSummary;

pub const STORE: u8 = 1;
pub const TOPIC: u8 = 2;
pub const PARTITION: u8 = 3;
pub const CHAIN: u8 = 4;
pub const RESERVATION: u8 = 5;
/// The last one.
pub const PRODUCERS: u8 = 6;
/// Kinds whose keys begin with a topic and that go with it.
pub const OF_TOPICS: [u8; 4] = [PARTITION, CHAIN, RESERVATION, PRODUCERS];

const GONE: u8 = 0;
const HERE: u8 = 1;
const CHAIN_ID_LEN: usize = 12;
const EPOCH_LEN: usize = 12;
const SEGMENT_LEN: usize = 24;
/// In place of an end: the chain is open.
const OPEN: i64 = -1;

/// The rows of `kind` that belong to `topic` lie between these two keys.
pub fn of_topic(kind: u8, topic: Uuid) -> (Vec<u8>, Vec<u8>) {
    let first = [&[kind], topic.as_bytes().as_slice()].concat();
    let last = [first.as_slice(), &[0xff; 4 + CHAIN_ID_LEN]].concat();
    (first, last)
}

impl RowKey {
    /// The key's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + 16 + 4 + CHAIN_ID_LEN);
        match self {
            Self::Store(id) => {
                out.put_u8(STORE);
                out.put_u32(id.get());
            }
            Self::Topic(id) => {
                out.put_u8(TOPIC);
                out.put_slice(id.as_bytes());
            }
            Self::Partition(id) => put_partition(&mut out, PARTITION, *id),
            Self::Chain(partition, chain) => put_chain(&mut out, CHAIN, *partition, *chain),
            Self::Reservation(partition, chain) => put_chain(&mut out, RESERVATION, *partition, *chain),
            Self::Producers(id) => put_partition(&mut out, PRODUCERS, *id),
        }
        out
    }

    /// The key that these bytes are.
    pub fn decode(mut key: &[u8]) -> Option<Self> {
        let key = &mut key;
        let read = match key.try_get_u8().ok()? {
            STORE => Self::Store(get_store(key)?),
            TOPIC => Self::Topic(get_uuid(key)?),
            PARTITION => Self::Partition(get_partition(key)?),
            CHAIN => Self::Chain(get_partition(key)?, get_chain(key)?),
            RESERVATION => Self::Reservation(get_partition(key)?, get_chain(key)?),
            PRODUCERS => Self::Producers(get_partition(key)?),
            _ => return None,
        };
        key.is_empty().then_some(read)
    }
}

impl Row {
    /// The bytes of everything but the key.
    pub fn encode_value(&self) -> Vec<u8> {
        if self.is_tombstone() {
            return vec![GONE];
        }
        let mut out = vec![HERE];
        match self {
            Self::TopicGone(_) | Self::ChainGone(..) => {}
            Self::Store(store) => encode_store(&mut out, store),
            Self::Topic(topic) => encode_topic(&mut out, topic),
            Self::Partition(partition) => {
                out.put_i64(partition.log_start);
                out.put_i64(partition.cleaned_to);
            }
            Self::Chain(chain) => encode_chain(&mut out, chain),
            Self::Reservation(reserved) => {
                out.put_i64(reserved.start);
                out.put_i64(reserved.end);
            }
            Self::Producers(producers) => {
                out.put_i64(producers.next_offset);
                out.put_slice(&producers.bytes);
            }
        }
        out
    }

    /// The row with these bytes.
    pub fn decode(key: &[u8], mut value: &[u8]) -> Option<Self> {
        let key = RowKey::decode(key)?;
        let value = &mut value;
        let row = match (key, value.try_get_u8().ok()?) {
            (RowKey::Topic(id), GONE) => Self::TopicGone(id),
            (RowKey::Chain(partition, id), GONE) => Self::ChainGone(partition, id),
            (_, kind) if kind != HERE => return None,
            (RowKey::Store(id), _) => Self::Store(decode_store(id, value)?),
            (RowKey::Topic(id), _) => Self::Topic(decode_topic(id, value)?),
            (RowKey::Partition(id), _) => {
                let (log_start, cleaned_to) = (get_i64(value)?, get_i64(value)?);
                Self::Partition(PartitionRecord { id, log_start, cleaned_to })
            }
            (RowKey::Chain(partition, id), _) => Self::Chain(decode_chain(partition, id, value)?),
            (RowKey::Reservation(partition, chain), _) => {
                let (start, end) = (get_i64(value)?, get_i64(value)?);
                Self::Reservation(ReservationRecord { partition, chain, start, end })
            }
            (RowKey::Producers(partition), _) => {
                let (next_offset, bytes) = (get_i64(value)?, std::mem::take(value).to_vec());
                Self::Producers(ProducersRecord { partition, next_offset, bytes })
            }
        };
        value.is_empty().then_some(row)
    }
}

fn encode_store(out: &mut Vec<u8>, store: &StoreRecord) {
    out.put_u64(store.version);
    out.put_u8(u8::from(store.is_mount_point));
    put_text(out, &store.dir);
}

fn decode_store(id: StoreId, value: &mut &[u8]) -> Option<StoreRecord> {
    let (version, is_mount_point) = (value.try_get_u64().ok()?, value.try_get_u8().ok()? != 0);
    Some(StoreRecord { id, version, is_mount_point, dir: get_text(value)? })
}

fn encode_topic(out: &mut Vec<u8>, topic: &TopicRecord) {
    out.put_u64(topic.version);
    out.put_u32(topic.created_epoch);
    out.put_u32(topic.partitions);
    out.put_u8(u8::from(topic.internal));
    put_text(out, &topic.name);
    for (name, value) in &topic.configs {
        put_text(out, name);
        put_text(out, value);
    }
}

fn decode_topic(id: Uuid, value: &mut &[u8]) -> Option<TopicRecord> {
    let (version, created_epoch) = (value.try_get_u64().ok()?, get_u32(value)?);
    let (partitions, internal) = (get_u32(value)?, value.try_get_u8().ok()? != 0);
    let name = get_text(value)?;
    let mut configs = BTreeMap::new();
    while !value.is_empty() {
        configs.insert(get_text(value)?, get_text(value)?);
    }
    Some(TopicRecord { id, version, created_epoch, name, partitions, internal, configs })
}

fn encode_chain(out: &mut Vec<u8>, chain: &ChainRecord) {
    out.put_u64(chain.version);
    put_chain_id(out, chain.counts_as);
    out.put_i64(chain.start);
    out.put_i64(chain.end.unwrap_or(OPEN));
    put_count(out, chain.replaces.len());
    chain.replaces.iter().for_each(|id| put_chain_id(out, *id));
    put_count(out, chain.leader_epochs.len());
    for entry in &chain.leader_epochs {
        out.put_u32(entry.epoch);
        out.put_i64(entry.start);
    }
    for segment in &chain.segments {
        out.put_i64(segment.base_offset);
        out.put_u64(segment.len);
        out.put_i64(segment.max_timestamp);
    }
}

fn decode_chain(partition: PartitionId, id: ChainId, value: &mut &[u8]) -> Option<ChainRecord> {
    let (version, counts_as) = (value.try_get_u64().ok()?, get_chain(value)?);
    let (start, end) = (get_i64(value)?, get_i64(value)?);
    let end = (end != OPEN).then_some(end);
    let replaces = get_list(value, CHAIN_ID_LEN, get_chain)?;
    let epoch = |value: &mut &[u8]| Some(LeaderEpoch { epoch: get_u32(value)?, start: get_i64(value)? });
    let leader_epochs = get_list(value, EPOCH_LEN, epoch)?;
    let mut segments = Vec::with_capacity(value.len() / SEGMENT_LEN);
    while !value.is_empty() {
        segments.push(SegmentSummary {
            base_offset: get_i64(value)?,
            len: value.try_get_u64().ok()?,
            max_timestamp: get_i64(value)?,
        });
    }
    Some(ChainRecord { partition, id, counts_as, version, start, end, segments, replaces, leader_epochs })
}

fn put_partition(out: &mut Vec<u8>, kind: u8, id: PartitionId) {
    out.put_u8(kind);
    out.put_slice(id.topic.as_bytes());
    out.put_u32(id.index);
}

fn put_chain(out: &mut Vec<u8>, kind: u8, partition: PartitionId, id: ChainId) {
    put_partition(out, kind, partition);
    put_chain_id(out, id);
}

fn put_chain_id(out: &mut Vec<u8>, id: ChainId) {
    out.put_u32(id.epoch);
    out.put_u32(id.sequence);
    out.put_u32(id.store.get());
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.put_u32(u32::try_from(count).unwrap_or(u32::MAX));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.put_slice(text.as_bytes());
}

/// A count and so many items of `len` bytes each.
fn get_list<T>(value: &mut &[u8], len: usize, read: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = usize::try_from(get_u32(value)?).ok()?;
    let mut bytes = value.split_off(..count.checked_mul(len)?)?;
    (0..count).map(|_| read(&mut bytes)).collect()
}

fn get_text(value: &mut &[u8]) -> Option<String> {
    let len = usize::try_from(get_u32(value)?).ok()?;
    let bytes = value.split_off(..len)?;
    String::from_utf8(bytes.to_vec()).ok()
}

fn get_partition(value: &mut &[u8]) -> Option<PartitionId> {
    Some(PartitionId { topic: get_uuid(value)?, index: get_u32(value)? })
}

fn get_chain(value: &mut &[u8]) -> Option<ChainId> {
    Some(ChainId { epoch: get_u32(value)?, sequence: get_u32(value)?, store: get_store(value)? })
}

fn get_store(value: &mut &[u8]) -> Option<StoreId> {
    StoreId::new(get_u32(value)?)
}

fn get_uuid(value: &mut &[u8]) -> Option<Uuid> {
    Some(Uuid::from_bytes(*value.split_off(..16)?.first_chunk()?))
}

fn get_u32(value: &mut &[u8]) -> Option<u32> {
    value.try_get_u32().ok()
}

fn get_i64(value: &mut &[u8]) -> Option<i64> {
    value.try_get_i64().ok()
}
