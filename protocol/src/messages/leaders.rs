//! Leaders and how to reach them, as responses tell clients that asked the wrong broker (KIP-951).

use kafka_protocol::protocol::StrBytes;

use crate::codec::{TagWriter, Writer};

/// A partition's leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// Its node id; -1 if unknown.
    pub leader_id: i32,
    /// The epoch in which it leads; -1 if unknown.
    pub leader_epoch: i32,
}

impl LeaderIdAndEpoch {
    pub(crate) fn tag<'a>(self) -> TagWriter<'a> {
        Box::new(move |writer| self.write(writer))
    }

    fn write(self, writer: &mut Writer) {
        writer.int32(self.leader_id);
        writer.int32(self.leader_epoch);
        writer.no_tags();
    }

    /// Where the field is always there: zeros when there is nothing to tell.
    pub(crate) fn write_always(leader: Option<Self>, writer: &mut Writer) {
        leader.unwrap_or(Self { leader_id: 0, leader_epoch: 0 }).write(writer);
    }
}

/// How to reach a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The node's id.
    pub node_id: i32,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// The rack it stands in.
    pub rack: Option<StrBytes>,
}

impl NodeEndpoint {
    pub(crate) fn tag(endpoints: &[Self]) -> TagWriter<'_> {
        Box::new(move |writer| writer.array(endpoints, Self::write))
    }

    pub(crate) fn write(writer: &mut Writer, endpoint: &Self) {
        writer.int32(endpoint.node_id);
        writer.string(&endpoint.host);
        writer.int32(endpoint.port);
        writer.nullable_string(endpoint.rack.as_deref());
        writer.no_tags();
    }
}
