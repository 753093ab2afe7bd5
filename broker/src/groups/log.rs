//! The log that groups are kept in: records in, records back at start.
//!
//! What must always hold: one `append` is one append to the partition, however many batches its records take, so that
//! all of them are in the log or none. Nothing in the log can keep a partition from being loaded but a failing disk:
//! what cannot be read as a record of the coordinator is skipped, counted and said once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use catena_protocol::group_records::Record;
use catena_protocol::records::BatchBuilder;
use catena_storage::{AppendError, PartitionLog, ReadError, ReadUpTo, StoreError};
use tracing::error;

use super::types::GroupError;
use crate::internal_log::{self, Found};

/// Completes when an append is durable, or never will be.
pub type Durable = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Where a partition's groups are kept. Tests bring one that fails.
pub trait GroupLog: Send + Sync + 'static {
    /// Appends records, all or none.
    ///
    /// # Errors
    /// Why nothing was appended.
    fn append(&self, records: &[Record], now_ms: i64) -> Result<Durable, GroupError>;

    /// Gives every record, oldest first. Blocking.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn replay(&self, apply: &mut dyn FnMut(Record)) -> Result<(), ReadError>;
}

impl GroupLog for Arc<PartitionLog> {
    fn append(&self, records: &[Record], now_ms: i64) -> Result<Durable, GroupError> {
        let batches = encode(records, self.config().max_message_bytes, now_ms)?;
        let appended = self.append_run(&batches, now_ms).map_err(|error| refused(&error))?;
        Ok(Box::pin(appended.commit.durable()))
    }

    fn replay(&self, apply: &mut dyn FnMut(Record)) -> Result<(), ReadError> {
        let mut skipped = 0;
        let offsets = self.offsets();
        let mut give = |found: Found| replay_one(found, apply, &mut skipped);
        let mut at = offsets.log_start;
        internal_log::read(self, &mut at, offsets.log_end, ReadUpTo::LogEnd, &mut give)?;
        if skipped > 0 {
            error!(
                partition = self.index(),
                skipped, "__consumer_offsets holds records that are not the coordinator's"
            );
        }
        Ok(())
    }
}

/// Records as batches of at most `batch_bytes_max`, one after the other.
fn encode(records: &[Record], batch_bytes_max: usize, now_ms: i64) -> Result<Vec<Bytes>, GroupError> {
    let mut batches = Vec::with_capacity(1);
    let mut batch = BatchBuilder::new();
    for record in records.iter().filter_map(Record::encode) {
        let record_len = record.key.len() + record.value.as_ref().map_or(0, Bytes::len) + RECORD_OVERHEAD_MAX;
        if !batch.is_empty() && batch.size() + record_len > batch_bytes_max {
            batches.push(built(&batch)?);
            batch = BatchBuilder::new();
        }
        batch.push(now_ms, Some(&record.key), record.value.as_deref());
    }
    batches.push(built(&batch)?);
    Ok(batches)
}

/// Lengths, attributes, timestamp and offset of a record take no more.
const RECORD_OVERHEAD_MAX: usize = 40;

fn built(batch: &BatchBuilder) -> Result<Bytes, GroupError> {
    batch.build().map_err(|_| GroupError::RecordTooLarge)
}

/// As Kafka's `CoordinatorOperationExceptionHelper`, with a full store as something that passes.
fn refused(error: &AppendError) -> GroupError {
    match error {
        AppendError::TooLarge { .. } | AppendError::LargerThanSegment { .. } => GroupError::RecordTooLarge,
        AppendError::Store(StoreError::Full | StoreError::NoFiles) => GroupError::CoordinatorNotAvailable,
        AppendError::Store(StoreError::Failed(_)) | AppendError::Deleted => GroupError::NotCoordinator,
        AppendError::Corrupt(_)
        | AppendError::InvalidRecord(_)
        | AppendError::UnsupportedMagic(_)
        | AppendError::UnsupportedCompression(_)
        | AppendError::Rejected(_)
        | AppendError::Overtaken { .. }
        | AppendError::OutOfOrderSequence { .. }
        | AppendError::InvalidProducerEpoch { .. }
        | AppendError::InvalidTransaction(_) => {
            error!("the group coordinator's own records are refused: {error}");
            GroupError::CoordinatorNotAvailable
        }
    }
}

