//! JoinGroup.
//!
//! | member id | state | what happens |
//! |---|---|---|
//! | none, dynamic, version 4 on | any | an id is given, `MemberIdRequired` |
//! | none, dynamic, older | any | becomes a member, rebalance |
//! | none, static | any | becomes a member, or takes its predecessor's place (`static_join`) |
//! | pending | any | becomes a member, rebalance |
//! | known | PreparingRebalance | waits for the end of the join phase |
//! | known | CompletingRebalance | same protocols: the current generation again; others: rebalance |
//! | known | Stable | the leader, or changed protocols: rebalance; else the current generation again |
//! | unknown | any | `UnknownMemberId` |
//!
//! Source: Apache Kafka, `GroupMetadataManager.classicGroupJoinToClassicGroup`.

use super::ClassicGroup;
use super::effects::{RequestId, Turn, millis};
use super::member::Member;
use crate::groups::types::{GroupError, GroupState, JoinEvent, JoinRefused, Joined};

/// A JoinGroup on its way through the group.
#[derive(Debug, Clone, Copy)]
pub struct Joining<'a> {
    /// What is asked.
    pub event: &'a JoinEvent,
    /// Whom to answer.
    pub request: RequestId,
    /// Makes a member id unique, should one be given.
    pub unique: &'a str,
}

impl Joining<'_> {
    /// Kafka's member ids: the instance id or the client's name, and something unique.
    fn new_member_id(&self) -> String {
        let prefix = self.event.group_instance_id.as_deref().unwrap_or(&self.event.client_id);
        format!("{prefix}-{}", self.unique)
    }

    fn refuse(&self, error: GroupError, member_id: &str, turn: &mut Turn) {
        turn.answer_join(Some(self.request), || Err(refused(error, member_id)));
    }
}

pub(super) fn refused(error: GroupError, member_id: &str) -> JoinRefused {
    JoinRefused { error, member_id: member_id.to_owned() }
}

impl ClassicGroup {
    /// A member wants to join, or to join again.
    pub fn join(&mut self, joining: Joining, turn: &mut Turn) {
        let event = joining.event;
        if !self.has_room_for(&event.member_id, turn.limits.members_max) {
            self.remove(&event.member_id, turn);
            joining.refuse(GroupError::GroupMaxSizeReached, "", turn);
        } else if !self.supports(&event.protocol_type, &event.protocols) {
            joining.refuse(GroupError::InconsistentGroupProtocol, &event.member_id, turn);
        } else if !event.member_id.is_empty() {
            self.join_known(joining, turn);
        } else if let Some(instance) = &event.group_instance_id {
            match self.static_members.get(instance).cloned() {
                Some(old_id) => self.join_as_successor(joining, instance, &old_id, &joining.new_member_id(), turn),
                None => self.join_as_new(joining, joining.new_member_id(), turn),
            }
        } else if event.requires_known_member_id {
            self.give_member_id(joining, turn);
        } else {
            self.join_as_new(joining, joining.new_member_id(), turn);
        }
    }

    /// During the join phase those count that have joined it, so that a group over a lowered limit loses who joins last.
    fn has_room_for(&self, member_id: &str, members_max: usize) -> bool {
        match self.state {
            GroupState::Empty | GroupState::Dead => true,
            GroupState::PreparingRebalance => {
                let waits = self.members.get(member_id).is_some_and(|member| member.awaiting_join.is_some());
                waits || self.awaiting_join() < members_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.members.contains_key(member_id) || self.members.len() < members_max
            }
        }
    }

    fn give_member_id(&mut self, joining: Joining, turn: &mut Turn) {
        let member_id = joining.new_member_id();
        let until = turn.deadline(millis(joining.event.session_timeout_ms));
        self.pending_join.insert(member_id.clone(), until);
        joining.refuse(GroupError::MemberIdRequired, &member_id, turn);
    }

    fn join_as_new(&mut self, joining: Joining, member_id: String, turn: &mut Turn) {
        let mut member = Member::new(joining.event, joining.request);
        member.wait_as_new(turn);
        self.new_member_added |= self.is_initial_rebalance();
        self.add(member_id, member, &joining.event.protocol_type);
        self.rebalance(turn);
    }

    fn join_known(&mut self, joining: Joining, turn: &mut Turn) {
        let event = joining.event;
        let member_id = &event.member_id;
        let is_static = event.group_instance_id.is_some();
        if self.pending_join.contains_key(member_id) && !is_static {
            return self.join_as_new(joining, member_id.clone(), turn);
        }
        if let Err(error) = self.check_member(member_id, event.group_instance_id.as_deref()) {
            return joining.refuse(error, member_id, turn);
        }
        let changed = self.members.get(member_id).is_some_and(|member| member.protocols != event.protocols);
        match self.state {
            GroupState::PreparingRebalance => self.rejoin(joining, turn),
            GroupState::CompletingRebalance if changed => self.rejoin(joining, turn),
            // The leader joins again when something else than metadata asks for a new assignment: partitions were added.
            GroupState::Stable if changed || self.is_leader(member_id) => self.rejoin(joining, turn),
            // It may not have got the answer that closed the join phase.
            GroupState::CompletingRebalance => self.answer_generation(joining, self.is_leader(member_id), turn),
            GroupState::Stable => self.answer_generation(joining, false, turn),
            GroupState::Empty | GroupState::Dead => joining.refuse(GroupError::UnknownMemberId, member_id, turn),
        }
    }

    fn rejoin(&mut self, joining: Joining, turn: &mut Turn) {
        self.update_member(&joining.event.member_id, joining, turn);
        self.rebalance(turn);
    }

    /// Takes over what the member says now. If it asked before and still waits, that request is no longer its own.
    pub(super) fn update_member(&mut self, member_id: &str, joining: Joining, turn: &mut Turn) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        member.update(joining.event);
        let before = member.awaiting_join.replace(joining.request);
        turn.answer_join(before, || Err(refused(GroupError::RebalanceInProgress, member_id)));
    }

    fn answer_generation(&self, joining: Joining, with_members: bool, turn: &mut Turn) {
        let joined = self.joined(&joining.event.member_id, with_members);
        turn.answer_join(Some(joining.request), || Ok(joined));
    }

    /// The current generation, as a member is told.
    pub(super) fn joined(&self, member_id: &str, with_members: bool) -> Joined {
        Joined {
            member_id: member_id.to_owned(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members: if with_members { self.joined_members() } else { Vec::new() },
        }
    }
}
