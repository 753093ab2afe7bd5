//! What a partition remembers of idempotent producers, as a pure state machine.
//!
//! What must always hold:
//! - `apply` is the only way in, for a fresh append and for replay alike, so both lead to the same table.
//! - A batch equal to one of a producer's last five (same epoch, same sequences) is a duplicate and is not appended again.
//! - Within an epoch, sequences have no gap; a new epoch begins at sequence 0; an older epoch is refused.
//! - A producer never seen may begin at any sequence: its state may have expired or been deleted with its records.
//!
//! Source: Apache Kafka, `ProducerStateManager`, `ProducerAppendInfo`, `ProducerStateEntry`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use catena_protocol::batch::{BatchHeader, increment_sequence};
use thiserror::Error;

/// Batches remembered for each producer; clients keep at most five requests in flight.
pub const BATCHES_REMEMBERED: usize = 5;
const OLDER_MAX: usize = BATCHES_REMEMBERED - 1;

/// A batch appended by an idempotent producer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProducerBatch {
    /// Offset of the first record.
    pub base_offset: i64,
    /// The batch's largest timestamp, milliseconds since 1970.
    pub timestamp: i64,
    /// Sequence number of the last record.
    pub last_sequence: i32,
    /// Offset of the last record relative to the first; sequence numbers grow as offsets do.
    pub last_offset_delta: i32,
}

/// One producer's state, 40 bytes. Many producers send one batch and are never heard of again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerEntry {
    newest: ProducerBatch,
    /// Batches of the epoch before the newest, oldest first; the first `older_count` places are used.
    older: Option<Box<[ProducerBatch; OLDER_MAX]>>,
    /// When the producer was last seen, seconds since 1970.
    seen_s: u32,
    epoch: i16,
    older_count: u8,
}

/// How a batch relates to what its producer appended before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequenceCheck {
    /// Append it.
    Fresh,
    /// It was appended before: answer with the original's offsets.
    Duplicate(ProducerBatch),
}

/// Why a producer's batch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProducerError {
    /// The sequence number does not follow the last one.
    #[error("out of order sequence number for producer {producer_id}: {found}, expected {expected}")]
    OutOfOrderSequence {
        /// Whose batch.
        producer_id: i64,
        /// Sequence number of the batch's first record.
        found: i32,
        /// The one that would have been next.
        expected: i32,
    },
    /// A newer incarnation of the producer was seen before.
    #[error("producer {producer_id} epoch {found} is older than {current}")]
    StaleEpoch {
        /// Whose batch.
        producer_id: i64,
        /// Epoch of the batch.
        found: i16,
        /// The latest epoch seen.
        current: i16,
    },
}

/// All producers of a partition, by producer id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerTable {
    producers: HashMap<i64, ProducerEntry>,
}

impl ProducerTable {
    /// Says whether `batch` may be appended next. Batches without a producer id always may.
    ///
    /// # Errors
    /// An older epoch, or a sequence number that does not follow.
    pub fn check(&self, batch: &BatchHeader) -> Result<SequenceCheck, ProducerError> {
        if !batch.has_producer_id() {
            return Ok(SequenceCheck::Fresh);
        }
        let Some(entry) = self.producers.get(&batch.producer_id) else {
            return Ok(SequenceCheck::Fresh);
        };
        if batch.producer_epoch < entry.epoch {
            let (found, current) = (batch.producer_epoch, entry.epoch);
            return Err(ProducerError::StaleEpoch { producer_id: batch.producer_id, found, current });
        }
        if let Some(original) = entry.duplicate_of(batch) {
            return Ok(SequenceCheck::Duplicate(original));
        }
        let expected = entry.next_sequence(batch.producer_epoch);
        if batch.base_sequence != expected {
            let found = batch.base_sequence;
            return Err(ProducerError::OutOfOrderSequence { producer_id: batch.producer_id, found, expected });
        }
        Ok(SequenceCheck::Fresh)
    }

