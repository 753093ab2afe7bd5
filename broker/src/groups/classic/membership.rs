//! Members coming and going, the leader, and the protocol all agree on.
//!
//! What must always hold: the leader is a member, if there are members; `static_members` names exactly the members
//! that have an instance id; all members share the protocol type and at least one protocol.

use std::collections::{BTreeMap, BTreeSet};

use catena_protocol::group_records::subscribed_topics;

use super::ClassicGroup;
use super::effects::{Turn, millis};
use super::join::refused;
use super::member::Member;
use crate::groups::types::{GroupError, JoinedMember, Protocol};

impl ClassicGroup {
    pub(super) fn add(&mut self, member_id: String, member: Member, protocol_type: &str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.to_owned());
        }
        self.leader.get_or_insert_with(|| member_id.clone());
        self.pending_join.remove(&member_id);
        self.index_static(&member_id, member.group_instance_id.as_deref());
        self.members.insert(member_id, member);
    }

    pub(super) fn index_static(&mut self, member_id: &str, instance: Option<&str>) {
        if let Some(instance) = instance {
            self.static_members.insert(instance.to_owned(), member_id.to_owned());
        }
    }

    /// Removes a member, pending or not. Whatever it waits for is answered with `UnknownMemberId`: whoever is still
    /// there joins again.
    pub(super) fn remove(&mut self, member_id: &str, turn: &mut Turn) {
        self.pending_join.remove(member_id);
        self.pending_sync.remove(member_id);
        let Some(mut member) = self.members.remove(member_id) else { return };
        if let Some(instance) = &member.group_instance_id {
            self.static_members.remove(instance);
        }
        turn.answer_join(member.awaiting_join.take(), || Err(GroupError::UnknownMemberId.into()));
        turn.answer_sync(member.awaiting_sync.take(), || Err(GroupError::UnknownMemberId));
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// Gives a static member's place to its successor. Whatever the old one waits for is answered with `FencedInstanceId`.
    pub(super) fn replace_static(&mut self, instance: &str, old_id: &str, new_id: &str, turn: &mut Turn) {
        let Some(mut member) = self.members.remove(old_id) else { return };
        turn.answer_join(member.awaiting_join.take(), || Err(refused(GroupError::FencedInstanceId, old_id)));
        turn.answer_sync(member.awaiting_sync.take(), || Err(GroupError::FencedInstanceId));
        member.is_new = false;
        self.members.insert(new_id.to_owned(), member);
        self.index_static(new_id, Some(instance));
        if self.pending_sync.remove(old_id) {
            self.pending_sync.insert(new_id.to_owned());
        }
        if self.is_leader(old_id) {
            self.leader = Some(new_id.to_owned());
        }
    }

    /// Keeps the leader if it joined, else makes one that did the leader. False when nobody joined.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let joined = |member: &Member| member.awaiting_join.is_some();
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        if leader.is_some_and(joined) {
            return true;
        }
        let elected = self.members.iter().find(|(_, member)| joined(member)).map(|(id, _)| id.clone());
        let found = elected.is_some();
        self.leader = elected.or(self.leader.take());
        found
    }

    /// Nobody is missing: every member waits for the end of the join phase and no given id is unused.
    pub(super) fn all_joined(&self) -> bool {
        self.pending_join.is_empty() && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    pub(super) fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.awaiting_join.is_some()).count()
    }

    /// The longest time any member wants the others to wait for it.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        self.members.values().map(|member| millis(member.rebalance_timeout_ms)).max().unwrap_or(0)
    }

    /// Whether a member with these protocols fits into the group.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let common = |each: &Protocol| self.members.values().all(|member| member.supports(&each.name));
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(common)
    }

    /// Of the protocols that all members support, the one that most members prefer (of equals, the first by name).
    pub(super) fn select_protocol(&self) -> Option<String> {
        let common = |each: &&Protocol| self.members.values().all(|member| member.supports(&each.name));
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.protocols.iter().find(common)?;
            *votes.entry(&vote.name).or_default() += 1;
        }
        let most = votes.into_iter().rev().max_by_key(|(_, count)| *count);
        most.map(|(name, _)| name.to_owned())
    }

    /// What the leader needs to know about the members.
    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let joined = |(id, member): (&String, &Member)| JoinedMember {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.iter().map(joined).collect()
    }

    /// The topics the members consume, as far as their metadata can be read.
    pub(super) fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol_name.as_deref()?);
            topics.extend(subscribed_topics(&metadata).ok()?.into_iter().map(str::to_owned));
        }
        Some(topics)
    }
}
