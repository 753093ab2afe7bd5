//! Between bytes and wire types, for every handler.
//!
//! What must always hold: a handler sees only requests that were decoded completely in an advertised version; a
//! response is one frame whose first four bytes are its length.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::{Decodable, Encodable};
use thiserror::Error;

use crate::reply::Reply;

/// Bytes that are not the message they should be, or a message that has no bytes in its version.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct WireError(String);

/// What the dispatcher needs of a request header.
pub struct Header {
    /// The client's name; None when null.
    pub client_id: Option<String>,
}

/// A message that can be a response.
pub trait Response: Encodable {}
impl<T: Encodable> Response for T {}

/// Reads the request header at the front of `frame` and leaves the body.
///
/// # Errors
/// `WireError` when the bytes are no header of this API's version.
pub fn decode_header(key: i16, version: i16, frame: &mut Bytes) -> Result<Header, WireError> {
    let key = ApiKey::try_from(key).map_err(|()| WireError(format!("unknown API {key}")))?;
    let header = RequestHeader::decode(frame, key.request_header_version(version));
    let header = header.map_err(|error| WireError(error.to_string()))?;
    Ok(Header { client_id: header.client_id.map(|id| id.to_string()) })
}

/// Decodes a request's body.
///
/// # Errors
/// `WireError` when the bytes are not such a request.
pub fn decode<T: Decodable>(mut body: Bytes, version: i16) -> Result<T, WireError> {
    T::decode(&mut body, version).map_err(|error| WireError(error.to_string()))
}

/// Encodes a response with its header and length.
///
/// # Errors
/// `WireError` when a field's value cannot be said in this version.
pub fn encode<T: Encodable>(response: &T, key: i16, version: i16, correlation_id: i32) -> Result<Reply, WireError> {
    let failed = |error: &dyn std::fmt::Display| WireError(error.to_string());
    let body_len = response.compute_size(version).map_err(|error| failed(&error))?;
    let mut out = BytesMut::with_capacity(body_len + 9);
    out.put_i32(0);
    out.put_i32(correlation_id);
    if ApiKey::try_from(key).is_ok_and(|key| key.response_header_version(version) >= 1) {
        out.put_u8(0);
    }
    response.encode(&mut out, version).map_err(|error| failed(&error))?;
    let len = i32::try_from(out.len() - 4).map_err(|error| failed(&error))?;
    out[..4].copy_from_slice(&len.to_be_bytes());
    Ok(Reply::whole(out.freeze()))
}
