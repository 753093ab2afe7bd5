//! The request of ApiVersions (18), versions 0 to 5.
//!
//! v3 is flexible and adds the client's software, v5 whom the client believes to talk to (KIP-1242).

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;

use crate::bounds;
use crate::codec::Reader;
use crate::message::{Malformed, Request};

const KEY: i16 = 18;
const NO_NODE: i32 = -1;

/// What is asked along with "which versions?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersionsRequest {
    /// The client's name.
    pub client_software_name: StrBytes,
    /// The client's version.
    pub client_software_version: StrBytes,
    /// The cluster it believes to talk to; None if it has no idea.
    pub cluster_id: Option<StrBytes>,
    /// The node it believes to talk to; -1 if it has no idea.
    pub node_id: i32,
}

impl Request for ApiVersionsRequest {
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, version, bounds::is_flexible(KEY, version));
        let request = Self {
            client_software_name: reader.if_since(3, StrBytes::default(), Reader::string)?,
            client_software_version: reader.if_since(3, StrBytes::default(), Reader::string)?,
            cluster_id: reader.if_since(5, None, Reader::nullable_string)?,
            node_id: reader.if_since(5, NO_NODE, Reader::int32)?,
        };
        reader.no_tags()?;
        Ok(request)
    }
}
