//! What one partition may give to one request. Pure.
//!
//! What must always hold: a fetch whose epochs or offset do not fit the log gets no records; the bytes of a whole
//! response stay within the client's limits, except that the first batch of a response is given whole, so that a
//! batch larger than every limit does not stop a consumer for ever.
//!
//! Source: Apache Kafka, `Partition.readRecords`, `ReplicaManager.readFromLog`.

use catena_storage::{ColdStrategy, EpochEnd, LogOffsets, ReadError, ReadUpTo, StoreError};

use super::session::Want;

/// "Not given" for epochs on the wire.
const NO_EPOCH: i32 = -1;

/// Limits of one request, already bounded by the broker's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole response.
    pub bytes_max: usize,
    /// Bytes worth answering for before the wait ends.
    pub bytes_min: usize,
    /// How far the client may see.
    pub up_to: ReadUpTo,
    /// How the disk is read for it.
    pub cold: ColdStrategy,
}

/// Why a partition gives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// No topic of that name, or no such partition.
    UnknownTopicOrPartition,
    /// No topic with that id.
    UnknownTopicId,
    /// The client knows an older leader epoch.
    FencedLeaderEpoch,
    /// The client knows a newer leader epoch.
    UnknownLeaderEpoch,
    /// Before the log's start or after its end.
    OffsetOutOfRange,
    /// The batch there is damaged.
    Corrupt,
    /// The store cannot be read.
    Store,
}

impl From<ReadError> for FetchError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::OutOfRange { .. } => Self::OffsetOutOfRange,
            ReadError::Corrupt { .. } => Self::Corrupt,
            ReadError::Store(StoreError::Failed(_) | StoreError::Full | StoreError::NoFiles) => Self::Store,
        }
    }
}

/// What is known of a log before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFacts {
    /// The epoch under which this broker appends.
    pub leader_epoch: i32,
    /// Its offsets.
    pub offsets: LogOffsets,
}

/// What to do for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Read from the offset asked for.
    Read,
    /// Nothing is there yet that the client may see.
    AtEnd,
    /// The client's log and ours part at this epoch and offset.
    Diverging(EpochEnd),
    /// Answer with an error.
    Refuse(FetchError),
}

/// Decides about one partition. `epoch_end` tells the end of the largest epoch not above the one given.
pub fn decide(
    want: &Want,
    facts: &LogFacts,
    up_to: ReadUpTo,
    epoch_end: impl FnOnce(i32) -> Option<EpochEnd>,
) -> Decision {
    if let Err(error) = check_leader_epoch(want.current_leader_epoch, facts.leader_epoch) {
        return Decision::Refuse(error);
    }
    if want.last_fetched_epoch != NO_EPOCH
        && let Some(decision) = check_last_fetched(want, facts, epoch_end)
    {
        return decision;
    }
    let LogOffsets { log_start, last_stable, high_watermark, log_end } = facts.offsets;
    if want.fetch_offset < log_start || want.fetch_offset > log_end {
        return Decision::Refuse(FetchError::OffsetOutOfRange);
    }
    let visible_end = match up_to {
        ReadUpTo::HighWatermark => high_watermark,
        ReadUpTo::LastStable => last_stable,
        ReadUpTo::LogEnd => log_end,
    };
    if want.fetch_offset >= visible_end { Decision::AtEnd } else { Decision::Read }
}

/// Whether the leader epoch a client believes in is ours.
///
/// # Errors
/// `FencedLeaderEpoch` when the client is behind, `UnknownLeaderEpoch` when we are.
pub fn check_leader_epoch(claimed: i32, ours: i32) -> Result<(), FetchError> {
    match claimed.cmp(&ours) {
        _ if claimed == NO_EPOCH => Ok(()),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(FetchError::FencedLeaderEpoch),
        std::cmp::Ordering::Greater => Err(FetchError::UnknownLeaderEpoch),
    }
}

/// Whether what the client fetched last is still in our log (KIP-595).
fn check_last_fetched(
    want: &Want,
    facts: &LogFacts,
    epoch_end: impl FnOnce(i32) -> Option<EpochEnd>,
) -> Option<Decision> {
    let fetched = want.last_fetched_epoch;
    let end = if fetched == facts.leader_epoch {
        Some(EpochEnd { leader_epoch: fetched, end_offset: facts.offsets.log_end })
    } else {
        epoch_end(fetched)
    };
    let Some(end) = end else { return Some(Decision::Refuse(FetchError::OffsetOutOfRange)) };
    if want.fetch_offset < facts.offsets.log_start {
        return Some(Decision::Refuse(FetchError::OffsetOutOfRange));
    }
    (end.leader_epoch < fetched || end.end_offset < want.fetch_offset).then_some(Decision::Diverging(end))
}

