//! What becomes of one batch in a pass.
//!
//! What must always hold: pure; a batch that loses nothing and needs no delete horizon is not touched, whatever else is true of it.
//! Batches behind the end of the pass are not looked into.
//!
//! A tombstone goes in two steps (KIP-534): the first pass that sees it as the last of its key writes the time until which it
//! stays into its batch (the delete horizon); the first pass after that time drops it.
//!
//! Source: Apache Kafka, `Cleaner.cleanInto`, `Cleaner.shouldRetainRecord`, `MemoryRecords.filterTo`.

use std::collections::HashMap;

use catena_protocol::batch::{BatchHeader, HEADER_LEN, crc_matches};
use catena_protocol::records::{RecordError, RecordReader, emptied, retain};

use super::offset_map::OffsetMap;

/// What a pass knows.
pub struct Rules<'a> {
    /// Keys of the records that were not compacted before.
    pub map: &'a OffsetMap,
    /// After the last record whose key is in the map, or is known to have none.
    pub end: i64,
    /// Where the pass could have ended at most; the batch before it stays, if need be without records.
    pub end_max: i64,
    /// Live producers and the offset of the last record of each.
    pub producers: &'a HashMap<i64, i64>,
    /// Now, milliseconds since 1970.
    pub now_ms: i64,
    /// How long tombstones stay, milliseconds (`delete.retention.ms`).
    pub delete_retention_ms: i64,
}

/// What becomes of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filtered {
    /// It stays as it is.
    Whole,
    /// These bytes take its place.
    Rewritten(Vec<u8>),
    /// Only its header stays.
    Emptied([u8; HEADER_LEN]),
    /// Nothing stays.
    Dropped,
}

/// What became of how many records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Records looked at.
    pub read: u64,
    /// Records that stay.
    pub kept: u64,
    /// Records without a key, which do not belong here.
    pub keyless: u64,
}

/// Why a batch cannot be compacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The bytes are not those that were written.
    #[error("the CRC is wrong")]
    Crc,
    /// They never were records.
    #[error(transparent)]
    Records(#[from] RecordError),
}

/// Says what becomes of the batch in `batch`.
///
/// # Errors
/// A wrong CRC, or records that cannot be read.
pub fn filter(batch: &[u8], rules: &Rules<'_>, counted: &mut Counted) -> Result<Filtered, FilterError> {
    let header = checked(batch)?;
    if header.is_control() || header.base_offset >= rules.end {
        return Ok(Filtered::Whole);
    }
    let verdict = Verdict::of(batch, &header, rules, counted)?;
    if verdict.kept.count == 0 {
        return Ok(without_records(&header, rules));
    }
    let horizon = verdict.tombstones && header.delete_horizon_ms().is_none();
    let horizon = horizon.then(|| rules.now_ms.saturating_add(rules.delete_retention_ms.max(0)));
    if verdict.kept.count == verdict.kept.len && horizon.is_none() {
        return Ok(Filtered::Whole);
    }
    Ok(Filtered::Rewritten(retain(batch, horizon, |index| verdict.kept.get(index))?))
}

/// Puts the keys of the batch's records at or above `from` into the map. The offset after the last record that the map took in, when it is
/// full; `None` as long as it is not.
///
/// # Errors
/// As `filter`.
pub fn gather(batch: &[u8], from: i64, map: &mut OffsetMap) -> Result<Option<i64>, FilterError> {
    let header = checked(batch)?;
    if header.is_control() || header.last_offset() < from {
        return Ok(None);
    }
    let mut reader = RecordReader::new(batch)?;
    let mut end = from.max(header.base_offset);
    while let Some(position) = reader.next().transpose()? {
        let mut hasher = map.hasher();
        let keyed = reader.read_key(|piece| hasher.write(piece))?;
        if keyed && position.offset >= from && !map.put(hasher.finish(), position.offset) {
            return Ok(Some(end));
        }
        end = end.max(position.offset.saturating_add(1));
    }
    Ok(None)
}

fn checked(batch: &[u8]) -> Result<BatchHeader, FilterError> {
    let header = BatchHeader::parse_whole(batch).map_err(RecordError::from)?;
    if crc_matches(batch, &header) { Ok(header) } else { Err(FilterError::Crc) }
}

/// What becomes of a batch of which no record stays.
fn without_records(header: &BatchHeader, rules: &Rules<'_>) -> Filtered {
    let last_of_producer =
        header.has_producer_id() && rules.producers.get(&header.producer_id) == Some(&header.last_offset());
    match last_of_producer || header.next_offset() == rules.end_max {
        true if header.record_count == 0 => Filtered::Whole,
        true => Filtered::Emptied(emptied(header)),
        false => Filtered::Dropped,
    }
}

/// Which records of a batch stay.
struct Verdict {
    kept: Bits,
    /// Whether there are tombstones among those that stay and are not beyond the end of the pass.
    tombstones: bool,
}

impl Verdict {
    fn of(batch: &[u8], header: &BatchHeader, rules: &Rules<'_>, counted: &mut Counted) -> Result<Self, RecordError> {
        let mut verdict = Self { kept: Bits::default(), tombstones: false };
        let tombstones_stay = header.delete_horizon_ms().is_none_or(|horizon| rules.now_ms < horizon);
        let mut reader = RecordReader::new(batch)?;
        while let Some(position) = reader.next().transpose()? {
            let mut hasher = rules.map.hasher();
            let keyed = reader.read_key(|piece| hasher.write(piece))?;
            let tombstone = !reader.read_has_value()?;
            let beyond = position.offset >= rules.end;
            let is_last = || rules.map.get(hasher.finish()).is_none_or(|last| position.offset >= last);
            let keep = beyond || (keyed && (!tombstone || tombstones_stay) && is_last());
            verdict.kept.push(keep);
            verdict.tombstones |= keep && tombstone && !beyond;
            counted.keyless += u64::from(!keyed && !beyond);
        }
        counted.read += verdict.kept.len as u64;
        counted.kept += verdict.kept.count as u64;
        Ok(verdict)
    }
}

/// A row of bits.
#[derive(Default)]
struct Bits {
    words: Vec<u64>,
    len: usize,
    /// How many are set.
    count: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word |= u64::from(bit) << (self.len % 64);
        }
        self.len += 1;
        self.count += usize::from(bit);
    }

    fn get(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}