    /// Remembers `batch`, which stands in the log with its final offsets; it was taken in, or read again, at `seen_ms`.
    pub fn apply(&mut self, batch: &BatchHeader, seen_ms: i64) {
        if !batch.has_producer_id() || batch.is_control() {
            return;
        }
        let newest = ProducerBatch {
            base_offset: batch.base_offset,
            timestamp: batch.max_timestamp,
            last_sequence: batch.last_sequence(),
            last_offset_delta: batch.last_offset_delta,
        };
        let fresh = || ProducerEntry::new(batch.producer_epoch, newest, seen_ms);
        match self.producers.get_mut(&batch.producer_id) {
            Some(entry) if entry.epoch == batch.producer_epoch => entry.push(newest, seen_ms),
            Some(entry) => *entry = fresh(),
            None => drop(self.producers.insert(batch.producer_id, fresh())),
        }
    }

    /// Puts back a producer read from a snapshot.
    pub fn restore(&mut self, producer_id: i64, entry: ProducerEntry) {
        self.producers.insert(producer_id, entry);
    }

    /// Forgets batches from `offset` on: they are not in the log.
    pub fn forget_from(&mut self, offset: i64) {
        let gone: Vec<i64> = self.iter().filter(|(_, entry)| entry.last_offset() >= offset).map(|(id, _)| id).collect();
        for id in gone {
            if let Some(entry) = self.producers.remove(&id).and_then(|entry| entry.before(offset)) {
                self.producers.insert(id, entry);
            }
        }
    }

    /// Forgets producers that were not there for `expiration_ms` (`producer.id.expiration.ms`).
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.retain(|entry| now_ms.saturating_sub(entry.last_there_ms()) < expiration_ms);
    }

    /// Counts producers by the second in which they were last seen.
    pub fn count_by_age(&self, ages: &mut BTreeMap<u32, u64>) {
        self.producers.values().for_each(|entry| *ages.entry(entry.seen_s).or_default() += 1);
    }

    /// Forgets producers that were not seen after `second`; of those last seen in it, as many as `spare` says, which is
    /// lowered by as many.
    pub fn evict(&mut self, second: u32, spare: &mut u64) {
        self.retain(|entry| match entry.seen_s.cmp(&second) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal if *spare == 0 => true,
            Ordering::Equal => {
                *spare -= 1;
                false
            }
        });
    }

    fn retain(&mut self, keep: impl FnMut(&ProducerEntry) -> bool) {
        let mut keep = keep;
        self.producers.retain(|_, entry| keep(entry));
        if self.producers.len() < self.producers.capacity() / 4 {
            self.producers.shrink_to_fit();
        }
    }

    /// All producers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &ProducerEntry)> {
        self.producers.iter().map(|(id, entry)| (*id, entry))
    }

    /// Producers remembered.
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Whether no producer is remembered.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }
}

impl ProducerBatch {
    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(self.last_offset_delta.into())
    }
}

impl ProducerEntry {
    /// A producer that has sent one batch in `epoch`.
    pub fn new(epoch: i16, newest: ProducerBatch, seen_ms: i64) -> Self {
        Self { newest, older: None, seen_s: seconds(seen_ms), epoch, older_count: 0 }
    }

    /// Remembers a later batch of the same epoch.
    pub fn push(&mut self, newest: ProducerBatch, seen_ms: i64) {
        let older = self.older.get_or_insert_default();
        if usize::from(self.older_count) == OLDER_MAX {
            older.rotate_left(1);
            self.older_count -= 1;
        }
        if let Some(place) = older.get_mut(usize::from(self.older_count)) {
            *place = self.newest;
            self.older_count += 1;
        }
        self.newest = newest;
        self.seen_s = self.seen_s.max(seconds(seen_ms));
    }

    /// The latest epoch seen.
    pub fn epoch(&self) -> i16 {
        self.epoch
    }

