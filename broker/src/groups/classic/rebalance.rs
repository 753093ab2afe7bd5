//! The join phase: from the first who wants a rebalance until everybody is told the new generation.
//!
//! What must always hold: while the state is `PreparingRebalance` there is a join timer.
//!
//! 1. `rebalance`: the group prepares, unless it already does. An empty group waits for
//!    `group.initial.rebalance.delay.ms`, again as long as new members come, but no longer than the rebalance timeout.
//! 2. The phase is over when all members have joined, or when the rebalance timeout of the slowest has passed.
//! 3. `complete_join`: dynamic members that did not join are removed, static ones stay until their session ends; the
//!    generation is counted up, the protocol chosen, every member answered.
//! 4. Members that do not ask for their assignment within the rebalance timeout are removed: step 1 again.
//!
//! Source: Apache Kafka, `GroupMetadataManager.prepareRebalance`, `completeClassicGroupJoin`,
//! `tryCompleteInitialRebalanceElseSchedule`, `expirePendingSync`.

use super::ClassicGroup;
use super::effects::{Then, Turn};
use crate::groups::types::{GroupError, GroupState};

/// What ends the join phase if not all members join (steady clock).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JoinTimer {
    /// The group was empty.
    Initial { at_ms: u64, delay_ms: u64, remaining_ms: u64 },
    /// Somebody is missing.
    Missing { at_ms: u64 },
}

impl JoinTimer {
    pub(super) fn at_ms(self) -> u64 {
        match self {
            Self::Initial { at_ms, .. } | Self::Missing { at_ms } => at_ms,
        }
    }
}

impl ClassicGroup {
    /// Begins a rebalance, or ends the join phase of the one that goes on.
    pub(super) fn rebalance(&mut self, turn: &mut Turn) {
        if self.can_rebalance() {
            self.prepare_rebalance(turn);
        } else {
            self.complete_join_if_all_joined(turn);
        }
    }

    /// The initial rebalance is left to its timer.
    pub(super) fn complete_join_if_all_joined(&mut self, turn: &mut Turn) {
        let preparing = self.state == GroupState::PreparingRebalance;
        if preparing && !self.is_initial_rebalance() && self.all_joined() {
            self.complete_join(turn);
        }
    }

    pub(super) fn prepare_rebalance(&mut self, turn: &mut Turn) {
        if self.state == GroupState::CompletingRebalance {
            self.refuse_waiting_syncs(GroupError::RebalanceInProgress, turn);
        }
        self.pending_sync.clear();
        self.sync_deadline_ms = None;
        let was_empty = self.is_empty();
        self.transition(GroupState::PreparingRebalance, turn.now);
        if was_empty {
            let delay_ms = turn.limits.initial_rebalance_delay_ms;
            self.delay_initial_rebalance(delay_ms, self.rebalance_timeout_ms().saturating_sub(delay_ms), turn);
        } else if self.all_joined() {
            self.complete_join(turn);
        } else {
            self.wait_for_missing(turn);
        }
    }

    fn delay_initial_rebalance(&mut self, delay_ms: u64, remaining_ms: u64, turn: &mut Turn) {
        self.new_member_added = false;
        self.join_timer = Some(JoinTimer::Initial { at_ms: turn.deadline(delay_ms), delay_ms, remaining_ms });
    }

    fn wait_for_missing(&mut self, turn: &mut Turn) {
        self.join_timer = Some(JoinTimer::Missing { at_ms: turn.deadline(self.rebalance_timeout_ms()) });
    }

    pub(super) fn join_timer_fired(&mut self, timer: JoinTimer, turn: &mut Turn) {
        match timer {
            JoinTimer::Initial { delay_ms, remaining_ms, .. } if self.new_member_added && remaining_ms != 0 => {
                let next_ms = turn.limits.initial_rebalance_delay_ms.min(remaining_ms);
                self.delay_initial_rebalance(next_ms, remaining_ms.saturating_sub(delay_ms), turn);
            }
            JoinTimer::Initial { .. } | JoinTimer::Missing { .. } => self.complete_join(turn),
        }
    }

    pub(super) fn complete_join(&mut self, turn: &mut Turn) {
        self.join_timer = None;
        self.remove_missing_dynamic_members(turn);
        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Only static members are left and none joined: wait for them, or for the end of their sessions.
            return self.wait_for_missing(turn);
        }
        self.next_generation(turn);
        if self.is_empty() {
            turn.persist(self.snapshot(), Then::Nothing);
        } else {
            self.answer_joins(turn);
            self.pending_sync.extend(self.members.keys().cloned());
            self.sync_deadline_ms = Some(turn.deadline(self.rebalance_timeout_ms()));
        }
    }

    fn remove_missing_dynamic_members(&mut self, turn: &mut Turn) {
        let missing = self.members.iter().filter(|(_, member)| member.awaiting_join.is_none() && !member.is_static());
        let missing: Vec<String> = missing.map(|(id, _)| id.clone()).collect();
        missing.iter().for_each(|id| self.remove(id, turn));
    }

    fn next_generation(&mut self, turn: &mut Turn) {
        // A generation is a positive i32 for ever; Kafka wraps into illegal ones.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.protocol_name = if self.members.is_empty() { None } else { self.select_protocol() };
        self.subscribed_topics = self.compute_subscribed_topics();
        self.pending_sync.clear();
        let next = if self.members.is_empty() { GroupState::Empty } else { GroupState::CompletingRebalance };
        self.transition(next, turn.now);
    }

    fn answer_joins(&mut self, turn: &mut Turn) {
        let answers: Vec<_> = self.members.keys().map(|id| self.joined(id, self.is_leader(id))).collect();
        for (member, joined) in self.members.values_mut().zip(answers) {
            turn.answer_join(member.awaiting_join.take(), || Ok(joined));
            member.touch(turn);
            member.is_new = false;
        }
    }

    /// Members that did not ask for their assignment in time are gone.
    pub(super) fn sync_timer_fired(&mut self, turn: &mut Turn) {
        self.sync_deadline_ms = None;
        let synced = matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable);
        if synced && !self.pending_sync.is_empty() {
            let missing = std::mem::take(&mut self.pending_sync);
            missing.iter().for_each(|id| self.remove(id, turn));
            self.prepare_rebalance(turn);
        }
    }
}
