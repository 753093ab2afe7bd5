//! The sparse index of a segment: now and then, where a batch stands, and what came before it.
//!
//! What must always hold:
//! - Entries are in the order of positions, offsets, timestamps and stamps alike (timestamps: largest so far).
//! - An entry is a hint on where to begin a search; losing entries costs time, never correctness. An entry in the file with
//!   a wrong checksum ends the file.
//! - The file never holds an entry for bytes that were not synced before: it says from where on a recovery must look.
//!
//! Old entries live in the file; in memory are those not yet written, and of each page of the file its first entry, so that a
//! look-up needs one page at most: from the map when the page is in memory, else from the file.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};

use bytes::{Buf, BufMut};

use crate::fs::FileSystem;
use crate::mapping::MappedFile;

/// Bytes of an entry in the file.
const ENTRY_LEN: u64 = 8 + 8 + 8 + 4 + 4;
/// Bytes of a page of the file.
const PAGE_LEN: u64 = 4096;
/// Entries in a page.
const PAGE_ENTRIES: u64 = PAGE_LEN / ENTRY_LEN;

/// The answer needs a page that is not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cold;

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
    /// How many those are.
    written: u64,
    /// The first one of each page of the file.
    pages: Vec<IndexEntry>,
    /// Entries that are not written out, later than all in the file.
    recent: Vec<IndexEntry>,
}

impl Index {
    /// The index in the file at `path` as far as it is good and speaks of the first `segment_len` bytes; empty if there is none.
    pub fn load(fs: &dyn FileSystem, path: &Path, segment_len: u64) -> Self {
        let file = fs.len(path).and_then(|len| MappedFile::open(fs, path, whole_entries(len)));
        let Ok(file) = file else { return Self::default() };
        let mut inner = Inner::default();
        inner.note_good(&file, segment_len);
        inner.file = MappedFile::open(fs, path, inner.written * ENTRY_LEN).ok();
        Self { inner: RwLock::new(inner), flushing: Mutex::new(()) }
    }

    /// Adds an entry for a batch after all others.
    pub fn push(&self, entry: IndexEntry) {
        self.write(|inner| inner.recent.push(entry));
    }

    /// The last entry at or before `offset`. May wait for the disk, as may all that do not say otherwise.
    pub fn floor_of_offset(&self, offset: i64) -> Option<IndexEntry> {
        self.last_where(|entry| entry.offset <= offset)
    }

    /// The last entry at or before `offset`, if that can be told from what is in memory.
    pub fn floor_of_offset_in_memory(&self, offset: i64) -> Result<Option<IndexEntry>, Cold> {
        self.last_in_memory_where(|entry| entry.offset <= offset)
    }

    /// The last entry at or before `position`, if that can be told from what is in memory.
    pub fn floor_of_position_in_memory(&self, position: u64) -> Result<Option<IndexEntry>, Cold> {
        self.last_in_memory_where(|entry| u64::from(entry.position) <= position)
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
        self.write(|inner| {
            ready.iter().for_each(|entry| inner.note_written(*entry));
            drop(inner.recent.drain(..ready.len()));
        });
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
        self.read(|inner| match inner.last_recent_where(&wanted) {
            Some(entry) => Some(entry),
            None => inner.last_in_file_where(&wanted),
        })
    }

