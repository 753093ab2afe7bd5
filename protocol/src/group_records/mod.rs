//! The records of `__consumer_offsets` that classic groups and committed offsets are kept in, byte for byte Kafka's.
//!
//! What must always hold:
//! - What is written here is what Kafka 4.4 writes (`encode`), and what any Kafka since 0.9 wrote is understood (`decode`).
//! - A record of a kind this crate does not know (groups of the other kinds) is `Record::Unknown`, never an error: it
//!   is somebody else's and stays in the log.
//! - Decoding allocates no more than a small multiple of the record's bytes and cannot panic.
//!
//! A key begins with two bytes that say its kind; a value begins with two bytes that say its version. No value at all
//! (a tombstone) means that what the key names is gone.
//!
//! Source: Apache Kafka 4.4, `group-coordinator/src/main/resources/common/message`, `CoordinatorRecordSerde`,
//! `GroupCoordinatorRecordHelpers`.

mod group_metadata;
mod offset_commit;
mod reader;
mod subscription;
mod writer;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use thiserror::Error;

pub use group_metadata::{GroupMetadata, MemberMetadata};
pub use offset_commit::{OffsetCommit, OffsetKey};
pub use subscription::subscribed_topics;

use reader::Reader;
use writer::Writer;

/// Kinds of keys. 0 is the offset commit of Kafka before 0.9, with the same fields.
const LEGACY_OFFSET_COMMIT: i16 = 0;
const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;

/// Why bytes are not the record they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A length or count says more than is there.
    #[error("the record ends before its fields")]
    Truncated,
    /// A length that cannot be, or null where there must be a value.
    #[error("a length of {0} in a record")]
    BadLength(i64),
    /// Text that is not UTF-8.
    #[error("a text that is not UTF-8")]
    NotUtf8,
    /// A value of a version that is not known.
    #[error("record value version {0} is not known")]
    UnknownVersion(i16),
}

/// One record of `__consumer_offsets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The committed offset of a partition; `None`: there is none any more.
    Offset(OffsetKey, Option<OffsetCommit>),
    /// A classic group with its members; `None`: there is no such group any more.
    Group(String, Option<GroupMetadata>),
    /// Not for classic groups; the kind the key names.
    Unknown(i16),
}

/// Key and value as they stand in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The key.
    pub key: Bytes,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
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
            kind => Ok(Self::Unknown(kind)),
        }
    }

    /// The bytes Kafka 4.4 would write; `None` for `Unknown`.
    pub fn encode(&self) -> Option<Encoded> {
        let (key, value) = match self {
            Self::Offset(key, value) => (key.encode(), value.as_ref().map(OffsetCommit::encode)),
            Self::Group(group, value) => (group_key(group), value.as_ref().map(GroupMetadata::encode)),
            Self::Unknown(_) => return None,
        };
        Some(Encoded { key, value })
    }
}

fn group_key(group: &str) -> Bytes {
    let mut out = Writer::new(GROUP_METADATA, 2 + group.len());
    out.string(group);
    out.finish()
}
