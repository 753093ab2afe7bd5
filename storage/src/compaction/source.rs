//! Reading a segment from its beginning to its end, batch by batch.
//!
//! What must always hold: bytes are read, not mapped, so that a page the disk cannot give is an error here and no signal; memory is that
//! of one read or of the largest batch, and a batch is never thought larger than what is left of the segment.

use std::io;
use std::sync::Arc;

use catena_protocol::batch::{BatchHeader, HEADER_LEN};

use crate::fs::{File, read_full};

/// Reads the batches of a segment.
pub struct Source {
    file: Arc<dyn File>,
    /// Bytes of the segment.
    len: u64,
    /// Where `buffer` begins in the file.
    position: u64,
    buffer: Vec<u8>,
    /// How much of the buffer was given out.
    used: usize,
    read_size: usize,
}

impl Source {
    /// The batches from the one at `position` on in the first `len` bytes of `file`, of which `read_size` are read at a time.
    pub fn new(file: Arc<dyn File>, position: u64, len: u64, read_size: usize) -> Self {
        Self { file, len, position, buffer: Vec::new(), used: 0, read_size: read_size.max(HEADER_LEN) }
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// Of the file system; `InvalidData` when there is no whole batch.
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let at = self.position();
        if at >= self.len {
            return Ok(None);
        }
        self.fill(HEADER_LEN)?;
        let no_batch =
            |error| io::Error::new(io::ErrorKind::InvalidData, format!("no batch at position {at}: {error}"));
        let size = BatchHeader::parse(self.unused()).map_err(no_batch)?.size();
        self.fill(size)?;
        let start = self.used;
        self.used += size;
        Ok(self.buffer.get(start..self.used))
    }

    /// Where the next batch begins.
    pub fn position(&self) -> u64 {
        self.position + self.used as u64
    }

    fn unused(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Has at least `wanted` bytes in the buffer that were not given out.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.unused().len() >= wanted {
            return Ok(());
        }
        if wanted as u64 > self.len - self.position() {
            let message = format!("a batch of {wanted} bytes at position {} of {}", self.position(), self.len);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.buffer.drain(..self.used);
        self.position += self.used as u64;
        self.used = 0;
        let there = self.buffer.len();
        let left = usize::try_from(self.len - self.position).unwrap_or(usize::MAX);
        self.buffer.resize(wanted.max(self.read_size).min(left), 0);
        let wanted = self.buffer.len();
        let read =
            read_full(&*self.file, self.buffer.get_mut(there..).unwrap_or_default(), self.position + there as u64);
        self.buffer.truncate(there + read.as_ref().map_or(0, |read| *read));
        match read? {
            read if there + read == wanted => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than its segment")),
        }
    }
}

#[cfg(test)]
mod tests {
    use catena_protocol::records::BatchBuilder;

    use super::*;
    use crate::fs::{FileSystem, Open, RealFileSystem};

    fn file_of(bytes: &[u8]) -> (tempfile::TempDir, Arc<dyn File>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        std::fs::write(&path, bytes).unwrap();
        let file = RealFileSystem.open(&path, Open::Read).unwrap();
        (dir, file)
    }

    fn batches() -> Vec<Vec<u8>> {
        let batch = |size: usize| BatchBuilder::new().push(1, None, Some(&vec![7; size])).build().unwrap().to_vec();
        [1, 500, 90, 3, 40_000, 2].map(batch).into()
    }

    #[test]
    fn batches_come_one_by_one_whatever_the_size_of_a_read() {
        let expected = batches();
        let (_dir, file) = file_of(&[expected.concat(), vec![9; 100]].concat());
        let len = expected.concat().len() as u64;
        for read_size in [1, 61, 100, 1_000, 100_000] {
            let mut source = Source::new(file.clone(), 0, len, read_size);
            for batch in &expected {
                assert_eq!(source.next().unwrap(), Some(&batch[..]), "reads of {read_size}");
            }
            assert_eq!(source.position(), len);
            assert_eq!(source.next().unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_whole_batch_is_an_error_and_costs_no_memory() {
        let whole = batches().concat();
        let mut huge = whole.clone();
        huge[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
        let mut none = whole.clone();
        none[16] = 1;
        for bytes in [huge, none, whole[..60].to_vec(), whole[..70].to_vec()] {
            let (_dir, file) = file_of(&bytes);
            let mut source = Source::new(file, 0, bytes.len() as u64, 100);
            let outcome = std::iter::repeat_with(|| source.next().map(drop)).find(Result::is_err);
            assert_eq!(outcome.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert!(source.buffer.capacity() < 1_000);
        }
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error() {
        let (_dir, file) = file_of(&batches()[0]);
        let mut source = Source::new(file, 0, 1_000, 100);
        assert_eq!(source.next().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
