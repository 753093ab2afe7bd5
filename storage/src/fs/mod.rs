//! The file system as a store sees it: a few operations that can be counted, failed and cut short by a test.
//!
//! What must always hold:
//! - All of the store's files are reached through one `FileSystem`, the catalog's too.
//! - Written is not durable: bytes are after `File::sync`, names (made, renamed, removed) after `FileSystem::sync_dir` of their directory,
//!   both after `FileSystem::sync_all`.
//! - A write may be short. A failed sync leaves the file in an unknown state, so its error is never want of space, which passes: reads go
//!   on showing what was written, later syncs succeed, and the disk has any part of it, until `File::forget_cached` or the next boot.

pub mod faulty;
mod real;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::MmapRaw;

pub use real::RealFileSystem;

/// Whether an error is want of room.
pub fn is_want_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// To be read; it must be there.
    Read,
    /// To be read and written; it must be there.
    Write,
    /// To be read and written; made if it is not there.
    WriteOrCreate,
    /// To be read and written; made, or emptied if it is there.
    Create,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name within the directory.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Bytes of a file.
    pub len: u64,
}

/// Room on the device of a directory, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// In all.
    pub total: u64,
    /// For this process.
    pub available: u64,
}

/// Names of files. All errors are those of the system.
pub trait FileSystem: Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// Of the system.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;
    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// Of the system.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// What is in a directory, in no order; names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// Of the system.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Bytes of a file.
    ///
    /// # Errors
    /// Of the system.
    fn len(&self, path: &Path) -> io::Result<u64>;
    /// Renames a file, in place of one that has the name.
    ///
    /// # Errors
    /// Of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; open files and maps of it go on.
    ///
    /// # Errors
    /// Of the system.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// Of the system.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes everything on the device of `dir` durable.
    ///
    /// # Errors
    /// Of the system.
    fn sync_all(&self, dir: &Path) -> io::Result<()>;
    /// Room on the device of `dir`.
    ///
    /// # Errors
    /// Of the system.
    fn space(&self, dir: &Path) -> io::Result<Space>;
    /// Whether a file system is mounted at `dir` itself.
    ///
    /// # Errors
    /// Of the system.
    fn is_mount_point(&self, dir: &Path) -> io::Result<bool>;
}

/// Parts that the system takes in one call (`IOV_MAX`).
const PARTS_MAX: usize = 1024;

/// Writes all of `parts` one after the other from `position` on.
///
/// # Errors
/// Of the system; any part of the bytes may be written then.
pub fn write_all(file: &dyn File, mut parts: &mut [IoSlice<'_>], mut position: u64) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_at(&parts[..parts.len().min(PARTS_MAX)], position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut parts, written);
                position += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `buffer` from `position` on; returns how many bytes there were, fewer only at the end of the file.
///
/// # Errors
/// Of the system.
pub fn read_full(file: &dyn File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Has the next reads of a file show what the disk has: after a sync that failed the system shows what is not there (see `recovery`).
///
/// # Errors
/// Of the system.
pub fn trust_only_the_disk(file: &dyn File) -> io::Result<()> {
    file.sync()?;
    file.forget_cached();
    Ok(())
}

/// An open file. All errors are those of the system.
#[allow(clippy::len_without_is_empty)]
pub trait File: Debug + Send + Sync {
    /// Bytes of the file, allocated ones included.
    ///
    /// # Errors
    /// Of the system.
    fn len(&self) -> io::Result<u64>;
    /// Reads at most `buffer.len()` bytes from `position` on; fewer at the end.
    ///
    /// # Errors
    /// Of the system.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Appends at most `len` bytes from `position` on to `buffer`; fewer at the end. For large reads: saves filling the buffer with
    /// zeros before, where the file can.
    ///
    /// # Errors
    /// Of the system; `buffer` is as before then.
    fn read_into(&self, buffer: &mut Vec<u8>, len: usize, position: u64) -> io::Result<usize> {
        let before = buffer.len();
        buffer.resize(before + len, 0);
        let read = self.read_at(buffer.get_mut(before..).unwrap_or_default(), position);
        buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }
    /// Writes `parts` one after the other from `position` on; returns how many bytes it took.
    ///
    /// # Errors
    /// Of the system; nothing was written then.
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize>;
    /// Reserves space for `len` bytes from `position` on, and makes the file as long; zeros until written.
    ///
    /// # Errors
    /// Of the system: `StorageFull`, or `Unsupported` where the file system cannot.
    fn allocate(&self, position: u64, len: u64) -> io::Result<()>;
    /// Cuts or extends the file.
    ///
    /// # Errors
    /// Of the system.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes bytes and length durable (`fdatasync`).
    ///
    /// # Errors
    /// Of the system.
    fn sync(&self) -> io::Result<()>;
    /// Locks the file for this process; `WouldBlock` when another one has it.
    ///
    /// # Errors
    /// Of the system.
    fn try_lock(&self) -> io::Result<()>;
    /// Has the system begin to write `range` to the disk; does not wait, and makes nothing durable: only the next `sync` does, and has less
    /// to do then. Nothing follows from it where the system cannot.
    fn begin_sync(&self, _range: Range<u64>) {}
    /// Has the system read what is asked for, and nothing ahead of it. Nothing follows from it where the system cannot.
    fn read_only_what_is_asked(&self) {}
    /// Asks for `range` to be in memory soon; does not wait, and nothing follows from it where the system cannot.
    fn read_ahead(&self, _range: Range<u64>) {}
    /// Forgets what is in memory of the file and need not be written any more, so that the next read shows what the disk has. What a
    /// write that failed has left in memory is forgotten as well; what is mapped may stay. Nothing follows from it where the system cannot.
    fn forget_cached(&self) {}
    /// Maps `len` bytes from the beginning to be read; may reach beyond the end of the file.
    ///
    /// # Errors
    /// Of the system.
    fn map(&self, len: usize) -> io::Result<Arc<MmapRaw>>;
}

/// For tests: everything but `open` as on this machine.
#[cfg(test)]
macro_rules! names_as_real {
    () => {
        fn create_dir_all(&self, path: &std::path::Path) -> std::io::Result<()> {
            crate::fs::RealFileSystem.create_dir_all(path)
        }
        fn read_dir(&self, path: &std::path::Path) -> std::io::Result<Vec<crate::fs::Entry>> {
            crate::fs::RealFileSystem.read_dir(path)
        }
        fn len(&self, path: &std::path::Path) -> std::io::Result<u64> {
            crate::fs::RealFileSystem.len(path)
        }
        fn rename(&self, from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
            crate::fs::RealFileSystem.rename(from, to)
        }
        fn remove_file(&self, path: &std::path::Path) -> std::io::Result<()> {
            crate::fs::RealFileSystem.remove_file(path)
        }
        fn sync_dir(&self, path: &std::path::Path) -> std::io::Result<()> {
            crate::fs::RealFileSystem.sync_dir(path)
        }
        fn sync_all(&self, dir: &std::path::Path) -> std::io::Result<()> {
            crate::fs::RealFileSystem.sync_all(dir)
        }
        fn space(&self, dir: &std::path::Path) -> std::io::Result<crate::fs::Space> {
            crate::fs::RealFileSystem.space(dir)
        }
        fn is_mount_point(&self, dir: &std::path::Path) -> std::io::Result<bool> {
            crate::fs::RealFileSystem.is_mount_point(dir)
        }
    };
}
#[cfg(test)]
pub(crate) use names_as_real;
