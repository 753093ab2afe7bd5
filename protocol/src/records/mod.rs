//! The records inside a batch (magic 2): read without trust, and written for the broker's own topics.
//!
//! What must always hold:
//! - Reading holds memory in proportion to the batch's own bytes plus a constant, whatever the batch claims: compressed
//!   bytes are streamed through fixed windows, bodies are skipped rather than kept, no count or length is ever allocated.
//! - Reading takes time in proportion to the batch's own bytes plus a constant: what unpacks to more than
//!   `decompress::limit` is refused there.
//! - A reader that has met an error ends; it never guesses where the next record begins.
//!
//! | for | use |
//! |---|---|
//! | offsets and timestamps of any batch, any codec | [`RecordReader`], [`first_at_or_after`], [`first_of_max_timestamp`], [`first_without_key`] |
//! | keys, values and headers of an uncompressed batch, as slices of it | [`records`] |
//! | keys of any batch, piece by piece | [`RecordReader::read_key`] |
//! | any batch with some of its records | [`retain`], [`emptied`] |
//! | timestamps and keys of all records, for the rules of an append | [`inspect`] |
//! | the same batch in another codec | [`recompress`] |
//! | writing an uncompressed batch | [`BatchBuilder`] |
//! | compressing what is in a batch | [`Compressor`] |
//!
//! Source: Apache Kafka, `org.apache.kafka.common.record.DefaultRecord` and `DefaultRecordBatch`.

mod builder;
mod compress;
mod decompress;
mod lz4;
mod reader;
mod recompress;
mod retain;
mod slices;
mod snappy;
mod varint;
mod window;

pub use builder::BatchBuilder;
pub use compress::{Codec, Compressor};
pub use reader::{RecordPosition, RecordReader, first_at_or_after, first_of_max_timestamp, first_without_key};
pub use recompress::{RecordFacts, Rewrite, inspect, recompress};
pub use retain::{emptied, retain};
pub use slices::{Headers, Record, RecordHeader, Records, records};

use std::io::{self, ErrorKind};

use thiserror::Error;

use crate::batch::BatchError;

/// Why the records of a batch cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The bytes are not a whole batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A codec id that means nothing.
    #[error("unknown compression codec {0}")]
    UnknownCodec(i16),
    /// Slices were asked of a batch that is compressed with this codec id.
    #[error("the batch is compressed (codec {0})")]
    Compressed(i16),
    /// The compressed bytes are broken, or unpack to far more than a batch can be; or a codec refuses to compress.
    #[error("cannot decompress the records: {0}")]
    Decompression(String),
    /// The records end before their lengths and counts do.
    #[error("the records end too early")]
    Truncated,
    /// A record contradicts itself or its batch.
    #[error("invalid record: {0}")]
    Invalid(&'static str),
    /// A record larger than records may be.
    #[error("Invalid record size: {size} exceeds the configured maximum record size of {max}.")]
    RecordTooLarge {
        /// Bytes it has.
        size: u64,
        /// Bytes it may have.
        max: u64,
    },
    /// Records that do not fit into one batch.
    #[error("{0} bytes of records do not fit into a batch")]
    TooLarge(usize),
}

impl From<io::Error> for RecordError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Decompression(error.to_string()),
        }
    }
}
