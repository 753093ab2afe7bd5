//! Reading batches: whole ones, never beyond what the reader may see; at once from mapped segments, or from the disk.
//!
//! What must always hold: a slice begins with the batch that holds the offset, or with the next one where compaction has removed it, and
//! ends with a batch; the offsets that go with a
//! slice are not behind it; `read_now` waits for no disk; a batch with a wrong checksum is not given.
//!
//! Source: Apache Kafka, `UnifiedLog.read`, `LogSegment.read`. Kafka does not compare checksums when it reads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{LogOffsets, PartitionLog};
use crate::error::{ReadError, StoreError};
use crate::index::Cold;
use crate::reading::{self, ColdStrategy, Fault, Wanted};
use crate::segment::Segment;

/// Up to where a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// The batches: in the mapping, or memory of their own.
    pub bytes: Bytes,
    /// The log's offsets when they were read.
    pub offsets: LogOffsets,
}

/// Where the batch with an offset should be.
enum Aim {
    /// Nowhere yet: the reader has seen everything.
    AtEnd(LogOffsets),
    At(Target),
}

struct Target {
    segment: Arc<Segment>,
    /// Where the segment after it begins.
    next: Option<i64>,
    limit: u64,
    offsets: LogOffsets,
    /// Whether the batch is there, or no more.
    is_there: bool,
}

impl PartitionLog {
    /// Whole batches from the one that contains `offset`, or the next, on, at most `max_bytes`, but at least one batch when
    /// `min_one_batch`. Empty at the end. One slice never spans segments. Blocking: may read from the disk, and then no more than
    /// a mebibyte, or one batch.
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
        self.read_by(ColdStrategy::default(), offset, max_bytes, min_one_batch, up_to)
    }

    /// As `read`, but from the disk as `strategy` says.
    ///
    /// # Errors
    /// As `read`.
    pub fn read_by(
        &self,
        strategy: ColdStrategy,
        offset: i64,
        max_bytes: usize,
        min_one_batch: bool,
        up_to: ReadUpTo,
    ) -> Result<ReadSlice, ReadError> {
        let mut offset = offset;
        loop {
            if let Some(slice) = self.read_now(offset, max_bytes, min_one_batch, up_to)? {
                return Ok(slice);
            }
            let Target { segment, next, limit, offsets, is_there } = match self.aim(offset, up_to)? {
                Aim::AtEnd(offsets) => return Ok(ReadSlice { bytes: Bytes::new(), offsets }),
                Aim::At(target) => target,
            };
            let bytes = reading::cold(&segment, offset, Wanted { max_bytes, min_one_batch, limit }, strategy);
            match (bytes.map_err(|fault| self.report(&segment, offset, &fault))?, next) {
                // The records behind the last one of the segment are gone: the next one goes on.
                (None, Some(next)) if is_there => offset = next,
                (bytes, _) => return Ok(ReadSlice { bytes: bytes.unwrap_or_default(), offsets }),
            }
        }
    }

    /// As `read`, if what it takes is in memory and was checked; else None. Waits for no disk.
    ///
    /// # Errors
    /// An offset outside of the log, or a segment that cannot be mapped.
    pub fn read_now(
        &self,
        offset: i64,
        max_bytes: usize,
        min_one_batch: bool,
        up_to: ReadUpTo,
    ) -> Result<Option<ReadSlice>, ReadError> {
        let Target { segment, limit, offsets, is_there, .. } = match self.aim(offset, up_to)? {
            Aim::AtEnd(offsets) => return Ok(Some(ReadSlice { bytes: Bytes::new(), offsets })),
            Aim::At(target) => target,
        };
        let bytes = match reading::hot(&segment, offset, Wanted { max_bytes, min_one_batch, limit }) {
            Err(Cold) => return Ok(None),
            // Whoever may wait looks in the next segment.
            Ok(None) if is_there => return Ok(None),
            Ok(None) => Bytes::new(),
            Ok(Some(range)) if range.is_empty() => Bytes::new(),
            Ok(Some(range)) => segment.view(range).map_err(|error| unreadable(offset, &error))?.into_bytes(),
        };
        Ok(Some(ReadSlice { bytes, offsets }))
    }

    fn aim(&self, offset: i64, up_to: ReadUpTo) -> Result<Aim, ReadError> {
        let before = self.offsets();
        let segments = self.segments();
        // A log may begin before its first segment, when everything before that was deleted.
        let at = segments.partition_point(|segment| segment.id.base_offset <= offset).saturating_sub(1);
        let segment = segments.get(at);
        let next = segments.get(at + 1).map(|segment| segment.id.base_offset);
        // Before the offsets of the answer: they must not be behind the bytes.
        let limit = segment.map_or(0, |segment| visible_len(segment, up_to));
        let offsets = self.offsets();
        if offset < offsets.log_start || offset > offsets.log_end {
            return Err(ReadError::OutOfRange { offset, log_start: offsets.log_start, log_end: offsets.log_end });
        }
        let Some(segment) = segment.filter(|_| offset < visible_end(&offsets, up_to)) else {
            return Ok(Aim::AtEnd(offsets));
        };
        segment.files().check_alive()?;
        // What was visible before is there or gone, unless its commit is just being published.
        let is_there = offset < visible_end(&before, up_to) && limit == segment.len();
        Ok(Aim::At(Target { segment: segment.clone(), next, limit, offsets, is_there }))
    }

    /// Says once where bytes are damaged or cannot be read, and what the reader is told.
    pub(super) fn report(&self, segment: &Segment, offset: i64, fault: &Fault) -> ReadError {
        let LogOffsets { log_start, log_end, .. } = self.offsets();
        if offset < log_start {
            // Deleted meanwhile, perhaps with its files.
            return ReadError::OutOfRange { offset, log_start, log_end };
        }
        let place = match fault {
            Fault::Damaged(position) | Fault::Unreadable(position, _) => *position,
        };
        if segment.reading.note_fault(place) {
            let counters = segment.read_counters();
            let counter = if matches!(fault, Fault::Damaged(_)) { &counters.damaged } else { &counters.unreadable };
            counter.fetch_add(1, Ordering::Relaxed);
            let (topic, partition, chain) = (self.topic_id(), self.index(), segment.id.chain);
            let file = segment.path();
            tracing::error!(%topic, partition, %chain, file = %file.display(), offset, "records cannot be served: {fault}");
        }
        match fault {
            Fault::Damaged(_) => ReadError::Corrupt { offset },
            Fault::Unreadable(_, error) => unreadable(offset, error),
        }
    }
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
