//! What the records of `__consumer_offsets` and `__share_group_state` have in common: how their fields are read and
//! written, and what can be wrong with them.
//!
//! What must always hold: nothing is read past the end, nothing is allocated before the bytes are known to be there.
//!
//! A key begins with two bytes that say its kind; a value begins with two bytes that say its version. No value at all
//! (a tombstone) means that what the key names is gone.

mod reader;
mod writer;

#[cfg(test)]
pub(crate) mod golden;

use bytes::Bytes;
use thiserror::Error;

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

/// The only version of a value, where there is but one.
const FIRST_VERSION: i16 = 0;

/// Why bytes are not the record they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A length or count says more than is there.
    #[error("the record ends before its fields")]
    Truncated,
    /// A length that cannot be, or null where there must be a value.
    #[error("a length of {0} in a record")]
    BadLength(i64),
    /// Text that is not UTF-8.
    #[error("a text that is not UTF-8")]
    NotUtf8,
    /// A value of a version that is not known.
    #[error("record value version {0} is not known")]
    UnknownVersion(i16),
}

/// Key and value as they stand in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The key.
    pub key: Bytes,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// Reads a value that has one version and may be a tombstone.
pub(crate) fn decode_value<V>(
    value: Option<&[u8]>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<V, RecordError>,
) -> Result<Option<V>, RecordError> {
    let Some(value) = value else { return Ok(None) };
    let mut reader = Reader::new(value);
    match reader.i16()? {
        FIRST_VERSION => read(&mut reader).map(Some),
        version => Err(RecordError::UnknownVersion(version)),
    }
}

/// Writes a value that has one version and may be a tombstone.
pub(crate) fn encode_value<V>(value: Option<&V>, write: impl FnOnce(&V, &mut Writer)) -> Option<Bytes> {
    value.map(|value| {
        let mut out = Writer::new(FIRST_VERSION, 0);
        write(value, &mut out);
        out.finish()
    })
}
