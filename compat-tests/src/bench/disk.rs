//! The disk and the page cache between measurements.
//!
//! What must always hold: nothing a measurement left to be written is written during the next one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise, statvfs, sync};

/// A disk that answers so many flushes in a row within `CALM` is idle.
const CALM_FLUSHES: u32 = 20;
const CALM: Duration = Duration::from_millis(5);

/// Writes out what is dirty and waits until the disk is idle: one that discards deleted gigabytes is busy for seconds. One
/// that is never idle within `patience` (a slow or a shared one) is measured as it is.
///
/// # Errors
/// Of the file system.
pub fn settle(patience: Duration) -> io::Result<()> {
    sync();
    let probe = tempfile::tempfile()?;
    let (begin, mut calm) = (Instant::now(), 0);
    while calm < CALM_FLUSHES && begin.elapsed() < patience {
        let flush = Instant::now();
        probe.write_all_at(&[1; 4096], 0)?;
        probe.sync_data()?;
        calm = if flush.elapsed() < CALM { calm + 1 } else { 0 };
    }
    Ok(())
}

/// Makes the system forget the files below `folder`: what is dirty is written first, what a process has mapped stays.
///
/// # Errors
/// Of the file system. A file that is gone meanwhile is none.
pub fn drop_cache(folder: &Path) -> io::Result<()> {
    sync();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(file) = File::open(&path) {
                fadvise(&file, 0, None, Advice::DontNeed)?;
            }
        }
    }
    Ok(())
}

/// Bytes that are free where temporary folders are made.
///
/// # Errors
/// Of the file system.
pub fn free_bytes() -> io::Result<u64> {
    let stat = statvfs(std::env::temp_dir())?;
    Ok(stat.f_bavail * stat.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::usage::disk_reads;

    #[test]
    fn files_that_were_dropped_are_read_from_the_disk() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let file = folder.path().join("a/file");
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(&file, vec![1; 4 << 20]).unwrap();
        drop_cache(folder.path()).unwrap();
        let before = disk_reads(std::process::id());
        assert_eq!(fs::read(&file).unwrap().len(), 4 << 20);
        // A file system without a disk behind it has nothing to read from.
        let read = disk_reads(std::process::id()) - before;
        assert!(read == 0 || read >= 4 << 20, "{read}");
        assert!(free_bytes().unwrap() > 0);
    }
}
