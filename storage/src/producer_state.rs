//! What a partition remembers of idempotent producers, as a pure state machine.
//!
//! What must always hold:
//! - `apply` is the only way in, for a fresh append and for replay alike, so both lead to the same table.
//! - A batch equal to one of a producer's last five (same epoch, same sequences) is a duplicate and is not appended again.
//! - Within an epoch, sequences have no gap; a new epoch begins at sequence 0; an older epoch is refused.
//! - A producer never seen may begin at any sequence: its state may have expired or been deleted with its records.
//!
//! Source: Apache Kafka, `ProducerStateManager`, `ProducerAppendInfo`, `ProducerStateEntry`.

use std::collections::{HashMap, VecDeque};

use catena_protocol::batch::BatchHeader;
use thiserror::Error;

/// Batches remembered for each producer; clients keep at most five requests in flight.
pub const BATCHES_REMEMBERED: usize = 5;

/// A batch appended by an idempotent producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerBatch {
    /// Sequence number of the first record.
    pub first_sequence: i32,
    /// Sequence number of the last record.
    pub last_sequence: i32,
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// When the producer was there: the largest timestamp of the batch or, if that is earlier, when the broker took it in,
    /// milliseconds since 1970. Apache Kafka goes by the former alone, and forgets producers that write of old events
    /// while they write.
    pub timestamp: i64,
}

/// One producer's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerEntry {
    /// The latest epoch seen.
    pub epoch: i16,
    /// The last batches of this epoch, oldest first; never empty, at most `BATCHES_REMEMBERED`.
    pub batches: VecDeque<ProducerBatch>,
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
        let fresh = || ProducerEntry { epoch: batch.producer_epoch, batches: VecDeque::with_capacity(1) };
        let entry = self.producers.entry(batch.producer_id).or_insert_with(fresh);
        if entry.epoch != batch.producer_epoch {
            *entry = fresh();
        }
        if entry.batches.len() == BATCHES_REMEMBERED {
            entry.batches.pop_front();
        }
        entry.batches.push_back(ProducerBatch {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
            last_offset: batch.last_offset(),
            timestamp: batch.max_timestamp.max(seen_ms),
        });
    }

    /// Puts back a producer read from a snapshot. Entries without batches say nothing and are dropped.
    pub fn restore(&mut self, producer_id: i64, entry: ProducerEntry) {
        if !entry.batches.is_empty() {
            self.producers.insert(producer_id, entry);
        }
    }

    /// Forgets batches from `offset` on: they are not in the log any more.
    pub fn forget_from(&mut self, offset: i64) {
        self.producers.retain(|_, entry| {
            entry.batches.retain(|batch| batch.base_offset < offset);
            !entry.batches.is_empty()
        });
    }

    /// Forgets producers whose last batch is older than `expiration_ms` (`producer.id.expiration.ms`).
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| now_ms.saturating_sub(entry.last_timestamp()) < expiration_ms);
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

impl ProducerEntry {
    fn duplicate_of(&self, batch: &BatchHeader) -> Option<ProducerBatch> {
        let sequences = (batch.base_sequence, batch.last_sequence());
        let same = |known: &&ProducerBatch| (known.first_sequence, known.last_sequence) == sequences;
        (batch.producer_epoch == self.epoch).then(|| self.batches.iter().find(same).copied()).flatten()
    }

    fn next_sequence(&self, epoch: i16) -> i32 {
        match self.batches.back() {
            Some(last) if epoch == self.epoch => catena_protocol::batch::increment_sequence(last.last_sequence, 1),
            _ => 0,
        }
    }

    fn last_timestamp(&self) -> i64 {
        self.batches.back().map_or(i64::MIN, |batch| batch.timestamp)
    }
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
            assert_eq!((original.base_offset, original.last_offset), (old.base_offset, old.base_offset));
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
    fn producers_expire_by_their_last_timestamp() {
        let mut table = table_of(&[batch(7, 0, 0, 1, 0), batch(8, 0, 0, 1, 500)]);
        table.expire(1_400, 300);
        assert_eq!(table.iter().map(|(id, _)| id).collect::<Vec<_>>(), [8]);
    }

    #[test]
    fn a_producer_that_writes_of_old_events_stays_as_long_as_it_writes() {
        let mut table = ProducerTable::default();
        table.apply(&batch(7, 0, 0, 1, 0), 1_000_000);
        table.expire(1_000_200, 300);
        assert_eq!(table.len(), 1);
        table.expire(1_000_300, 300);
        assert!(table.is_empty());
    }

    #[test]
    fn batches_without_a_producer_leave_no_trace() {
        assert!(table_of(&[batch(-1, -1, -1, 1, 0)]).is_empty());
    }
}
