//! Reading batches: slices of mapped segments, whole batches, never beyond what the reader may see.
//!
//! What must always hold: nothing is copied; a slice begins with the batch that holds the offset and ends with a batch; the
//! offsets that go with a slice are not behind it.
//!
//! Source: Apache Kafka, `UnifiedLog.read`, `LogSegment.read`.

use std::io;

use bytes::Bytes;

use super::{LogOffsets, PartitionLog};
use crate::batches::Found;
use crate::error::{ReadError, StoreError};
use crate::segment::Segment;

/// Up to where a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadUpTo {
    /// Durable records.
    HighWatermark,
    /// Durable records of decided transactions.
    LastStable,
    /// Everything appended.
    LogEnd,
}

/// Whole batches, ready for the socket.
pub struct ReadSlice {
    /// The batches, in the mapping.
    pub bytes: Bytes,
    /// The log's offsets when they were read.
    pub offsets: LogOffsets,
}

/// How much a reader wants.
#[derive(Clone, Copy)]
struct Wanted {
    max_bytes: usize,
    min_one_batch: bool,
    limit: u64,
}

impl PartitionLog {
    /// Whole batches from the one that contains `offset` on, at most `max_bytes`, but at least one batch when
    /// `min_one_batch`. Empty at the end. One slice never spans segments.
    ///
    /// # Errors
    /// An offset outside of the log, damaged bytes, or a store that cannot be read.
    pub fn read(
        &self,
        offset: i64,
        max_bytes: usize,
        min_one_batch: bool,
        up_to: ReadUpTo,
    ) -> Result<ReadSlice, ReadError> {
        let before = self.offsets();
        let segments = self.segments();
        let segment = segments.partition_point(|segment| segment.id.base_offset <= offset);
        let segment = segment.checked_sub(1).and_then(|at| segments.get(at));
        // Before the offsets of the answer: they must not be behind the bytes.
        let limit = segment.map_or(0, |segment| visible_len(segment, up_to));
        let offsets = self.offsets();
        if offset < offsets.log_start || offset > offsets.log_end {
            return Err(ReadError::OutOfRange { offset, log_start: offsets.log_start, log_end: offsets.log_end });
        }
        let nothing = ReadSlice { bytes: Bytes::new(), offsets };
        let Some(segment) = segment.filter(|_| offset < visible_end(&offsets, up_to)) else { return Ok(nothing) };
        let wanted = Wanted { max_bytes, min_one_batch, limit };
        let found = segment.find_offset(offset, limit).map_err(|error| unreadable(offset, &error))?;
        let Some(found) = found else {
            // What was visible before is found, unless its commit is just being published, or the bytes are damaged.
            let damaged = offset < visible_end(&before, up_to) && limit == segment.len();
            return if damaged { Err(ReadError::Corrupt { offset }) } else { Ok(nothing) };
        };
        slice(segment, found, wanted, offsets).map_err(|error| unreadable(offset, &error))
    }
}

fn slice(segment: &Segment, first: Found, wanted: Wanted, offsets: LogOffsets) -> io::Result<ReadSlice> {
    let start = first.start as u64;
    let end = end_of(segment, first, wanted)?;
    if end == start {
        return Ok(ReadSlice { bytes: Bytes::new(), offsets });
    }
    Ok(ReadSlice { bytes: segment.view(start..end)?.into_bytes(), offsets })
}

fn end_of(segment: &Segment, first: Found, wanted: Wanted) -> io::Result<u64> {
    let start = first.start as u64;
    let most = start.saturating_add(wanted.max_bytes as u64);
    if wanted.limit <= most {
        return Ok(wanted.limit);
    }
    if first.end as u64 > most {
        return Ok(if wanted.min_one_batch { first.end as u64 } else { start });
    }
    segment.boundary_before(start, most)
}

fn visible_len(segment: &Segment, up_to: ReadUpTo) -> u64 {
    match up_to {
        ReadUpTo::HighWatermark | ReadUpTo::LastStable => segment.committed_len(),
        ReadUpTo::LogEnd => segment.len(),
    }
}

/// The offset at which a reader's view ends.
pub(super) fn visible_end(offsets: &LogOffsets, up_to: ReadUpTo) -> i64 {
    match up_to {
        ReadUpTo::HighWatermark => offsets.high_watermark,
        ReadUpTo::LastStable => offsets.last_stable,
        ReadUpTo::LogEnd => offsets.log_end,
    }
}

/// What an error of the file system means to a reader.
pub(super) fn unreadable(offset: i64, error: &io::Error) -> ReadError {
    ReadError::Store(StoreError::Failed(format!("cannot read at offset {offset}: {error}").into()))
}
