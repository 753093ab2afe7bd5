//! The members of a group, by the rules of its kind.
//!
//! What must always hold: what every kind can answer is asked here; what only one kind knows is asked of that kind.

use catena_protocol::group_records::GroupKind;

use super::classic::ClassicGroup;
use super::modern::ModernGroup;
use super::types::GroupError;

/// Protocol type of groups whose members consume topics.
const CONSUMER_PROTOCOL: &str = "consumer";
/// Protocol type of share groups.
const SHARE_PROTOCOL: &str = "share";

/// Members and how they come by their partitions.
#[derive(Debug)]
pub enum Membership {
    /// The leader assigns (JoinGroup, SyncGroup). A group that only has offsets is one without members.
    Classic(ClassicGroup),
    /// The server assigns.
    Modern(ModernGroup),
}

impl Default for Membership {
    fn default() -> Self {
        Self::Classic(ClassicGroup::default())
    }
}

impl Membership {
    /// The classic group, if it is one.
    pub fn classic(&self) -> Option<&ClassicGroup> {
        match self {
            Self::Classic(group) => Some(group),
            Self::Modern(_) => None,
        }
    }

    /// The classic group, if it is one.
    pub fn classic_mut(&mut self) -> Option<&mut ClassicGroup> {
        match self {
            Self::Classic(group) => Some(group),
            Self::Modern(_) => None,
        }
    }

    /// The modern group, if it is one.
    pub fn modern(&self) -> Option<&ModernGroup> {
        match self {
            Self::Classic(_) => None,
            Self::Modern(group) => Some(group),
        }
    }

    /// The modern group, if it is one.
    pub fn modern_mut(&mut self) -> Option<&mut ModernGroup> {
        match self {
            Self::Classic(_) => None,
            Self::Modern(group) => Some(group),
        }
    }

    /// The modern group, if it is of this kind.
    pub fn modern_of(&self, kind: GroupKind) -> Option<&ModernGroup> {
        self.modern().filter(|group| group.kind() == kind)
    }

    /// Changes the classic group that this is from now on, because a record says so.
    pub fn change_classic(&mut self, change: impl FnOnce(&mut ClassicGroup)) {
        let mut group = match std::mem::take(self) {
            Self::Classic(group) => group,
            Self::Modern(_) => ClassicGroup::default(),
        };
        change(&mut group);
        *self = Self::Classic(group);
    }

    /// The modern group it is from now on; a group without members becomes one. `None`: it has members of another kind.
    pub fn make_modern(&mut self, kind: GroupKind) -> Option<&mut ModernGroup> {
        if self.classic().is_some_and(ClassicGroup::is_empty) {
            *self = Self::Modern(ModernGroup::new(kind));
        }
        self.modern_mut().filter(|group| group.kind() == kind)
    }

    /// Kafka's name of where the group stands.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Classic(group) => group.state().name(),
            Self::Modern(group) => group.state().name(),
        }
    }

    /// Number of members.
    pub fn count(&self) -> usize {
        match self {
            Self::Classic(group) => group.members(),
            Self::Modern(group) => group.members(),
        }
    }

    /// Kafka's name of the group's type, as ListGroups spells it.
    pub fn type_name(&self) -> &'static str {
        match self.modern().map(ModernGroup::kind) {
            None => "classic",
            Some(GroupKind::Consumer) => "consumer",
            Some(GroupKind::Share) => "share",
        }
    }

    /// Empty when the group never had members.
    pub fn protocol_type(&self) -> &str {
        match self {
            Self::Classic(group) => group.protocol_type(),
            Self::Modern(group) if group.kind() == GroupKind::Share => SHARE_PROTOCOL,
            Self::Modern(_) => CONSUMER_PROTOCOL,
        }
    }

    /// Whether a member consumes the topic, or may.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        match self {
            Self::Classic(group) => group.is_subscribed(topic),
            Self::Modern(group) => group.is_subscribed(topic),
        }
    }

    /// Since when offsets count as unused: given the time of a commit, milliseconds since 1970. `None`: they do not expire.
    pub fn unused_since_ms(&self, commit_timestamp_ms: i64) -> Option<i64> {
        match self {
            Self::Classic(group) => group.unused_since_ms(commit_timestamp_ms),
            Self::Modern(_) => Some(commit_timestamp_ms),
        }
    }

    /// Whether the group can go when it has no offsets. A share group stays until it is deleted, as in Kafka.
    pub fn is_unused(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_unused(),
            Self::Modern(group) => group.kind() == GroupKind::Consumer && group.is_empty(),
        }
    }

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// `NonEmptyGroup`.
    pub fn check_delete(&self) -> Result<(), GroupError> {
        match self {
            Self::Classic(group) => group.check_delete(),
            Self::Modern(group) => group.check_delete(),
        }
    }

    /// Whether offsets may be deleted.
    ///
    /// # Errors
    /// `NonEmptyGroup`; `GroupIdNotFound` for a share group, which has none.
    pub fn check_delete_offsets(&self) -> Result<(), GroupError> {
        match self {
            Self::Classic(group) => group.check_delete_offsets(),
            Self::Modern(group) if group.kind() == GroupKind::Share => Err(GroupError::GroupIdNotFound),
            Self::Modern(_) => Ok(()),
        }
    }

    /// When something is due (steady clock).
    pub fn next_deadline_ms(&self) -> Option<u64> {
        match self {
            Self::Classic(group) => group.next_deadline_ms(),
            Self::Modern(group) => group.next_deadline_ms(),
        }
    }
}
