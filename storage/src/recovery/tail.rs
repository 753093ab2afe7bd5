//! The end of an open chain: from the last place that the index vouches for, batch after batch, as far as CRC and offsets are right.
//!
//! What must always hold: nothing is mapped and no more is in memory than a small piece, however long a batch claims to be.

use std::io;
use std::path::Path;

use catena_protocol::batch::{BatchError, BatchHeader, CRC_START, crc_matches};

use crate::batches::Batches;
use crate::fs::{self, File, FileSystem, Open};
use crate::ids::SegmentId;
use crate::index;
use crate::segment::{INDEX_FLUSH_BYTES, NO_TIMESTAMP};

/// Bytes of a segment looked at in one piece.
const PIECE: u64 = 256 * 1024;
/// And in the first one.
const PIECE_MIN: u64 = 4096;
/// How far beyond the end garbage is looked for: not less than a write may leave behind, and not more than a page.
const GARBAGE_MIN: usize = 512;
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

/// Looks for the end of segment `id`, which is synced, by what the disk has and not by what the system shows (see `recovery`).
///
/// # Errors
/// As `find_end`; a file that is not there is an empty one.
pub fn find_end_on_disk(fs: &dyn FileSystem, chains_dir: &Path, id: SegmentId) -> io::Result<End> {
    let file = match fs.open(&id.log_path(chains_dir), Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(End::nothing(id)),
        opened => opened?,
    };
    file.forget_cached();
    find_end(fs, chains_dir, id, &*file)
}

/// Looks for the end of segment `id` in its file.
///
/// # Errors
/// Of the file system.
pub fn find_end(fs: &dyn FileSystem, chains_dir: &Path, id: SegmentId, file: &dyn File) -> io::Result<End> {
    let mut end = End::nothing(id);
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
    let rest = scan(file, allocated, &mut end)?;
    end.bytes_scanned = end.len - from;
    end.bytes_cut = garbage_after(file, &rest, &end)?;
    if end.bytes_cut > 0 {
        let path = id.log_path(chains_dir);
        tracing::warn!("{}: cut at {}, what follows is no whole batch", path.display(), end.len);
    }
    Ok(end)
}

/// Goes on behind all good batches; returns what was read behind them.
fn scan(file: &dyn File, allocated: u64, end: &mut End) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    // Most tails are short.
    let mut wanted = PIECE_MIN;
    loop {
        piece.resize(wanted.min(allocated.saturating_sub(end.len)) as usize, 0);
        let read = fs::read_full(file, &mut piece, end.len)?;
        piece.truncate(read);
        let (taken, is_good) = take_batches(&piece, end);
        drop(piece.drain(..taken));
        let goes_on = match BatchHeader::parse(&piece) {
            _ if !is_good => false,
            Ok(_) if taken > 0 || wanted < PIECE => true,
            Ok(long) => long.size() > piece.len() && long_crc_matches(file, end.len, &long)? && end.take(&long),
            Err(BatchError::Truncated { .. }) => taken > 0,
            Err(_) => false,
        };
        if !goes_on {
            return Ok(piece);
        }
        wanted = PIECE;
    }
}

/// Takes whole batches as long as they are good; returns how many bytes they are, and whether no other one follows.
fn take_batches(bytes: &[u8], end: &mut End) -> (usize, bool) {
    let mut taken = 0;
    for found in Batches::new(bytes) {
        if !crc_matches(&bytes[found.start..found.end], &found.header) || !end.take(&found.header) {
            return (taken, false);
        }
        taken = found.end;
    }
    (taken, true)
}

impl End {
    /// That of an empty segment.
    fn nothing(id: SegmentId) -> Self {
        Self { len: 0, next_offset: id.base_offset, max_timestamp: NO_TIMESTAMP, bytes_scanned: 0, bytes_cut: 0 }
    }

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

/// How many bytes follow the last good batch that are not merely allocated space, as far as the next block, of which `rest` was read
/// already. The catalog's length cuts them off; the sweep gives their space back, as cutting files one by one would take a start longer
/// than all the rest.
fn garbage_after(file: &dyn File, rest: &[u8], end: &End) -> io::Result<u64> {
    let mut next = rest.get(..GARBAGE_MAX).unwrap_or(rest).to_vec();
    if next.len() < GARBAGE_MIN {
        next.resize(GARBAGE_MAX, 0);
        let read = fs::read_full(file, &mut next, end.len)?;
        next.truncate(read);
    }
    Ok(next.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1))
}
