//! The bounds walk: a look over a request's bytes before anything is decoded.
//!
//! What must always hold:
//! - Every count, length, tag and varint of a body that passed is backed by bytes that are there, every string is
//!   UTF-8, and nothing is null that may not be: the decoders cannot fail on it.
//! - What a decoder makes of a body that passed, together with the body, takes at most `MEMORY_FACTOR` times the
//!   body's bytes plus `MEMORY_FLOOR`.
//! - The walk allocates nothing.
//!
//! Bytes after the last field are left alone, as in Apache Kafka (`AbstractRequest.parseRequest`).
//!
//! The floor is for honest requests with very short strings: a topic name of two letters takes four bytes in a
//! Metadata request and some seventy in memory. Requests with some thousand such names still pass.

mod schema;
mod tables;
mod walk;

pub use schema::{Field, Items, Kind, Schema, Versions};
pub use tables::SCHEMAS;

use std::ops::Range;

use thiserror::Error;

/// Elements of an array.
pub const ARRAY_ELEMENTS_MAX: usize = 1_000_000;
/// Tagged fields of one struct.
pub const TAGS_MAX: usize = 10_000;
/// Memory of a body and what is decoded from it, in multiples of its bytes …
pub const MEMORY_FACTOR: usize = 10;
/// … beyond this many bytes.
pub const MEMORY_FLOOR: usize = 64 * 1024;

/// What is wrong with a body, and in which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct OutOfBounds {
    /// The field's name in Kafka's message definition; empty before the first.
    pub field: &'static str,
    /// What is wrong.
    pub problem: Problem,
}

/// Ways in which a field can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Problem {
    /// No schema for this API in this version.
    #[error("no such API or version")]
    Unknown,
    /// A value, length or count reaches beyond the last byte.
    #[error("{0} more than there is")]
    Missing(usize),
    /// A varint of more than 32 bits.
    #[error("a varint of more than 32 bits")]
    Varint,
    /// A length below -1.
    #[error("a negative length")]
    Negative,
    /// Null, where it may not be.
    #[error("null where null is not allowed")]
    Null,
    /// A struct that is said to be there by another number than 1 (Kafka takes any that is not negative, and writes 1).
    #[error("neither there nor null")]
    Presence,
    /// Text that is not UTF-8.
    #[error("not UTF-8")]
    Text,
    /// More elements than `ARRAY_ELEMENTS_MAX`.
    #[error("{0} elements are too many")]
    Elements(usize),
    /// More tagged fields than `TAGS_MAX`.
    #[error("{0} tagged fields are too many")]
    Tags(usize),
    /// A known tagged field that does not fill the bytes it says it has.
    #[error("tagged field {0} is not as long as it says")]
    TagLength(u32),
    /// Small on the wire, large in memory.
    #[error("would take more than its share of memory")]
    Memory,
}

/// The schema of an API's requests in a version.
pub fn find(key: i16, version: i16) -> Option<&'static Schema> {
    let at = SCHEMAS.binary_search_by_key(&key, |schema| schema.key).ok()?;
    let schema = SCHEMAS[at];
    schema.versions.contain(version).then_some(schema)
}

/// Whether requests and responses of this version have compact lengths and tagged fields.
pub fn is_flexible(key: i16, version: i16) -> bool {
    find(key, version).is_some_and(|schema| version >= schema.flexible_since)
}

/// Walks over the body of a request, and returns how many of its bytes belong to it.
///
/// # Errors
/// `OutOfBounds` at the first field that cannot be decoded within bounds.
pub fn check(key: i16, version: i16, body: &[u8]) -> Result<usize, OutOfBounds> {
    let schema = find(key, version).ok_or(OutOfBounds { field: "", problem: Problem::Unknown })?;
    walk::body(schema, version, body)
}

/// Where the parts of a header end, counted from the client's name on.
pub struct HeaderEnds {
    /// The client's name; empty when null.
    pub client_id: Range<usize>,
    /// The whole header.
    pub header: usize,
}

/// Walks over what follows the first eight bytes of a request: the client's name, and in flexible versions tagged
/// fields, none of which is known.
///
/// # Errors
/// `OutOfBounds` when it is not the header of this API's version.
pub fn check_header(key: i16, version: i16, rest: &[u8]) -> Result<HeaderEnds, OutOfBounds> {
    let schema = find(key, version).ok_or(OutOfBounds { field: "", problem: Problem::Unknown })?;
    walk::header(version >= schema.flexible_since, rest)
}
