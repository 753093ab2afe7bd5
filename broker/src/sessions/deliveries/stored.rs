//! What survives a restart: the state of one share partition as the records of `__share_group_state` tell it.
//!
//! What must always hold:
//! - An offset has one mark; of two that claim it the one with more deliveries stands, then the one that is further on
//!   its way (Kafka's `PersisterStateBatchCombiner`). So the order of updates does not matter, and none is lost.
//! - Nothing below the start offset is kept once there is one.
//! - Any content can be taken in: ranges that make no sense hold no offset.

use super::runs::{Run, Runs};

/// What became of a record, as far as it is stored. Higher wins where two claims have the same delivery count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Was delivered and is to be delivered again.
    Available,
    /// Accepted by a member.
    Acknowledged,
    /// Given up, a copy for the dead-letter topic is on its way (KIP-1191).
    Archiving,
    /// Given up.
    Archived,
}

impl Fate {
    /// The number of the state in records and requests (Kafka's `RecordState`).
    pub fn id(self) -> i8 {
        match self {
            Self::Available => 0,
            Self::Acknowledged => 2,
            Self::Archiving => 3,
            Self::Archived => 4,
        }
    }

    /// The state with this number. 1 is "acquired", which nobody should store: it does not survive a restart, so the
    /// record is available. `None`: there is no such state.
    pub fn from_id(id: i8) -> Option<Self> {
        match id {
            0 | 1 => Some(Self::Available),
            2 => Some(Self::Acknowledged),
            3 => Some(Self::Archiving),
            4 => Some(Self::Archived),
            _ => None,
        }
    }

    /// Nothing more will happen to the record.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Archived)
    }
}

/// A fate after so many deliveries. The order says which of two claims stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// How often the record was delivered.
    pub delivery_count: i16,
    /// What became of it.
    pub fate: Fate,
}

/// Offsets that share one mark, the unit of records and of the persister's requests.
pub type StateBatch = Run<Mark>;

/// One change of the stored state (Kafka's `ShareUpdateValue` and the body of WriteShareGroupState).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Update {
    /// All below is finished. -1: as it was.
    pub start_offset: i64,
    /// How many of the records from the start offset on are finished. -1: not known.
    pub delivery_complete_count: i32,
    /// New marks.
    pub batches: Vec<StateBatch>,
}

/// Why a call of the persister is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fenced {
    /// By the leader epoch: FENCED_LEADER_EPOCH.
    LeaderEpoch,
    /// By the state epoch: FENCED_STATE_EPOCH.
    StateEpoch,
}

/// The stored state of one share partition (Kafka's `ShareGroupOffset`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Raised whenever the state is set up anew.
    pub state_epoch: i32,
    /// The highest leader epoch that read the state.
    pub leader_epoch: i32,
    start_offset: i64,
    delivery_complete_count: i32,
    marks: Runs<Mark>,
}

impl Stored {
    /// State that was set up (InitializeShareGroupState). -1 as start offset: the first fetch finds it.
    pub fn initial(state_epoch: i32, start_offset: i64) -> Self {
        let delivery_complete_count = if start_offset == -1 { -1 } else { 0 };
        Self { state_epoch, leader_epoch: 0, start_offset, delivery_complete_count, marks: Runs::default() }
    }

    /// State from a snapshot (Kafka's `ShareSnapshotValue`).
    pub fn from_snapshot(state_epoch: i32, leader_epoch: i32, snapshot: &Update) -> Self {
        let mut stored = Self { leader_epoch, ..Self::initial(state_epoch, snapshot.start_offset) };
        stored.merge(leader_epoch, snapshot);
        stored
    }

    /// Takes an update in. -1 as leader epoch: as it was.
    pub fn merge(&mut self, leader_epoch: i32, update: &Update) {
        if update.start_offset != -1 {
            self.start_offset = update.start_offset;
            self.marks.drop_below(update.start_offset);
        }
        if leader_epoch != -1 {
            self.leader_epoch = leader_epoch;
        }
        self.delivery_complete_count = update.delivery_complete_count;
        for batch in &update.batches {
            self.mark(batch);
        }
    }

    /// Whether a writer or reader with these epochs is from before the present ones. -1: it does not say.
    pub fn fence(&self, leader_epoch: i32, state_epoch: i32) -> Result<(), Fenced> {
        if leader_epoch != -1 && self.leader_epoch > leader_epoch {
            return Err(Fenced::LeaderEpoch);
        }
        if state_epoch != -1 && self.state_epoch > state_epoch {
            return Err(Fenced::StateEpoch);
        }
        Ok(())
    }

    /// All below is finished. -1: not known yet.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// How many of the records from the start offset on are finished. -1: not known.
    pub fn delivery_complete_count(&self) -> i32 {
        self.delivery_complete_count
    }

    /// The marks, disjoint, alike neighbours joined.
    pub fn batches(&self) -> impl Iterator<Item = StateBatch> {
        self.marks.iter().map(|run| Run { first: run.first, last: run.last, value: *run.value })
    }

    /// All of it as one update: what a snapshot holds.
    pub fn snapshot(&self) -> Update {
        Update {
            start_offset: self.start_offset,
            delivery_complete_count: self.delivery_complete_count,
            batches: self.batches().collect(),
        }
    }

    fn mark(&mut self, batch: &StateBatch) {
        let first = batch.first.max(self.start_offset);
        let stronger: Vec<StateBatch> = self
            .marks
            .within(first, batch.last)
            .filter(|run| *run.value > batch.value)
            .map(|run| Run { first: run.first, last: run.last, value: *run.value })
            .collect();
        self.marks.set(first, batch.last, batch.value);
        for run in stronger {
            self.marks.set(run.first, run.last, run.value);
        }
    }
}
