//! The old end of a log: records go, the log start moves, files are given back.
//!
//! 1. Say from where on records are kept (`plan`): what a client asked for, or what retention finds.
//! 2. Make that durable in the catalog, with the chains that lie wholly below it (the caller, for many logs at once).
//! 3. Publish the log start, then take the segments below it out of the log, then retire them.
//!
//! What must always hold:
//! - The log start only grows, is never above the high watermark, and is durable before anybody sees it.
//! - The catalog may still list segments below the log start: a start leaves them out, and the sweep removes their files.
//! - The segment that is written goes only when all its records are below the log start; then the next append begins a new one in the
//!   same chain.
//!
//! Source: Apache Kafka, `UnifiedLog.maybeIncrementLogStartOffset`, `UnifiedLog.deleteOldSegments`, `Partition.deleteRecordsOnLeader`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::chain::Writer;
use super::{LogOffsets, PartitionLog};
use crate::config::LogConfig;
use crate::error::DeleteRecordsError;
use crate::ids::{ChainId, PartitionId};
use crate::retention::{Aging, View};
use crate::segment::Segment;

/// Means the high watermark, where a client says up to which offset records are deleted.
const HIGH_WATERMARK: i64 = -1;

/// What must be durable before a log start moves.
#[derive(Debug, Clone)]
pub(crate) struct Trim {
    /// Whose log start.
    pub partition: PartitionId,
    /// The first record that is kept.
    pub log_start: i64,
    /// Chains that have nothing above it and are not written any more.
    pub gone: Vec<ChainId>,
}

impl PartitionLog {
    /// Where the log is to begin when a client deletes the records before `up_to` (-1: all durable ones); `None` when it begins there, or
    /// later, already.
    ///
    /// # Errors
    /// When the policy of the topic forbids it, or the offset lies beyond the high watermark or makes no sense.
    pub(crate) fn plan_delete(&self, up_to: i64) -> Result<Option<Trim>, DeleteRecordsError> {
        let cleanup = self.config().cleanup;
        if cleanup.compact && !cleanup.delete {
            return Err(DeleteRecordsError::Policy);
        }
        let high_watermark = self.high_watermark.load(Ordering::Acquire);
        let log_start = if up_to == HIGH_WATERMARK { high_watermark } else { up_to };
        if log_start < 0 || log_start > high_watermark {
            return Err(DeleteRecordsError::OutOfRange { offset: log_start, high_watermark });
        }
        Ok((log_start > self.log_start()).then(|| self.trim_to(log_start)))
    }

    /// Where the log is to begin by its settings at `now_ms`; `None` when nothing is to go.
    pub(crate) fn plan_retention(&self, now_ms: i64) -> Option<Trim> {
        let segments = self.segments();
        let aging: Vec<Aging> = segments.iter().map(|segment| aging(segment, now_ms)).collect();
        let LogOffsets { log_start, high_watermark, log_end, .. } = self.offsets();
        let expired = View { segments: &aging, log_start, high_watermark, log_end }.expired(&self.config(), now_ms);
        (expired.segments > 0).then(|| self.trim_to(expired.log_start))
    }

    fn trim_to(&self, log_start: i64) -> Trim {
        let writer = self.writer();
        let segments = self.segments();
        let open = writer.open.as_ref().map(|open| open.id);
        let (below, above) = segments.split_at(self.count_below(&segments, log_start));
        let chains = |part: &[Arc<Segment>]| part.iter().map(|segment| segment.id.chain).collect::<BTreeSet<_>>();
        let kept: BTreeSet<_> = chains(above).into_iter().chain(open).collect();
        Trim { partition: self.id, log_start, gone: chains(below).difference(&kept).copied().collect() }
    }

    /// Takes note that the catalog has the new log start, and lets go of what is below it.
    pub(crate) fn trimmed(&self, trim: &Trim) {
        self.log_start.fetch_max(trim.log_start, Ordering::AcqRel);
        let gone = {
            let mut writer = self.writer();
            let log_start = self.log_start();
            let mut gone = Vec::new();
            self.change_segments(|segments| gone = segments.drain(..self.count_below(segments, log_start)).collect());
            forget(&mut writer, &gone);
            gone
        };
        let delay = file_delete_delay(&self.config());
        gone.iter().for_each(|segment| segment.retire(delay));
    }

    /// How many of `segments` have no record at or above `log_start`. The writer's lock is held: no segment is begun meanwhile.
    pub(super) fn count_below(&self, segments: &[Arc<Segment>], log_start: i64) -> usize {
        let segments: Vec<Aging> = segments.iter().map(|segment| aging(segment, 0)).collect();
        let LogOffsets { high_watermark, log_end, .. } = self.offsets();
        View { segments: &segments, log_start, high_watermark, log_end }.below_log_start()
    }
}

fn aging(segment: &Segment, now_ms: i64) -> Aging {
    Aging { base_offset: segment.id.base_offset, len: segment.len(), newest_ms: segment.newest_ms(now_ms) }
}

/// The writer must not commit or register what is gone: it is durable, and below the log start.
fn forget(writer: &mut Writer, gone: &[Arc<Segment>]) {
    let is_gone = |segment: &Arc<Segment>| gone.iter().any(|one| Arc::ptr_eq(one, segment));
    writer.touched.retain(|segment| !is_gone(segment));
    if let Some(open) = &mut writer.open {
        open.segments.retain(|segment| !is_gone(segment));
    }
}

/// How long the files of deleted segments stay.
pub(super) fn file_delete_delay(config: &LogConfig) -> Duration {
    Duration::from_millis(u64::try_from(config.file_delete_delay_ms).unwrap_or(0))
}
