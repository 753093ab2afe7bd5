//! A slot of the journal: what one group commit made durable, for many segments, in one piece.
//!
//! What must always hold: a slot is taken whole or not at all; one left over from an earlier use of the file, or from another
//! file, is not taken for one of this file's.
//!
//! Layout, big endian: magic `CJS2` | crc32c of all that follows | file (epoch u32, number u64) | slot number u32 | ranges u32 |
//! payload bytes u32 | ranges | payload | zeros up to a multiple of `SLOT_ALIGNMENT`;
//! a range: chain (epoch, sequence, store u32) | base offset i64 | position u64 | length u32.

use bytes::{Buf, BufMut};

use crate::ids::{ChainId, SegmentId, StoreId};

const MAGIC: u32 = u32::from_be_bytes(*b"CJS2");
const CRC_END: usize = 8;
const HEADER_LEN: usize = CRC_END + 4 + 8 + 4 + 4 + 4;
const RANGE_LEN: usize = 4 + 4 + 4 + 8 + 8 + 4;
/// A slot shares no page with another, so that a torn write cannot hurt one that was acknowledged.
pub const SLOT_ALIGNMENT: usize = 4096;

/// Which file of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    /// The broker epoch that wrote it.
    pub epoch: u32,
    /// A number within the epoch.
    pub number: u64,
}

/// Bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Which segment.
    pub segment: SegmentId,
    /// Where in it.
    pub position: u64,
    /// How many bytes.
    pub len: u32,
}

/// The front of slot `number` of `file`: everything before the payload, whose parts are the bytes of the ranges in order.
/// Reuses the memory of `buffer`.
pub fn slot_head(mut buffer: Vec<u8>, file: FileId, number: u32, ranges: &[Range], payload: &[&[u8]]) -> Vec<u8> {
    debug_assert!(ranges.iter().map(|range| range.len as usize).eq(payload.iter().map(|part| part.len())));
    buffer.clear();
    buffer.put_u32(MAGIC);
    buffer.put_u32(0);
    buffer.put_u32(file.epoch);
    buffer.put_u64(file.number);
    buffer.put_u32(number);
    buffer.put_u32(u32::try_from(ranges.len()).unwrap_or(u32::MAX));
    let payload_len: usize = payload.iter().map(|part| part.len()).sum();
    buffer.put_u32(u32::try_from(payload_len).unwrap_or(u32::MAX));
    ranges.iter().for_each(|range| put_range(&mut buffer, range));
    let crc = payload.iter().fold(crc32c::crc32c(&buffer[CRC_END..]), |crc, part| crc32c::crc32c_append(crc, part));
    buffer[4..CRC_END].copy_from_slice(&crc.to_be_bytes());
    buffer
}

/// Bytes that a slot of these ranges takes.
pub fn slot_len(ranges: &[Range]) -> usize {
    let payload: usize = ranges.iter().map(|range| range.len as usize).sum();
    (HEADER_LEN + ranges.len() * RANGE_LEN + payload).next_multiple_of(SLOT_ALIGNMENT)
}

/// A slot that was read.
pub struct Slot<'a> {
    /// Its ranges with their bytes.
    pub ranges: Vec<(Range, &'a [u8])>,
    /// Bytes to the next slot.
    pub len: usize,
}

/// How long slot `number` of `file` is that begins with `head`, if that is one: what to read before `read_slot`.
pub fn announced_len(head: &[u8], file: FileId, number: u32) -> Option<usize> {
    let (len, _) = announced(head, file, number)?;
    len.checked_next_multiple_of(SLOT_ALIGNMENT)
}

/// The bytes of a slot without the zeros at its end, and the number of its ranges.
fn announced(bytes: &[u8], file: FileId, number: u32) -> Option<(usize, usize)> {
    let mut head = bytes.get(..HEADER_LEN)?;
    let (magic, _crc) = (head.get_u32(), head.get_u32());
    let ours =
        magic == MAGIC && head.get_u32() == file.epoch && head.get_u64() == file.number && head.get_u32() == number;
    let (count, payload) = (head.get_u32() as usize, head.get_u32() as usize);
    let len = HEADER_LEN.checked_add(count.checked_mul(RANGE_LEN)?)?.checked_add(payload)?;
    ours.then_some((len, count))
}

/// The slot `number` of `file` at the beginning of `bytes`; `None` if it is not all there.
pub fn read_slot(bytes: &[u8], file: FileId, number: u32) -> Option<Slot<'_>> {
    let (len, count) = announced(bytes, file, number)?;
    let whole = bytes.get(..len)?;
    if whole[..CRC_END].last_chunk::<4>()? != &crc32c::crc32c(&whole[CRC_END..]).to_be_bytes() {
        return None;
    }
    let (mut table, mut payload) = whole[HEADER_LEN..].split_at(count * RANGE_LEN);
    let ranges = (0..count).map(|_| {
        let range = get_range(&mut table)?;
        Some((range, payload.split_off(..range.len as usize)?))
    });
    Some(Slot { ranges: ranges.collect::<Option<_>>()?, len: len.next_multiple_of(SLOT_ALIGNMENT) })
}

fn put_range(out: &mut Vec<u8>, range: &Range) {
    out.put_u32(range.segment.chain.epoch);
    out.put_u32(range.segment.chain.sequence);
    out.put_u32(range.segment.chain.store.get());
    out.put_i64(range.segment.base_offset);
    out.put_u64(range.position);
    out.put_u32(range.len);
}

/// The caller has checked that `RANGE_LEN` bytes are there.
fn get_range(table: &mut &[u8]) -> Option<Range> {
    let chain = ChainId { epoch: table.get_u32(), sequence: table.get_u32(), store: StoreId::new(table.get_u32())? };
    let segment = SegmentId { chain, base_offset: table.get_i64() };
    Some(Range { segment, position: table.get_u64(), len: table.get_u32() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId { epoch: 3, number: 9 };

    fn slot() -> Vec<u8> {
        let range = |sequence, len| Range {
            segment: SegmentId {
                chain: ChainId { epoch: 3, sequence, store: StoreId::new(8).unwrap() },
                base_offset: 77,
            },
            position: 5,
            len,
        };
        let ranges = [range(1, 3), range(2, 5_000)];
        let mut bytes = slot_head(Vec::new(), FILE, 4, &ranges, &[b"abc", &[9; 5_000]]);
        bytes.extend_from_slice(b"abc");
        bytes.extend_from_slice(&[9; 5_000]);
        bytes.resize(slot_len(&ranges), 0);
        bytes
    }

    #[test]
    fn a_slot_is_read_back_whole() {
        let bytes = slot();
        let read = read_slot(&bytes, FILE, 4).unwrap();
        assert_eq!((read.len, bytes.len()), (8192, 8192));
        assert_eq!(
            read.ranges.iter().map(|(range, bytes)| (range.segment.chain.sequence, bytes.len())).collect::<Vec<_>>(),
            [(1, 3), (2, 5_000)]
        );
        assert_eq!(read.ranges[0].1, b"abc");
    }

    #[test]
    fn torn_flipped_or_foreign_slots_are_not_taken() {
        let bytes = slot();
        assert!(read_slot(&bytes, FILE, 5).is_none());
        assert!(read_slot(&bytes, FileId { number: 8, ..FILE }, 4).is_none());
        for at in (0..5_095).step_by(7) {
            assert!(read_slot(&bytes[..at], FILE, 4).is_none(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(read_slot(&flipped, FILE, 4).is_none(), "flipped at {at}");
        }
        let mut huge = bytes;
        huge[24..28].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(read_slot(&huge, FILE, 4).is_none());
    }
}
