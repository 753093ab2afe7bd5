//! SyncGroup: the leader brings the assignment, every member gets its part.
//!
//! What must always hold: an assignment is handed out only after the log took it.
//!
//! Source: Apache Kafka, `GroupMetadataManager.classicGroupSyncToClassicGroup`.

use std::collections::HashMap;

use bytes::Bytes;

use super::ClassicGroup;
use super::effects::{RequestId, Then, Turn};
use super::member::own;
use crate::groups::types::{GroupError, GroupState, SyncEvent, Synced};

impl ClassicGroup {
    /// A member asks for its assignment; the leader also brings everybody's.
    pub fn sync(&mut self, event: &SyncEvent, request: RequestId, turn: &mut Turn) {
        if let Err(error) = self.check_sync(event) {
            return turn.refuse_sync(request, error);
        }
        match self.state {
            GroupState::Empty | GroupState::Dead => turn.refuse_sync(request, GroupError::UnknownMemberId),
            GroupState::PreparingRebalance => turn.refuse_sync(request, GroupError::RebalanceInProgress),
            GroupState::CompletingRebalance => self.wait_for_assignment(event, request, turn),
            GroupState::Stable => {
                self.has_synced(&event.member_id);
                let synced = self.synced(&event.member_id);
                turn.answer_sync(Some(request), || Ok(synced));
            }
        }
    }

    fn check_sync(&self, event: &SyncEvent) -> Result<(), GroupError> {
        self.check_member(&event.member_id, event.group_instance_id.as_deref())?;
        let differs = |said: &Option<String>, is: &Option<String>| said.is_some() && is.is_some() && said != is;
        if event.generation != self.generation {
            Err(GroupError::IllegalGeneration)
        } else if differs(&event.protocol_type, &self.protocol_type)
            || differs(&event.protocol_name, &self.protocol_name)
        {
            Err(GroupError::InconsistentGroupProtocol)
        } else {
            Ok(())
        }
    }

    fn wait_for_assignment(&mut self, event: &SyncEvent, request: RequestId, turn: &mut Turn) {
        self.has_synced(&event.member_id);
        let Some(member) = self.members.get_mut(&event.member_id) else { return };
        let before = member.awaiting_sync.replace(request);
        turn.answer_sync(before, || Err(GroupError::RebalanceInProgress));
        if self.is_leader(&event.member_id) {
            let assignments: HashMap<&str, &Bytes> =
                event.assignments.iter().map(|(id, assignment)| (id.as_str(), assignment)).collect();
            let of = |id: &str| assignments.get(id).map(|assignment| own(assignment)).unwrap_or_default();
            turn.persist(self.snapshot_with(|id, _| of(id)), Then::Assign);
        }
    }

    /// The log took the assignment (`apply` has stored it in the members).
    pub(super) fn assigned(&mut self, turn: &mut Turn) {
        turn.effects.rebalances += 1;
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let synced = self.synced(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            if member.awaiting_sync.is_some() {
                turn.answer_sync(member.awaiting_sync.take(), || Ok(synced));
                member.touch(turn);
            }
        }
    }

    /// The log did not take the assignment: the members try again.
    pub(super) fn take_back_assignment(&mut self, error: GroupError, turn: &mut Turn) {
        self.refuse_waiting_syncs(error, turn);
        self.rebalance(turn);
    }

    pub(super) fn refuse_waiting_syncs(&mut self, error: GroupError, turn: &mut Turn) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if member.awaiting_sync.is_some() {
                turn.answer_sync(member.awaiting_sync.take(), || Err(error));
                member.touch(turn);
            }
        }
    }

    fn synced(&self, member_id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: self.members.get(member_id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }

    fn has_synced(&mut self, member_id: &str) {
        self.pending_sync.remove(member_id);
        if self.pending_sync.is_empty() {
            self.sync_deadline_ms = None;
        }
    }
}
