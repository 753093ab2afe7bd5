//! Between bytes and wire types, for every handler.
//!
//! What must always hold: a handler sees only requests whose bytes were checked and that were decoded completely, in
//! an advertised version; a response is one frame whose first four bytes are its length.

use bytes::{BufMut, Bytes, BytesMut};
use catena_protocol::bounds;
use catena_protocol::message::{self, Malformed, Request, Response, Unsayable};

use crate::reply::Reply;

/// The frame's length, the correlation id and, in flexible versions, the count of tagged fields.
const HEADER_LEN_MAX: usize = 9;
/// Its response header is never flexible, so that a client of any age can read it.
const API_VERSIONS: i16 = 18;

/// Decodes a request's body.
///
/// # Errors
/// `Malformed` when the bytes are not such a request.
pub fn decode<T: Request>(key: i16, version: i16, body: Bytes) -> Result<T, Malformed> {
    message::decode(key, version, body)
}

/// Encodes a response with its header and length.
///
/// # Errors
/// `Unsayable` when a field's value cannot be said in this version.
pub fn encode<T: Response>(response: &T, key: i16, version: i16, correlation_id: i32) -> Result<Reply, Unsayable> {
    let mut out = BytesMut::with_capacity(HEADER_LEN_MAX);
    out.put_i32(0);
    out.put_i32(correlation_id);
    if key != API_VERSIONS && bounds::is_flexible(key, version) {
        out.put_u8(0);
    }
    response.encode(version, &mut out)?;
    let len = i32::try_from(out.len() - 4).map_err(|error| Unsayable(error.to_string()))?;
    out[..4].copy_from_slice(&len.to_be_bytes());
    Ok(Reply::whole(out.freeze()))
}
