//! Leader epochs: the chains of a log say where each began.
//!
//! What must always hold: epochs and start offsets both grow; the epoch of this start is the last, also before its first append.
//!
//! Source: Apache Kafka, `LeaderEpochFileCache`.

use std::ops::Range;
use std::sync::atomic::Ordering;

use super::PartitionLog;
use crate::catalog::{ChainRecord, LeaderEpoch};

/// Where a leader epoch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch meant.
    pub leader_epoch: i32,
    /// The offset after its last record.
    pub end_offset: i64,
}

/// Where a leader epoch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    epoch: i32,
    start: i64,
}

impl EpochStart {
    /// The epochs of `chains`, and the current one, which begins at `end`.
    pub fn of_chains<'a>(chains: impl Iterator<Item = &'a ChainRecord>, current: u32, end: i64) -> Vec<Self> {
        let entry = |epoch: u32, start| Self { epoch: i32::try_from(epoch).unwrap_or(i32::MAX), start };
        let of_chain = |chain: &ChainRecord| match &chain.leader_epochs[..] {
            [] => vec![entry(chain.id.epoch, chain.start)],
            known => known.iter().map(|known| entry(known.epoch, known.start)).collect(),
        };
        let mut epochs: Vec<Self> = chains.flat_map(of_chain).chain([entry(current, end)]).collect();
        // An epoch may have several chains: when one is left for another store.
        epochs.dedup_by_key(|entry| entry.epoch);
        epochs
    }
}

impl PartitionLog {
    /// The largest epoch not above `epoch`, and where it ends; `None` when no such epoch is known (`endOffsetFor`).
    pub fn end_offset_for_epoch(&self, epoch: i32) -> Option<EpochEnd> {
        let epochs = from_log_start(&self.epochs, self.log_start());
        end_for(&epochs, epoch, self.log_end.load(Ordering::Acquire))
    }

    /// The leader epochs of the records in `offsets`, as the row of a copy has them.
    pub(super) fn leader_epochs(&self, offsets: Range<i64>) -> Vec<LeaderEpoch> {
        let ends = self.epochs.iter().skip(1).map(|next| next.start).chain([i64::MAX]);
        let within =
            self.epochs.iter().zip(ends).filter(|(entry, end)| entry.start < offsets.end && *end > offsets.start);
        let clipped = |(entry, _): (&EpochStart, i64)| LeaderEpoch {
            epoch: u32::try_from(entry.epoch).unwrap_or(0),
            start: entry.start.max(offsets.start),
        };
        within.map(clipped).collect()
    }

    /// The leader epoch of the record at `offset`.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        self.epochs.iter().rev().find(|entry| entry.start <= offset).map(|entry| entry.epoch)
    }
}

/// The epochs of what is kept: the first one begins at the log start (`truncateFromStart`).
fn from_log_start(epochs: &[EpochStart], log_start: i64) -> Vec<EpochStart> {
    let first = epochs.partition_point(|entry| entry.start <= log_start).saturating_sub(1);
    epochs.iter().skip(first).map(|entry| EpochStart { start: entry.start.max(log_start), ..*entry }).collect()
}

fn end_for(epochs: &[EpochStart], epoch: i32, log_end: i64) -> Option<EpochEnd> {
    let after = epochs.partition_point(|entry| entry.epoch <= epoch);
    let floor = after.checked_sub(1).and_then(|at| epochs.get(at));
    match (floor, epochs.get(after)) {
        _ if epoch < 0 => None,
        (Some(last), None) if last.epoch == epoch => Some(EpochEnd { leader_epoch: epoch, end_offset: log_end }),
        (_, None) => None,
        (floor, Some(next)) => {
            Some(EpochEnd { leader_epoch: floor.map_or(epoch, |floor| floor.epoch), end_offset: next.start })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_below_the_log_start_are_forgotten() {
        let epochs = [(2, 0), (5, 10), (6, 30)].map(|(epoch, start)| EpochStart { epoch, start });
        let kept = |log_start| -> Vec<_> {
            from_log_start(&epochs, log_start).iter().map(|entry| (entry.epoch, entry.start)).collect()
        };
        assert_eq!(kept(0), [(2, 0), (5, 10), (6, 30)]);
        assert_eq!(kept(9), [(2, 9), (5, 10), (6, 30)]);
        assert_eq!(kept(10), [(5, 10), (6, 30)]);
        assert_eq!(kept(45), [(6, 45)]);
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let epochs = [(2, 0), (5, 10), (6, 30)].map(|(epoch, start)| EpochStart { epoch, start });
        let end = |epoch| end_for(&epochs, epoch, 45).map(|end| (end.leader_epoch, end.end_offset));
        #[rustfmt::skip]
        let cases = [
            ("none asked",         -1, None),
            ("before the first",    1, Some((1, 0))),
            ("the first",           2, Some((2, 10))),
            ("in a gap",            4, Some((2, 10))),
            ("a middle one",        5, Some((5, 30))),
            ("the current one",     6, Some((6, 45))),
            ("a later one",         7, None),
        ];
        for (what, epoch, expected) in cases {
            assert_eq!(end(epoch), expected, "{what}");
        }
    }
}
