//! What members shall have, and what they have.

use uuid::Uuid;

use super::GroupKind;
use crate::fields::{Reader, RecordError, Writer};

const TIMESTAMP_TAG: u32 = 0;
const EPOCHS_TAG: u32 = 0;
/// Bytes of a topic without partitions and tagged fields.
const TOPIC_LEN_MIN: usize = 18;

/// The epoch of a target assignment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetEpoch {
    /// The group's epoch the assignment was made for.
    pub epoch: i32,
    /// When it was made, milliseconds since 1970; 0 when that was not kept.
    pub timestamp_ms: i64,
}

impl TargetEpoch {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let mut target = Self { epoch: reader.i32()?, timestamp_ms: 0 };
        reader.tags(|tag, field| {
            if tag == TIMESTAMP_TAG {
                target.timestamp_ms = field.i64()?;
            }
            Ok(())
        })?;
        Ok(target)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.i32(self.epoch);
        out.one_tag(TIMESTAMP_TAG, Some(self.timestamp_ms).filter(|time| *time != 0), Writer::i64);
    }
}

/// Some partitions of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicPartitions {
    /// The topic.
    pub topic_id: Uuid,
    /// The partitions' indexes.
    pub partitions: Vec<i32>,
}

impl TopicPartitions {
    pub(super) fn read_target(reader: &mut Reader<'_>) -> Result<Vec<Self>, RecordError> {
        let topics = reader.list(TOPIC_LEN_MIN, |reader| {
            let topic = Self { topic_id: reader.uuid()?, partitions: reader.i32s()? };
            reader.skip_tags()?;
            Ok(topic)
        })?;
        reader.skip_tags()?;
        Ok(topics)
    }

    pub(super) fn write_target(topics: &[Self], out: &mut Writer) {
        out.list(topics, |out, topic| {
            out.raw(topic.topic_id.as_bytes());
            out.i32s(&topic.partitions);
            out.no_tags();
        });
        out.no_tags();
    }
}

/// What a member has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CurrentAssignment {
    /// The member's epoch.
    pub member_epoch: i32,
    /// The one before, with which a member may come that missed the answer.
    pub previous_epoch: i32,
    /// Kafka's `MemberState`.
    pub state: i8,
    /// What it has been assigned.
    pub assigned: Vec<EpochPartitions>,
    /// What it is to give back. Members of share groups give nothing back.
    pub revoking: Vec<EpochPartitions>,
}

/// Some partitions of a topic, and the epochs in which a member got them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EpochPartitions {
    /// The topic.
    pub topic_id: Uuid,
    /// The partitions' indexes.
    pub partitions: Vec<i32>,
    /// For each partition the member's epoch in which it got it. When there are not as many as partitions they are not
    /// known: Kafka then takes the member's epoch. Older Kafkas and share groups keep none.
    pub epochs: Vec<i32>,
}

impl CurrentAssignment {
    pub(super) fn read(kind: GroupKind, reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let member_epoch = reader.i32()?;
        let previous_epoch = reader.i32()?;
        let state = reader.i8()?;
        let assigned = reader.list(TOPIC_LEN_MIN, |reader| EpochPartitions::read(kind, reader))?;
        let revoking = match kind {
            GroupKind::Consumer => reader.list(TOPIC_LEN_MIN, |reader| EpochPartitions::read(kind, reader))?,
            GroupKind::Share => Vec::new(),
        };
        reader.skip_tags()?;
        Ok(Self { member_epoch, previous_epoch, state, assigned, revoking })
    }

    pub(super) fn write(&self, kind: GroupKind, out: &mut Writer) {
        out.i32(self.member_epoch);
        out.i32(self.previous_epoch);
        out.i8(self.state);
        out.list(&self.assigned, |out, topic| topic.write(kind, out));
        if kind == GroupKind::Consumer {
            out.list(&self.revoking, |out, topic| topic.write(kind, out));
        }
        out.no_tags();
    }
}

impl EpochPartitions {
    fn read(kind: GroupKind, reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let mut topic = Self { topic_id: reader.uuid()?, partitions: reader.i32s()?, epochs: Vec::new() };
        reader.tags(|tag, field| {
            if (kind, tag) == (GroupKind::Consumer, EPOCHS_TAG) {
                topic.epochs = field.nullable_i32s()?.unwrap_or_default();
            }
            Ok(())
        })?;
        Ok(topic)
    }

    fn write(&self, kind: GroupKind, out: &mut Writer) {
        out.raw(self.topic_id.as_bytes());
        out.i32s(&self.partitions);
        let epochs = Some(self.epochs.as_slice()).filter(|epochs| kind == GroupKind::Consumer && !epochs.is_empty());
        out.one_tag(EPOCHS_TAG, epochs, Writer::i32s);
    }
}
