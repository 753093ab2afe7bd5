//! The records of `__consumer_offsets` that groups and committed offsets are kept in, byte for byte Kafka's: classic
//! groups, consumer groups (KIP-848) and share groups (KIP-932).
//!
//! What must always hold:
//! - What is written here is what Kafka 4.4 writes (`encode`), and what any Kafka since 0.9 wrote is understood (`decode`).
//! - A record of a kind this crate does not know (those of streams groups) is `Record::Unknown`, never an error: it
//!   is somebody else's and stays in the log.
//! - Decoding allocates no more than a small multiple of the record's bytes and cannot panic.
//!
//! Source: Apache Kafka 4.4, `group-coordinator/src/main/resources/common/message`, `CoordinatorRecordSerde`,
//! `GroupCoordinatorRecordHelpers`.

mod group_metadata;
mod modern;
mod offset_commit;
mod subscription;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use crate::fields::{Encoded, RecordError};
pub use group_metadata::{GroupMetadata, MemberMetadata};
pub use modern::{
    ClassicMember, CurrentAssignment, EpochPartitions, GroupEpoch, GroupKind, MemberSubscription, ModernRecord,
    ResolvedRegex, SharePartitions, TargetEpoch, TopicName, TopicPartitions, TopicPartitionsName,
};
pub use offset_commit::{OffsetCommit, OffsetKey};
pub use subscription::{ConsumerAssignment, ConsumerSubscription, NamedPartitions, subscribed_topics};

use crate::fields::{Reader, Writer};

/// Kinds of keys. 0 is the offset commit of Kafka before 0.9, with the same fields.
const LEGACY_OFFSET_COMMIT: i16 = 0;
const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;

/// One record of `__consumer_offsets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The committed offset of a partition; `None`: there is none any more.
    Offset(OffsetKey, Option<OffsetCommit>),
    /// A classic group with its members; `None`: there is no such group any more.
    Group(String, Option<GroupMetadata>),
    /// What is known of a group whose members are coordinated by the broker (its id).
    Modern(GroupKind, String, ModernRecord),
    /// Not for groups that are known here; the kind the key names.
    Unknown(i16),
}

impl Record {
    /// Reads a record; bytes after its fields are ignored, as Kafka does.
    ///
    /// # Errors
    /// When key or value is damaged, or the value is of a version newer than is known.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Self, RecordError> {
        let mut key = Reader::new(key);
        match key.i16()? {
            LEGACY_OFFSET_COMMIT | OFFSET_COMMIT => {
                Ok(Self::Offset(OffsetKey::decode(&mut key)?, value.map(OffsetCommit::decode).transpose()?))
            }
            GROUP_METADATA => Ok(Self::Group(key.string()?, value.map(GroupMetadata::decode).transpose()?)),
            kind => Self::decode_modern(kind, &mut key, value),
        }
    }

    /// The bytes Kafka 4.4 would write; `None` for `Unknown`, and for what no Kafka writes (`ModernRecord::encode`).
    pub fn encode(&self) -> Option<Encoded> {
        let (key, value) = match self {
            Self::Offset(key, value) => (key.encode(), value.as_ref().map(OffsetCommit::encode)),
            Self::Group(group, value) => (group_key(group), value.as_ref().map(GroupMetadata::encode)),
            Self::Modern(kind, group, record) => return record.encode(*kind, group),
            Self::Unknown(_) => return None,
        };
        Some(Encoded { key, value })
    }

    fn decode_modern(kind: i16, key: &mut Reader<'_>, value: Option<&[u8]>) -> Result<Self, RecordError> {
        let Some((kind, part)) = modern::part_of(kind) else { return Ok(Self::Unknown(kind)) };
        let group = key.string()?;
        Ok(Self::Modern(kind, group, ModernRecord::decode(kind, part, key, value)?))
    }
}

fn group_key(group: &str) -> Bytes {
    let mut out = Writer::new(GROUP_METADATA, 2 + group.len());
    out.string(group);
    out.finish()
}
