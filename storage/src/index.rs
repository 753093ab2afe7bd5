//! The sparse index of a segment: now and then, where a batch stands, and what came before it.
//!
//! What must always hold:
//! - Entries are in the order of positions, offsets, timestamps and stamps alike (timestamps: largest so far).
//! - An entry is a hint on where to begin a search; losing entries costs time, never correctness. An entry in the file with
//!   a wrong checksum ends the file.
//! - The file never holds an entry for bytes that were not synced before: it says from where on a recovery must look.
//!
//! Old entries live in the file and are read through its map; those not yet written are in memory.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};

use bytes::{Buf, BufMut};

use crate::fs::FileSystem;
use crate::mapping::MappedFile;

/// Bytes of an entry in the file.
const ENTRY_LEN: u64 = 8 + 8 + 8 + 4 + 4;

/// A batch that the index knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    /// Offset of the batch's first record.
    pub offset: i64,
    /// Largest timestamp of all batches of the segment before this one, milliseconds since 1970.
    pub timestamp_before: i64,
    /// The batch's stamp.
    pub stamp: i64,
    /// Where the batch begins in the segment.
    pub position: u32,
}

/// The entries of one segment.
#[derive(Default)]
pub struct Index {
    inner: RwLock<Inner>,
    /// Held while entries are written out, which committer and checkpointer may both want.
    flushing: Mutex<()>,
}

#[derive(Default)]
struct Inner {
    /// Entries written out.
    file: Option<MappedFile>,
    /// Entries that are not, later than all in the file.
    recent: Vec<IndexEntry>,
}

impl Index {
    /// The index in the file at `path` as far as it is good and speaks of the first `segment_len` bytes; empty if there is none.
    pub fn load(fs: &dyn FileSystem, path: &Path, segment_len: u64) -> Self {
        let file = fs.len(path).and_then(|len| MappedFile::open(fs, path, whole_entries(len)));
        let Ok(file) = file else { return Self::default() };
        let mut good = 0;
        while Inner::entry_at(&file, good).is_some_and(|entry| u64::from(entry.position) < segment_len) {
            good += 1;
        }
        let file = MappedFile::open(fs, path, good * ENTRY_LEN).ok();
        Self { inner: RwLock::new(Inner { file, recent: Vec::new() }), flushing: Mutex::new(()) }
    }

    /// Adds an entry for a batch after all others.
    pub fn push(&self, entry: IndexEntry) {
        self.write(|inner| inner.recent.push(entry));
    }

    /// The last entry at or before `offset`.
    pub fn floor_of_offset(&self, offset: i64) -> Option<IndexEntry> {
        self.last_where(|entry| entry.offset <= offset)
    }

    /// The last entry at or before `position`.
    pub fn floor_of_position(&self, position: u64) -> Option<IndexEntry> {
        self.last_where(|entry| u64::from(entry.position) <= position)
    }

    /// The last entry before which all timestamps are less than `timestamp`.
    pub fn floor_of_timestamp(&self, timestamp: i64) -> Option<IndexEntry> {
        self.last_where(|entry| entry.timestamp_before < timestamp)
    }

    /// The last entry.
    pub fn last(&self) -> Option<IndexEntry> {
        self.last_where(|_| true)
    }

    /// Writes entries for bytes below `synced_len` to the file at `path` and forgets them in memory.
    ///
    /// # Errors
    /// Of the file system; the entries then stay in memory.
    pub fn flush(&self, fs: &dyn FileSystem, path: &Path, synced_len: u64) -> io::Result<()> {
        let _flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = self.read(|inner| {
            let synced = |entry: &&IndexEntry| u64::from(entry.position) < synced_len;
            inner.recent.iter().take_while(synced).copied().collect::<Vec<_>>()
        });
        if ready.is_empty() {
            return Ok(());
        }
        let made = if self.read(|inner| inner.file.is_none()) { Some(MappedFile::create(fs, path)?) } else { None };
        let bytes: Vec<u8> = ready.iter().flat_map(encode).collect();
        if let Some(file) = made {
            file.append([&bytes, &[]])?;
            self.write(|inner| inner.file = Some(file));
        } else {
            self.read(|inner| inner.file.as_ref().map(|file| file.append([&bytes, &[]])).transpose())?;
        }
        self.write(|inner| drop(inner.recent.drain(..ready.len())));
        Ok(())
    }

