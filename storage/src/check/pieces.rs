//! Reading the batches of a segment in pieces, whatever they claim to be.
//!
//! What must always hold: no more is in memory than a piece, however long a batch is; bytes are read, not mapped.

use std::io;
use std::sync::Arc;

use catena_protocol::batch::{BatchError, BatchHeader, CRC_START, HEADER_LEN};

use crate::fs::{File, read_full};

/// Bytes read at a time.
const PIECE: usize = 256 * 1024;

/// A file that is read from its beginning to its end.
pub struct Pieces {
    file: Arc<dyn File>,
    /// Nothing behind it is looked at.
    len: u64,
    start: u64,
    buffer: Vec<u8>,
}

/// What stands at a position.
pub enum Found {
    /// A batch, and whether its CRC is right.
    Batch(BatchHeader, bool),
    /// Something else.
    Nothing(BatchError),
    /// Not a byte.
    End,
}

impl Pieces {
    /// The first `len` bytes of `file`.
    pub fn new(file: Arc<dyn File>, len: u64) -> Self {
        Self { file, len, start: 0, buffer: Vec::new() }
    }

    /// The bytes from `at` on, `wanted` or fewer at the end, and never more than a piece.
    ///
    /// # Errors
    /// Of the file system.
    pub fn bytes(&mut self, at: u64, wanted: usize) -> io::Result<&[u8]> {
        let wanted = wanted.min(PIECE).min(usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX));
        let from = at.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        if let Some(from) = from.filter(|from| self.buffer.len().saturating_sub(*from) >= wanted) {
            return Ok(self.buffer.get(from..from + wanted).unwrap_or_default());
        }
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        self.buffer.resize(PIECE.min(left), 0);
        self.start = at;
        let read = read_full(&*self.file, &mut self.buffer, at);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        read?;
        Ok(self.buffer.get(..wanted).unwrap_or(&self.buffer))
    }

    /// The batch at `at`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn batch(&mut self, at: u64) -> io::Result<Found> {
        let head = self.bytes(at, HEADER_LEN)?;
        if head.is_empty() {
            return Ok(Found::End);
        }
        let header = match BatchHeader::parse(head) {
            Ok(header) => header,
            Err(error) => return Ok(Found::Nothing(error)),
        };
        let present = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        if header.size() > present {
            return Ok(Found::Nothing(BatchError::Truncated { needed: header.size(), present }));
        }
        Ok(Found::Batch(header, self.crc(at + CRC_START as u64, at + header.size() as u64)? == Some(header.crc)))
    }

    fn crc(&mut self, mut at: u64, end: u64) -> io::Result<Option<u32>> {
        let mut crc = 0;
        while at < end {
            let bytes = self.bytes(at, usize::try_from(end - at).unwrap_or(usize::MAX))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            crc = crc32c::crc32c_append(crc, bytes);
            at += bytes.len() as u64;
        }
        Ok(Some(crc))
    }
}
