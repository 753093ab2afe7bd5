//! The states of a classic group and the legal ways between them.
//!
//! Source: Apache Kafka, `ClassicGroupState`.

use super::{ClassicGroup, Now};
use crate::groups::types::GroupState::{self, CompletingRebalance, Dead, Empty, PreparingRebalance, Stable};

/// From, to.
const TRANSITIONS: &[(GroupState, GroupState)] = &[
    (Empty, PreparingRebalance),
    (Stable, PreparingRebalance),
    (CompletingRebalance, PreparingRebalance),
    (PreparingRebalance, CompletingRebalance),
    (PreparingRebalance, Empty),
    (CompletingRebalance, Stable),
    (Empty, Dead),
    (PreparingRebalance, Dead),
    (CompletingRebalance, Dead),
    (Stable, Dead),
    (Dead, Dead),
];

pub(super) fn is_legal(from: GroupState, to: GroupState) -> bool {
    TRANSITIONS.contains(&(from, to))
}

impl ClassicGroup {
    pub(super) fn transition(&mut self, to: GroupState, now: Now) {
        debug_assert!(is_legal(self.state, to), "{:?} to {to:?}", self.state);
        self.previous_state = self.state;
        self.state = to;
        self.state_since_ms = Some(now.wall_ms);
    }

    pub(super) fn can_rebalance(&self) -> bool {
        is_legal(self.state, PreparingRebalance)
    }

    /// The first rebalance of a group that was empty: it waits for more members than those that are there.
    pub(super) fn is_initial_rebalance(&self) -> bool {
        self.state == PreparingRebalance && self.previous_state == Empty
    }
}
