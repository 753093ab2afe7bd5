//! When appended records are acknowledged and seen: with the group commit that makes them durable, or at once.
//!
//! What must always hold:
//! - With `catena.acks.all=disk` records wait for a commit.
//! - With `memory` they are acknowledged when they are in the page cache and the catalog knows their segment: then they survive the
//!   death of the process. The first records of a segment wait for the commit that registers it, and so do those for whose
//!   offsets there is no reservation yet. What must be durable first, by `flush.messages` or an earlier setting, is never overtaken.
//! - What is acknowledged like that is made durable by the next commit of its log, which comes by `flush.messages`, `flush.ms`, after
//!   `FLUSH_BYTES`, with a new segment, or at a clean stop.
//!
//! Source of the two settings: Apache Kafka, `UnifiedLog.append` (a full `flush.messages` is flushed before it is acknowledged),
//! `LogManager.flushDirtyLogs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use catena_protocol::batch::BatchHeader;

use super::PartitionLog;
use super::chain::Writer;
use crate::config::{AcksAll, LogConfig};
use crate::segment::Segment;

/// Records of a log that are acknowledged and not durable at most: far fewer than are reserved ahead.
const FLUSH_RECORDS: i64 = 1 << 20;
/// Bytes of a log that are acknowledged and not durable at most: so much a recovery looks through, and a commit writes at once.
const FLUSH_BYTES: u64 = 64 << 20;

/// What of a log is acknowledged and in no commit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unflushed {
    records: i64,
    bytes: u64,
    /// Whether a commit is ordered for the end of `flush.ms`.
    timed: bool,
}

impl Unflushed {
    fn add(&mut self, headers: &[BatchHeader]) {
        self.records += headers.iter().map(|header| i64::from(header.last_offset_delta) + 1).sum::<i64>();
        self.bytes += headers.iter().map(|header| header.size() as u64).sum::<u64>();
    }

    fn is_due(&self, config: &LogConfig) -> bool {
        self.records >= config.flush_messages.min(FLUSH_RECORDS) || self.bytes >= FLUSH_BYTES || config.flush_ms <= 0
    }
}

impl PartitionLog {
    /// Sees to it that records just written behind the tail of `segment` are acknowledged.
    pub(super) fn acknowledge(
        self: &Arc<Self>,
        writer: &mut Writer,
        headers: &[BatchHeader],
        segment: &Segment,
        config: &LogConfig,
    ) {
        writer.unflushed.add(headers);
        if config.acks_all == AcksAll::Disk || writer.unflushed.is_due(config) {
            writer.disk_up_to = writer.next_offset;
        }
        // The commit that a flush has begun may have taken the records already, and not be done.
        let is_flushed = writer.disk_up_to <= self.durable_end.load(Ordering::Acquire);
        if !is_flushed || !segment.is_registered() || !self.is_reserved(writer) {
            return self.enqueue_after(writer, config.commit_delay_ms);
        }
        self.order_flush(writer, config);
        self.high_watermark.fetch_max(writer.next_offset, Ordering::AcqRel);
        segment.set_committed(segment.len());
        self.promises.announce();
        self.waiters.notify();
    }

    /// The settings have changed: what stands in the queue for later, and what is acknowledged and not durable, goes by the new ones.
    pub(super) fn flush_by(self: &Arc<Self>, new: &LogConfig, old: &LogConfig) {
        let flush = |config: &LogConfig| (config.acks_all, config.flush_messages, config.flush_ms);
        if flush(new) == flush(old) && new.commit_delay_ms >= old.commit_delay_ms {
            return;
        }
        let mut writer = self.writer();
        if writer.dirty {
            // It may stand there twice then: who takes it finds nothing the second time.
            writer.open.iter().for_each(|open| open.store.commits.mark_dirty(self.clone()));
        } else if writer.unflushed.records > 0 && (new.acks_all == AcksAll::Disk || writer.unflushed.is_due(new)) {
            self.enqueue(&mut writer);
        } else if writer.unflushed.records > 0 {
            writer.unflushed.timed = false;
            self.order_flush(&mut writer, new);
        }
    }

