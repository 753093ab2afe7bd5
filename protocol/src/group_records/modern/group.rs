//! Values that are about a group as a whole.

use uuid::Uuid;

use super::GroupKind;
use crate::fields::{Reader, RecordError, Writer};

const METADATA_HASH_TAG: u32 = 0;
/// Bytes of the smallest topic in `SharePartitions`: id, empty name, no tagged fields; and no partitions.
const TOPIC_NAME_LEN_MIN: usize = 18;
const TOPIC_PARTITIONS_LEN_MIN: usize = 19;

/// The epoch of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupEpoch {
    /// Grows with every change that needs a new assignment.
    pub epoch: i32,
    /// The hash of all topics the group subscribes to; 0 when it was not kept.
    pub metadata_hash: i64,
}

impl GroupEpoch {
    pub(super) fn read(kind: GroupKind, reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let epoch = reader.i32()?;
        let mut metadata_hash = if kind == GroupKind::Share { reader.i64()? } else { 0 };
        reader.tags(|tag, field| {
            if (kind, tag) == (GroupKind::Consumer, METADATA_HASH_TAG) {
                metadata_hash = field.i64()?;
            }
            Ok(())
        })?;
        Ok(Self { epoch, metadata_hash })
    }

    pub(super) fn write(&self, kind: GroupKind, out: &mut Writer) {
        out.i32(self.epoch);
        match kind {
            GroupKind::Share => {
                out.i64(self.metadata_hash);
                out.no_tags();
            }
            GroupKind::Consumer => {
                let hash = Some(self.metadata_hash).filter(|hash| *hash != 0);
                out.one_tag(METADATA_HASH_TAG, hash, Writer::i64);
            }
        }
    }
}

/// The topics that match a regular expression.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvedRegex {
    /// Their names; Kafka writes them sorted.
    pub topics: Vec<String>,
    /// The version of the cluster's metadata they were found in.
    pub version: i64,
    /// When they were looked for, milliseconds since 1970.
    pub timestamp_ms: i64,
}

impl ResolvedRegex {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let regex = Self { topics: reader.strings()?, version: reader.i64()?, timestamp_ms: reader.i64()? };
        reader.skip_tags()?;
        Ok(regex)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.strings(&self.topics);
        out.i64(self.version);
        out.i64(self.timestamp_ms);
        out.no_tags();
    }
}

/// Which partitions have share-group state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharePartitions {
    /// Their state is being made.
    pub initializing: Vec<TopicPartitionsName>,
    /// They have one.
    pub initialized: Vec<TopicPartitionsName>,
    /// All state of these topics is being deleted.
    pub deleting: Vec<TopicName>,
}

/// A topic and some of its partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicPartitionsName {
    /// The topic's id.
    pub topic_id: Uuid,
    /// Its name.
    pub name: String,
    /// The partitions' indexes.
    pub partitions: Vec<i32>,
}

/// A topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicName {
    /// Its id.
    pub topic_id: Uuid,
    /// Its name.
    pub name: String,
}

impl SharePartitions {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let partitions = Self {
            initializing: reader.list(TOPIC_PARTITIONS_LEN_MIN, TopicPartitionsName::read)?,
            initialized: reader.list(TOPIC_PARTITIONS_LEN_MIN, TopicPartitionsName::read)?,
            deleting: reader.list(TOPIC_NAME_LEN_MIN, TopicName::read)?,
        };
        reader.skip_tags()?;
        Ok(partitions)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.list(&self.initializing, TopicPartitionsName::write);
        out.list(&self.initialized, TopicPartitionsName::write);
        out.list(&self.deleting, TopicName::write);
        out.no_tags();
    }
}

impl TopicPartitionsName {
    fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let topic = Self { topic_id: reader.uuid()?, name: reader.compact_string()?, partitions: reader.i32s()? };
        reader.skip_tags()?;
        Ok(topic)
    }

    fn write(out: &mut Writer, topic: &Self) {
        out.raw(topic.topic_id.as_bytes());
        out.compact_string(&topic.name);
        out.i32s(&topic.partitions);
        out.no_tags();
    }
}

impl TopicName {
    fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let topic = Self { topic_id: reader.uuid()?, name: reader.compact_string()? };
        reader.skip_tags()?;
        Ok(topic)
    }

    fn write(out: &mut Writer, topic: &Self) {
        out.raw(topic.topic_id.as_bytes());
        out.compact_string(&topic.name);
        out.no_tags();
    }
}
