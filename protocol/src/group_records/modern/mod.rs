//! Groups whose members are coordinated by the broker: consumer groups (KIP-848) and share groups (KIP-932).
//!
//! What must always hold: `KEYS` is the only place that knows which kind of key belongs to which part of which kind of
//! group; decoding and encoding both look there. All values have one version.
//!
//! Source: Apache Kafka 4.4, `GroupCoordinatorRecordHelpers`.

mod assignment;
mod group;
mod member;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::fields::{Encoded, Reader, RecordError, Writer, decode_value, encode_value};

pub use assignment::{CurrentAssignment, EpochPartitions, TargetEpoch, TopicPartitions};
pub use group::{GroupEpoch, ResolvedRegex, SharePartitions, TopicName, TopicPartitionsName};
pub use member::{ClassicMember, MemberSubscription};

/// Kinds of groups whose members are coordinated by the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKind {
    /// KIP-848: a partition has one reader.
    Consumer,
    /// KIP-932: a partition may have many.
    Share,
}

/// A part of what is known of a group. `None` is a tombstone: that part is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModernRecord {
    /// The group's epoch. The group is there as long as this is.
    Epoch(Option<GroupEpoch>),
    /// Whether there is a record of the topics as Kafka before 4.1 wrote it. Its content is not read, and only its
    /// tombstone can be written. Only of consumer groups.
    PartitionMetadata(bool),
    /// What a member (its id) told of itself.
    Member(String, Option<MemberSubscription>),
    /// The epoch of the target assignment.
    TargetEpoch(Option<TargetEpoch>),
    /// What a member (its id) shall have.
    Target(String, Option<Vec<TopicPartitions>>),
    /// What a member (its id) has.
    Current(String, Option<CurrentAssignment>),
    /// The topics of a regular expression (its text). Only of consumer groups.
    Regex(String, Option<ResolvedRegex>),
    /// Which partitions have share-group state. Only of share groups.
    SharePartitions(Option<SharePartitions>),
}

/// The parts, without their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Epoch,
    PartitionMetadata,
    Member,
    TargetEpoch,
    Target,
    Current,
    Regex,
    SharePartitions,
}

/// Kinds of keys. 17 and up are for streams groups.
const KEYS: [(i16, GroupKind, Part); 13] = [
    (3, GroupKind::Consumer, Part::Epoch),
    (4, GroupKind::Consumer, Part::PartitionMetadata),
    (5, GroupKind::Consumer, Part::Member),
    (6, GroupKind::Consumer, Part::TargetEpoch),
    (7, GroupKind::Consumer, Part::Target),
    (8, GroupKind::Consumer, Part::Current),
    (10, GroupKind::Share, Part::Member),
    (11, GroupKind::Share, Part::Epoch),
    (12, GroupKind::Share, Part::TargetEpoch),
    (13, GroupKind::Share, Part::Target),
    (14, GroupKind::Share, Part::Current),
    (15, GroupKind::Share, Part::SharePartitions),
    (16, GroupKind::Consumer, Part::Regex),
];

/// What a kind of key is for; `None` when it is not known.
pub(super) fn part_of(key: i16) -> Option<(GroupKind, Part)> {
    KEYS.iter().find(|(each, _, _)| *each == key).map(|(_, kind, part)| (*kind, *part))
}

impl ModernRecord {
    /// Reads the rest of the key, after the group, and the value.
    pub(super) fn decode(
        kind: GroupKind,
        part: Part,
        key: &mut Reader<'_>,
        value: Option<&[u8]>,
    ) -> Result<Self, RecordError> {
        Ok(match part {
            Part::Epoch => Self::Epoch(decode_value(value, |reader| GroupEpoch::read(kind, reader))?),
            Part::PartitionMetadata => Self::PartitionMetadata(value.is_some()),
            Part::Member => {
                Self::Member(key.string()?, decode_value(value, |reader| MemberSubscription::read(kind, reader))?)
            }
            Part::TargetEpoch => Self::TargetEpoch(decode_value(value, TargetEpoch::read)?),
            Part::Target => Self::Target(key.string()?, decode_value(value, TopicPartitions::read_target)?),
            Part::Current => {
                Self::Current(key.string()?, decode_value(value, |reader| CurrentAssignment::read(kind, reader))?)
            }
            Part::Regex => Self::Regex(key.string()?, decode_value(value, ResolvedRegex::read)?),
            Part::SharePartitions => Self::SharePartitions(decode_value(value, SharePartitions::read)?),
        })
    }

    /// Whether it says that something is gone.
    pub fn is_tombstone(&self) -> bool {
        match self {
            Self::Epoch(value) => value.is_none(),
            Self::PartitionMetadata(there) => !there,
            Self::Member(_, value) => value.is_none(),
            Self::TargetEpoch(value) => value.is_none(),
            Self::Target(_, value) => value.is_none(),
            Self::Current(_, value) => value.is_none(),
            Self::Regex(_, value) => value.is_none(),
            Self::SharePartitions(value) => value.is_none(),
        }
    }

    /// The bytes Kafka 4.4 would write; `None` for a part that groups of this kind do not have, and for
    /// `PartitionMetadata(true)`.
    pub fn encode(&self, kind: GroupKind, group: &str) -> Option<Encoded> {
        let (part, name) = self.part();
        let (key, _, _) = KEYS.iter().find(|(_, each, of)| (*each, *of) == (kind, part))?;
        if *self == Self::PartitionMetadata(true) {
            return None;
        }
        Some(Encoded { key: key_of(*key, group, name), value: self.encode_value(kind) })
    }

    fn encode_value(&self, kind: GroupKind) -> Option<Bytes> {
        match self {
            Self::Epoch(value) => encode_value(value.as_ref(), |value, out| value.write(kind, out)),
            Self::PartitionMetadata(_) => None,
            Self::Member(_, value) => encode_value(value.as_ref(), |value, out| value.write(kind, out)),
            Self::TargetEpoch(value) => encode_value(value.as_ref(), TargetEpoch::write),
            Self::Target(_, value) => {
                encode_value(value.as_ref(), |value, out| TopicPartitions::write_target(value, out))
            }
            Self::Current(_, value) => encode_value(value.as_ref(), |value, out| value.write(kind, out)),
            Self::Regex(_, value) => encode_value(value.as_ref(), ResolvedRegex::write),
            Self::SharePartitions(value) => encode_value(value.as_ref(), SharePartitions::write),
        }
    }

    /// The part, and what the key names besides the group.
    fn part(&self) -> (Part, Option<&str>) {
        match self {
            Self::Epoch(_) => (Part::Epoch, None),
            Self::PartitionMetadata(_) => (Part::PartitionMetadata, None),
            Self::Member(member, _) => (Part::Member, Some(member)),
            Self::TargetEpoch(_) => (Part::TargetEpoch, None),
            Self::Target(member, _) => (Part::Target, Some(member)),
            Self::Current(member, _) => (Part::Current, Some(member)),
            Self::Regex(regex, _) => (Part::Regex, Some(regex)),
            Self::SharePartitions(_) => (Part::SharePartitions, None),
        }
    }
}

fn key_of(kind: i16, group: &str, name: Option<&str>) -> Bytes {
    let mut out = Writer::new(kind, 4 + group.len() + name.map_or(0, str::len));
    out.string(group);
    name.iter().for_each(|name| out.string(name));
    out.finish()
}
