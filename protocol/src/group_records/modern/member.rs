//! What a member told of itself.
//!
//! What must always hold: that a member speaks no classic protocol is written as a null. Kafka takes a field that is not
//! there for a classic member that said nothing, and so does this.

use bytes::Bytes;

use super::GroupKind;
use crate::fields::{Reader, RecordError, Writer};

const CLASSIC_TAG: u32 = 0;
/// Before a structure that may be null: whether it is there.
const NULL: u32 = 0;
const NOT_NULL: u32 = 1;
/// Bytes of a protocol with empty name and metadata and no tagged fields.
const PROTOCOL_LEN_MIN: usize = 3;

/// A member's subscription. Members of share groups have rack, client and topics only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberSubscription {
    /// The id it gave itself, if it is a static member.
    pub instance_id: Option<String>,
    /// The rack it is in.
    pub rack_id: Option<String>,
    /// The client's name.
    pub client_id: String,
    /// The client's address, with a slash before it.
    pub client_host: String,
    /// Names of topics; Kafka writes them sorted.
    pub topics: Vec<String>,
    /// A regular expression for topics.
    pub regex: Option<String>,
    /// How long it may take to give partitions back, milliseconds; -1 when it did not say.
    pub rebalance_timeout_ms: i32,
    /// The assignor it asks for.
    pub assignor: Option<String>,
    /// What it said in the classic protocol, if it speaks that.
    pub classic: Option<ClassicMember>,
}

/// What there is of a member that speaks the classic protocol in a consumer group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassicMember {
    /// How long it may be silent, milliseconds.
    pub session_timeout_ms: i32,
    /// The protocols it supports, by name, with its metadata for each.
    pub protocols: Vec<(String, Bytes)>,
}

impl MemberSubscription {
    pub(super) fn read(kind: GroupKind, reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        match kind {
            GroupKind::Consumer => Self::read_consumer(reader),
            GroupKind::Share => Self::read_share(reader),
        }
    }

    fn read_consumer(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let mut member = Self {
            instance_id: reader.nullable_compact_string()?,
            rack_id: reader.nullable_compact_string()?,
            client_id: reader.compact_string()?,
            client_host: reader.compact_string()?,
            topics: reader.strings()?,
            regex: reader.nullable_compact_string()?,
            rebalance_timeout_ms: reader.i32()?,
            assignor: reader.nullable_compact_string()?,
            classic: Some(ClassicMember::default()),
        };
        reader.tags(|tag, field| {
            if tag == CLASSIC_TAG {
                member.classic = ClassicMember::read(field)?;
            }
            Ok(())
        })?;
        Ok(member)
    }

    fn read_share(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let member = Self {
            rack_id: reader.nullable_compact_string()?,
            client_id: reader.compact_string()?,
            client_host: reader.compact_string()?,
            topics: reader.strings()?,
            ..Self::default()
        };
        reader.skip_tags()?;
        Ok(member)
    }

    pub(super) fn write(&self, kind: GroupKind, out: &mut Writer) {
        if kind == GroupKind::Consumer {
            out.nullable_compact_string(self.instance_id.as_deref());
        }
        out.nullable_compact_string(self.rack_id.as_deref());
        out.compact_string(&self.client_id);
        out.compact_string(&self.client_host);
        out.strings(&self.topics);
        match kind {
            GroupKind::Consumer => self.write_how(out),
            GroupKind::Share => out.no_tags(),
        }
    }

    /// What only members of consumer groups have, after the topics.
    fn write_how(&self, out: &mut Writer) {
        out.nullable_compact_string(self.regex.as_deref());
        out.i32(self.rebalance_timeout_ms);
        out.nullable_compact_string(self.assignor.as_deref());
        let classic = Some(&self.classic).filter(|classic| **classic != Some(ClassicMember::default()));
        out.one_tag(CLASSIC_TAG, classic, |out, classic| match classic {
            Some(classic) => classic.write(out),
            None => out.varint(NULL),
        });
    }
}

impl ClassicMember {
    fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, RecordError> {
        if reader.varint()? == NULL {
            return Ok(None);
        }
        let session_timeout_ms = reader.i32()?;
        let protocols = reader.list(PROTOCOL_LEN_MIN, |reader| {
            let protocol = (reader.compact_string()?, reader.bytes(true)?);
            reader.skip_tags()?;
            Ok(protocol)
        })?;
        reader.skip_tags()?;
        Ok(Some(Self { session_timeout_ms, protocols }))
    }

    fn write(&self, out: &mut Writer) {
        out.varint(NOT_NULL);
        out.i32(self.session_timeout_ms);
        out.list(&self.protocols, |out, (name, metadata)| {
            out.compact_string(name);
            out.compact_bytes(metadata);
            out.no_tags();
        });
        out.no_tags();
    }
}
