//! Walking over the batches of a stretch of a segment by their headers.
//!
//! What must always hold: a batch is yielded only when all of it is there, so the position after the last one yielded is
//! the end of the good bytes as far as headers can tell.

use catena_protocol::batch::BatchHeader;

/// A batch and where it stands in the bytes walked over.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Its header.
    pub header: BatchHeader,
    /// Position of its first byte.
    pub start: usize,
    /// Position after its last byte.
    pub end: usize,
}

/// The batches in some bytes, from the first to the last whole one.
pub struct Batches<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Batches<'a> {
    /// The batches in `bytes`, which begin with one.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Iterator for Batches<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let header = BatchHeader::parse_whole(self.bytes.get(self.at..)?).ok()?;
        let found = Found { header, start: self.at, end: self.at + header.size() };
        self.at = found.end;
        Some(found)
    }
}
