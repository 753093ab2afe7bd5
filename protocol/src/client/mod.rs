//! A Kafka client without I/O: calls to frames, frames to answers.
//!
//! What must always hold:
//! - An answer is believed in nothing: memory grows with the elements and texts that are really in its bytes, and whatever is not
//!   as the version says is an error, never a panic.
//! - Each API is spoken in one version, the same for Apache Kafka 4.x and Catena; whoever calls has asked the server for its versions.
//! - Answers are plain structs; error codes come as [`Refusal`], never as a number that somebody must know.

mod alter_configs;
mod api_versions;
mod create_topics;
mod describe_configs;
mod fetch;
mod list_offsets;
mod metadata;
mod produce;
mod refusal;
mod scan;

pub use alter_configs::{Alteration, IncrementalAlterConfigs};
pub use api_versions::{ApiVersions, SupportedVersions};
pub use create_topics::CreateTopic;
pub use describe_configs::{DescribeConfigs, Described, Source, Synonym};
pub use fetch::{Fetch, Fetched};
pub use list_offsets::EarliestOffset;
pub use metadata::{Cluster, Metadata, Node, PartitionLeader};
pub use produce::Produce;
pub use refusal::Refusal;
pub use scan::{Scan, ScanError, StoredRecord};

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::bounds::Problem;
use crate::codec::{Reader, Writer};
use crate::message::Unsayable;

/// Bytes that an answer may have.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Bytes of the length in front of each frame.
pub const LENGTH_BYTES: usize = 4;

/// A request, and how its answer is read.
pub trait Call {
    /// The API's key.
    const KEY: i16;
    /// Kafka's name of the API.
    const NAME: &'static str;
    /// The version that is spoken; a flexible one.
    const VERSION: i16;
    /// Whether the answer's header may have tagged fields.
    const TAGGED_HEADER: bool = true;
    /// What comes back.
    type Answer;

    /// Writes the body.
    #[doc(hidden)]
    fn write(&self, writer: &mut Writer<'_>);

    /// Reads the body of the answer.
    #[doc(hidden)]
    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem>;
}

/// Why bytes are not the answer that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Strange {
    /// A length that no answer has.
    #[error("an answer of {0} bytes")]
    Length(i32),
    /// The answer to another request.
    #[error("an answer to request {found} instead of {expected}")]
    Correlation {
        /// The request's number.
        expected: i32,
        /// The answer's.
        found: i32,
    },
    /// Not what the API's answers look like.
    #[error("not an answer to {api}: {problem}")]
    Body {
        /// Kafka's name of the API.
        api: &'static str,
        /// What is wrong.
        problem: Problem,
    },
}

/// The whole frame of a request.
///
/// # Errors
/// `Unsayable` when something in it is too long for the protocol.
pub fn frame<C: Call>(call: &C, correlation_id: i32, client_id: &str) -> Result<Bytes, Unsayable> {
    let mut out = BytesMut::zeroed(LENGTH_BYTES);
    let mut header = Writer::new(&mut out, C::VERSION, false);
    header.int16(C::KEY);
    header.int16(C::VERSION);
    header.int32(correlation_id);
    header.string(client_id);
    header.finish()?;
    let mut body = Writer::new(&mut out, C::VERSION, true);
    body.no_tags();
    call.write(&mut body);
    body.finish()?;
    let length = i32::try_from(out.len() - LENGTH_BYTES).map_err(|_| Unsayable("more than 2 GiB".to_owned()))?;
    if let Some(front) = out.first_chunk_mut::<LENGTH_BYTES>() {
        *front = length.to_be_bytes();
    }
    Ok(out.freeze())
}

/// How many bytes follow the length at the front of an answer.
///
/// # Errors
/// `Length` when no answer is that long.
pub fn answer_len(length: [u8; LENGTH_BYTES]) -> Result<usize, Strange> {
    let length = i32::from_be_bytes(length);
    let bounded = usize::try_from(length).ok().filter(|length| *length <= ANSWER_BYTES_MAX);
    bounded.ok_or(Strange::Length(length))
}

/// Reads the answer to the request of this number, without the length in front of it. Bytes after the last field are ignored.
///
/// # Errors
/// `Strange` when it is something else.
pub fn answer<C: Call>(correlation_id: i32, mut frame: Bytes) -> Result<C::Answer, Strange> {
    let strange = |problem| Strange::Body { api: C::NAME, problem };
    let found = frame.try_get_i32().map_err(|_| strange(Problem::Missing(LENGTH_BYTES - frame.len())))?;
    if found != correlation_id {
        return Err(Strange::Correlation { expected: correlation_id, found });
    }
    let mut reader = Reader::new(frame, C::VERSION, true);
    if C::TAGGED_HEADER {
        reader.no_tags().map_err(strange)?;
    }
    C::read(&mut reader).map_err(strange)
}

/// One partition of one topic, as requests name them: its topic, and the fields that `partition` writes.
fn write_partition(writer: &mut Writer<'_>, topic: &str, partition: impl Fn(&mut Writer<'_>)) {
    writer.array(&[()], |writer, ()| {
        writer.string(topic);
        writer.array(&[()], |writer, ()| {
            partition(writer);
            writer.no_tags();
        });
        writer.no_tags();
    });
}

/// What an answer says of the one partition that was asked for.
fn read_partition<T>(reader: &mut Reader, partition: impl Fn(&mut Reader) -> Result<T, Problem>) -> Result<T, Problem> {
    let topics = reader.growing_array(|reader| {
        reader.string()?;
        let partitions = reader.growing_array(&partition)?;
        reader.no_tags()?;
        Ok(partitions)
    })?;
    only(only(topics)?)
}

/// The element of an answer to a question about one thing.
fn only<T>(elements: Vec<T>) -> Result<T, Problem> {
    elements.into_iter().next().ok_or(Problem::Missing(1))
}
