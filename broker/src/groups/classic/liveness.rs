//! Heartbeats, and what happens when they stay away.
//!
//! Source: Apache Kafka, `GroupMetadataManager.classicGroupHeartbeatToClassicGroup`,
//! `expireClassicGroupMemberHeartbeat`.

use super::ClassicGroup;
use super::effects::Turn;
use crate::groups::types::{GroupError, GroupState, HeartbeatEvent};

impl ClassicGroup {
    /// A member is alive.
    ///
    /// # Errors
    /// `RebalanceInProgress` tells it to join again (and counts as heard of).
    pub fn heartbeat(&mut self, event: &HeartbeatEvent, turn: &mut Turn) -> Result<(), GroupError> {
        self.check_member(&event.member_id, event.group_instance_id.as_deref())?;
        if event.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        match self.state {
            GroupState::Empty | GroupState::Dead => Err(GroupError::UnknownMemberId),
            GroupState::PreparingRebalance => {
                self.touch(&event.member_id, turn);
                Err(GroupError::RebalanceInProgress)
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.touch(&event.member_id, turn);
                Ok(())
            }
        }
    }

    pub(super) fn touch(&mut self, member_id: &str, turn: &mut Turn) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.touch(turn);
        }
    }

    /// Does what is due. To be called at `wake_at_ms`; earlier or later does no harm.
    pub fn expire(&mut self, turn: &mut Turn) {
        let now_ms = turn.now.steady_ms;
        let silent = self.members.iter().filter(|(_, member)| member.expires_at_ms.is_some_and(|at| at <= now_ms));
        let silent: Vec<String> = silent.map(|(id, _)| id.clone()).collect();
        silent.iter().for_each(|id| self.session_ended(id, turn));
        let unused = self.pending_join.iter().filter(|(_, at)| **at <= now_ms);
        let unused: Vec<String> = unused.map(|(id, _)| id.clone()).collect();
        unused.iter().for_each(|id| self.remove_and_complete_join(id, turn));
        if self.sync_deadline_ms.is_some_and(|at| at <= now_ms) {
            self.sync_timer_fired(turn);
        }
        if let Some(timer) = self.join_timer.filter(|timer| timer.at_ms() <= now_ms) {
            self.join_timer_fired(timer, turn);
        }
        turn.effects.wake_at_ms = self.next_deadline_ms();
    }

    fn session_ended(&mut self, member_id: &str, turn: &mut Turn) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        member.expires_at_ms = None;
        if member.is_excused() {
            return;
        }
        turn.effects.expired_members += 1;
        self.remove_and_complete_join(member_id, turn);
        if matches!(self.state, GroupState::Stable | GroupState::CompletingRebalance) {
            self.rebalance(turn);
        }
    }

    /// Removes a member; if it was the last that was missing, the join phase is over, also that of an initial rebalance.
    fn remove_and_complete_join(&mut self, member_id: &str, turn: &mut Turn) {
        self.remove(member_id, turn);
        if self.state == GroupState::PreparingRebalance && self.all_joined() {
            self.complete_join(turn);
        }
    }

    /// When `expire` should be called next (steady clock).
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let sessions = self.members.values().filter_map(|member| member.expires_at_ms);
        let pending = self.pending_join.values().copied();
        let timers = self.sync_deadline_ms.into_iter().chain(self.join_timer.map(|timer| timer.at_ms()));
        sessions.chain(pending).chain(timers).min()
    }
}