    /// The last batches of this epoch, oldest first: at least one, at most `BATCHES_REMEMBERED`.
    pub fn batches(&self) -> impl Iterator<Item = &ProducerBatch> {
        let older = self.older.iter().flat_map(|older| older.iter().take(self.older_count.into()));
        older.chain([&self.newest])
    }

    /// When the producer was last seen, milliseconds since 1970, rounded up to a second.
    pub fn seen_ms(&self) -> i64 {
        i64::from(self.seen_s) * 1_000
    }

    /// Offset of the last record of the newest batch.
    pub fn last_offset(&self) -> i64 {
        self.newest.last_offset()
    }

    /// What is left when the batches from `offset` on are gone.
    fn before(&self, offset: i64) -> Option<Self> {
        let mut left = self.batches().filter(|batch| batch.base_offset < offset).copied();
        let mut entry = Self::new(self.epoch, left.next()?, self.seen_ms());
        left.for_each(|batch| entry.push(batch, self.seen_ms()));
        Some(entry)
    }

    fn duplicate_of(&self, batch: &BatchHeader) -> Option<ProducerBatch> {
        let sequences = (batch.last_sequence(), batch.last_offset_delta);
        let same = |known: &&ProducerBatch| (known.last_sequence, known.last_offset_delta) == sequences;
        (batch.producer_epoch == self.epoch).then(|| self.batches().find(same).copied()).flatten()
    }

    fn next_sequence(&self, epoch: i16) -> i32 {
        if epoch == self.epoch { increment_sequence(self.newest.last_sequence, 1) } else { 0 }
    }

    /// When the broker saw the producer, or the largest timestamp of its newest batch, if that is later. Apache Kafka goes by
    /// the latter alone, and forgets producers that write of old events while they write.
    fn last_there_ms(&self) -> i64 {
        self.newest.timestamp.max(self.seen_ms())
    }
}

