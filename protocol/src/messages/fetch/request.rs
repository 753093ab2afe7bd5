//! What to fetch.

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::{IDS_SINCE, KEY};
use crate::bounds::{self, Problem};
use crate::codec::Reader;
use crate::message::{Malformed, Request};

/// "No epoch" and "no replica".
const NONE: i32 = -1;
/// Tags of the request's fields.
const CLUSTER_ID: u32 = 0;
const REPLICA_STATE: u32 = 1;

/// Partitions to read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// The cluster the client believes to talk to.
    pub cluster_id: Option<StrBytes>,
    /// The replica that reads, in whichever field the version has it; -1 for a consumer.
    pub replica_id: i32,
    /// How long to wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// Bytes worth answering before `max_wait_ms` is over.
    pub min_bytes: i32,
    /// Bytes of the whole answer.
    pub max_bytes: i32,
    /// 1 to see committed transactions only.
    pub isolation_level: i8,
    /// The fetch session; 0 for none.
    pub session_id: i32,
    /// Which request of the session; -1 for no session, 0 for a new one.
    pub session_epoch: i32,
    /// What to read; in a session, what changed.
    pub topics: Vec<FetchTopic>,
    /// What to leave out of the session from now on.
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// Where the client is.
    pub rack_id: StrBytes,
}

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchTopic {
    /// The topic's name, up to version 12.
    pub topic: StrBytes,
    /// The topic's id, from version 13 on.
    pub topic_id: Uuid,
    /// Where to read.
    pub partitions: Vec<FetchPartition>,
}

/// Where to read in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition's number.
    pub partition: i32,
    /// The leader epoch the client knows; -1 if none.
    pub current_leader_epoch: i32,
    /// The first offset wanted.
    pub fetch_offset: i64,
    /// Leader epoch of the last record read before; -1 if none.
    pub last_fetched_epoch: i32,
    /// A replica's log start; -1 from consumers.
    pub log_start_offset: i64,
    /// Bytes of this partition.
    pub partition_max_bytes: i32,
}

/// Partitions that leave a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgottenTopic {
    /// The topic's name, up to version 12.
    pub topic: StrBytes,
    /// The topic's id, from version 13 on.
    pub topic_id: Uuid,
    /// The partitions' numbers.
    pub partitions: Vec<i32>,
}

impl Request for FetchRequest {
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, version, bounds::is_flexible(KEY, version));
        let mut request = Self {
            cluster_id: None,
            replica_id: if reader.since(15) { NONE } else { reader.int32()? },
            max_wait_ms: reader.int32()?,
            min_bytes: reader.int32()?,
            max_bytes: reader.int32()?,
            isolation_level: reader.int8()?,
            session_id: reader.if_since(7, 0, Reader::int32)?,
            session_epoch: reader.if_since(7, NONE, Reader::int32)?,
            topics: reader.array(topic)?,
            forgotten_topics_data: reader.if_since(7, Vec::new(), |reader| reader.array(forgotten))?,
            rack_id: reader.if_since(11, StrBytes::default(), Reader::string)?,
        };
        reader.tags(|tag, value| {
            match tag {
                CLUSTER_ID => request.cluster_id = value.nullable_string()?,
                REPLICA_STATE if value.since(15) => request.replica_id = value.int32()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(request)
    }
}

fn topic(reader: &mut Reader) -> Result<FetchTopic, Problem> {
    let (topic, topic_id) = reader.name_or_id(IDS_SINCE)?;
    let topic = FetchTopic { topic, topic_id, partitions: reader.array(partition)? };
    reader.no_tags()?;
    Ok(topic)
}

fn partition(reader: &mut Reader) -> Result<FetchPartition, Problem> {
    let partition = FetchPartition {
        partition: reader.int32()?,
        current_leader_epoch: reader.if_since(9, NONE, Reader::int32)?,
        fetch_offset: reader.int64()?,
        last_fetched_epoch: reader.if_since(12, NONE, Reader::int32)?,
        log_start_offset: reader.if_since(5, i64::from(NONE), Reader::int64)?,
        partition_max_bytes: reader.int32()?,
    };
    reader.no_tags()?;
    Ok(partition)
}

fn forgotten(reader: &mut Reader) -> Result<ForgottenTopic, Problem> {
    let (topic, topic_id) = reader.name_or_id(IDS_SINCE)?;
    let forgotten = ForgottenTopic { topic, topic_id, partitions: reader.array(Reader::int32)? };
    reader.no_tags()?;
    Ok(forgotten)
}
