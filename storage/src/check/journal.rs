//! The journal of a store against the segments of its chains.
//!
//! What must always hold: one slot is in memory at a time. What a start would not write back says nothing any more.

use std::io;
use std::path::Path;

use super::Check;
use super::finding::Place;
use super::look::Looked;
use crate::catalog::{ChainRecord, Row};
use crate::fs::{File, FileSystem, Open, read_full};
use crate::journal::slot::{FileId, Range, Slot, read_slot};
use crate::journal::{files, read_announced};
use crate::kept::LogStarts;
use crate::recovery::Rooms;
use crate::store::{chains_dir, journal_dir};

/// Bytes compared at a time.
const PIECE: usize = 64 * 1024;

/// Where a file of the journal ends, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No further slot was begun.
    Clean,
    /// A slot is not whole, and none follows it: it was being written.
    Torn,
    /// A slot is not whole, and one that is whole follows it.
    Damaged,
}

/// Calls `see` with each slot of a file, its number and where it begins; returns where the slots end, and why.
///
/// # Errors
/// Of the file system.
pub fn each_slot(
    file: &dyn File,
    id: FileId,
    mut see: impl FnMut(u32, u64, &Slot<'_>) -> io::Result<()>,
) -> io::Result<(u64, End)> {
    let (file_len, mut at, mut bytes) = (file.len()?, 0, Vec::new());
    let read_at = |at, number, bytes: &mut Vec<u8>| {
        bytes.clear();
        read_announced(file, at..file_len, id, number, bytes)
    };
    for number in 0.. {
        let Some(len) = read_at(at, number, &mut bytes)? else { return Ok((at, End::Clean)) };
        let len = len as u64;
        match read_slot(&bytes, id, number) {
            Some(slot) => see(number, at, &slot)?,
            None => {
                let follows = read_at(at + len, number.saturating_add(1), &mut bytes)?.is_some()
                    && read_slot(&bytes, id, number.saturating_add(1)).is_some();
                return Ok((at, if follows { End::Damaged } else { End::Torn }));
            }
        }
        at += len;
    }
    Ok((at, End::Clean))
}

/// Compares what is in the slots with the segments.
///
/// # Errors
/// Of the file system.
pub fn check(check: &mut Check<'_>, looked: &Looked) -> io::Result<()> {
    let rooms = Rooms::of(&chains(looked));
    let place = Place::dir(&looked.dir);
    for (id, path) in files(check.fs.as_ref(), &journal_dir(&looked.dir))? {
        let place = place.file(&path);
        let file = check.fs.open(&path, Open::Read)?;
        let (fs, chains_dir) = (check.fs.clone(), chains_dir(&looked.dir));
        let mut slots = 0;
        let (end, why) = each_slot(&*file, id, |number, at, slot| {
            slots += 1;
            for (range, bytes) in &slot.ranges {
                let Some(bytes) = rooms.taken(range.segment, range.position, bytes) else { continue };
                if !is_in_segment(fs.as_ref(), &chains_dir, range, bytes)? {
                    check.mended.insert(range.segment);
                    let (len, chain, position) = (bytes.len(), range.segment.chain, range.position);
                    let text = format!(
                        "slot {number} has {len} bytes for position {position} of chain {chain}, segment {}, that are not \
                         there: the next start writes them",
                        range.segment.base_offset
                    );
                    check.tell(place.at(at).note(text));
                }
            }
            Ok(())
        })?;
        check.summary.slots += slots;
        match why {
            End::Clean => {}
            End::Torn => check.tell(place.at(end).note("the last slot is not whole: it was being written")),
            End::Damaged => check.tell(place.at(end).problem("a slot is damaged; those behind it are not replayed")),
        }
    }
    Ok(())
}

/// The chains of the store itself, as its recovery sees them.
fn chains(looked: &Looked) -> Vec<ChainRecord> {
    let rows = || looked.catalog.rows.iter();
    let starts =
        LogStarts::new(rows().filter_map(|row| if let Row::Partition(record) = row { Some(*record) } else { None }));
    let chains = rows().filter_map(|row| if let Row::Chain(chain) = row { Some(chain) } else { None });
    let own = chains.filter(|chain| chain.id.store == looked.identity.store);
    own.map(|chain| starts.keep(chain.clone())).collect()
}

fn is_in_segment(fs: &dyn FileSystem, chains: &Path, range: &Range, bytes: &[u8]) -> io::Result<bool> {
    let file = match fs.open(&range.segment.log_path(chains), Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    let mut piece = [0; PIECE];
    let mut at = range.position;
    for expected in bytes.chunks(PIECE) {
        let found = piece.get_mut(..expected.len()).unwrap_or_default();
        if read_full(&*file, found, at)? < expected.len() || found != expected {
            return Ok(false);
        }
        at += expected.len() as u64;
    }
    Ok(true)
}
