//! ShareAcknowledge (79), versions 1 and 2.
//!
//! v2 adds the renewal of locks, and says how long they are (KIP-1222).

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::bounds::{self, Problem};
use crate::codec::{Reader, Writer};
use crate::message::{Malformed, Request, Response, Unsayable};
use crate::messages::leaders::{LeaderIdAndEpoch, NodeEndpoint};

const KEY: i16 = 79;

/// What became of records that were acquired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareAcknowledgeRequest {
    /// The group.
    pub group_id: Option<StrBytes>,
    /// The member.
    pub member_id: Option<StrBytes>,
    /// Which request of the share session; -1 ends it.
    pub share_session_epoch: i32,
    /// Whether locks are renewed here.
    pub is_renew_ack: bool,
    /// By topic.
    pub topics: Vec<AcknowledgeTopic>,
}

/// What became of records of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgeTopic {
    /// The topic's id.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<AcknowledgePartition>,
}

/// What became of records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgePartition {
    /// The partition's number.
    pub partition_index: i32,
    /// By run of offsets.
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
}

/// What became of a run of offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgementBatch {
    /// The first offset.
    pub first_offset: i64,
    /// The last offset.
    pub last_offset: i64,
    /// One for all of them or one for each: 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
    pub acknowledge_types: Vec<i8>,
}

impl Request for ShareAcknowledgeRequest {
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, version, bounds::is_flexible(KEY, version));
        let request = Self {
            group_id: reader.nullable_string()?,
            member_id: reader.nullable_string()?,
            share_session_epoch: reader.int32()?,
            is_renew_ack: reader.if_since(2, false, Reader::boolean)?,
            topics: reader.array(topic)?,
        };
        reader.no_tags()?;
        Ok(request)
    }
}

fn topic(reader: &mut Reader) -> Result<AcknowledgeTopic, Problem> {
    let topic = AcknowledgeTopic { topic_id: reader.uuid()?, partitions: reader.array(AcknowledgePartition::read)? };
    reader.no_tags()?;
    Ok(topic)
}

impl AcknowledgePartition {
    /// As it stands in ShareAcknowledge and ShareFetch.
    pub(super) fn read(reader: &mut Reader) -> Result<Self, Problem> {
        let partition = Self { partition_index: reader.int32()?, acknowledgement_batches: reader.array(batch)? };
        reader.no_tags()?;
        Ok(partition)
    }
}

fn batch(reader: &mut Reader) -> Result<AcknowledgementBatch, Problem> {
    let batch = AcknowledgementBatch {
        first_offset: reader.int64()?,
        last_offset: reader.int64()?,
        acknowledge_types: reader.array(Reader::int8)?,
    };
    reader.no_tags()?;
    Ok(batch)
}

/// What came of acknowledging.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareAcknowledgeResponse {
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong with the whole request.
    pub error_code: i16,
    /// Why.
    pub error_message: Option<StrBytes>,
    /// How long records stay locked, in milliseconds; told from version 2 on.
    pub acquisition_lock_timeout_ms: i32,
    /// By topic.
    pub responses: Vec<ShareAcknowledgeTopicResponse>,
    /// How to reach the leaders named in `responses`.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// What came of acknowledging records of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareAcknowledgeTopicResponse {
    /// The topic's id.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<ShareAcknowledgePartition>,
}

/// What came of acknowledging records of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareAcknowledgePartition {
    /// The partition's number.
    pub partition_index: i32,
    /// What went wrong.
    pub error_code: i16,
    /// Why.
    pub error_message: Option<StrBytes>,
    /// The leader, if it is another one than the client believes.
    pub current_leader: Option<LeaderIdAndEpoch>,
}

impl Response for ShareAcknowledgeResponse {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        writer.int32(self.throttle_time_ms);
        writer.int16(self.error_code);
        writer.nullable_string(self.error_message.as_deref());
        if writer.since(2) {
            writer.int32(self.acquisition_lock_timeout_ms);
        }
        writer.array(&self.responses, |writer, topic| {
            writer.uuid(topic.topic_id);
            writer.array(&topic.partitions, put_partition);
            writer.no_tags();
        });
        writer.array(&self.node_endpoints, NodeEndpoint::write);
        writer.no_tags();
        writer.finish()
    }
}

fn put_partition(writer: &mut Writer<'_>, partition: &ShareAcknowledgePartition) {
    writer.int32(partition.partition_index);
    writer.int16(partition.error_code);
    writer.nullable_string(partition.error_message.as_deref());
    LeaderIdAndEpoch::write_always(partition.current_leader, writer);
    writer.no_tags();
}
