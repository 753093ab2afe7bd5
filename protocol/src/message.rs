//! Requests and responses of any API, from bytes and to bytes.
//!
//! What must always hold: no request is decoded before the bounds walk passed its body.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use thiserror::Error;

use crate::bounds::{self, OutOfBounds, Problem};

/// Bytes that are not the request they should be.
#[derive(Debug, Error)]
pub enum Malformed {
    /// Refused before decoding.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// Refused by the decoder of an own message.
    #[error(transparent)]
    Damaged(#[from] Problem),
    /// Refused by the decoder of another message.
    #[error("{0}")]
    Undecodable(String),
}

/// A response with a value that has no encoding in its version: a mistake of whoever made it.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Unsayable(pub String);

/// A body that can be decoded.
pub trait Request: Sized {
    /// Decodes a body that passed the bounds walk.
    ///
    /// # Errors
    /// `Malformed` if the walk and the decoder disagree; they should not.
    fn decode_checked(body: Bytes, version: i16) -> Result<Self, Malformed>;
}

/// A body that can be encoded.
pub trait Response {
    /// Appends the body to `out`.
    ///
    /// # Errors
    /// `Unsayable` when a field cannot be said in this version.
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable>;
}

/// Decodes the body of a request, after a look at its bounds. Bytes after its last field are ignored, as in Kafka.
///
/// # Errors
/// `Malformed` when it is not the body of such a request.
pub fn decode<T: Request>(key: i16, version: i16, body: Bytes) -> Result<T, Malformed> {
    bounds::check(key, version, &body)?;
    T::decode_checked(body, version)
}

impl<T: Decodable + Message> Request for T {
    fn decode_checked(mut body: Bytes, version: i16) -> Result<Self, Malformed> {
        T::decode(&mut body, layout::<T>(version)).map_err(|error| Malformed::Undecodable(error.to_string()))
    }
}

impl<T: Encodable + Message> Response for T {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let version = layout::<T>(version);
        let unsayable = |error: &dyn std::fmt::Display| Unsayable(error.to_string());
        out.reserve(self.compute_size(version).map_err(|error| unsayable(&error))?);
        Encodable::encode(self, out, version).map_err(|error| unsayable(&error))
    }
}

/// The version of `kafka-protocol` that has the layout of `version`: where it lacks the newest one (ListOffsets v11;
/// as requests DeleteGroups v3, ReadShareGroupStateSummary v1 and DescribeShareGroupOffsets v1; as responses ApiVersions
/// v5 and WriteShareGroupState v1) the layout is that of the one before; where the layout is another one, the message is
/// own code. The tests compare with Apache Kafka's classes.
fn layout<T: Message>(version: i16) -> i16 {
    version.min(T::VERSIONS.max)
}
