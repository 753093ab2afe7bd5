//! The response of DeleteGroups (42), versions 0 to 3.
//!
//! v2 is flexible, v3 adds a message to each error.

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;

use crate::bounds;
use crate::codec::Writer;
use crate::message::{Response, Unsayable};

const KEY: i16 = 42;

/// What became of the groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteGroupsResponse {
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// By group.
    pub results: Vec<DeletableGroupResult>,
}

/// What became of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletableGroupResult {
    /// The group.
    pub group_id: StrBytes,
    /// What went wrong.
    pub error_code: i16,
    /// Why.
    pub error_message: Option<StrBytes>,
}

impl Response for DeleteGroupsResponse {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        writer.int32(self.throttle_time_ms);
        writer.array(&self.results, |writer, result| {
            writer.string(&result.group_id);
            writer.int16(result.error_code);
            if writer.since(3) {
                writer.nullable_string(result.error_message.as_deref());
            }
            writer.no_tags();
        });
        writer.no_tags();
        writer.finish()
    }
}
