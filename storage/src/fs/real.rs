//! The file system of this machine.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{Advice, FallocateFlags};

use super::{Entry, File, FileSystem, Open, Space, is_want_of_room};
use crate::mapping::begin_write_back;

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFileSystem;

#[derive(Debug)]
struct RealFile(fs::File);

impl FileSystem for RealFileSystem {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match how {
            Open::Read => &mut options,
            Open::Write => options.write(true),
            Open::WriteOrCreate => options.write(true).create(true),
            Open::Create => options.write(true).create(true).truncate(true),
        };
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                // Removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let named = entry.file_name().into_string().ok();
            found.extend(named.map(|name| Entry { name, is_dir: meta.is_dir(), len: meta.len() }));
        }
        Ok(found)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all().map_err(final_error)
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        rustix::fs::syncfs(fs::File::open(dir)?).map_err(|error| final_error(error.into()))
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { total: bytes(found.f_blocks), available: bytes(found.f_bavail) })
    }

    fn is_mount_point(&self, dir: &Path) -> io::Result<bool> {
        let here = fs::metadata(dir)?;
        let above = fs::metadata(dir.join(".."))?;
        Ok(here.dev() != above.dev() || here.ino() == above.ino())
    }
}

/// Want of space that only a sync notices (a thin volume, a quota) does not pass: the system has dropped what was written.
fn final_error(error: io::Error) -> io::Error {
    if is_want_of_room(&error) { io::Error::other(format!("sync: {error}")) } else { error }
}

impl File for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_at(buffer, position)
    }

    fn read_into(&self, buffer: &mut Vec<u8>, len: usize, position: u64) -> io::Result<usize> {
        let before = buffer.len();
        buffer.reserve_exact(len);
        let read = rustix::io::pread(&self.0, rustix::buffer::spare_capacity(buffer), position)?;
        // The buffer may have had more room than was asked for.
        buffer.truncate(before + len);
        Ok(read.min(len))
    }

    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        Ok(rustix::io::pwritev(&self.0, parts, position)?)
    }

    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(&self.0, FallocateFlags::empty(), position, len)?)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data().map_err(final_error)
    }

    fn try_lock(&self) -> io::Result<()> {
        self.0.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            TryLockError::Error(error) => error,
        })
    }

    fn begin_sync(&self, range: Range<u64>) {
        begin_write_back(self.0.as_fd(), range);
    }

    fn read_only_what_is_asked(&self) {
        let _ = rustix::fs::fadvise(&self.0, 0, None, Advice::Random);
    }

    fn read_ahead(&self, range: Range<u64>) {
        if let Some(len) = NonZeroU64::new(range.end.saturating_sub(range.start)) {
            let _ = rustix::fs::fadvise(&self.0, range.start, Some(len), Advice::WillNeed);
        }
    }

    fn forget_cached(&self) {
        let _ = rustix::fs::fadvise(&self.0, 0, None, Advice::DontNeed);
    }

    fn map(&self, len: usize) -> io::Result<Arc<MmapRaw>> {
        Ok(Arc::new(MmapOptions::new().len(len).map_raw_read_only(&self.0)?))
    }
}
