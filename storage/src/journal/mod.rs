//! The journal of a store: an append-only run of slots over a few files, each written by one broker epoch.
//!
//! What must always hold:
//! - A slot is acknowledged after `fdatasync`, and slots are read back in the order in which they were written, up to the first
//!   that is not whole; a later file's slots count only as far as they are whole themselves.
//! - A file is reused or removed only after every byte it holds is durable in the segments.
//! - Files are allocated whole before they are written; a reused file needs no new space and no new metadata.

pub mod slot;

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fs::{self, File, FileSystem, Open};
use crate::ids::SegmentId;

use slot::{FileId, Range, SLOT_ALIGNMENT, announced_len, read_slot, slot_head, slot_len};

/// Writes slots.
pub struct Journal {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    capacity: u64,
    next: FileId,
    current: Option<Current>,
    /// Files whose bytes are durable elsewhere.
    spare: Vec<PathBuf>,
    buffer: Vec<u8>,
}

struct Current {
    file: Arc<dyn File>,
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
    pub fn new(fs: Arc<dyn FileSystem>, dir: PathBuf, epoch: u32, capacity: u64) -> Self {
        let next = FileId { epoch, number: 0 };
        Self { fs, dir, capacity, next, current: None, spare: Vec::new(), buffer: Vec::new() }
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
                let made = begin_file(&*self.fs, &self.dir, self.next, self.capacity, &mut self.spare)?;
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
        fs::write_all(&*current.file, &mut parts, current.position)?;
        current.file.sync()?;
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

fn begin_file(
    fs: &dyn FileSystem,
    dir: &Path,
    id: FileId,
    capacity: u64,
    spare: &mut Vec<PathBuf>,
) -> io::Result<Current> {
    let path = dir.join(format!("{:08x}-{:016x}.journal", id.epoch, id.number));
    if let Some(old) = spare.pop() {
        fs.rename(&old, &path)?;
    }
    let file = fs.open(&path, Open::WriteOrCreate)?;
    match file.allocate(0, capacity) {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => {
            fs.remove_file(&path)?;
            return Err(error);
        }
        _ => {}
    }
    file.sync()?;
    fs.sync_dir(dir)?;
    Ok(Current { file, path, id, position: 0, slots: 0 })
}

/// Bytes of a segment that a slot holds.
pub struct Replayed<'a> {
    /// Which segment.
    pub segment: SegmentId,
    /// Where in it.
    pub position: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Calls `apply` for each file in `dir`, in the order in which they were written, with the ranges of its whole slots, in order;
/// returns the number of slots.
///
/// # Errors
/// Of the file system, and of `apply`.
pub fn replay(
    fs: &dyn FileSystem,
    dir: &Path,
    mut apply: impl FnMut(Vec<Replayed<'_>>) -> io::Result<()>,
) -> io::Result<u64> {
    let mut slots = 0;
    let files = files(fs, dir)?;
    for (at, (id, path)) in files.iter().enumerate() {
        let (id, file) = (*id, fs.open(path, Open::Read)?);
        // A slot whose sync has failed may be shown, and not be there after a loss of power. Nothing was written behind it.
        if at + 1 == files.len() {
            fs::trust_only_the_disk(&*file)?;
        }
        let bytes = read_slots(&*file, id)?;
        let mut ranges = Vec::new();
        let (mut at, mut number) = (0, 0);
        while let Some(slot) = bytes.get(at..).and_then(|rest| read_slot(rest, id, number)) {
            ranges.extend(slot.ranges.into_iter().map(|(Range { segment, position, .. }, bytes)| Replayed {
                segment,
                position,
                bytes,
            }));
            at += slot.len;
            number += 1;
        }
        apply(ranges)?;
        slots += u64::from(number);
    }
    Ok(slots)
}

/// The bytes of a file up to the first slot that is not one of its own; what is behind it is not read.
fn read_slots(file: &dyn File, id: FileId) -> io::Result<Vec<u8>> {
    let len = file.len()?;
    let mut bytes = Vec::new();
    for number in 0.. {
        let at = bytes.len() as u64;
        if read_announced(file, at..len, id, number, &mut bytes)?.is_none() {
            break;
        }
    }
    Ok(bytes)
}

/// Puts behind `bytes` as many as slot `number` says it has at the beginning of `range`, which ends with the file; how many, or `None`
/// if no such slot begins there. For `read_slot`, which knows whether it is whole.
///
/// # Errors
/// Of the file system.
pub fn read_announced(
    file: &dyn File,
    range: std::ops::Range<u64>,
    id: FileId,
    number: u32,
    bytes: &mut Vec<u8>,
) -> io::Result<Option<usize>> {
    let mut head = [0; SLOT_ALIGNMENT];
    let read = fs::read_full(file, &mut head, range.start)?;
    let announced = announced_len(head.get(..read).unwrap_or_default(), id, number);
    let left = range.end.saturating_sub(range.start);
    let Some(len) = announced.filter(|len| *len as u64 <= left) else { return Ok(None) };
    let before = bytes.len();
    bytes.resize(before + len, 0);
    let read = fs::read_full(file, bytes.get_mut(before..).unwrap_or_default(), range.start)?;
    bytes.truncate(before + read);
    Ok(Some(len))
}

/// Removes every file of the journal in `dir`.
///
/// # Errors
/// Of the file system.
pub fn remove_all(fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    files(fs, dir)?.into_iter().try_for_each(|(_, path)| fs.remove_file(&path))
}

/// Removes the files of the journal in `dir` that broker epochs before `epoch` wrote.
///
/// # Errors
/// Of the file system.
pub fn remove_before(fs: &dyn FileSystem, dir: &Path, epoch: u32) -> io::Result<()> {
    files_before(fs, dir, epoch)?.iter().try_for_each(|path| fs.remove_file(path))
}

/// The files of the journal in `dir` that broker epochs before `epoch` wrote.
///
/// # Errors
/// Of the file system.
pub fn files_before(fs: &dyn FileSystem, dir: &Path, epoch: u32) -> io::Result<Vec<PathBuf>> {
    let files = files(fs, dir)?.into_iter();
    Ok(files.filter(|(id, _)| id.epoch < epoch).map(|(_, path)| path).collect())
}

/// The files of the journal in `dir`, in the order in which they were written.
///
/// # Errors
/// Of the file system.
pub fn files(fs: &dyn FileSystem, dir: &Path) -> io::Result<Vec<(FileId, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs.read_dir(dir)? {
        found.extend(file_id(&entry.name).map(|id| (id, dir.join(&entry.name))));
    }
    found.sort();
    Ok(found)
}

fn file_id(name: &str) -> Option<FileId> {
    let (epoch, number) = name.strip_suffix(".journal")?.split_once('-')?;
    Some(FileId { epoch: u32::from_str_radix(epoch, 16).ok()?, number: u64::from_str_radix(number, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fs::RealFileSystem;
    use crate::ids::{ChainId, StoreId};

    fn range(sequence: u32, len: u32) -> Range {
        let segment =
            SegmentId { chain: ChainId { epoch: 1, sequence, store: StoreId::new(8).unwrap() }, base_offset: 0 };
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
        let note = |ranges: Vec<Replayed<'_>>| {
            for Replayed { segment, bytes, .. } in ranges {
                assert!(bytes.iter().all(|byte| *byte == segment.chain.sequence as u8));
                seen.push((segment.chain.sequence, bytes.len()));
            }
            Ok(())
        };
        replay(&RealFileSystem, dir, note).unwrap();
        seen
    }

    #[test]
    fn slots_come_back_in_order_over_several_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(Arc::new(RealFileSystem), dir.path().into(), 1, 16_384);
        let finished = (0..10).filter_map(|sequence| write(&mut journal, sequence, 3_000)).count();
        assert_eq!(finished, 2);
        assert_eq!(replayed(dir.path()), (0..10).map(|sequence| (sequence, 3_000)).collect::<Vec<_>>());
    }

    #[test]
    fn what_a_reused_file_held_before_is_not_replayed() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(Arc::new(RealFileSystem), dir.path().into(), 1, 16_384);
        let finished: Vec<_> = (0..5).filter_map(|sequence| write(&mut journal, sequence, 3_000)).collect();
        finished.into_iter().for_each(|finished| journal.give_back(finished));
        (5..9).for_each(|sequence| drop(write(&mut journal, sequence, 3_000)));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(replayed(dir.path()), (4..9).map(|sequence| (sequence, 3_000)).collect::<Vec<_>>());
    }

    #[test]
    fn a_torn_slot_ends_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(Arc::new(RealFileSystem), dir.path().into(), 1, 1 << 20);
        (0..3).for_each(|sequence| drop(write(&mut journal, sequence, 3_000)));
        let path = journal.current.as_ref().unwrap().path.clone();
        let mut bytes = fs::read(&path).unwrap();
        bytes[2 * 4096 + 100] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(replayed(dir.path()), [(0, 3_000), (1, 3_000)]);
        remove_all(&RealFileSystem, dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