    fn last_in_memory_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Result<Option<IndexEntry>, Cold> {
        self.read(|inner| match inner.last_recent_where(&wanted) {
            Some(entry) => Ok(Some(entry)),
            None => inner.last_in_mapped_where(&wanted),
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
    /// Notes the entries of `file` up to the first that is damaged or speaks of bytes beyond `segment_len`.
    fn note_good(&mut self, file: &MappedFile, segment_len: u64) {
        while let Ok(page) = self.read_page(file, self.written / PAGE_ENTRIES) {
            let before = self.written;
            let good = entries(&page).take_while(|entry| u64::from(entry.position) < segment_len);
            good.for_each(|entry| self.note_written(entry));
            if self.written - before < PAGE_ENTRIES {
                return;
            }
        }
    }

    /// The next entry of the file is this one.
    fn note_written(&mut self, entry: IndexEntry) {
        if self.written.is_multiple_of(PAGE_ENTRIES) {
            self.pages.push(entry);
        }
        self.written += 1;
    }

    fn last_recent_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Option<IndexEntry> {
        let at = self.recent.partition_point(wanted).checked_sub(1)?;
        self.recent.get(at).copied()
    }

    /// The page that holds the last entry that `wanted` holds for, and the first entry of the page.
    fn page_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Option<(u64, IndexEntry)> {
        let at = self.pages.partition_point(wanted).checked_sub(1)?;
        Some((at as u64, *self.pages.get(at)?))
    }

    /// A page that cannot be read is as good as its first entry.
    fn last_in_file_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Option<IndexEntry> {
        let (at, first) = self.page_where(&wanted)?;
        let page = self.file.as_ref().and_then(|file| self.read_page(file, at).ok());
        let found = page.and_then(|page| last_of(&page, wanted));
        Some(found.unwrap_or(first))
    }

    fn last_in_mapped_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Result<Option<IndexEntry>, Cold> {
        let Some((at, first)) = self.page_where(&wanted) else { return Ok(None) };
        let file = self.file.as_ref().ok_or(Cold)?;
        let range = page_range(at, self.written);
        if file.resident_end(range.clone()) < range.end {
            return Err(Cold);
        }
        let page = file.view(range).map_err(|_| Cold)?;
        Ok(Some(last_of(&page, wanted).unwrap_or(first)))
    }

    fn read_page(&self, file: &MappedFile, at: u64) -> io::Result<Vec<u8>> {
        let range = page_range(at, file.len() / ENTRY_LEN);
        let mut page = vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)];
        file.read_at(&mut page, range.start)?;
        Ok(page)
    }
}

/// Where page `at` lies in a file of so many entries.
fn page_range(at: u64, entries: u64) -> Range<u64> {
    at * PAGE_LEN..((at + 1) * PAGE_LEN).min(entries * ENTRY_LEN)
}

/// The entries in some bytes up to the first damaged one.
fn entries(bytes: &[u8]) -> impl Iterator<Item = IndexEntry> {
    bytes.chunks_exact(ENTRY_LEN as usize).map_while(decode)
}

/// The last entry in a page that `wanted` holds for; it holds for the first ones only.
fn last_of(page: &[u8], wanted: impl Fn(&IndexEntry) -> bool) -> Option<IndexEntry> {
    let (mut low, mut high) = (0, page.len() / ENTRY_LEN as usize);
    let mut found = None;
    while low < high {
        let middle = low + (high - low) / 2;
        match page.get(middle * ENTRY_LEN as usize..).and_then(decode).filter(&wanted) {
            Some(entry) => (low, found) = (middle + 1, Some(entry)),
            None => high = middle,
        }
    }
    found
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
            assert_eq!(index.floor_of_position_in_memory(at as u64 * 1_000), Ok(Some(entry(at))));
            assert_eq!(index.floor_of_timestamp(at * 100), Some(entry(at)));
        }
        assert_eq!(index.last(), Some(entry(20)));
    }

    #[test]
    fn a_long_file_is_looked_up_page_by_page() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("i");
        let index = Index::default();
        for at in 1..=1_000 {
            index.push(entry(at));
            if at % 77 == 0 {
                index.flush(&RealFileSystem, &path, at as u64 * 1_000 + 1).unwrap();
            }
        }
        for index in [&index, &Index::load(&RealFileSystem, &path, u64::MAX)] {
            let last = index.last().unwrap().stamp;
            for at in (1..=last).chain([0]) {
                let expected = (at > 0).then(|| entry(at));
                assert_eq!(index.floor_of_offset(at * 10 + 9), expected);
                assert_eq!(index.floor_of_offset_in_memory(at * 10 + 9), Ok(expected));
                assert_eq!(index.floor_of_position_in_memory(at as u64 * 1_000 + 999), Ok(expected));
            }
        }
    }

    #[test]
    fn what_lies_in_a_page_that_was_dropped_is_told_only_to_who_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("i");
        let index = Index::default();
        (1..=300).for_each(|at| index.push(entry(at)));
        index.flush(&RealFileSystem, &path, 280_001).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        assert_eq!(index.floor_of_offset_in_memory(2_000), Err(Cold));
        assert_eq!(index.floor_of_offset_in_memory(2_900), Ok(Some(entry(290))));
        assert_eq!(index.floor_of_offset(2_000), Some(entry(200)));
        assert_eq!(index.floor_of_offset_in_memory(2_000), Ok(Some(entry(200))));
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
