//! Produce (0), versions 3 to 13: the request from bytes, the response to bytes.
//!
//! What must always hold: records are slices of the request's frame, not looked at here.
//!
//! v5 adds the log start offset, v8 the bad records and a message, v9 is flexible, v10 adds leaders and their
//! endpoints, v13 names topics by id.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::bounds::{self, Problem};
use crate::codec::{Reader, Writer};
use crate::message::{Malformed, Request, Response, Unsayable};
use crate::messages::leaders::{LeaderIdAndEpoch, NodeEndpoint};

const KEY: i16 = 0;
/// The version since which topics are named by id.
const IDS_SINCE: i16 = 13;

/// Batches to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceRequest {
    /// The transaction the batches belong to.
    pub transactional_id: Option<StrBytes>,
    /// Acknowledgements asked for: 0 none, 1 the leader's, -1 all.
    pub acks: i16,
    /// How long the client waits for them, in milliseconds.
    pub timeout_ms: i32,
    /// By topic.
    pub topic_data: Vec<TopicProduceData>,
}

/// Batches for one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicProduceData {
    /// The topic's name, up to version 12.
    pub name: StrBytes,
    /// The topic's id, from version 13 on.
    pub topic_id: Uuid,
    /// By partition.
    pub partition_data: Vec<PartitionProduceData>,
}

/// What is to be appended to one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionProduceData {
    /// The partition's number.
    pub index: i32,
    /// Record batches.
    pub records: Option<Bytes>,
}

impl Request for ProduceRequest {
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, version, bounds::is_flexible(KEY, version));
        let request = Self {
            transactional_id: reader.nullable_string()?,
            acks: reader.int16()?,
            timeout_ms: reader.int32()?,
            topic_data: reader.array(topic)?,
        };
        reader.no_tags()?;
        Ok(request)
    }
}

fn topic(reader: &mut Reader) -> Result<TopicProduceData, Problem> {
    let (name, topic_id) = reader.name_or_id(IDS_SINCE)?;
    let topic = TopicProduceData { name, topic_id, partition_data: reader.array(partition)? };
    reader.no_tags()?;
    Ok(topic)
}

fn partition(reader: &mut Reader) -> Result<PartitionProduceData, Problem> {
    let partition = PartitionProduceData { index: reader.int32()?, records: reader.nullable_bytes()? };
    reader.no_tags()?;
    Ok(partition)
}

/// Where batches were appended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProduceResponse {
    /// By topic.
    pub responses: Vec<TopicProduceResponse>,
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// How to reach the leaders named in `responses`.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// Where batches of one topic were appended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicProduceResponse {
    /// The topic's name, up to version 12.
    pub name: StrBytes,
    /// The topic's id, from version 13 on.
    pub topic_id: Uuid,
    /// By partition.
    pub partition_responses: Vec<PartitionProduceResponse>,
}

/// Where one partition's batch was appended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionProduceResponse {
    /// The partition's number.
    pub index: i32,
    /// What went wrong.
    pub error_code: i16,
    /// Offset of the first record.
    pub base_offset: i64,
    /// The broker's time given to the records; -1 if they kept their own.
    pub log_append_time_ms: i64,
    /// The first offset of the log.
    pub log_start_offset: i64,
    /// Records that spoilt their batch.
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// What spoilt the batch.
    pub error_message: Option<StrBytes>,
    /// The leader, if it is another one than the client believes.
    pub current_leader: Option<LeaderIdAndEpoch>,
}

/// A record that spoilt its batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchIndexAndErrorMessage {
    /// Its place in the batch.
    pub batch_index: i32,
    /// What is wrong with it.
    pub batch_index_error_message: Option<StrBytes>,
}

impl Response for ProduceResponse {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        writer.array(&self.responses, write_topic);
        writer.int32(self.throttle_time_ms);
        let endpoints = (writer.since(10) && !self.node_endpoints.is_empty()).then_some(&self.node_endpoints);
        writer.tags([(0, endpoints.map(|endpoints| NodeEndpoint::tag(endpoints)))]);
        writer.finish()
    }
}

fn write_topic(writer: &mut Writer, topic: &TopicProduceResponse) {
    writer.name_or_id(IDS_SINCE, &topic.name, topic.topic_id);
    writer.array(&topic.partition_responses, write_partition);
    writer.no_tags();
}

fn write_partition(writer: &mut Writer, partition: &PartitionProduceResponse) {
    writer.int32(partition.index);
    writer.int16(partition.error_code);
    writer.int64(partition.base_offset);
    writer.int64(partition.log_append_time_ms);
    if writer.since(5) {
        writer.int64(partition.log_start_offset);
    }
    if writer.since(8) {
        writer.array(&partition.record_errors, write_record_error);
        writer.nullable_string(partition.error_message.as_deref());
    }
    let leader = partition.current_leader.filter(|_| writer.since(10));
    writer.tags([(0, leader.map(LeaderIdAndEpoch::tag))]);
}

fn write_record_error(writer: &mut Writer, error: &BatchIndexAndErrorMessage) {
    writer.int32(error.batch_index);
    writer.nullable_string(error.batch_index_error_message.as_deref());
    writer.no_tags();
}