    /// Whether the other stores know that these offsets are used.
    fn is_reserved(&self, writer: &Writer) -> bool {
        self.stores.count() <= 1 || writer.next_offset <= self.published().reserved
    }

    /// Orders a commit for the end of `flush.ms`, once.
    fn order_flush(self: &Arc<Self>, writer: &mut Writer, config: &LogConfig) {
        let Some(open) = writer.open.as_ref().filter(|_| !writer.unflushed.timed && config.flush_ms < i64::MAX) else {
            return;
        };
        let after = Duration::from_millis(u64::try_from(config.flush_ms).unwrap_or(0));
        open.store.commits.mark_dirty_after(self.clone(), after);
        writer.unflushed.timed = true;
    }
}

#[cfg(test)]
mod tests {
    use catena_protocol::records::BatchBuilder;

    use super::*;
    use crate::log::held::{Fixture, wait_for};
    use crate::log::{AppendOrigin, Appended};

    const T0: i64 = 1_800_000_000_000;

    fn append(log: &Arc<PartitionLog>) -> Appended {
        let batch = BatchBuilder::new().push(T0, None, Some(b"v")).build().unwrap();
        log.append(batch, AppendOrigin::Client, T0).unwrap()
    }

    /// A log in memory mode whose first record is durable.
    fn in_memory(config: LogConfig) -> Fixture {
        let fixture = Fixture::new(LogConfig { acks_all: AcksAll::Memory, ..config });
        wait_for(append(&fixture.log));
        fixture
    }

    /// A segment was full and its records acknowledged in memory; before the commit that comes with the next segment, a pass took records
    /// away for newer ones that a loss of power then took too: of a key nothing was left.
    #[test]
    fn a_record_that_is_only_in_memory_replaces_no_durable_one() {
        let fixture = in_memory(LogConfig { segment_bytes: 200, ..LogConfig::default() });
        let (log, _held) = (&fixture.log, fixture.hold());
        let in_new_segment =
            std::iter::repeat_with(|| append(log)).find(|appended| !appended.commit.is_durable()).unwrap();
        assert!(log.offsets().high_watermark > 1 && log.offsets().high_watermark == in_new_segment.base_offset);
        assert_eq!(log.cleanable().facts(&[]).last_stable, 1);
    }

    /// A commit had taken the records that a flush was ordered for, and was not done; the next record behind them was acknowledged at once, and with
    /// it they. A loss of power then took more than `flush.messages` allows.
    #[test]
    fn no_record_is_acknowledged_past_a_flush_that_is_not_done() {
        let fixture = in_memory(LogConfig { flush_messages: 3, ..LogConfig::default() });
        let (log, store, go_on) = (&fixture.log, &fixture.store, fixture.hold());
        let high_watermark = || log.offsets().high_watermark;
        let acknowledged: Vec<i64> = (0..3)
            .map(|_| {
                drop(append(log));
                high_watermark()
            })
            .collect();
        assert_eq!(acknowledged, [2, 3, 3], "the third is to be flushed");
        // What the committer does, which has no turn now.
        let pending = log.take_pending(store).unwrap();
        let behind = append(log);
        assert_eq!(high_watermark(), 3, "the flush is not done");
        log.committed(&pending);
        assert_eq!(high_watermark(), 4);
        go_on.send(()).unwrap();
        wait_for(behind);
        let next = append(log);
        assert!(next.commit.is_durable(), "at once, as before");
    }

    #[test]
    fn a_flush_is_due_by_records_bytes_or_a_time_of_nothing() {
        let config = |flush_messages, flush_ms| LogConfig { flush_messages, flush_ms, ..LogConfig::default() };
        let unflushed = |records, bytes| Unflushed { records, bytes, timed: false };
        assert!(!unflushed(9, 9).is_due(&config(i64::MAX, i64::MAX)));
        assert!(!unflushed(9, 9).is_due(&config(10, 1)));
        assert!(unflushed(10, 9).is_due(&config(10, i64::MAX)));
        assert!(unflushed(1, FLUSH_BYTES).is_due(&config(i64::MAX, i64::MAX)));
        assert!(unflushed(1, 1).is_due(&config(i64::MAX, 0)));
    }
}
