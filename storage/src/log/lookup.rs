//! Looking records up: by timestamp, and the state of producers from the log itself.
//!
//! What must always hold: headers and index find the batch, and only that one batch is looked into; nothing of the answer
//! lies beyond what the caller may see.
//!
//! Source: Apache Kafka, `UnifiedLog.fetchOffsetByTimestamp`, `LogSegment.findOffsetByTimestamp`, `ProducerStateManager`.

use std::io;
use std::sync::Arc;

use catena_protocol::batch::BatchHeader;
use catena_protocol::records;

use super::read::{unreadable, visible_end};
use super::{PartitionLog, ReadUpTo};
use crate::batches::{Batches, Found};
use crate::config::LogConfig;
use crate::error::{ReadError, StoreError};
use crate::producer_snapshot::ProducerSnapshot;
use crate::producer_state::ProducerTable;
use crate::segment::{NO_TIMESTAMP, Segment};

/// Bytes of headers looked at in one piece when producers are rebuilt.
const STRETCH: u64 = 64 * 1024 * 1024;

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
            let found = first_at_least(segment, timestamp_ms)?;
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

    /// The producers as the log has them: the last snapshot and every batch since.
    pub(super) fn load_producers(&self, config: &LogConfig, now_ms: i64) -> Result<ProducerTable, StoreError> {
        let written = self.store.catalog.producers(self.id)?;
        let snapshot = written.and_then(|written| ProducerSnapshot::decode(&written.bytes).ok()).unwrap_or_default();
        let ProducerSnapshot { next_offset, mut table } = snapshot;
        // Before the tail is read: what is still in it was there a moment ago, as far as anybody knows.
        table.expire(now_ms, config.producer_id_expiration_ms);
        let segments = self.segments();
        let first = segments.partition_point(|segment| segment.id.base_offset <= next_offset).saturating_sub(1);
        for segment in segments.iter().skip(first) {
            let failed = |error: io::Error| StoreError::Failed(format!("cannot rebuild producers: {error}").into());
            apply_from(segment, next_offset, &mut table, now_ms).map_err(failed)?;
        }
        Ok(table)
    }
}

/// Applies the batches of `segment` from `next_offset` on.
fn apply_from(segment: &Arc<Segment>, next_offset: i64, table: &mut ProducerTable, now_ms: i64) -> io::Result<()> {
    let len = segment.len();
    let mut at = match segment.find_offset(next_offset.max(segment.id.base_offset), len)? {
        Some(found) => found.start as u64,
        None => return Ok(()),
    };
    while at < len {
        let view = segment.view(at..len.min(at + STRETCH))?;
        let mut end = 0;
        for found in Batches::new(&view) {
            table.apply(&found.header, now_ms);
            end = found.end as u64;
        }
        if end == 0 {
            break;
        }
        at += end;
    }
    Ok(())
}

fn first_at_least(segment: &Segment, timestamp_ms: i64) -> Result<Option<TimestampOffset>, ReadError> {
    let base = segment.id.base_offset;
    let mut from = 0;
    loop {
        let found = segment.find_timestamp(timestamp_ms, from, segment.len());
        let Some(found) = found.map_err(|error| unreadable(base, &error))? else { return Ok(None) };
        // A producer may have claimed a larger timestamp than its records have: then look on.
        if let Some(record) = look_into(segment, &found, timestamp_ms)? {
            return Ok(Some(record));
        }
        from = found.end as u64;
    }
}

/// The first record of the batch whose timestamp is at least `timestamp_ms`.
fn look_into(segment: &Segment, found: &Found, timestamp_ms: i64) -> Result<Option<TimestampOffset>, ReadError> {
    let header: &BatchHeader = &found.header;
    let view = segment.view(found.start as u64..found.end as u64);
    let view = view.map_err(|error| unreadable(header.base_offset, &error))?;
    let record = records::first_at_or_after(&view, timestamp_ms, header.base_offset);
    let record = record.map_err(|_| ReadError::Corrupt { offset: header.base_offset })?;
    let found = |record: records::RecordPosition| TimestampOffset {
        offset: record.offset,
        timestamp: record.timestamp,
        leader_epoch: header.partition_leader_epoch,
    };
    Ok(record.map(found))
}
