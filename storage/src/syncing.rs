//! Making segments durable in place, several at once.
//!
//! What must always hold: a segment whose file was closed since it was written is synced with the whole device (see `mapping`), once for
//! all that need it.

use std::io;
use std::sync::Arc;

use crate::files::ChainFiles;
use crate::segment::Segment;
use crate::store::SYNC_EACH_MAX;

/// Threads that sync segments side by side. Measured with 12 segments on a busy disk: 350 instead of 50 to 230 MiB/s one
/// after the other, for the same CPU time, because the disk answers flushes that come together with one.
const SYNC_THREADS_MAX: usize = 12;

/// Makes segments durable: by one sync of the device if one of them needs it, else side by side; when the system refuses threads, one
/// after the other.
///
/// # Errors
/// Of the file system: the store must not be written again.
pub fn sync_all(files: &ChainFiles, segments: &[Arc<Segment>]) -> io::Result<()> {
    if needs_device(segments) {
        return sync_device(files, segments);
    }
    let sync = |part: &[Arc<Segment>]| part.iter().try_for_each(|segment| segment.sync());
    let per_thread = segments.len().div_ceil(SYNC_THREADS_MAX).max(1);
    std::thread::scope(|scope| {
        let mut parts = segments.chunks(per_thread);
        let own = parts.next().unwrap_or_default();
        let begin = |part| sync_thread().spawn_scoped(scope, move || sync(part)).map_err(|_| sync(part));
        let others: Vec<_> = parts.map(begin).collect();
        others.into_iter().fold(sync(own), |all, other| {
            let other = other.map_or_else(|done| done, |running| running.join().unwrap_or_else(|_| Err(panicked())));
            all.and(other)
        })
    })
}

/// As `sync_all`, for those of `segments` that are not durable in place; beyond a few the whole device at once.
///
/// # Errors
/// As `sync_all`.
pub fn sync_behind(files: &ChainFiles, segments: impl Iterator<Item = Arc<Segment>>) -> io::Result<()> {
    let behind: Vec<_> = segments.filter(|segment| segment.in_place_len() < segment.len()).collect();
    if behind.len() > SYNC_EACH_MAX { sync_device(files, &behind) } else { sync_all(files, &behind) }
}

/// Whether one of the segments needs a sync of the device.
pub fn needs_device(segments: &[Arc<Segment>]) -> bool {
    segments.iter().any(|segment| segment.needs_device_sync())
}

/// Makes segments durable with everything else on the device.
///
/// # Errors
/// As `sync_all`.
pub fn sync_device(files: &ChainFiles, segments: &[Arc<Segment>]) -> io::Result<()> {
    let lens: Vec<u64> = segments.iter().map(|segment| segment.len()).collect();
    files.fs.sync_all(&files.dir)?;
    segments.iter().zip(lens).try_for_each(|(segment, len)| segment.synced_to(len))
}

fn sync_thread() -> std::thread::Builder {
    std::thread::Builder::new().name("sync".into())
}

fn panicked() -> io::Error {
    io::Error::other("a thread that syncs has panicked")
}
