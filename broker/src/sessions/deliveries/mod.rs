//! The records of one partition for one share group: which are handed out, to whom, until when, for which time, and what
//! became of each (Kafka's `SharePartition`, as a pure state machine).
//!
//! What must always hold:
//! - Runs tile `[start, end)`: each offset there has one state. Below `start` all is finished, from `end` on nothing was
//!   handed out. Neither goes back.
//! - `start` stands at the first unfinished offset, or at `end`.
//! - To hand out, to renew and to learn that an offset holds no record changes memory only. All else is a [`Change`]:
//!   decided here without writing, appended by the caller, then applied to this and to [`Stored`].
//! - A change that gives a record up announces it, once: in [`Change::given_up`], or, when it goes to a dead-letter
//!   topic first, in [`Change::copies`].
//! - Replaying the updates of all changes gives a [`Stored`] from which [`Deliveries::from_stored`] makes this state
//!   again, but what was handed out is available.
//!
//! | file | |
//! |---|---|
//! | `runs` | the map of runs |
//! | `stored` | what survives a restart |
//! | `change` | what a decision yields, and how it is applied |
//! | `acquire`, `portions` | handing out, and how much at a time |
//! | `acknowledge` | what a member says became of it |
//! | `expiry` | releases that nobody asked for: locks run out, members leave, the log is cut, copies are done |
//! | `view` | what others may know |

mod acknowledge;
mod acquire;
mod change;
mod expiry;
mod portions;
mod runs;
mod stored;
mod view;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use acknowledge::{AckBatch, AckError, AckType, check};
pub use acquire::{AcquireMode, Acquired, Fetched, FetchedBatch, Wish};
pub use change::{Change, GivenUp, Reason, Renewal};
pub use runs::{OFFSET_MAX, Run};
pub use stored::{Fate, Fenced, Mark, StateBatch, Stored, Update};
pub use view::{Counts, InFlight};

use runs::Runs;

/// The settings of the group that decisions need, as they are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// `share.delivery.count.limit`: after so many deliveries a record that is not accepted is given up.
    pub delivery_count_limit: i16,
    /// `share.partition.max.record.locks`: how far `end` may be from `start`.
    pub record_locks_max: i64,
    /// `share.record.lock.duration.ms`: how long a member holds a record.
    pub lock_duration_ms: u64,
    /// `share.renew.acknowledge.enable`: members may hold on to records (KIP-1222).
    pub renew_allowed: bool,
    /// Records that are given up go to a dead-letter topic first (KIP-1191).
    pub dead_letters: bool,
}

/// Who holds a record, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The member's id.
    pub member: Arc<str>,
    /// The record is free again at this time, in milliseconds of the caller's clock.
    pub until_ms: u64,
}

/// What is the case with an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it is stored. Available with a delivery count of 0 is the same as not stored.
    Settled(Fate),
    /// A member holds it. Not stored.
    Acquired(Lock),
    /// The log holds no record there, or none that anybody may see. Not stored: the log says it again.
    Absent,
}

impl State {
    const AVAILABLE: Self = Self::Settled(Fate::Available);

    /// Nothing more will happen at this offset.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Settled(fate) => fate.is_final(),
            Self::Acquired(_) => false,
            Self::Absent => true,
        }
    }
}

/// The state of an offset and how often its record was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What is the case.
    pub state: State,
    /// Deliveries so far, the present one included.
    pub count: i16,
}

impl Delivery {
    const NEVER: Self = Self { state: State::AVAILABLE, count: 0 };
    const ABSENT: Self = Self { state: State::Absent, count: 0 };

    fn is_available(&self) -> bool {
        self.state == State::AVAILABLE
    }
}

/// The state of one share partition. See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliveries {
    start: i64,
    end: i64,
    runs: Runs<Delivery>,
}

impl Deliveries {
    /// The state after a start of the broker. `first_start` is the start offset by the group's
    /// `share.auto.offset.reset`, taken when none is stored.
    pub fn from_stored(stored: &Stored, first_start: i64) -> Self {
        let start = if stored.start_offset() < 0 { first_start } else { stored.start_offset() };
        let start = start.clamp(0, OFFSET_MAX);
        let mut deliveries = Self { start, end: start, runs: Runs::default() };
        for batch in stored.batches().filter(|batch| batch.last >= start) {
            let Mark { delivery_count, fate } = batch.value;
            deliveries.extend_to(batch.first, Delivery::NEVER);
            deliveries
                .extend_to(batch.last + 1, Delivery { state: State::Settled(fate), count: delivery_count.max(0) });
        }
        deliveries.advance();
        deliveries
    }

    /// All below is finished.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The next offset that was never handed out.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Makes `end` at least this, and gives the new offsets this state.
    fn extend_to(&mut self, end: i64, delivery: Delivery) {
        if end > self.end {
            self.runs.set(self.end, end - 1, delivery);
            self.end = end;
        }
    }

    /// Moves `start` over what is finished.
    fn advance(&mut self) {
        while let Some(run) = self.runs.lowest().filter(|run| run.value.state.is_final()) {
            self.start = run.last + 1;
            self.runs.drop_below(self.start);
        }
    }
}
