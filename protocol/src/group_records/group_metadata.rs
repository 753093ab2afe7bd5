//! A classic group with its members.
//!
//! What must always hold: written in version 3, which every Kafka since 2.3 reads; versions 0 to 4 are understood.
//!
//! | version | adds |
//! |---|---|
//! | 0 | protocol type, generation, protocol, leader, members |
//! | 1 | a member's rebalance time-out |
//! | 2 | time of the last change of state |
//! | 3 | a member's instance id |
//! | 4 | compact form |

use bytes::Bytes;

use crate::fields::{Reader, RecordError, Writer};

const REBALANCE_TIMEOUT_SINCE: i16 = 1;
const STATE_TIMESTAMP_SINCE: i16 = 2;
const INSTANCE_ID_SINCE: i16 = 3;
const COMPACT_SINCE: i16 = 4;
const WRITTEN: i16 = 3;
const NEWEST: i16 = 4;
const UNKNOWN_TIMESTAMP: i64 = -1;
/// Bytes of the smallest member in any version: everything empty in version 4.
const MEMBER_LEN_MIN: usize = 15;

/// A classic group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    /// "consumer" for consumers; empty when the group has no members' type yet.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The protocol its members agreed on; `None` without members.
    pub protocol: Option<String>,
    /// The leading member's id; `None` without members.
    pub leader: Option<String>,
    /// When its state changed last, milliseconds since 1970; -1 when not known.
    pub state_timestamp_ms: i64,
    /// Its members.
    pub members: Vec<MemberMetadata>,
}

/// A member of a classic group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberMetadata {
    /// The id the coordinator gave it.
    pub member_id: String,
    /// The id it gave itself, if it is a static member.
    pub group_instance_id: Option<String>,
    /// The client's name.
    pub client_id: String,
    /// The client's address, with a slash before it.
    pub client_host: String,
    /// How long it may take to rejoin, milliseconds. Where the record does not say, the session time-out.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, milliseconds.
    pub session_timeout_ms: i32,
    /// Its metadata for the group's protocol.
    pub subscription: Bytes,
    /// What the leader gave it.
    pub assignment: Bytes,
}

impl GroupMetadata {
    pub(super) fn decode(value: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(value);
        let version = reader.i16()?;
        if !(0..=NEWEST).contains(&version) {
            return Err(RecordError::UnknownVersion(version));
        }
        let compact = version >= COMPACT_SINCE;
        let group = Self {
            protocol_type: reader.str(compact)?.to_owned(),
            generation: reader.i32()?,
            protocol: reader.nullable_str(compact)?.map(str::to_owned),
            leader: reader.nullable_str(compact)?.map(str::to_owned),
            state_timestamp_ms: if version >= STATE_TIMESTAMP_SINCE { reader.i64()? } else { UNKNOWN_TIMESTAMP },
            members: members(&mut reader, version)?,
        };
        if compact {
            reader.skip_tags()?;
        }
        Ok(group)
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut out = Writer::new(WRITTEN, 64 + self.members.iter().map(MemberMetadata::len_about).sum::<usize>());
        out.string(&self.protocol_type);
        out.i32(self.generation);
        out.nullable_string(self.protocol.as_deref());
        out.nullable_string(self.leader.as_deref());
        out.i64(self.state_timestamp_ms);
        out.count(self.members.len());
        self.members.iter().for_each(|member| member.encode(&mut out));
        out.finish()
    }
}

fn members(reader: &mut Reader<'_>, version: i16) -> Result<Vec<MemberMetadata>, RecordError> {
    let count = reader.count(version >= COMPACT_SINCE, MEMBER_LEN_MIN)?;
    let mut members = Vec::with_capacity(count);
    for _ in 0..count {
        members.push(MemberMetadata::decode(reader, version)?);
    }
    Ok(members)
}

impl MemberMetadata {
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, RecordError> {
        let compact = version >= COMPACT_SINCE;
        let member_id = reader.str(compact)?.to_owned();
        let instance = if version >= INSTANCE_ID_SINCE { reader.nullable_str(compact)? } else { None };
        let client_id = reader.str(compact)?.to_owned();
        let client_host = reader.str(compact)?.to_owned();
        let rebalance = if version >= REBALANCE_TIMEOUT_SINCE { Some(reader.i32()?) } else { None };
        let session_timeout_ms = reader.i32()?;
        let member = Self {
            member_id,
            group_instance_id: instance.map(str::to_owned),
            client_id,
            client_host,
            rebalance_timeout_ms: rebalance.filter(|timeout_ms| *timeout_ms != -1).unwrap_or(session_timeout_ms),
            session_timeout_ms,
            subscription: reader.bytes(compact)?,
            assignment: reader.bytes(compact)?,
        };
        if compact {
            reader.skip_tags()?;
        }
        Ok(member)
    }

    fn encode(&self, out: &mut Writer) {
        out.string(&self.member_id);
        out.nullable_string(self.group_instance_id.as_deref());
        out.string(&self.client_id);
        out.string(&self.client_host);
        out.i32(self.rebalance_timeout_ms);
        out.i32(self.session_timeout_ms);
        out.bytes(&self.subscription);
        out.bytes(&self.assignment);
    }

    fn len_about(&self) -> usize {
        let instance = self.group_instance_id.as_ref().map_or(0, String::len);
        let texts = self.member_id.len() + instance + self.client_id.len() + self.client_host.len();
        24 + texts + self.subscription.len() + self.assignment.len()
    }
}