/// Seconds since 1970, rounded up; of times that have none, the nearest that has.
fn seconds(time_ms: i64) -> u32 {
    let seconds = time_ms.max(0) as u64;
    u32::try_from(seconds.div_ceil(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(producer_id: i64, epoch: i16, first_sequence: i32, count: i32, base_offset: i64) -> BatchHeader {
        BatchHeader {
            base_offset,
            batch_length: 100,
            partition_leader_epoch: 0,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 1_000,
            max_timestamp: 1_000 + base_offset,
            producer_id,
            producer_epoch: epoch,
            base_sequence: first_sequence,
            record_count: count,
        }
    }

    fn table_of(batches: &[BatchHeader]) -> ProducerTable {
        let mut table = ProducerTable::default();
        batches.iter().for_each(|batch| table.apply(batch, 0));
        table
    }

    #[test]
    fn an_unknown_producer_may_begin_anywhere() {
        assert_eq!(ProducerTable::default().check(&batch(7, 3, 42, 1, 0)), Ok(SequenceCheck::Fresh));
    }

    #[test]
    fn sequences_must_follow_without_a_gap() {
        let table = table_of(&[batch(7, 0, 0, 10, 0)]);
        assert_eq!(table.check(&batch(7, 0, 10, 5, 0)), Ok(SequenceCheck::Fresh));
        let gap = Err(ProducerError::OutOfOrderSequence { producer_id: 7, found: 11, expected: 10 });
        assert_eq!(table.check(&batch(7, 0, 11, 5, 0)), gap);
    }

    #[test]
    fn a_resent_batch_is_found_among_the_last_five_only() {
        let sent: Vec<_> = (0..6).map(|i| batch(7, 0, i, 1, i64::from(i) + 100)).collect();
        let table = table_of(&sent);
        for old in &sent[1..] {
            let Ok(SequenceCheck::Duplicate(original)) = table.check(&batch(7, 0, old.base_sequence, 1, 0)) else {
                panic!("sequence {} must be a duplicate", old.base_sequence)
            };
            assert_eq!((original.base_offset, original.last_offset()), (old.base_offset, old.base_offset));
        }
        let forgotten = Err(ProducerError::OutOfOrderSequence { producer_id: 7, found: 0, expected: 6 });
        assert_eq!(table.check(&sent[0]), forgotten);
    }

    #[test]
    fn same_first_but_other_last_sequence_is_no_duplicate() {
        let table = table_of(&[batch(7, 0, 0, 10, 0)]);
        assert!(matches!(table.check(&batch(7, 0, 0, 9, 0)), Err(ProducerError::OutOfOrderSequence { .. })));
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_shuts_out_the_old_one() {
        let mut table = table_of(&[batch(7, 0, 0, 10, 0)]);
        assert!(matches!(
            table.check(&batch(7, 1, 10, 1, 0)),
            Err(ProducerError::OutOfOrderSequence { expected: 0, .. })
        ));
        assert_eq!(table.check(&batch(7, 1, 0, 1, 0)), Ok(SequenceCheck::Fresh));
        table.apply(&batch(7, 1, 0, 1, 10), 0);
        let stale = Err(ProducerError::StaleEpoch { producer_id: 7, found: 0, current: 1 });
        assert_eq!(table.check(&batch(7, 0, 10, 1, 0)), stale);
    }

    #[test]
    fn sequences_wrap_from_the_largest_to_zero() {
        let table = table_of(&[batch(7, 0, i32::MAX - 1, 2, 0)]);
        assert_eq!(table.check(&batch(7, 0, 0, 1, 0)), Ok(SequenceCheck::Fresh));
        let across = table_of(&[batch(7, 0, i32::MAX, 2, 0)]);
        assert_eq!(across.check(&batch(7, 0, 1, 1, 0)), Ok(SequenceCheck::Fresh));
    }

    #[test]
    fn producers_expire_by_their_last_timestamp_or_the_time_they_were_seen() {
        let mut table = table_of(&[batch(7, 0, 0, 1, 0), batch(8, 0, 0, 1, 500)]);
        table.expire(1_400, 300);
        assert_eq!(table.iter().map(|(id, _)| id).collect::<Vec<_>>(), [8]);
        table.apply(&batch(8, 0, 1, 1, 501), 1_000_000);
        table.expire(1_000_200, 300);
        assert_eq!(table.len(), 1, "it writes of old events, but it writes");
        table.expire(1_000_300, 300);
        assert!(table.is_empty());
    }

    #[test]
    fn batches_that_are_not_in_the_log_are_forgotten() {
        let mut table = table_of(&[batch(7, 0, 0, 10, 0), batch(7, 0, 10, 10, 10), batch(8, 0, 0, 10, 20)]);
        table.forget_from(10);
        assert_eq!(table, table_of(&[batch(7, 0, 0, 10, 0)]));
        assert_eq!(table.check(&batch(7, 0, 10, 10, 0)), Ok(SequenceCheck::Fresh));
    }

    #[test]
    fn the_longest_idle_are_evicted_first() {
        let mut table = ProducerTable::default();
        (0..10).for_each(|id| table.apply(&batch(id, 0, 0, 1, id), (id / 4) * 1_000));
        let mut ages = BTreeMap::new();
        table.count_by_age(&mut ages);
        assert_eq!(ages, BTreeMap::from([(0, 4), (1, 4), (2, 2)]));
        let mut spare = 3;
        table.evict(1, &mut spare);
        let left: Vec<_> = table.iter().map(|(id, _)| id).collect();
        assert_eq!((left.len(), spare), (3, 0));
        assert!(left.contains(&8) && left.contains(&9));
    }

    #[test]
    fn an_idle_producer_takes_little_memory() {
        assert_eq!(size_of::<(i64, ProducerEntry)>(), 48);
    }

    #[test]
    fn batches_without_a_producer_leave_no_trace() {
        assert!(table_of(&[batch(-1, -1, -1, 1, 0)]).is_empty());
    }
}
