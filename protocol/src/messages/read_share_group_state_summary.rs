//! The response of ReadShareGroupStateSummary (87), versions 0 and 1.
//!
//! v1 adds how many deliveries are complete (KIP-1226).

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::bounds;
use crate::codec::Writer;
use crate::message::{Response, Unsayable};

const KEY: i16 = 87;

/// What is kept of share sessions, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadShareGroupStateSummaryResponse {
    /// By topic.
    pub results: Vec<ReadStateSummaryResult>,
}

/// What is kept of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadStateSummaryResult {
    /// The topic's id.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<ReadStateSummaryPartition>,
}

/// What is kept of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadStateSummaryPartition {
    /// The partition's number.
    pub partition: i32,
    /// What went wrong.
    pub error_code: i16,
    /// Why.
    pub error_message: Option<StrBytes>,
    /// The epoch of the state.
    pub state_epoch: i32,
    /// The leader epoch of who wrote last.
    pub leader_epoch: i32,
    /// Everything below is finished.
    pub start_offset: i64,
    /// How many offsets from `start_offset` on are finished; -1 when not known. Told from version 1 on.
    pub delivery_complete_count: i32,
}

impl Response for ReadShareGroupStateSummaryResponse {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        writer.array(&self.results, |writer, topic| {
            writer.uuid(topic.topic_id);
            writer.array(&topic.partitions, put_partition);
            writer.no_tags();
        });
        writer.no_tags();
        writer.finish()
    }
}

fn put_partition(writer: &mut Writer<'_>, partition: &ReadStateSummaryPartition) {
    writer.int32(partition.partition);
    writer.int16(partition.error_code);
    writer.nullable_string(partition.error_message.as_deref());
    writer.int32(partition.state_epoch);
    writer.int32(partition.leader_epoch);
    writer.int64(partition.start_offset);
    if writer.since(1) {
        writer.int32(partition.delivery_complete_count);
    }
    writer.no_tags();
}
