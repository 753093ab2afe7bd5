//! What was fetched and acquired.
//!
//! What must always hold: record payloads are named, not copied: the bytes before and after them are written, and the
//! places in between noted.

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::KEY;
use crate::bounds;
use crate::codec::Writer;
use crate::message::Unsayable;
use crate::messages::fetch::Payload;
use crate::messages::leaders::{LeaderIdAndEpoch, NodeEndpoint};

/// Records of partitions, `R` being where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareFetchResponse<R> {
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong with the whole request.
    pub error_code: i16,
    /// Why.
    pub error_message: Option<StrBytes>,
    /// How long records stay locked, in milliseconds.
    pub acquisition_lock_timeout_ms: i32,
    /// By topic.
    pub responses: Vec<ShareFetchTopicResponse<R>>,
    /// How to reach the leaders named in `responses`.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// Records of one topic's partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareFetchTopicResponse<R> {
    /// The topic's id.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<ShareFetchPartition<R>>,
}

/// Records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareFetchPartition<R> {
    /// The partition's number.
    pub partition_index: i32,
    /// What went wrong with fetching.
    pub error_code: i16,
    /// Why.
    pub error_message: Option<StrBytes>,
    /// What went wrong with acknowledging.
    pub acknowledge_error_code: i16,
    /// Why.
    pub acknowledge_error_message: Option<StrBytes>,
    /// The leader, if it is another one than the client believes.
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// Batches; they may hold more than was acquired.
    pub records: R,
    /// What the member has now, in order.
    pub acquired_records: Vec<AcquiredRecords>,
}

/// A run of offsets that the member has now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AcquiredRecords {
    /// The first offset.
    pub first_offset: i64,
    /// The last offset.
    pub last_offset: i64,
    /// The how manieth delivery this is.
    pub delivery_count: i16,
}

impl<R: Payload> ShareFetchResponse<R> {
    /// Appends everything but the records to `out`, and returns these, each with the place in `out` where it belongs.
    ///
    /// # Errors
    /// `Unsayable` when a field cannot be said in this version.
    pub fn encode(self, version: i16, out: &mut BytesMut) -> Result<Vec<(usize, R)>, Unsayable> {
        let mut records = Vec::new();
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        writer.int32(self.throttle_time_ms);
        writer.int16(self.error_code);
        writer.nullable_string(self.error_message.as_deref());
        writer.int32(self.acquisition_lock_timeout_ms);
        writer.bytes_len(Some(self.responses.len()));
        for topic in self.responses {
            writer.uuid(topic.topic_id);
            writer.bytes_len(Some(topic.partitions.len()));
            for partition in topic.partitions {
                put_partition(&mut writer, partition, &mut records);
            }
            writer.no_tags();
        }
        writer.array(&self.node_endpoints, NodeEndpoint::write);
        writer.no_tags();
        writer.finish()?;
        Ok(records)
    }
}

fn put_partition<R: Payload>(writer: &mut Writer, partition: ShareFetchPartition<R>, records: &mut Vec<(usize, R)>) {
    writer.int32(partition.partition_index);
    writer.int16(partition.error_code);
    writer.nullable_string(partition.error_message.as_deref());
    writer.int16(partition.acknowledge_error_code);
    writer.nullable_string(partition.acknowledge_error_message.as_deref());
    LeaderIdAndEpoch::write_always(partition.current_leader, writer);
    writer.bytes_len(Some(partition.records.len()));
    if !partition.records.is_empty() {
        records.push((writer.position(), partition.records));
    }
    writer.array(&partition.acquired_records, |writer, acquired| {
        writer.int64(acquired.first_offset);
        writer.int64(acquired.last_offset);
        writer.int16(acquired.delivery_count);
        writer.no_tags();
    });
    writer.no_tags();
}
