//! What to fetch, and what became of what was fetched before.

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::{AcknowledgePartition, KEY};
use crate::bounds::{self, Problem};
use crate::codec::Reader;
use crate::message::{Malformed, Request};

/// Partitions to acquire records of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareFetchRequest {
    /// The group.
    pub group_id: Option<StrBytes>,
    /// The member.
    pub member_id: Option<StrBytes>,
    /// Which request of the share session; 0 for a new one, -1 ends it.
    pub share_session_epoch: i32,
    /// How long to wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// Bytes worth answering before `max_wait_ms` is over.
    pub min_bytes: i32,
    /// Bytes of the whole answer.
    pub max_bytes: i32,
    /// Records of the whole answer; a batch may go beyond.
    pub max_records: i32,
    /// Records that the client would like to have in one acquired run.
    pub batch_size: i32,
    /// 0 to take whole batches, 1 to take no more than `max_records`.
    pub share_acquire_mode: i8,
    /// Whether locks are renewed here; nothing is fetched then.
    pub is_renew_ack: bool,
    /// What to read and what to acknowledge; in a session, what changed.
    pub topics: Vec<ShareFetchTopic>,
    /// What to leave out of the session from now on.
    pub forgotten_topics_data: Vec<ForgottenTopic>,
}

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareFetchTopic {
    /// The topic's id.
    pub topic_id: Uuid,
    /// Where to read, and what became of what was read there.
    pub partitions: Vec<AcknowledgePartition>,
}

/// Partitions that leave a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgottenTopic {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions' numbers.
    pub partitions: Vec<i32>,
}

impl Request for ShareFetchRequest {
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, version, bounds::is_flexible(KEY, version));
        let request = Self {
            group_id: reader.nullable_string()?,
            member_id: reader.nullable_string()?,
            share_session_epoch: reader.int32()?,
            max_wait_ms: reader.int32()?,
            min_bytes: reader.int32()?,
            max_bytes: reader.int32()?,
            max_records: reader.int32()?,
            batch_size: reader.int32()?,
            share_acquire_mode: reader.if_since(2, 0, Reader::int8)?,
            is_renew_ack: reader.if_since(2, false, Reader::boolean)?,
            topics: reader.array(topic)?,
            forgotten_topics_data: reader.array(forgotten)?,
        };
        reader.no_tags()?;
        Ok(request)
    }
}

fn topic(reader: &mut Reader) -> Result<ShareFetchTopic, Problem> {
    let topic = ShareFetchTopic { topic_id: reader.uuid()?, partitions: reader.array(AcknowledgePartition::read)? };
    reader.no_tags()?;
    Ok(topic)
}

fn forgotten(reader: &mut Reader) -> Result<ForgottenTopic, Problem> {
    let forgotten = ForgottenTopic { topic_id: reader.uuid()?, partitions: reader.array(Reader::int32)? };
    reader.no_tags()?;
    Ok(forgotten)
}