fn replay_one(found: Found, apply: &mut dyn FnMut(Record), skipped: &mut u64) {
    let decoded = match found {
        Found::Record { key, value, .. } => Record::decode(key.unwrap_or_default(), value).ok(),
        Found::Unreadable => None,
    };
    match decoded {
        Some(Record::Unknown(_)) | None => *skipped += 1,
        Some(record) => apply(record),
    }
}

#[cfg(test)]
mod tests {
    use catena_protocol::batch::BatchHeader;
    use catena_protocol::group_records::{OffsetCommit, OffsetKey};

    use super::*;
    use crate::internal_log::read_slice;

    fn offset(partition: i32) -> Record {
        let key = OffsetKey { group: "g".into(), topic: "t".into(), partition };
        let commit = OffsetCommit {
            offset: 1,
            leader_epoch: None,
            metadata: String::new(),
            commit_timestamp_ms: 1,
            expire_timestamp_ms: None,
            topic_id: uuid::Uuid::nil(),
        };
        Record::Offset(key, Some(commit))
    }

    /// Batches as the log keeps them: with offsets from 0 on.
    fn stored(batches: &[u8]) -> (Vec<u8>, usize) {
        let (mut stored, mut rest, mut next, mut count) = (Vec::new(), batches, 0_i64, 0);
        while let Ok(header) = BatchHeader::parse_whole(rest) {
            let (batch, after) = rest.split_at(header.size());
            stored.extend(next.to_be_bytes());
            stored.extend(&batch[8..]);
            (next, rest, count) = (next + i64::from(header.last_offset_delta) + 1, after, count + 1);
        }
        (stored, count)
    }

    fn replayed(bytes: &[u8], from: i64) -> (Vec<Record>, i64, u64) {
        let (mut records, mut skipped) = (Vec::new(), 0);
        let mut apply = |record| records.push(record);
        let next = read_slice(bytes, from, &mut |found| replay_one(found, &mut apply, &mut skipped));
        (records, next, skipped)
    }

    #[test]
    fn many_records_become_batches_of_the_allowed_size_and_come_back_in_order() {
        let records: Vec<Record> = (0..1_000).map(offset).collect();
        let batches = encode(&records, 4_096, 1).expect("encoded").concat();
        let (bytes, count) = stored(&batches);
        assert!(count > 5, "{count} batches");
        let mut rest = &bytes[..];
        while let Ok(header) = BatchHeader::parse_whole(rest) {
            assert!(header.size() <= 4_096);
            rest = &rest[header.size()..];
        }
        assert_eq!(replayed(&bytes, 0), (records.clone(), 1_000, 0));
        assert_eq!(replayed(&bytes, 3), (records[3..].to_vec(), 1_000, 0), "records before the log's start are gone");
    }

    #[test]
    fn what_is_not_a_record_of_the_coordinator_is_skipped_and_counted() {
        let mut batch = BatchBuilder::new();
        let good = offset(0).encode().expect("encoded");
        batch.push(1, None, Some(b"no key"));
        batch.push(1, Some(b"?"), None);
        batch.push(1, Some(&good.key), good.value.as_deref());
        batch.push(1, Some(&good.key), Some(b"\xff\xff"));
        batch.push(1, Some(&[0, 99]), Some(b"a kind of later"));
        let batch = batch.build().expect("a batch");
        assert_eq!(replayed(&batch, 0), (vec![offset(0)], 5, 4));

        let mut compressed = batch.to_vec();
        compressed[22] |= 4;
        assert_eq!(replayed(&compressed, 0), (vec![], 5, 1));
        let mut control = batch.to_vec();
        control[22] |= 0x20;
        assert_eq!(replayed(&control, 0), (vec![], 5, 0));
    }

    #[test]
    fn a_damaged_end_is_not_passed() {
        let batch = encode(&[offset(0)], 4_096, 1).expect("encoded").concat();
        let cut = &batch[..batch.len() - 1];
        assert_eq!(replayed(cut, 0), (vec![], 0, 0));
    }
}
