//! Committed offsets.

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::{GROUPS_SINCE, IDS_SINCE, KEY};
use crate::bounds;
use crate::codec::Writer;
use crate::message::{Response, Unsayable};

/// What groups have committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetFetchResponse {
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// By group; before version 8 only the first is told.
    pub groups: Vec<OffsetFetchResponseGroup>,
}

/// What one group has committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetFetchResponseGroup {
    /// The group; not told before version 8.
    pub group_id: StrBytes,
    /// By topic.
    pub topics: Vec<OffsetFetchResponseTopics>,
    /// What went wrong with the whole group; not told in version 1.
    pub error_code: i16,
}

/// What a group has committed of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetFetchResponseTopics {
    /// The topic's name, up to version 9.
    pub name: StrBytes,
    /// The topic's id, from version 10 on.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<OffsetFetchResponsePartitions>,
}

/// What a group has committed of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchResponsePartitions {
    /// The partition's number.
    pub partition_index: i32,
    /// The next offset to consume; -1 if none is committed.
    pub committed_offset: i64,
    /// Leader epoch of the last record consumed; -1 if unknown.
    pub committed_leader_epoch: i32,
    /// What the client kept with it.
    pub metadata: Option<StrBytes>,
    /// What went wrong.
    pub error_code: i16,
}

impl OffsetFetchResponsePartitions {
    /// Nothing is committed.
    pub fn nothing(partition_index: i32, error_code: i16) -> Self {
        let metadata = Some(StrBytes::default());
        Self { partition_index, committed_offset: -1, committed_leader_epoch: -1, metadata, error_code }
    }
}

impl Response for OffsetFetchResponse {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        if writer.since(3) {
            writer.int32(self.throttle_time_ms);
        }
        if writer.since(GROUPS_SINCE) {
            writer.array(&self.groups, write_group);
        } else {
            write_the_one_group(&mut writer, self.groups.first().unwrap_or(&OffsetFetchResponseGroup::default()));
        }
        writer.no_tags();
        writer.finish()
    }
}

fn write_group(writer: &mut Writer, group: &OffsetFetchResponseGroup) {
    writer.string(&group.group_id);
    writer.array(&group.topics, write_topic);
    writer.int16(group.error_code);
    writer.no_tags();
}

fn write_the_one_group(writer: &mut Writer, group: &OffsetFetchResponseGroup) {
    writer.array(&group.topics, write_topic);
    if writer.since(2) {
        writer.int16(group.error_code);
    }
}

fn write_topic(writer: &mut Writer, topic: &OffsetFetchResponseTopics) {
    writer.name_or_id(IDS_SINCE, &topic.name, topic.topic_id);
    writer.array(&topic.partitions, |writer, partition| {
        writer.int32(partition.partition_index);
        writer.int64(partition.committed_offset);
        if writer.since(5) {
            writer.int32(partition.committed_leader_epoch);
        }
        writer.nullable_string(partition.metadata.as_deref());
        writer.int16(partition.error_code);
        writer.no_tags();
    });
    writer.no_tags();
}
