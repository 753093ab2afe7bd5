//! A static member that lost its member id joins again and takes its predecessor's place (KIP-345).
//!
//! What must always hold: while the group is stable and its protocol stays the same, there is no rebalance; the new
//! member id is in the log before it is told.
//!
//! Source: Apache Kafka, `GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin`.

use super::ClassicGroup;
use super::effects::{Then, Turn};
use super::join::{Joining, refused};
use crate::groups::types::{GroupError, GroupState, JoinEvent, Joined, Protocol};

/// Who took whose place, to be told or taken back.
#[derive(Debug)]
pub struct Replacement {
    instance: String,
    old_id: String,
    new_id: String,
    old_leader: Option<String>,
    supports_skipping_assignment: bool,
    old_protocols: Vec<Protocol>,
    old_rebalance_timeout_ms: i32,
    old_session_timeout_ms: i32,
}

impl ClassicGroup {
    pub(super) fn join_as_successor(
        &mut self,
        joining: Joining,
        instance: &str,
        old_id: &str,
        new_id: &str,
        turn: &mut Turn,
    ) {
        let Some(replacement) = self.replacement(joining.event, instance, old_id, new_id) else {
            return turn.answer_join(Some(joining.request), || Err(GroupError::UnknownMemberId.into()));
        };
        self.replace_static(instance, old_id, new_id, turn);
        if let Some(member) = self.members.get_mut(new_id) {
            member.touch(turn);
        }
        self.update_member(new_id, joining, turn);
        if self.state == GroupState::Stable && self.select_protocol() == self.protocol_name {
            turn.persist(self.snapshot(), Then::Replaced(replacement));
        } else {
            // While the leader computes assignments it knows the old id only, so that case needs a rebalance as well.
            self.rebalance(turn);
        }
    }

    fn replacement(&self, event: &JoinEvent, instance: &str, old_id: &str, new_id: &str) -> Option<Replacement> {
        let old = self.members.get(old_id)?;
        Some(Replacement {
            instance: instance.to_owned(),
            old_id: old_id.to_owned(),
            new_id: new_id.to_owned(),
            old_leader: self.leader.clone(),
            supports_skipping_assignment: event.supports_skipping_assignment,
            old_protocols: old.protocols.clone(),
            old_rebalance_timeout_ms: old.rebalance_timeout_ms,
            old_session_timeout_ms: old.session_timeout_ms,
        })
    }

    pub(super) fn replaced(&mut self, replacement: Replacement, turn: &mut Turn) {
        let joined = self.joined_successor(&replacement);
        let Some(member) = self.members.get_mut(&replacement.new_id) else { return };
        turn.answer_join(member.awaiting_join.take(), || Ok(joined));
    }

    /// Clients that cannot skip the assignment are told the old leader's id, so that a returned leader acts as follower.
    fn joined_successor(&self, replacement: &Replacement) -> Joined {
        let is_leader = self.is_leader(&replacement.new_id);
        if replacement.supports_skipping_assignment {
            Joined { skip_assignment: is_leader, ..self.joined(&replacement.new_id, is_leader) }
        } else {
            let leader = replacement.old_leader.clone().unwrap_or_default();
            Joined { leader, ..self.joined(&replacement.new_id, false) }
        }
    }

    /// The log did not take the new member id: the old one stays.
    pub(super) fn take_back_replacement(&mut self, replacement: Replacement, error: GroupError, turn: &mut Turn) {
        let Replacement { instance, old_id, new_id, .. } = replacement;
        let Some(member) = self.members.get_mut(&new_id) else { return };
        turn.answer_join(member.awaiting_join.take(), || Err(refused(error, "")));
        member.protocols = replacement.old_protocols;
        member.rebalance_timeout_ms = replacement.old_rebalance_timeout_ms;
        member.session_timeout_ms = replacement.old_session_timeout_ms;
        member.touch(turn);
        self.replace_static(&instance, &new_id, &old_id, turn);
    }
}
