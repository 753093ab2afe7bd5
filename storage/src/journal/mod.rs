//! The journal of a store: an append-only run of slots over a few files, each written by one broker epoch.
//!
//! What must always hold:
//! - A slot is acknowledged after `fdatasync`, and slots are read back in the order in which they were written, up to the first
//!   that is not whole; a later file's slots count only as far as they are whole themselves.
//! - A file is reused or removed only after every byte it holds is durable in the segments.
//! - Files are allocated whole before they are written; a reused file needs no new space and no new metadata.

pub mod slot;

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use slot::{FileId, Range, SLOT_ALIGNMENT, read_slot, slot_head, slot_len};

/// Parts that the system takes in one call (`IOV_MAX`).
const PARTS_MAX: usize = 1024;

/// Writes slots.
pub struct Journal {
    dir: PathBuf,
    capacity: u64,
    next: FileId,
    current: Option<Current>,
    /// Files whose bytes are durable elsewhere.
    spare: Vec<PathBuf>,
    buffer: Vec<u8>,
}

struct Current {
    file: File,
    path: PathBuf,
    id: FileId,
    position: u64,
    slots: u32,
}

/// A file of the journal that is full. To be given back once the segments hold its bytes durably.
#[derive(Debug)]
pub struct Finished(PathBuf);

impl Journal {
    /// A journal in `dir` for this broker epoch; files of `capacity` bytes.
    pub fn new(dir: PathBuf, epoch: u32, capacity: u64) -> Self {
        let next = FileId { epoch, number: 0 };
        Self { dir, capacity, next, current: None, spare: Vec::new(), buffer: Vec::new() }
    }

    /// Whether a slot of these ranges can be written at all.
    pub fn fits(&self, ranges: &[Range]) -> bool {
        slot_len(ranges) as u64 <= self.capacity
    }

    /// The current file, if it has no room for a slot of these ranges; the next slot goes to another file.
    pub fn finish_for(&mut self, ranges: &[Range]) -> Option<Finished> {
        let needed = slot_len(ranges) as u64;
        let full = self.current.take_if(|current| current.position + needed > self.capacity);
        full.map(|current| Finished(current.path))
    }

    /// Writes a slot and makes it durable; `payload` is the bytes of each range in order. Returns the bytes written.
    ///
    /// # Errors
    /// Of the file system. After `StorageFull` nothing has changed; after any other the store has failed.
    pub fn write(&mut self, ranges: &[Range], payload: &[&[u8]]) -> io::Result<u64> {
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                let made = begin_file(&self.dir, self.next, self.capacity, &mut self.spare)?;
                self.next.number += 1;
                self.current.insert(made)
            }
        };
        let head = slot_head(std::mem::take(&mut self.buffer), current.id, current.slots, ranges, payload);
        let len = slot_len(ranges);
        let padding = [0; SLOT_ALIGNMENT];
        let written = head.len() + payload.iter().map(|part| part.len()).sum::<usize>();
        let mut parts = Vec::with_capacity(payload.len() + 2);
        parts.push(IoSlice::new(&head));
        parts.extend(payload.iter().map(|part| IoSlice::new(part)));
        parts.push(IoSlice::new(&padding[..len - written]));
        write_all_vectored(&current.file, &mut parts, current.position)?;
        current.file.sync_data()?;
        current.position += len as u64;
        current.slots += 1;
        self.buffer = head;
        Ok(len as u64)
    }

    /// Takes back a file whose bytes are durable in the segments.
    pub fn give_back(&mut self, finished: Finished) {
        self.spare.push(finished.0);
    }
}

fn begin_file(dir: &Path, id: FileId, capacity: u64, spare: &mut Vec<PathBuf>) -> io::Result<Current> {
    let path = dir.join(format!("{:08x}-{:016x}.journal", id.epoch, id.number));
    if let Some(old) = spare.pop() {
        fs::rename(old, &path)?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, capacity) {
        Ok(()) | Err(Errno::OPNOTSUPP) => {}
        Err(error) => {
            fs::remove_file(&path)?;
            return Err(error.into());
        }
    }
    file.sync_all()?;
    File::open(dir)?.sync_all()?;
    Ok(Current { file, path, id, position: 0, slots: 0 })
}

