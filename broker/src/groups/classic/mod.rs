//! A classic group: who its members are, who waits for what, and until when.
//!
//! What must always hold:
//! - Pure: an event and the time come in (`Turn`), effects go out; no task, clock, file or random source.
//! - A request that waits (`RequestId`) stands in exactly one member and is answered exactly once, also when its
//!   member is removed, replaced or asks again.
//! - The state changes only along the table in `state`. Members have an assignment of the current generation only
//!   while `Stable`.
//! - What survives a restart is what `apply` makes of the last `GroupMetadata`; the same `apply` takes over what was
//!   just appended.
//!
//! Source: Apache Kafka, `ClassicGroup`, `GroupMetadataManager.classicGroup*`.

mod checks;
mod convert;
mod effects;
mod join;
mod leave;
mod liveness;
mod member;
mod membership;
mod rebalance;
mod snapshot;
mod state;
mod static_join;
mod sync;
mod view;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::types::{GroupError, GroupState};

pub use effects::{Effects, Persist, Reply, RequestId, Turn};
pub use join::Joining;
pub use snapshot::empty_group;

use member::Member;
use rebalance::JoinTimer;

/// Protocol type of Kafka's consumers: the only one whose metadata the coordinator understands.
const CONSUMER: &str = "consumer";

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Never goes back; deadlines are of this clock. Milliseconds.
    pub steady_ms: u64,
    /// Milliseconds since 1970; what records carry.
    pub wall_ms: i64,
}

/// What groups are bounded by.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `group.max.size`.
    pub members_max: usize,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: u64,
}

/// A classic group.
#[derive(Debug)]
pub struct ClassicGroup {
    state: GroupState,
    previous_state: GroupState,
    /// When the state changed last, milliseconds since 1970; unknown for groups of very old records.
    state_since_ms: Option<i64>,
    protocol_type: Option<String>,
    protocol_name: Option<String>,
    generation: i32,
    leader: Option<String>,
    members: BTreeMap<String, Member>,
    /// `group.instance.id` to member id.
    static_members: HashMap<String, String>,
    /// Members that were given an id and have not joined with it yet, and until when they may (steady clock).
    pending_join: HashMap<String, u64>,
    /// Members that joined the generation and have not asked for their assignment yet.
    pending_sync: BTreeSet<String>,
    /// Until when they may (steady clock).
    sync_deadline_ms: Option<u64>,
    join_timer: Option<JoinTimer>,
    /// A member came during the initial delay, which is then prolonged.
    new_member_added: bool,
    /// What the members consume; `None` when that is not known.
    subscribed_topics: Option<BTreeSet<String>>,
}

impl Default for ClassicGroup {
    fn default() -> Self {
        Self {
            state: GroupState::Empty,
            previous_state: GroupState::Dead,
            state_since_ms: None,
            protocol_type: None,
            protocol_name: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            static_members: HashMap::new(),
            pending_join: HashMap::new(),
            pending_sync: BTreeSet::new(),
            sync_deadline_ms: None,
            join_timer: None,
            new_member_added: false,
            subscribed_topics: None,
        }
    }
}

impl ClassicGroup {
    /// A group that exists only because offsets were committed for it (Kafka: a simple group).
    pub fn simple(now: Now) -> Self {
        Self { state_since_ms: Some(now.wall_ms), ..Self::default() }
    }

    /// Where the group stands.
    pub fn state(&self) -> GroupState {
        self.state
    }

    /// Whether the group has no members (it may have offsets).
    pub fn is_empty(&self) -> bool {
        self.state == GroupState::Empty
    }

    /// The current generation.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// Number of members.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Answers everybody who waits: the group is no longer kept here.
    pub fn unload(&mut self, error: GroupError, turn: &mut Turn) {
        for (id, member) in &mut self.members {
            turn.answer_join(member.awaiting_join.take(), || Err(join::refused(error, id)));
            turn.answer_sync(member.awaiting_sync.take(), || Err(error));
        }
        self.transition(GroupState::Dead, turn.now);
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }
}
