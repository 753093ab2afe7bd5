//! Looking records up by timestamp.
//!
//! What must always hold: headers and index find the batch, and only that one batch is looked into; nothing of the answer
//! lies beyond what the caller may see.
//!
//! Source: Apache Kafka, `UnifiedLog.fetchOffsetByTimestamp`, `LogSegment.findOffsetByTimestamp`.

use catena_protocol::batch::BatchHeader;
use catena_protocol::records;

use super::read::visible_end;
use super::{PartitionLog, ReadUpTo};
use crate::error::ReadError;
use crate::reading::{self, Fault};
use crate::segment::{NO_TIMESTAMP, Segment};

/// A record found by its timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, milliseconds since 1970.
    pub timestamp: i64,
    /// The leader epoch of its batch.
    pub leader_epoch: i32,
}

impl PartitionLog {
    /// The first record whose timestamp is at least `timestamp_ms`. Blocking: may read cold data.
    ///
    /// # Errors
    /// Damaged bytes, or a store that cannot be read.
    pub fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
        up_to: ReadUpTo,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        let end = visible_end(&self.offsets(), up_to);
        for segment in self.segments().iter().filter(|segment| segment.max_timestamp() >= timestamp_ms) {
            let found = match first_at_least(segment, timestamp_ms, self.log_start()) {
                // Deleted meanwhile, with its files.
                Err(_) if segment.is_removed() => continue,
                found => found.map_err(|fault| self.report(segment, segment.id.base_offset, &fault))?,
            };
            if let Some(found) = found {
                return Ok(Some(found).filter(|found| found.offset < end));
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp. Blocking.
    ///
    /// # Errors
    /// As `offset_for_timestamp`.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        let segments = self.segments();
        let largest = segments.iter().map(|segment| segment.max_timestamp()).max().unwrap_or(NO_TIMESTAMP);
        if largest == NO_TIMESTAMP {
            return Ok(None);
        }
        self.offset_for_timestamp(largest, ReadUpTo::LogEnd)
    }
}

fn first_at_least(segment: &Segment, timestamp_ms: i64, log_start: i64) -> Result<Option<TimestampOffset>, Fault> {
    let mut from = 0;
    loop {
        let found = segment.find_timestamp(timestamp_ms, from, segment.len())?;
        let Some((start, header)) = found else { return Ok(None) };
        // A producer may have claimed a larger timestamp than its records have: then look on.
        if let Some(record) = look_into(segment, start, &header, timestamp_ms, log_start)? {
            return Ok(Some(record));
        }
        from = start + header.size() as u64;
    }
}

/// The first record of the batch, not before the log start, whose timestamp is at least `timestamp_ms`.
fn look_into(
    segment: &Segment,
    start: u64,
    header: &BatchHeader,
    timestamp_ms: i64,
    log_start: i64,
) -> Result<Option<TimestampOffset>, Fault> {
    let batch = reading::batch_at(segment, start, header)?;
    let record = records::first_at_or_after(&batch, timestamp_ms, header.base_offset.max(log_start));
    let record = record.map_err(|_| Fault::Damaged(start))?;
    let found = |record: records::RecordPosition| TimestampOffset {
        offset: record.offset,
        timestamp: record.timestamp,
        leader_epoch: header.partition_leader_epoch,
    };
    Ok(record.map(found))
}
