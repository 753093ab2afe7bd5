//! The producer table as bytes, so that a start need not read a whole log to know its producers.
//!
//! What must always hold: a snapshot is taken whole or not at all (CRC over everything before it), a damaged one is an
//! error and never a partial table, and decoding allocates no more than the bytes given account for.
//!
//! Layout, big endian: magic `CPS2` | next offset i64 | producers u32 | producers | crc32c u32;
//! a producer: id i64 | last seen u32, seconds since 1970 | epoch i16 | batches u8 | batches, oldest first;
//! a batch: base offset i64 | timestamp i64 | last sequence i32 | last offset delta i32.

use bytes::{Buf, BufMut};
use thiserror::Error;

use crate::producer_state::{BATCHES_REMEMBERED, ProducerBatch, ProducerEntry, ProducerTable};

const MAGIC: u32 = u32::from_be_bytes(*b"CPS2");
const HEAD_LEN: usize = 4 + 8 + 4;
const PRODUCER_HEAD_LEN: usize = 8 + 4 + 2 + 1;
const BATCH_LEN: usize = 8 + 8 + 4 + 4;
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

/// The bytes of a snapshot of `table`, in which every batch before `next_offset` is accounted for.
pub fn encode(next_offset: i64, table: &ProducerTable) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_LEN + table.len() * (PRODUCER_HEAD_LEN + BATCH_LEN) + CRC_LEN);
    out.put_u32(MAGIC);
    out.put_i64(next_offset);
    out.put_u32(u32::try_from(table.len()).unwrap_or(u32::MAX));
    for (id, entry) in table.iter() {
        encode_producer(&mut out, id, entry);
    }
    let crc = crc32c::crc32c(&out);
    out.put_u32(crc);
    out
}

impl ProducerSnapshot {
    /// The snapshot's bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode(self.next_offset, &self.table)
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
    out.put_u32(u32::try_from(entry.seen_ms() / 1_000).unwrap_or(u32::MAX));
    out.put_i16(entry.epoch());
    out.put_u8(entry.batches().count() as u8);
    for batch in entry.batches() {
        out.put_i64(batch.base_offset);
        out.put_i64(batch.timestamp);
        out.put_i32(batch.last_sequence);
        out.put_i32(batch.last_offset_delta);
    }
}

fn decode_producer(body: &mut &[u8]) -> Result<(i64, ProducerEntry), SnapshotDamaged> {
    if body.remaining() < PRODUCER_HEAD_LEN {
        return Err(SnapshotDamaged("producer cut short"));
    }
    let (id, seen_ms, epoch) = (body.get_i64(), i64::from(body.get_u32()) * 1_000, body.get_i16());
    let count = usize::from(body.get_u8());
    if !(1..=BATCHES_REMEMBERED).contains(&count) || body.remaining() < count * BATCH_LEN {
        return Err(SnapshotDamaged("batches cut short"));
    }
    let mut entry = ProducerEntry::new(epoch, decode_batch(body), seen_ms);
    (1..count).for_each(|_| entry.push(decode_batch(body), seen_ms));
    Ok((id, entry))
}

/// The caller has checked that `BATCH_LEN` bytes are there.
fn decode_batch(body: &mut &[u8]) -> ProducerBatch {
    ProducerBatch {
        base_offset: body.get_i64(),
        timestamp: body.get_i64(),
        last_sequence: body.get_i32(),
        last_offset_delta: body.get_i32(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> ProducerSnapshot {
        let batch = |i: i32| ProducerBatch {
            base_offset: i64::from(i) * 10,
            timestamp: 1_700_000_000_000 + i64::from(i),
            last_sequence: i + 4,
            last_offset_delta: 4,
        };
        let mut table = ProducerTable::default();
        for producer in 0..20 {
            let mut entry = ProducerEntry::new(producer as i16, batch(0), 1_800_000_000_000);
            (0..producer % 7).for_each(|i| entry.push(batch(i as i32), 1_800_000_000_000 + i));
            table.restore(producer * 1_000, entry);
        }
        ProducerSnapshot { next_offset: 4_711, table }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for original in [snapshot(), ProducerSnapshot::default()] {
            assert_eq!(ProducerSnapshot::decode(&encode(original.next_offset, &original.table)), Ok(original));
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let bytes = encode(snapshot().next_offset, &snapshot().table);
        for at in 0..bytes.len() {
            assert!(ProducerSnapshot::decode(&bytes[..at]).is_err(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            assert!(ProducerSnapshot::decode(&flipped).is_err(), "flipped at {at}");
        }
    }
}
