//! What others may know: where to read on, what is in flight, how much is left.

use std::sync::Arc;

use super::runs::length;
use super::{Deliveries, Delivery, Fate, Run, State};

/// Records that a member holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// The first offset.
    pub first: i64,
    /// The last offset, inclusive.
    pub last: i64,
    /// Who holds them.
    pub member: Arc<str>,
    /// Until when, in milliseconds of the caller's clock.
    pub until_ms: u64,
    /// The how-manieth delivery this is.
    pub delivery_count: i16,
}

/// How many offsets from the start offset on are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// To be delivered, or delivered again.
    pub available: i64,
    /// Held by members.
    pub acquired: i64,
    /// Accepted.
    pub acknowledged: i64,
    /// Given up, the copy is on its way.
    pub archiving: i64,
    /// Given up.
    pub archived: i64,
    /// Without a record.
    pub absent: i64,
}

impl Deliveries {
    /// Where to read next: the first record that is available again, else the first that was never handed out. `None`:
    /// as many records as are allowed are in flight (`SharePartition.canAcquireRecords`).
    pub fn fetch_from(&self, record_locks_max: i64) -> Option<i64> {
        let again = self.runs.iter().find(|run| run.value.is_available()).map(|run| run.first);
        again.or_else(|| (self.end - self.start < record_locks_max).then_some(self.end))
    }

    /// What members hold, the lowest offsets first.
    pub fn in_flight(&self) -> impl Iterator<Item = InFlight> {
        self.runs.iter().filter_map(|run| match &run.value.state {
            State::Acquired(lock) => Some(InFlight {
                first: run.first,
                last: run.last,
                member: lock.member.clone(),
                until_ms: lock.until_ms,
                delivery_count: run.value.count,
            }),
            State::Settled(_) | State::Absent => None,
        })
    }

    /// The state of each of these offsets that is neither finished and forgotten nor ahead of all deliveries.
    pub fn states(&self, first: i64, last: i64) -> impl Iterator<Item = Run<&Delivery>> {
        self.runs.within(first, last)
    }

    /// How many offsets are in which state.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for run in self.runs.iter() {
            *counts.of(&run.value.state) += length(run.first, run.last);
        }
        counts
    }

    /// How many records up to `log_end` are not finished (Kafka's lag of a share group: the end of the log less the
    /// start offset less what is complete from there on).
    pub fn lag(&self, log_end: i64) -> i64 {
        let ahead = log_end.saturating_sub(self.start);
        ahead.saturating_sub(self.finished_from(self.start)).max(0)
    }
}

impl Counts {
    fn of(&mut self, state: &State) -> &mut i64 {
        match state {
            State::Settled(Fate::Available) => &mut self.available,
            State::Settled(Fate::Acknowledged) => &mut self.acknowledged,
            State::Settled(Fate::Archiving) => &mut self.archiving,
            State::Settled(Fate::Archived) => &mut self.archived,
            State::Acquired(_) => &mut self.acquired,
            State::Absent => &mut self.absent,
        }
    }
}