fn write_all_vectored(file: &File, mut parts: &mut [IoSlice<'_>], mut position: u64) -> io::Result<()> {
    while !parts.is_empty() {
        match rustix::io::pwritev(file, &parts[..parts.len().min(PARTS_MAX)], position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut parts, written);
                position += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Calls `apply` for each range of each whole slot in `dir`, in the order in which they were written; returns the number of slots.
///
/// # Errors
/// Of the file system, and of `apply`.
pub fn replay(dir: &Path, mut apply: impl FnMut(&Range, &[u8]) -> io::Result<()>) -> io::Result<u64> {
    let mut slots = 0;
    for (id, path) in files(dir)? {
        let bytes = fs::read(path)?;
        let (mut at, mut number) = (0, 0);
        while let Some(slot) = bytes.get(at..).and_then(|rest| read_slot(rest, id, number)) {
            slot.ranges.iter().try_for_each(|(range, bytes)| apply(range, bytes))?;
            at += slot.len;
            number += 1;
        }
        slots += u64::from(number);
    }
    Ok(slots)
}

/// Removes every file of the journal in `dir`.
///
/// # Errors
/// Of the file system.
pub fn remove_all(dir: &Path) -> io::Result<()> {
    files(dir)?.into_iter().try_for_each(|(_, path)| fs::remove_file(path))
}

fn files(dir: &Path) -> io::Result<Vec<(FileId, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        found.extend(file_id(&path).map(|id| (id, path)));
    }
    found.sort();
    Ok(found)
}

fn file_id(path: &Path) -> Option<FileId> {
    let (epoch, number) = path.file_name()?.to_str()?.strip_suffix(".journal")?.split_once('-')?;
    Some(FileId { epoch: u32::from_str_radix(epoch, 16).ok()?, number: u64::from_str_radix(number, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ChainId, SegmentId};

    fn range(sequence: u32, len: u32) -> Range {
        let segment = SegmentId { chain: ChainId { epoch: 1, sequence }, base_offset: 0 };
        Range { segment, position: 10, len }
    }

    fn write(journal: &mut Journal, sequence: u32, len: u32) -> Option<Finished> {
        let ranges = [range(sequence, len)];
        let finished = journal.finish_for(&ranges);
        journal.write(&ranges, &[&vec![sequence as u8; len as usize]]).unwrap();
        finished
    }

    fn replayed(dir: &Path) -> Vec<(u32, usize)> {
        let mut seen = Vec::new();
        let note = |range: &Range, bytes: &[u8]| {
            assert!(bytes.iter().all(|byte| *byte == range.segment.chain.sequence as u8));
            seen.push((range.segment.chain.sequence, bytes.len()));
            Ok(())
        };
        replay(dir, note).unwrap();
        seen
    }

    #[test]
    fn slots_come_back_in_order_over_several_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(dir.path().into(), 1, 16_384);
        let finished = (0..10).filter_map(|sequence| write(&mut journal, sequence, 3_000)).count();
        assert_eq!(finished, 2);
        assert_eq!(replayed(dir.path()), (0..10).map(|sequence| (sequence, 3_000)).collect::<Vec<_>>());
    }

    #[test]
    fn what_a_reused_file_held_before_is_not_replayed() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(dir.path().into(), 1, 16_384);
        let finished: Vec<_> = (0..5).filter_map(|sequence| write(&mut journal, sequence, 3_000)).collect();
        finished.into_iter().for_each(|finished| journal.give_back(finished));
        (5..9).for_each(|sequence| drop(write(&mut journal, sequence, 3_000)));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(replayed(dir.path()), (4..9).map(|sequence| (sequence, 3_000)).collect::<Vec<_>>());
    }

    #[test]
    fn a_torn_slot_ends_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(dir.path().into(), 1, 1 << 20);
        (0..3).for_each(|sequence| drop(write(&mut journal, sequence, 3_000)));
        let path = journal.current.as_ref().unwrap().path.clone();
        let mut bytes = fs::read(&path).unwrap();
        bytes[2 * 4096 + 100] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(replayed(dir.path()), [(0, 3_000), (1, 3_000)]);
        remove_all(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
