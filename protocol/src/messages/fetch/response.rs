//! What was fetched.
//!
//! What must always hold: record payloads are named, not copied: the bytes before and after them are written, and the
//! places in between noted.

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::{IDS_SINCE, KEY};
use crate::bounds;
use crate::codec::{TagWriter, Writer};
use crate::message::Unsayable;
use crate::messages::leaders::{LeaderIdAndEpoch, NodeEndpoint};

/// Record batches that are somewhere.
pub trait Payload {
    /// Bytes on the wire.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Payload for bytes::Bytes {
    fn len(&self) -> usize {
        self.as_ref().len()
    }
}

/// Records of partitions, `R` being where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse<R> {
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong with the whole request.
    pub error_code: i16,
    /// The fetch session of the next request; 0 for none.
    pub session_id: i32,
    /// By topic.
    pub responses: Vec<FetchableTopicResponse<R>>,
    /// How to reach the leaders named in `responses`.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// Records of one topic's partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchableTopicResponse<R> {
    /// The topic's name, up to version 12.
    pub topic: StrBytes,
    /// The topic's id, from version 13 on.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<PartitionData<R>>,
}

/// Records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionData<R> {
    /// The partition's number.
    pub partition_index: i32,
    /// What went wrong.
    pub error_code: i16,
    /// Where what consumers may see ends.
    pub high_watermark: i64,
    /// Where what readers of committed transactions may see ends.
    pub last_stable_offset: i64,
    /// The first offset of the log.
    pub log_start_offset: i64,
    /// Where the client's log parts from this one.
    pub diverging_epoch: Option<EpochEndOffset>,
    /// The leader, if it is another one than the client believes.
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// Transactions to leave out; None if nobody asked.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// The replica to read from next time; -1 for the leader.
    pub preferred_read_replica: i32,
    /// Batches.
    pub records: R,
}

/// Where an epoch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The leader epoch.
    pub epoch: i32,
    /// The offset behind its last record.
    pub end_offset: i64,
}

/// A transaction whose records do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// The producer.
    pub producer_id: i64,
    /// The transaction's first offset in this partition.
    pub first_offset: i64,
}

/// The version that brought endpoints of leaders.
const ENDPOINTS_SINCE: i16 = 16;

impl<R: Payload> FetchResponse<R> {
    /// Appends everything but the records to `out`, and returns these, each with the place in `out` where it belongs.
    ///
    /// # Errors
    /// `Unsayable` when a field cannot be said in this version.
    pub fn encode(self, version: i16, out: &mut BytesMut) -> Result<Vec<(usize, R)>, Unsayable> {
        let Self { throttle_time_ms, error_code, session_id, responses, node_endpoints } = self;
        let mut records = Vec::new();
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        writer.int32(throttle_time_ms);
        if writer.since(7) {
            writer.int16(error_code);
            writer.int32(session_id);
        }
        writer.bytes_len(Some(responses.len()));
        for topic in responses {
            write_topic(&mut writer, topic, &mut records);
        }
        let endpoints = (writer.since(ENDPOINTS_SINCE) && !node_endpoints.is_empty()).then_some(&node_endpoints);
        writer.tags([(0, endpoints.map(|endpoints| NodeEndpoint::tag(endpoints)))]);
        writer.finish()?;
        Ok(records)
    }
}

fn write_topic<R: Payload>(writer: &mut Writer, topic: FetchableTopicResponse<R>, records: &mut Vec<(usize, R)>) {
    writer.name_or_id(IDS_SINCE, &topic.topic, topic.topic_id);
    writer.bytes_len(Some(topic.partitions.len()));
    for partition in topic.partitions {
        write_partition(writer, partition, records);
    }
    writer.no_tags();
}

fn write_partition<R: Payload>(writer: &mut Writer, partition: PartitionData<R>, records: &mut Vec<(usize, R)>) {
    writer.int32(partition.partition_index);
    writer.int16(partition.error_code);
    writer.int64(partition.high_watermark);
    writer.int64(partition.last_stable_offset);
    if writer.since(5) {
        writer.int64(partition.log_start_offset);
    }
    writer.nullable_array(partition.aborted_transactions.as_deref(), |writer, aborted| {
        writer.int64(aborted.producer_id);
        writer.int64(aborted.first_offset);
        writer.no_tags();
    });
    if writer.since(11) {
        writer.int32(partition.preferred_read_replica);
    }
    writer.bytes_len(Some(partition.records.len()));
    if !partition.records.is_empty() {
        records.push((writer.position(), partition.records));
    }
    writer.tags([
        (0, partition.diverging_epoch.map(EpochEndOffset::tag)),
        (1, partition.current_leader.map(LeaderIdAndEpoch::tag)),
    ]);
}

impl EpochEndOffset {
    fn tag<'a>(self) -> TagWriter<'a> {
        Box::new(move |writer| {
            writer.int32(self.epoch);
            writer.int64(self.end_offset);
            writer.no_tags();
        })
    }
}
