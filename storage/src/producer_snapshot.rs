//! The producer table as bytes, so that a start need not read a whole log to know its producers.
//!
//! What must always hold: a snapshot is taken whole or not at all (CRC over everything before it), a damaged one is an
//! error and never a partial table, and decoding allocates no more than the bytes given account for.
//!
//! Layout, big endian: magic `CPS1` | next offset i64 | producers u32 | producers | crc32c u32;
//! a producer: id i64 | epoch i16 | batches u8 | batches; a batch: first, last sequence i32 | base, last offset i64 | timestamp i64.

use std::collections::VecDeque;

use bytes::{Buf, BufMut};
use thiserror::Error;

use crate::producer_state::{BATCHES_REMEMBERED, ProducerBatch, ProducerEntry, ProducerTable};

const MAGIC: u32 = u32::from_be_bytes(*b"CPS1");
const HEAD_LEN: usize = 4 + 8 + 4;
const PRODUCER_HEAD_LEN: usize = 8 + 2 + 1;
const BATCH_LEN: usize = 4 + 4 + 8 + 8 + 8;
const CRC_LEN: usize = 4;

/// A producer table and the offset up to which it is complete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducerSnapshot {
    /// Every batch before this offset is accounted for, none after it.
    pub next_offset: i64,
    /// The producers.
    pub table: ProducerTable,
}

/// The bytes are not a whole snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("producer snapshot is damaged: {0}")]
pub struct SnapshotDamaged(&'static str);

impl ProducerSnapshot {
    /// The snapshot's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_LEN + self.table.len() * (PRODUCER_HEAD_LEN + BATCH_LEN) + CRC_LEN);
        out.put_u32(MAGIC);
        out.put_i64(self.next_offset);
        out.put_u32(u32::try_from(self.table.len()).unwrap_or(u32::MAX));
        for (id, entry) in self.table.iter() {
            encode_producer(&mut out, id, entry);
        }
        let crc = crc32c::crc32c(&out);
        out.put_u32(crc);
        out
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// `SnapshotDamaged` for anything that `encode` did not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotDamaged> {
        let body_len = bytes.len().checked_sub(CRC_LEN).ok_or(SnapshotDamaged("too short"))?;
        let (mut body, mut crc) = bytes.split_at(body_len);
        if body.len() < HEAD_LEN || body.get_u32() != MAGIC {
            return Err(SnapshotDamaged("no snapshot header"));
        }
        if crc.get_u32() != crc32c::crc32c(&bytes[..body_len]) {
            return Err(SnapshotDamaged("wrong CRC"));
        }
        let mut snapshot = Self { next_offset: body.get_i64(), table: ProducerTable::default() };
        for _ in 0..body.get_u32() {
            let (id, entry) = decode_producer(&mut body)?;
            snapshot.table.restore(id, entry);
        }
        if body.has_remaining() { Err(SnapshotDamaged("bytes left over")) } else { Ok(snapshot) }
    }
}

fn encode_producer(out: &mut Vec<u8>, id: i64, entry: &ProducerEntry) {
    out.put_i64(id);
    out.put_i16(entry.epoch);
    out.put_u8(entry.batches.len() as u8);
    for batch in &entry.batches {
        out.put_i32(batch.first_sequence);
        out.put_i32(batch.last_sequence);
        out.put_i64(batch.base_offset);
        out.put_i64(batch.last_offset);
        out.put_i64(batch.timestamp);
    }
}

fn decode_producer(body: &mut &[u8]) -> Result<(i64, ProducerEntry), SnapshotDamaged> {
    if body.remaining() < PRODUCER_HEAD_LEN {
        return Err(SnapshotDamaged("producer cut short"));
    }
    let (id, epoch, count) = (body.get_i64(), body.get_i16(), usize::from(body.get_u8()));
    if count > BATCHES_REMEMBERED || body.remaining() < count * BATCH_LEN {
        return Err(SnapshotDamaged("batches cut short"));
    }
    let batches: VecDeque<_> = (0..count).map(|_| decode_batch(body)).collect();
    Ok((id, ProducerEntry { epoch, batches }))
}

/// The caller has checked that `BATCH_LEN` bytes are there.
fn decode_batch(body: &mut &[u8]) -> ProducerBatch {
    ProducerBatch {
        first_sequence: body.get_i32(),
        last_sequence: body.get_i32(),
        base_offset: body.get_i64(),
        last_offset: body.get_i64(),
        timestamp: body.get_i64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> ProducerSnapshot {
        let batch = |i: i32| ProducerBatch {
            first_sequence: i,
            last_sequence: i + 4,
            base_offset: i64::from(i) * 10,
            last_offset: i64::from(i) * 10 + 4,
            timestamp: 1_700_000_000_000 + i64::from(i),
        };
        let mut table = ProducerTable::default();
        for producer in 0..20 {
            let batches = (0..=(producer % 5)).map(|i| batch(i as i32)).collect();
            table.restore(producer * 1_000, ProducerEntry { epoch: producer as i16, batches });
        }
        ProducerSnapshot { next_offset: 4_711, table }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for original in [snapshot(), ProducerSnapshot::default()] {
            assert_eq!(ProducerSnapshot::decode(&original.encode()), Ok(original));
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let bytes = snapshot().encode();
        for at in 0..bytes.len() {
            assert!(ProducerSnapshot::decode(&bytes[..at]).is_err(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            assert!(ProducerSnapshot::decode(&flipped).is_err(), "flipped at {at}");
        }
    }
}
