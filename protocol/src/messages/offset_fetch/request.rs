//! Whose offsets to fetch.

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::{GROUPS_SINCE, IDS_SINCE, KEY};
use crate::bounds::{self, Problem};
use crate::codec::Reader;
use crate::message::{Malformed, Request};

const NO_EPOCH: i32 = -1;

/// Groups and what to tell of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchRequest {
    /// By group; one, before version 8.
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Whether offsets that a transaction may still change are worse than none.
    pub require_stable: bool,
}

/// What to tell of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchRequestGroup {
    /// The group.
    pub group_id: StrBytes,
    /// The member that asks, in the newer group protocol.
    pub member_id: Option<StrBytes>,
    /// That member's epoch; -1 if none.
    pub member_epoch: i32,
    /// By topic; None for all there is.
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
}

/// What to tell of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchRequestTopics {
    /// The topic's name, up to version 9.
    pub name: StrBytes,
    /// The topic's id, from version 10 on.
    pub topic_id: Uuid,
    /// The partitions' numbers.
    pub partition_indexes: Vec<i32>,
}

impl Request for OffsetFetchRequest {
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, version, bounds::is_flexible(KEY, version));
        let groups = if reader.since(GROUPS_SINCE) { reader.array(group)? } else { vec![the_one_group(&mut reader)?] };
        let require_stable = reader.if_since(7, false, Reader::boolean)?;
        reader.no_tags()?;
        Ok(Self { groups, require_stable })
    }
}

fn the_one_group(reader: &mut Reader) -> Result<OffsetFetchRequestGroup, Problem> {
    Ok(OffsetFetchRequestGroup {
        group_id: reader.string()?,
        member_id: None,
        member_epoch: NO_EPOCH,
        topics: reader.nullable_array(topic)?,
    })
}

fn group(reader: &mut Reader) -> Result<OffsetFetchRequestGroup, Problem> {
    let group = OffsetFetchRequestGroup {
        group_id: reader.string()?,
        member_id: reader.if_since(9, None, Reader::nullable_string)?,
        member_epoch: reader.if_since(9, NO_EPOCH, Reader::int32)?,
        topics: reader.nullable_array(topic)?,
    };
    reader.no_tags()?;
    Ok(group)
}

fn topic(reader: &mut Reader) -> Result<OffsetFetchRequestTopics, Problem> {
    let (name, topic_id) = reader.name_or_id(IDS_SINCE)?;
    let topic = OffsetFetchRequestTopics { name, topic_id, partition_indexes: reader.array(Reader::int32)? };
    reader.no_tags()?;
    Ok(topic)
}
