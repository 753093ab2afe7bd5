//! The end of an open chain: from the last place that the index vouches for, batch after batch, as far as CRC and offsets are right.
//!
//! What must always hold: nothing is mapped and no more is in memory than a small piece, however long a batch claims to be.

use std::io;
use std::path::Path;

use catena_protocol::batch::{BatchHeader, CRC_START, crc_matches};

use crate::batches::Batches;
use crate::fs::{self, File, FileSystem, Open};
use crate::ids::SegmentId;
use crate::index;
use crate::segment::{INDEX_FLUSH_BYTES, NO_TIMESTAMP};

/// Bytes of a segment looked at in one piece.
const PIECE: u64 = 256 * 1024;
/// How far beyond the end garbage is looked for.
const GARBAGE_MAX: usize = 4096;

/// Where a segment ends.
#[derive(Debug)]
pub struct End {
    /// Its good bytes.
    pub len: u64,
    /// The offset after its last record.
    pub next_offset: i64,
    /// Its largest timestamp, or -1.
    pub max_timestamp: i64,
    /// Bytes looked at.
    pub bytes_scanned: u64,
    /// Bytes that follow and are no whole batch.
    pub bytes_cut: u64,
}

/// Looks for the end of segment `id`, which is synced.
///
/// # Errors
/// Of the file system; a file that is not there is an empty one.
pub fn find_end(fs: &dyn FileSystem, chains_dir: &Path, id: SegmentId) -> io::Result<End> {
    let path = id.log_path(chains_dir);
    let mut end =
        End { len: 0, next_offset: id.base_offset, max_timestamp: NO_TIMESTAMP, bytes_scanned: 0, bytes_cut: 0 };
    let file = match fs.open(&path, Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(end),
        opened => opened?,
    };
    // What could not be written may still be shown.
    file.forget_cached();
    let allocated = file.len()?;
    // A shorter one was never worth an index file.
    if allocated >= INDEX_FLUSH_BYTES
        && let Some(vouched) = index::last_in_file(fs, &id.index_path(chains_dir), allocated)?
    {
        end.len = u64::from(vouched.position);
        end.next_offset = vouched.offset;
        end.max_timestamp = vouched.timestamp_before;
    }
    let from = end.len;
    scan(&*file, allocated, &mut end)?;
    end.bytes_scanned = end.len - from;
    end.bytes_cut = garbage_after(&*file, end.len)?;
    if end.bytes_cut > 0 {
        tracing::warn!("{}: cut at {}, what follows is no whole batch", path.display(), end.len);
    }
    Ok(end)
}

fn scan(file: &dyn File, allocated: u64, end: &mut End) -> io::Result<()> {
    let mut piece = vec![0; PIECE.min(allocated.saturating_sub(end.len)) as usize];
    loop {
        let before = end.len;
        let read = fs::read_full(file, &mut piece, end.len)?;
        let bytes = &piece[..read];
        for found in Batches::new(bytes) {
            if !crc_matches(&bytes[found.start..found.end], &found.header) || !end.take(&found.header) {
                return Ok(());
            }
        }
        if end.len > before {
            continue;
        }
        match BatchHeader::parse(bytes) {
            Ok(long) if long.size() > read && long_crc_matches(file, end.len, &long)? && end.take(&long) => {}
            _ => return Ok(()),
        }
    }
}

impl End {
    /// Goes on behind a batch, if it is the next one.
    fn take(&mut self, header: &BatchHeader) -> bool {
        let next = header.base_offset == self.next_offset && header.last_offset() >= header.base_offset;
        if next {
            self.len += header.size() as u64;
            self.next_offset = header.next_offset();
            self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        }
        next
    }
}

/// As `crc_matches`, for a batch at `start` that is longer than a piece.
fn long_crc_matches(file: &dyn File, start: u64, header: &BatchHeader) -> io::Result<bool> {
    let (mut at, end) = (start + CRC_START as u64, start + header.size() as u64);
    if end > file.len()? {
        return Ok(false);
    }
    let mut piece = vec![0; PIECE as usize];
    let mut crc = 0;
    while at < end {
        let wanted = PIECE.min(end - at) as usize;
        let read = fs::read_full(file, &mut piece[..wanted], at)?;
        if read < wanted {
            return Ok(false);
        }
        crc = crc32c::crc32c_append(crc, &piece[..read]);
        at += read as u64;
    }
    Ok(crc == header.crc)
}

/// How many bytes follow the last good batch that are not merely allocated space. The catalog's length cuts them off; the
/// sweep gives their space back, as cutting files one by one would take a start longer than all the rest.
fn garbage_after(file: &dyn File, len: u64) -> io::Result<u64> {
    let mut next = [0; GARBAGE_MAX];
    let read = fs::read_full(file, &mut next, len)?;
    Ok(next[..read].iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1))
}
