//! A committed offset: key (group, topic, partition) and value.
//!
//! What must always hold: a value with its own time of expiry is written in version 1, the only one that has the
//! field; every other in version 4.
//!
//! | version | adds |
//! |---|---|
//! | 0 | offset, metadata, time of commit |
//! | 1 | time of expiry (only in 1) |
//! | 3 | leader epoch |
//! | 4 | compact form; topic id as tag 0 |

use bytes::Bytes;
use uuid::Uuid;

use super::OFFSET_COMMIT;
use crate::fields::{Reader, RecordError, Writer};

const EXPIRE_TIMESTAMP_VERSION: i16 = 1;
const LEADER_EPOCH_SINCE: i16 = 3;
const COMPACT_SINCE: i16 = 4;
const NEWEST: i16 = 4;
const TOPIC_ID_TAG: u32 = 0;
const UUID_LEN: u32 = 16;
/// "No leader epoch" and "no time of expiry".
const NONE_EPOCH: i32 = -1;
const NONE_TIMESTAMP: i64 = -1;

/// What an offset is committed for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OffsetKey {
    /// The group.
    pub group: String,
    /// The topic's name.
    pub topic: String,
    /// The partition's index.
    pub partition: i32,
}

impl OffsetKey {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self { group: reader.string()?, topic: reader.string()?, partition: reader.i32()? })
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut out = Writer::new(OFFSET_COMMIT, 8 + self.group.len() + self.topic.len());
        out.string(&self.group);
        out.string(&self.topic);
        out.i32(self.partition);
        out.finish()
    }
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommit {
    /// The offset.
    pub offset: i64,
    /// Leader epoch of the last record consumed.
    pub leader_epoch: Option<i32>,
    /// What the client wants to keep with it; may be empty.
    pub metadata: String,
    /// When it was committed, milliseconds since 1970.
    pub commit_timestamp_ms: i64,
    /// When it expires, milliseconds since 1970, where the client asked for a retention time of its own.
    pub expire_timestamp_ms: Option<i64>,
    /// The topic's id; nil when not known.
    pub topic_id: Uuid,
}

impl OffsetCommit {
    pub(super) fn decode(value: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(value);
        let version = reader.i16()?;
        if !(0..=NEWEST).contains(&version) {
            return Err(RecordError::UnknownVersion(version));
        }
        let compact = version >= COMPACT_SINCE;
        let offset = reader.i64()?;
        let leader_epoch = if version >= LEADER_EPOCH_SINCE { reader.i32()? } else { NONE_EPOCH };
        let metadata = reader.str(compact)?.to_owned();
        let commit_timestamp_ms = reader.i64()?;
        let expire = if version == EXPIRE_TIMESTAMP_VERSION { reader.i64()? } else { NONE_TIMESTAMP };
        let topic_id = if compact { topic_id(&mut reader)? } else { Uuid::nil() };
        Ok(Self {
            offset,
            leader_epoch: (leader_epoch != NONE_EPOCH).then_some(leader_epoch),
            metadata,
            commit_timestamp_ms,
            expire_timestamp_ms: (expire != NONE_TIMESTAMP).then_some(expire),
            topic_id,
        })
    }

    pub(super) fn encode(&self) -> Bytes {
        match self.expire_timestamp_ms {
            Some(expire_timestamp_ms) => self.encode_expiring(expire_timestamp_ms),
            None => self.encode_newest(),
        }
    }

    fn encode_expiring(&self, expire_timestamp_ms: i64) -> Bytes {
        let mut out = Writer::new(EXPIRE_TIMESTAMP_VERSION, 26 + self.metadata.len());
        out.i64(self.offset);
        out.string(&self.metadata);
        out.i64(self.commit_timestamp_ms);
        out.i64(expire_timestamp_ms);
        out.finish()
    }

    fn encode_newest(&self) -> Bytes {
        let mut out = Writer::new(NEWEST, 43 + self.metadata.len());
        out.i64(self.offset);
        out.i32(self.leader_epoch.unwrap_or(NONE_EPOCH));
        out.compact_string(&self.metadata);
        out.i64(self.commit_timestamp_ms);
        out.varint(u32::from(!self.topic_id.is_nil()));
        if !self.topic_id.is_nil() {
            out.varint(TOPIC_ID_TAG);
            out.varint(UUID_LEN);
            out.raw(self.topic_id.as_bytes());
        }
        out.finish()
    }
}

fn topic_id(reader: &mut Reader<'_>) -> Result<Uuid, RecordError> {
    let mut id = Uuid::nil();
    reader.tags(|tag, field| {
        if tag == TOPIC_ID_TAG {
            id = field.uuid()?;
        }
        Ok(())
    })?;
    Ok(id)
}
