//! From the journal to the segments.
//!
//! What must always hold: what is written stands in a segment of a chain that the catalog has, where a commit put it, and within the
//! length of a chain that is sealed; a segment that is below the log start, of a chain that is gone, or that was never acknowledged is not
//! made anew. Doing it twice changes nothing.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use super::side_by_side;
use super::tail::{self, End};
use crate::catalog::ChainRecord;
use crate::fs::{self, File, FileSystem, Open};
use crate::ids::SegmentId;
use crate::journal::Replayed;

/// What segments take from the journal.
#[derive(Debug)]
pub struct Rooms(HashMap<SegmentId, Room>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// The tail of an open chain: whatever comes.
    Tail,
    /// So many bytes.
    Bytes(u64),
}

impl Rooms {
    /// Those of these chains, which are without what is below the log start.
    pub fn of(chains: &[ChainRecord]) -> Self {
        let rooms = chains.iter().flat_map(|chain| {
            let tail = chain.segments.last().filter(|_| chain.end.is_none()).map(|tail| tail.base_offset);
            let room = move |base, len| if tail == Some(base) { Room::Tail } else { Room::Bytes(len) };
            chain.segment_ids().zip(chain.segments.iter().map(move |segment| room(segment.base_offset, segment.len)))
        });
        Self(rooms.collect())
    }

    /// What of `bytes`, which the journal has for `position` of a segment, the segment takes; `None` if it is not one of these.
    pub fn taken<'b>(&self, segment: SegmentId, position: u64, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let room = match self.0.get(&segment)? {
            Room::Tail => bytes.len(),
            Room::Bytes(len) => usize::try_from(len.saturating_sub(position)).unwrap_or(usize::MAX),
        };
        Some(bytes.get(..room).unwrap_or(bytes))
    }

    fn is_tail(&self, segment: SegmentId) -> bool {
        self.0.get(&segment) == Some(&Room::Tail)
    }
}

/// A tail that the journal knows.
#[derive(Debug)]
pub struct Known {
    /// Its end, as the system shows it.
    pub end: End,
    /// The journal has its last bytes, up to here; what is before them was durable in place when it left the journal.
    pub journaled: u64,
}

/// Writes back what the journal has.
pub struct Replay<'a> {
    fs: &'a dyn FileSystem,
    chains_dir: &'a Path,
    rooms: Rooms,
    /// The tails that were written, as they are now.
    pub tails: HashMap<SegmentId, Known>,
}

impl<'a> Replay<'a> {
    /// Into the segments of these chains.
    pub fn new(fs: &'a dyn FileSystem, chains_dir: &'a Path, chains: &[ChainRecord]) -> Self {
        Self { fs, chains_dir, rooms: Rooms::of(chains), tails: HashMap::new() }
    }

    /// Writes ranges to where they belong, each segment's in the order in which they came, and looks where tails end then.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write_back(&mut self, ranges: Vec<Replayed<'_>>) -> io::Result<()> {
        let mut by_segment: HashMap<SegmentId, Vec<(u64, &[u8])>> = HashMap::new();
        for Replayed { segment, position, bytes } in ranges {
            if let Some(taken) = self.rooms.taken(segment, position, bytes) {
                by_segment.entry(segment).or_default().push((position, taken));
            }
        }
        let mut segments: Vec<_> = by_segment.into_iter().collect();
        let known = side_by_side::each(&mut segments, |(id, ranges)| self.write_one(*id, ranges))?;
        self.tails.extend(known.into_iter().flatten());
        Ok(())
    }

    fn write_one(&self, id: SegmentId, ranges: &[(u64, &[u8])]) -> io::Result<Option<(SegmentId, Known)>> {
        let file = open_or_make(self.fs, self.chains_dir, id)?;
        for (position, bytes) in ranges {
            fs::write_all(&*file, &mut [IoSlice::new(bytes)], *position)?;
        }
        if !self.rooms.is_tail(id) {
            return Ok(None);
        }
        let journaled = ranges.iter().map(|(position, bytes)| position + bytes.len() as u64).max().unwrap_or(0);
        Ok(Some((id, Known { end: tail::find_end(self.fs, self.chains_dir, id, &*file)?, journaled })))
    }
}

/// The names of file and directory may not have reached the disk.
fn open_or_make(fs: &dyn FileSystem, chains_dir: &Path, id: SegmentId) -> io::Result<Arc<dyn File>> {
    let path = id.log_path(chains_dir);
    match fs.open(&path, Open::WriteOrCreate) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs.create_dir_all(&id.directory(chains_dir))?;
            fs.open(&path, Open::WriteOrCreate)
        }
        opened => opened,
    }
}