/// Bytes that are left for a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    left: usize,
    nothing_yet: bool,
}

/// What one read may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// At most so many bytes of whole batches ...
    pub bytes_max: usize,
    /// ... but a first batch in any case.
    pub min_one_batch: bool,
}

impl Budget {
    /// A whole response's.
    pub fn new(bytes_max: usize) -> Self {
        Self { left: bytes_max, nothing_yet: true }
    }

    /// What a partition with this limit of its own may read; None when nothing can come of it.
    pub fn allow(&self, partition_bytes_max: usize) -> Option<Allowance> {
        let allowance = Allowance { bytes_max: partition_bytes_max.min(self.left), min_one_batch: self.nothing_yet };
        (allowance.bytes_max > 0 || allowance.min_one_batch).then_some(allowance)
    }

    /// Takes off what was read.
    pub fn spend(&mut self, bytes: usize) {
        self.nothing_yet &= bytes == 0;
        self.left = self.left.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: LogFacts = LogFacts {
        leader_epoch: 5,
        offsets: LogOffsets { log_start: 10, last_stable: 70, high_watermark: 80, log_end: 90 },
    };

    fn at(fetch_offset: i64) -> Want {
        Want { fetch_offset, current_leader_epoch: -1, last_fetched_epoch: -1, bytes_max: 100 }
    }

    fn decided(want: Want, epochs: &[(i32, i64)]) -> Decision {
        decide(&want, &FACTS, ReadUpTo::HighWatermark, |epoch| {
            let found = epochs.iter().rev().find(|(e, _)| *e <= epoch);
            found.map(|&(leader_epoch, end_offset)| EpochEnd { leader_epoch, end_offset })
        })
    }

    #[test]
    fn offsets_inside_the_log_are_read_and_others_are_out_of_range() {
        let refused = || Decision::Refuse(FetchError::OffsetOutOfRange);
        for (offset, expected) in [
            (9, refused()),
            (10, Decision::Read),
            (79, Decision::Read),
            (80, Decision::AtEnd),
            (90, Decision::AtEnd),
            (91, refused()),
            (-1, refused()),
        ] {
            assert_eq!(decided(at(offset), &[]), expected, "offset {offset}");
        }
    }

    #[test]
    fn read_committed_ends_at_the_last_stable_offset() {
        let decision = |offset| decide(&at(offset), &FACTS, ReadUpTo::LastStable, |_| None);
        assert_eq!(decision(69), Decision::Read);
        assert_eq!(decision(70), Decision::AtEnd);
    }

    #[test]
    fn leader_epochs_of_clients_must_be_ours() {
        let decision = |epoch| decided(Want { current_leader_epoch: epoch, ..at(10) }, &[]);
        assert_eq!(decision(5), Decision::Read);
        assert_eq!(decision(4), Decision::Refuse(FetchError::FencedLeaderEpoch));
        assert_eq!(decision(6), Decision::Refuse(FetchError::UnknownLeaderEpoch));
    }

    #[test]
    fn what_was_fetched_last_must_be_in_the_log() {
        let epochs = [(1, 30), (3, 60)];
        for (epoch, offset, expected) in [
            (3, 60, Decision::Read),
            (3, 61, Decision::Diverging(EpochEnd { leader_epoch: 3, end_offset: 60 })),
            (2, 20, Decision::Diverging(EpochEnd { leader_epoch: 1, end_offset: 30 })),
            (0, 20, Decision::Refuse(FetchError::OffsetOutOfRange)),
            (1, 9, Decision::Refuse(FetchError::OffsetOutOfRange)),
            (5, 85, Decision::AtEnd),
            (5, 91, Decision::Diverging(EpochEnd { leader_epoch: 5, end_offset: 90 })),
        ] {
            let want = Want { last_fetched_epoch: epoch, ..at(offset) };
            assert_eq!(decided(want, &epochs), expected, "epoch {epoch}, offset {offset}");
        }
    }

    #[test]
    fn the_first_batch_is_given_whole_and_then_the_budget_rules() {
        let mut budget = Budget::new(100);
        assert_eq!(budget.allow(0), Some(Allowance { bytes_max: 0, min_one_batch: true }));
        budget.spend(0);
        assert_eq!(budget.allow(30), Some(Allowance { bytes_max: 30, min_one_batch: true }));
        budget.spend(40);
        assert_eq!(budget.allow(1000), Some(Allowance { bytes_max: 60, min_one_batch: false }));
        assert_eq!(budget.allow(0), None);
        budget.spend(60);
        assert_eq!(budget.allow(1000), None);
        assert_eq!(Budget::new(0).allow(5), Some(Allowance { bytes_max: 0, min_one_batch: true }));
    }
}
