//! The response of DescribeShareGroupOffsets (90), versions 0 and 1.
//!
//! v1 adds the lag (KIP-1226).

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::bounds;
use crate::codec::Writer;
use crate::message::{Response, Unsayable};

const KEY: i16 = 90;

/// How far share groups are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsResponse {
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// By group.
    pub groups: Vec<DescribeShareGroupOffsetsGroup>,
}

/// How far one group is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsGroup {
    /// The group.
    pub group_id: StrBytes,
    /// By topic.
    pub topics: Vec<DescribeShareGroupOffsetsTopic>,
    /// What went wrong with the whole group.
    pub error_code: i16,
    /// Why.
    pub error_message: Option<StrBytes>,
}

/// How far a group is in one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsTopic {
    /// The topic's name.
    pub topic_name: StrBytes,
    /// The topic's id.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<DescribeShareGroupOffsetsPartition>,
}

/// How far a group is in one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeShareGroupOffsetsPartition {
    /// The partition's number.
    pub partition_index: i32,
    /// Everything below is finished; -1 when not known.
    pub start_offset: i64,
    /// The leader epoch of the partition.
    pub leader_epoch: i32,
    /// How many records are not finished; -1 when not known. Told from version 1 on.
    pub lag: i64,
    /// What went wrong.
    pub error_code: i16,
    /// Why.
    pub error_message: Option<StrBytes>,
}

impl Response for DescribeShareGroupOffsetsResponse {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        writer.int32(self.throttle_time_ms);
        writer.array(&self.groups, |writer, group| {
            writer.string(&group.group_id);
            writer.array(&group.topics, put_topic);
            writer.int16(group.error_code);
            writer.nullable_string(group.error_message.as_deref());
            writer.no_tags();
        });
        writer.no_tags();
        writer.finish()
    }
}

fn put_topic(writer: &mut Writer<'_>, topic: &DescribeShareGroupOffsetsTopic) {
    writer.string(&topic.topic_name);
    writer.uuid(topic.topic_id);
    writer.array(&topic.partitions, put_partition);
    writer.no_tags();
}

fn put_partition(writer: &mut Writer<'_>, partition: &DescribeShareGroupOffsetsPartition) {
    writer.int32(partition.partition_index);
    writer.int64(partition.start_offset);
    writer.int32(partition.leader_epoch);
    if writer.since(1) {
        writer.int64(partition.lag);
    }
    writer.int16(partition.error_code);
    writer.nullable_string(partition.error_message.as_deref());
    writer.no_tags();
}
