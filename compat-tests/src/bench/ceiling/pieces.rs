//! Files that grow at their ends, as the segments of partitions do.
//!
//! What must always hold: the bytes of all files together are those of the frames; space is allocated before it is written;
//! nothing is synced here.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate};

/// The first allocation of a file; each further one doubles it.
const FIRST_BYTES: u64 = 64 << 10;
/// The largest allocation.
const STEP_BYTES_MAX: u64 = 16 << 20;

/// The files.
#[derive(Debug)]
pub struct Pieces {
    files: Vec<Mutex<Growing>>,
    per_frame: usize,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Growing {
    file: File,
    len: u64,
    allocated: u64,
}

impl Pieces {
    /// Makes `count` files in `folder`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(folder: &Path, count: usize, per_frame: usize) -> io::Result<Self> {
        let create = |index| {
            let file = File::create_new(folder.join(format!("{index}.segment")))?;
            Ok(Mutex::new(Growing { file, len: 0, allocated: 0 }))
        };
        let files = (0..count).map(create).collect::<io::Result<_>>()?;
        Ok(Self { files, per_frame: per_frame.max(1), turn: AtomicUsize::new(0) })
    }

    /// Writes a frame in pieces of equal size to the next files.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, frame: &[u8]) -> io::Result<()> {
        if self.files.is_empty() || frame.is_empty() {
            return Ok(());
        }
        frame.chunks(frame.len().div_ceil(self.per_frame)).try_for_each(|piece| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let file = &self.files[turn % self.files.len()];
            file.lock().unwrap_or_else(PoisonError::into_inner).append(piece)
        })
    }
}

impl Growing {
    fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        let end = self.len + piece.len() as u64;
        while end > self.allocated {
            let step = self.allocated.clamp(FIRST_BYTES, STEP_BYTES_MAX);
            fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.allocated, step)?;
            self.allocated += step;
        }
        self.file.write_all_at(piece, self.len)?;
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_together_hold_all_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let pieces = Pieces::create(folder.path(), 5, 3).unwrap();
        (0..50).for_each(|_| pieces.write(&[7; 10_000]).unwrap());
        let sizes = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        let sizes: Vec<u64> = sizes.collect();
        assert_eq!((sizes.len(), sizes.iter().sum::<u64>()), (5, 500_000));
        Pieces::create(&folder.path().join("none"), 0, 3).unwrap().write(&[1]).unwrap();
    }
}
