//! A file of a fixed size that is written from its begin to its end, and then again.
//!
//! What must always hold: `write` returns after an `fdatasync` that covers what it wrote. The space is allocated and was written
//! before, so that a sync has no metadata to write.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// Parts that the system takes in one call (`IOV_MAX`).
const PARTS_MAX: usize = 1024;
/// A round shares no page with another, as in a journal.
const ALIGNMENT: u64 = 4096;
const FILL_BYTES: usize = 1 << 20;

/// The log.
#[derive(Debug)]
pub struct Log {
    file: File,
    capacity: u64,
    position: u64,
}

impl Log {
    /// Makes the file and writes all of its space.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(path: &Path, capacity: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        fallocate(&file, FallocateFlags::empty(), 0, capacity)?;
        let zeros = vec![0; FILL_BYTES];
        for at in (0..capacity).step_by(FILL_BYTES) {
            let part = zeros.len().min((capacity - at) as usize);
            file.write_all_at(&zeros[..part], at)?;
        }
        file.sync_all()?;
        Ok(Self { file, capacity, position: 0 })
    }

    /// Writes `parts` behind each other and syncs.
    ///
    /// # Errors
    /// Of the file system, or when the parts are larger than the log.
    pub fn write(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let len: u64 = parts.iter().map(|part| part.len() as u64).sum();
        if len > self.capacity {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.position + len > self.capacity {
            self.position = 0;
        }
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        write_all(&self.file, &mut slices, self.position)?;
        self.position = (self.position + len).next_multiple_of(ALIGNMENT);
        self.file.sync_data()
    }
}

fn write_all(file: &File, mut slices: &mut [IoSlice<'_>], mut position: u64) -> io::Result<()> {
    while !slices.is_empty() {
        let written = rustix::io::pwritev(file, &slices[..slices.len().min(PARTS_MAX)], position)?;
        position += written as u64;
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_begins_anew_when_its_space_is_used_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(&folder.path().join("log"), 4 * ALIGNMENT).unwrap();
        for (round, at) in [(1, 0), (2, 2 * ALIGNMENT), (3, 0)] {
            log.write(&[&vec![round; 3000], &vec![round; 1500]]).unwrap();
            let mut read = vec![0; 4500];
            log.file.read_exact_at(&mut read, at).unwrap();
            assert!(read.iter().all(|byte| *byte == round), "round {round}");
        }
        assert!(log.write(&[&vec![0; 20_000]]).is_err());
        assert_eq!(log.file.metadata().unwrap().len(), 4 * ALIGNMENT);
    }
}
