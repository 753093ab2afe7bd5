//! Who may do what.
//!
//! Source: Apache Kafka, `ClassicGroup.validateMember`, `validateOffsetCommit`, `validateOffsetDelete`,
//! `validateDeleteGroup`.

use super::ClassicGroup;
use super::effects::Turn;
use crate::groups::types::{CommitEvent, GroupError, GroupState};

impl ClassicGroup {
    /// The member is known, and nobody took over its instance id.
    pub(super) fn check_member(&self, member_id: &str, instance: Option<&str>) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            let holder = self.static_members.get(instance).ok_or(GroupError::UnknownMemberId)?;
            if holder != member_id {
                return Err(GroupError::FencedInstanceId);
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
    }

    /// Whether offsets may be committed. A commit also says that the member is alive.
    ///
    /// # Errors
    /// `UnknownMemberId`, `FencedInstanceId`, `IllegalGeneration`, or `RebalanceInProgress` between join and assignment.
    pub fn check_commit(&mut self, event: &CommitEvent, turn: &mut Turn) -> Result<(), GroupError> {
        if event.generation < 0 && self.is_empty() {
            return Ok(());
        }
        let named = event.generation >= 0 || !event.member_id.is_empty() || event.group_instance_id.is_some();
        if named {
            self.check_member(&event.member_id, event.group_instance_id.as_deref())?;
            if event.generation != self.generation {
                return Err(GroupError::IllegalGeneration);
            }
        } else if !self.is_empty() {
            return Err(GroupError::UnknownMemberId);
        }
        if self.state == GroupState::CompletingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        self.touch(&event.member_id, turn);
        Ok(())
    }

    /// Whether offsets may be deleted: of a group with members only if it is known what they consume.
    ///
    /// # Errors
    /// `NonEmptyGroup`.
    pub fn check_delete_offsets(&self) -> Result<(), GroupError> {
        if self.is_empty() || self.uses_consumer_protocol() { Ok(()) } else { Err(GroupError::NonEmptyGroup) }
    }

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// `NonEmptyGroup`.
    pub fn check_delete(&self) -> Result<(), GroupError> {
        if self.is_empty() { Ok(()) } else { Err(GroupError::NonEmptyGroup) }
    }

    /// Whether the group can go when it has no offsets: no members, and none on their way.
    pub fn is_unused(&self) -> bool {
        self.is_empty() && self.pending_join.is_empty()
    }

    /// Whether the group consumes the topic. Where a consumer group's topics are not known, it may.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.subscribed_topics.as_ref().map_or(self.uses_consumer_protocol(), |topics| topics.contains(topic))
    }

    /// Since when offsets count as unused: given the time of a commit, milliseconds since 1970. `None`: they do not expire.
    pub fn unused_since_ms(&self, commit_timestamp_ms: i64) -> Option<i64> {
        if self.protocol_type.is_none() {
            return Some(commit_timestamp_ms);
        }
        match self.state {
            GroupState::Empty => Some(self.state_since_ms.unwrap_or(commit_timestamp_ms)),
            GroupState::Stable if self.uses_consumer_protocol() && self.subscribed_topics.is_some() => {
                Some(commit_timestamp_ms)
            }
            _ => None,
        }
    }
}
