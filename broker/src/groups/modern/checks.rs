//! Who may commit, fetch and delete offsets, and when the group may go.
//!
//! Source: Apache Kafka, `ConsumerGroup.validateOffsetCommit` (with KIP-1251), `validateOffsetFetch`, `validateDeleteGroup`,
//! `ShareGroup`.

use catena_protocol::group_records::{GroupKind, ModernRecord};
use uuid::Uuid;

use super::heartbeat::tombstones;
use super::member::{Member, stale};
use super::{ModernGroup, NO_EPOCH};
use crate::groups::types::GroupError;

/// What a commit may cover.
#[derive(Debug, Clone, Copy)]
pub enum MayCommit<'a> {
    /// Everything.
    All,
    /// Partitions that were given to the member in this epoch or before.
    GivenBy(&'a Member, i32),
}

impl MayCommit<'_> {
    /// Whether a partition may be committed.
    ///
    /// # Errors
    /// The partition is no longer the member's, or was given to it again meanwhile.
    pub fn check(self, topic: Uuid, partition: i32) -> Result<(), GroupError> {
        match self {
            Self::All => Ok(()),
            Self::GivenBy(member, epoch) => match member.given_in(topic, partition) {
                Some(given) if given <= epoch => Ok(()),
                Some(_) | None => Err(stale(member)),
            },
        }
    }
}

impl ModernGroup {
    /// What a member may commit in an epoch. `knows_epochs`: OffsetCommit of version 9 and newer.
    ///
    /// # Errors
    /// The member is not known, or says an epoch of the future.
    pub fn check_commit(&self, member_id: &str, epoch: i32, knows_epochs: bool) -> Result<MayCommit<'_>, GroupError> {
        if epoch < 0 && self.members.is_empty() {
            return Ok(MayCommit::All);
        }
        let member = self.members.get(member_id).ok_or(GroupError::UnknownMemberId)?;
        if !member.is_classic() && !knows_epochs {
            return Err(GroupError::UnsupportedVersion);
        }
        match epoch.cmp(&member.holds.epoch) {
            std::cmp::Ordering::Equal => Ok(MayCommit::All),
            std::cmp::Ordering::Greater => Err(stale(member)),
            std::cmp::Ordering::Less => Ok(MayCommit::GivenBy(member, epoch)),
        }
    }

    /// Whether a member may fetch offsets; who does not say who it is may.
    ///
    /// # Errors
    /// The member is not known, or its epoch is another.
    pub fn check_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), GroupError> {
        if member_id.is_none() && epoch < 0 {
            return Ok(());
        }
        let member = member_id.and_then(|id| self.members.get(id)).ok_or(GroupError::UnknownMemberId)?;
        if member.holds.epoch == epoch { Ok(()) } else { Err(stale(member)) }
    }

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// It has members.
    pub fn check_delete(&self) -> Result<(), GroupError> {
        if self.members.is_empty() { Ok(()) } else { Err(GroupError::NonEmptyGroup) }
    }

    /// The records that end the group.
    pub fn end(&self) -> Vec<ModernRecord> {
        let mut records: Vec<ModernRecord> = self.members.keys().flat_map(|id| tombstones(id)).collect();
        let left: Vec<&String> = self.target.keys().filter(|id| !self.members.contains_key(*id)).collect();
        records.extend(left.into_iter().map(|id| ModernRecord::Target(id.clone(), None)));
        records.extend(self.patterns.keys().map(|pattern| ModernRecord::Regex(pattern.clone(), None)));
        if self.target_epoch != NO_EPOCH {
            records.push(ModernRecord::TargetEpoch(None));
        }
        if self.kind == GroupKind::Consumer && self.has_partition_metadata {
            records.push(ModernRecord::PartitionMetadata(false));
        }
        records.push(ModernRecord::Epoch(None));
        records
    }
}
