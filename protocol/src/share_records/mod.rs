//! The records of `__share_group_state` (KIP-932), byte for byte Kafka's: what became of the records of a partition in a
//! share group.
//!
//! What must always hold:
//! - What is written here is what Kafka 4.4 writes (`encode`), and what any Kafka since 4.0 wrote is understood.
//! - A record of a kind this crate does not know is `Record::Unknown`, never an error.
//! - Decoding allocates no more than a small multiple of the record's bytes and cannot panic.
//!
//! A snapshot says everything; an update says what changed since the snapshot of its epoch.
//!
//! Source: Apache Kafka 4.4, `share-coordinator/src/main/resources/common/message`, `ShareCoordinatorRecordHelpers`.

mod state;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use uuid::Uuid;

use crate::fields::{Reader, Writer, decode_value, encode_value};

pub use crate::fields::{Encoded, RecordError};
pub use state::{ShareSnapshot, ShareUpdate, StateBatch};

const SNAPSHOT: i16 = 0;
const UPDATE: i16 = 1;

/// What a state belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShareKey {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's index.
    pub partition: i32,
}

/// One record of `__share_group_state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// All of a state; `None`: there is none any more.
    Snapshot(ShareKey, Option<ShareSnapshot>),
    /// What changed. No Kafka writes `None`.
    Update(ShareKey, Option<ShareUpdate>),
    /// The kind the key names.
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
            SNAPSHOT => Ok(Self::Snapshot(ShareKey::read(&mut key)?, decode_value(value, ShareSnapshot::read)?)),
            UPDATE => Ok(Self::Update(ShareKey::read(&mut key)?, decode_value(value, ShareUpdate::read)?)),
            kind => Ok(Self::Unknown(kind)),
        }
    }

    /// The bytes Kafka 4.4 would write; `None` for `Unknown`.
    pub fn encode(&self) -> Option<Encoded> {
        let (key, value) = match self {
            Self::Snapshot(key, value) => (key.encode(SNAPSHOT), encode_value(value.as_ref(), ShareSnapshot::write)),
            Self::Update(key, value) => (key.encode(UPDATE), encode_value(value.as_ref(), ShareUpdate::write)),
            Self::Unknown(_) => return None,
        };
        Some(Encoded { key, value })
    }
}

impl ShareKey {
    fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self { group: reader.string()?, topic_id: reader.uuid()?, partition: reader.i32()? })
    }

    fn encode(&self, kind: i16) -> Bytes {
        let mut out = Writer::new(kind, 22 + self.group.len());
        out.string(&self.group);
        out.raw(self.topic_id.as_bytes());
        out.i32(self.partition);
        out.finish()
    }
}
