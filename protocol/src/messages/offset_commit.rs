//! OffsetCommit (8), versions 2 to 10.
//!
//! v3 adds the throttle time, v5 drops the retention time, v6 adds the leader epoch, v7 the static member's name, v8 is
//! flexible, v10 names topics by id.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::bounds::{self, Problem};
use crate::codec::{Reader, Writer};
use crate::message::{Malformed, Request, Response, Unsayable};

const KEY: i16 = 8;
/// The version since which topics are named by id.
const IDS_SINCE: i16 = 10;
/// "No epoch" and "the broker's retention time".
const NONE: i32 = -1;

/// How far a group has consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The generation of a classic group, or the member's epoch; -1 from outside of the group.
    pub generation_id_or_member_epoch: i32,
    /// The member.
    pub member_id: StrBytes,
    /// The static member's name.
    pub group_instance_id: Option<StrBytes>,
    /// How long to keep the offsets, in milliseconds; -1 for as long as the broker likes.
    pub retention_time_ms: i64,
    /// By topic.
    pub topics: Vec<OffsetCommitRequestTopic>,
}

/// How far a group has consumed one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitRequestTopic {
    /// The topic's name, up to version 9.
    pub name: StrBytes,
    /// The topic's id, from version 10 on.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<OffsetCommitRequestPartition>,
}

/// How far a group has consumed one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitRequestPartition {
    /// The partition's number.
    pub partition_index: i32,
    /// The next offset to consume.
    pub committed_offset: i64,
    /// Leader epoch of the last record consumed; -1 if unknown.
    pub committed_leader_epoch: i32,
    /// Whatever the client likes to keep with it.
    pub committed_metadata: Option<StrBytes>,
}

impl Request for OffsetCommitRequest {
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, version, bounds::is_flexible(KEY, version));
        let request = Self {
            group_id: reader.string()?,
            generation_id_or_member_epoch: reader.int32()?,
            member_id: reader.string()?,
            group_instance_id: reader.if_since(7, None, Reader::nullable_string)?,
            retention_time_ms: if reader.since(5) { NONE.into() } else { reader.int64()? },
            topics: reader.array(topic)?,
        };
        reader.no_tags()?;
        Ok(request)
    }
}

fn topic(reader: &mut Reader) -> Result<OffsetCommitRequestTopic, Problem> {
    let (name, topic_id) = reader.name_or_id(IDS_SINCE)?;
    let topic = OffsetCommitRequestTopic { name, topic_id, partitions: reader.array(partition)? };
    reader.no_tags()?;
    Ok(topic)
}

fn partition(reader: &mut Reader) -> Result<OffsetCommitRequestPartition, Problem> {
    let partition = OffsetCommitRequestPartition {
        partition_index: reader.int32()?,
        committed_offset: reader.int64()?,
        committed_leader_epoch: reader.if_since(6, NONE, Reader::int32)?,
        committed_metadata: reader.nullable_string()?,
    };
    reader.no_tags()?;
    Ok(partition)
}

/// What was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetCommitResponse {
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// By topic.
    pub topics: Vec<OffsetCommitResponseTopic>,
}

/// What was kept for one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetCommitResponseTopic {
    /// The topic's name, up to version 9.
    pub name: StrBytes,
    /// The topic's id, from version 10 on.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<OffsetCommitResponsePartition>,
}

/// Whether it was kept for one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OffsetCommitResponsePartition {
    /// The partition's number.
    pub partition_index: i32,
    /// What went wrong.
    pub error_code: i16,
}

impl Response for OffsetCommitResponse {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        if writer.since(3) {
            writer.int32(self.throttle_time_ms);
        }
        writer.array(&self.topics, |writer, topic| {
            writer.name_or_id(IDS_SINCE, &topic.name, topic.topic_id);
            writer.array(&topic.partitions, |writer, partition| {
                writer.int32(partition.partition_index);
                writer.int16(partition.error_code);
                writer.no_tags();
            });
            writer.no_tags();
        });
        writer.no_tags();
        writer.finish()
    }
}
