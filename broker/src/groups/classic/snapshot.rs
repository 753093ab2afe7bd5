//! The group as a record, and back.
//!
//! What must always hold: `apply` of a group's own snapshot changes nothing that lasts; applied to a fresh group it
//! gives the same group without those who wait.
//!
//! Source: Apache Kafka, `GroupCoordinatorRecordHelpers.newGroupMetadataRecord`, `GroupMetadataManager.replay`.

use std::collections::BTreeMap;

use bytes::Bytes;
use catena_protocol::group_records::{GroupMetadata, MemberMetadata};

use super::effects::{Then, Turn};
use super::member::{Member, own};
use super::{ClassicGroup, Now};
use crate::groups::types::{GroupError, GroupState, Protocol};

/// "Not known" in a record.
const NO_TIMESTAMP: i64 = -1;

/// The record of a group that nobody has joined yet.
pub fn empty_group(now: Now) -> GroupMetadata {
    ClassicGroup::simple(now).snapshot()
}

impl ClassicGroup {
    pub(super) fn snapshot(&self) -> GroupMetadata {
        self.snapshot_with(|_, member| member.assignment.clone())
    }

    pub(super) fn snapshot_with(&self, assignment: impl Fn(&str, &Member) -> Bytes) -> GroupMetadata {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let member = |(id, member): (&String, &Member)| MemberMetadata {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(protocol),
            assignment: assignment(id, member),
        };
        GroupMetadata {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol_name.clone(),
            leader: self.leader.clone(),
            state_timestamp_ms: self.state_since_ms.unwrap_or(NO_TIMESTAMP),
            members: self.members.iter().map(member).collect(),
        }
    }

    /// Takes over what a record says, at replay and after an append alike. Members that are here keep what they wait for
    /// and until when; others begin a session, whose first deadline is `next_deadline_ms`.
    pub fn apply(&mut self, record: &GroupMetadata, turn: &mut Turn) {
        let next = if record.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        if next != self.state {
            self.previous_state = self.state;
            self.state = next;
        }
        self.state_since_ms = Some(record.state_timestamp_ms).filter(|at| *at != NO_TIMESTAMP);
        self.protocol_type = Some(record.protocol_type.clone()).filter(|name| !name.is_empty());
        self.protocol_name = record.protocol.clone();
        self.generation = record.generation;
        self.leader = record.leader.clone();
        self.apply_members(record, turn);
        self.subscribed_topics = self.compute_subscribed_topics();
    }

    fn apply_members(&mut self, record: &GroupMetadata, turn: &mut Turn) {
        let mut here = std::mem::take(&mut self.members);
        let mut members = BTreeMap::new();
        self.static_members.clear();
        for stored in &record.members {
            let known = here.remove(&stored.member_id);
            let begins = known.is_none();
            let mut member = known.unwrap_or_default();
            member.apply(stored, record.protocol.as_deref());
            if begins {
                member.touch(turn);
            }
            self.index_static(&stored.member_id, stored.group_instance_id.as_deref());
            members.insert(stored.member_id.clone(), member);
        }
        self.members = members;
    }

    /// Goes on after the log took the record (and `apply` was called with it), or did not.
    pub fn persisted(&mut self, then: Then, outcome: Result<(), GroupError>, turn: &mut Turn) {
        match (then, outcome) {
            (Then::Assign, Ok(())) => self.assigned(turn),
            (Then::Assign, Err(error)) => self.take_back_assignment(error, turn),
            (Then::Replaced(replacement), Ok(())) => self.replaced(replacement, turn),
            (Then::Replaced(replacement), Err(error)) => self.take_back_replacement(replacement, error, turn),
            // An empty generation that is not in the log: after a restart the members of the one before time out.
            (Then::Nothing, _) => {}
        }
    }

    /// After a replay: a group over a lowered `group.max.size` rebalances, so that it can shrink.
    pub fn loaded(&mut self, turn: &mut Turn) {
        if self.members.len() > turn.limits.members_max && self.can_rebalance() {
            self.prepare_rebalance(turn);
        }
    }
}

impl Member {
    /// Of the protocols, a record has the chosen one only. The others are known if the member is here already.
    fn apply(&mut self, stored: &MemberMetadata, protocol: Option<&str>) {
        self.group_instance_id = stored.group_instance_id.clone();
        self.client_id = stored.client_id.clone();
        self.client_host = stored.client_host.clone();
        self.rebalance_timeout_ms = stored.rebalance_timeout_ms;
        self.session_timeout_ms = stored.session_timeout_ms;
        self.assignment = own(&stored.assignment);
        let name = protocol.unwrap_or_default();
        if !self.supports(name) || self.metadata(name) != stored.subscription {
            self.protocols = vec![Protocol { name: name.to_owned(), metadata: own(&stored.subscription) }];
        }
    }
}