    /// Gives back what the file has allocated beyond its entries.
    ///
    /// # Errors
    /// Of the file system.
    pub fn trim(&self) -> io::Result<()> {
        self.read(|inner| inner.file.as_ref().map_or(Ok(()), MappedFile::trim))
    }

    /// The last entry that `wanted` holds for; it holds for the first ones only.
    fn last_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Option<IndexEntry> {
        self.read(|inner| {
            let recent = inner.recent.partition_point(&wanted);
            match recent.checked_sub(1) {
                Some(at) => inner.recent.get(at).copied(),
                None => inner.last_in_file_where(wanted),
            }
        })
    }

    fn read<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        look(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn last_in_file_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Option<IndexEntry> {
        let file = self.file.as_ref()?;
        let (mut low, mut high) = (0, file.len() / ENTRY_LEN);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match Self::entry_at(file, middle).filter(&wanted) {
                Some(entry) => (low, found) = (middle + 1, Some(entry)),
                None => high = middle,
            }
        }
        found
    }

    fn entry_at(file: &MappedFile, at: u64) -> Option<IndexEntry> {
        let start = at * ENTRY_LEN;
        decode(&file.view(start..start + ENTRY_LEN).ok()?)
    }
}

fn whole_entries(len: u64) -> u64 {
    len / ENTRY_LEN * ENTRY_LEN
}

fn encode(entry: &IndexEntry) -> Vec<u8> {
    let mut out = Vec::with_capacity(ENTRY_LEN as usize);
    out.put_i64(entry.offset);
    out.put_i64(entry.timestamp_before);
    out.put_i64(entry.stamp);
    out.put_u32(entry.position);
    out.put_u32(crc32c::crc32c(&out));
    out
}

fn decode(mut bytes: &[u8]) -> Option<IndexEntry> {
    let covered = bytes.get(..ENTRY_LEN as usize - 4)?;
    let crc = crc32c::crc32c(covered);
    let entry = IndexEntry {
        offset: bytes.get_i64(),
        timestamp_before: bytes.get_i64(),
        stamp: bytes.get_i64(),
        position: bytes.get_u32(),
    };
    (bytes.get_u32() == crc).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::RealFileSystem;

    fn entry(at: i64) -> IndexEntry {
        IndexEntry { offset: at * 10, timestamp_before: at * 100 - 1, stamp: at, position: at as u32 * 1_000 }
    }

    fn filled(path: &Path) -> Index {
        let index = Index::default();
        (1..=20).for_each(|at| index.push(entry(at)));
        index.flush(&RealFileSystem, path, 12_500).unwrap();
        index
    }

    #[test]
    fn looks_up_in_file_and_memory_alike() {
        let dir = tempfile::tempdir().unwrap();
        let index = filled(&dir.path().join("i"));
        assert_eq!(index.floor_of_offset(9), None);
        for at in 1..=20 {
            assert_eq!(index.floor_of_offset(at * 10 + 9), Some(entry(at)));
            assert_eq!(index.floor_of_position(at as u64 * 1_000), Some(entry(at)));
            assert_eq!(index.floor_of_timestamp(at * 100), Some(entry(at)));
        }
        assert_eq!(index.last(), Some(entry(20)));
    }

    #[test]
    fn the_file_holds_synced_entries_only_and_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("i");
        drop(filled(&path));
        assert_eq!(Index::load(&RealFileSystem, &path, u64::MAX).last(), Some(entry(12)));
        assert_eq!(Index::load(&RealFileSystem, &path, 5_001).last(), Some(entry(5)));
        assert_eq!(Index::load(&RealFileSystem, &dir.path().join("none"), 1).last(), None);
    }

    #[test]
    fn a_damaged_entry_ends_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("i");
        drop(filled(&path));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3 * ENTRY_LEN as usize + 5] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Index::load(&RealFileSystem, &path, u64::MAX).last(), Some(entry(3)));
    }
}
