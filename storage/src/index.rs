//! The sparse index of a segment: now and then, where a batch stands, and what came before it.
//!
//! What must always hold:
//! - Entries are in the order of positions, offsets, timestamps and stamps alike (timestamps: largest so far).
//! - An entry is a hint on where to begin a search; losing entries costs time, never correctness. An entry in the file with
//!   a wrong checksum is never believed, and ends the file where it is noticed.
//! - The file never holds an entry for bytes that were not synced before: it says from where on a recovery must look.
//! - The lock of the entries is not held while the file is read or written.
//!
//! Old entries live in the file; in memory are those not yet written, and of each stretch of the file its first entry, so that a
//! look-up needs one stretch at most: from the map when it is in memory, else from the file.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::{Buf, BufMut};

use crate::files::{ChainFiles, SegmentFile};
use crate::fs::{self, File, FileSystem, Open};
use crate::ids::SegmentId;
use crate::mapping::MappedFile;

/// Bytes of an entry in the file.
pub const ENTRY_LEN: u64 = 8 + 8 + 8 + 4 + 4;
/// Bytes of a stretch of the file.
const STRETCH_LEN: u64 = 64 * 1024;
/// Entries in a stretch.
const STRETCH_ENTRIES: u64 = STRETCH_LEN / ENTRY_LEN;
/// Entries before the end of the file that are all looked at: what shared a page with the last write.
const VERIFIED_ENTRIES: u64 = 4096 / ENTRY_LEN;

/// The answer needs bytes that are not in memory.
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
    file: Option<Arc<MappedFile>>,
    /// How many those are.
    written: u64,
    /// The first one of each stretch of the file.
    firsts: Vec<IndexEntry>,
    /// Entries that are not written out, later than all in the file.
    recent: Vec<IndexEntry>,
}

/// Where an answer is.
enum Place {
    Known(Option<IndexEntry>),
    InFile(Stretch),
}

/// A stretch of the file.
struct Stretch {
    file: Arc<MappedFile>,
    range: Range<u64>,
    first: IndexEntry,
}

/// The last good entry in the file at `path` that speaks of the first `segment_len` bytes.
///
/// # Errors
/// Of the file system, unless there is no file.
pub fn last_in_file(fs: &dyn FileSystem, path: &Path, segment_len: u64) -> io::Result<Option<IndexEntry>> {
    let file = match fs.open(path, Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match good_entries(&*file, segment_len)?.checked_sub(1) {
        Some(last) => entry_at(&*file, last),
        None => Ok(None),
    }
}

impl Index {
    /// The index of segment `id` as far as it is good and speaks of the first `segment_len` bytes; empty if there is none.
    pub fn load(files: &Arc<ChainFiles>, id: SegmentId, segment_len: u64) -> Self {
        let name = SegmentFile::Index(id);
        let path = files.path(name);
        let read = || {
            let open = files.open.open(files.owner, || files.fs.open(&path, Open::Read))?;
            firsts(&*open.file, good_entries(&*open.file, segment_len)?)
        };
        let inner = match read() {
            Ok((written, firsts)) => {
                let file = Arc::new(MappedFile::existing(files, name, written * ENTRY_LEN));
                Inner { file: Some(file), written, firsts, recent: Vec::new() }
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!("cannot read {}: {error}", path.display());
                }
                Inner::default()
            }
        };
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

    /// Writes entries for bytes below `synced_len` to the file of segment `id` and forgets them in memory.
    ///
    /// # Errors
    /// Of the file system; the entries then stay in memory.
    pub fn flush(&self, files: &Arc<ChainFiles>, id: SegmentId, synced_len: u64) -> io::Result<()> {
        let _flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (ready, file) = self.read(|inner| {
            let synced = |entry: &&IndexEntry| u64::from(entry.position) < synced_len;
            let ready: Vec<_> = inner.recent.iter().take_while(synced).copied().collect();
            (ready, inner.file.clone())
        });
        if ready.is_empty() {
            return Ok(());
        }
        let file = match file {
            Some(file) => file,
            None => Arc::new(MappedFile::create(files, SegmentFile::Index(id))?),
        };
        let bytes: Vec<u8> = ready.iter().flat_map(encode).collect();
        file.append([&bytes, &[]])?;
        self.write(|inner| {
            inner.file = Some(file);
            ready.iter().for_each(|entry| inner.note_written(*entry));
            // With no more memory than the rest needs.
            inner.recent = inner.recent.split_off(ready.len());
        });
        Ok(())
    }

    /// Gives back what the file has allocated beyond its entries, if it is more than `rest_max`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn trim(&self, rest_max: u64) -> io::Result<()> {
        self.read(|inner| inner.file.clone()).map_or(Ok(()), |file| file.trim(rest_max))
    }

    /// Removes the file, if there is one that this index knows of.
    ///
    /// # Errors
    /// Of the file system.
    pub fn remove(&self) -> io::Result<()> {
        self.read(|inner| inner.file.clone()).map_or(Ok(()), |file| file.remove())
    }

    /// The last entry that `wanted` holds for; it holds for the first ones only.
    fn last_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Option<IndexEntry> {
        match self.read(|inner| inner.place_of(&wanted)) {
            Place::Known(entry) => entry,
            Place::InFile(stretch) => {
                Some(stretch.last_in_memory(&wanted).unwrap_or_else(|Cold| stretch.last(&wanted)))
            }
        }
    }

    fn last_in_memory_where(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Result<Option<IndexEntry>, Cold> {
        match self.read(|inner| inner.place_of(&wanted)) {
            Place::Known(entry) => Ok(entry),
            Place::InFile(stretch) => stretch.last_in_memory(&wanted).map(Some),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        look(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    /// The next entry of the file is this one.
    fn note_written(&mut self, entry: IndexEntry) {
        if self.written.is_multiple_of(STRETCH_ENTRIES) {
            self.firsts.push(entry);
        }
        self.written += 1;
    }

    /// Where the last entry is that `wanted` holds for.
    fn place_of(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Place {
        let last = |entries: &[IndexEntry]| entries.partition_point(&wanted).checked_sub(1);
        if let Some(at) = last(&self.recent) {
            return Place::Known(self.recent.get(at).copied());
        }
        let Some(at) = last(&self.firsts) else { return Place::Known(None) };
        match (&self.file, self.firsts.get(at)) {
            (Some(file), Some(first)) => {
                let start = at as u64 * STRETCH_LEN;
                let end = (start + STRETCH_LEN).min(self.written * ENTRY_LEN);
                Place::InFile(Stretch { file: file.clone(), range: start..end, first: *first })
            }
            _ => Place::Known(None),
        }
    }
}

impl Stretch {
    fn last_in_memory(&self, wanted: impl Fn(&IndexEntry) -> bool) -> Result<IndexEntry, Cold> {
        if !self.file.is_open() || self.file.resident_end(self.range.clone()) < self.range.end {
            return Err(Cold);
        }
        let bytes = self.file.view(self.range.clone()).map_err(|_| Cold)?;
        Ok(last_of(&bytes, wanted).unwrap_or(self.first))
    }

    /// A stretch that cannot be read is as good as its first entry.
    fn last(&self, wanted: impl Fn(&IndexEntry) -> bool) -> IndexEntry {
        let mut bytes = vec![0; usize::try_from(self.range.end - self.range.start).unwrap_or(0)];
        let read = self.file.read_at(&mut bytes, self.range.start);
        read.ok().and_then(|()| last_of(&bytes, wanted)).unwrap_or(self.first)
    }
}

/// The last entry in a stretch that `wanted` holds for; it holds for the first ones only. Beyond a damaged one nothing is found.
fn last_of(stretch: &[u8], wanted: impl Fn(&IndexEntry) -> bool) -> Option<IndexEntry> {
    let (mut low, mut high) = (0, stretch.len() / ENTRY_LEN as usize);
    let mut found = None;
    while low < high {
        let middle = low + (high - low) / 2;
        match stretch.get(middle * ENTRY_LEN as usize..).and_then(decode).filter(&wanted) {
            Some(entry) => (low, found) = (middle + 1, Some(entry)),
            None => high = middle,
        }
    }
    found
}

/// How many entries a file has, up to one that is damaged, missing, or speaks of bytes beyond `segment_len`. What was written may
/// have reached the disk in part, so the page before that end is looked through as well, and the one before, until one is whole.
fn good_entries(file: &dyn File, segment_len: u64) -> io::Result<u64> {
    let good = |entry: &IndexEntry| u64::from(entry.position) < segment_len;
    let (mut low, mut high) = (0, file.len()? / ENTRY_LEN);
    while low < high {
        let middle = low + (high - low) / 2;
        match entry_at(file, middle)?.filter(good) {
            Some(_) => low = middle + 1,
            None => high = middle,
        }
    }
    while low > 0 {
        let from = (low - 1) / VERIFIED_ENTRIES * VERIFIED_ENTRIES;
        let mut page = [0; (VERIFIED_ENTRIES * ENTRY_LEN) as usize];
        let read = fs::read_full(file, &mut page, from * ENTRY_LEN)?;
        let whole = page[..read].chunks_exact(ENTRY_LEN as usize).map_while(decode).take_while(good).count() as u64;
        if whole > 0 {
            return Ok(low.min(from + whole));
        }
        low = from;
    }
    Ok(0)
}

/// The first entry of each stretch in a file of so many entries; a damaged one ends the file.
fn firsts(file: &dyn File, entries: u64) -> io::Result<(u64, Vec<IndexEntry>)> {
    let mut firsts = Vec::new();
    for at in (0..entries).step_by(STRETCH_ENTRIES as usize) {
        match entry_at(file, at)? {
            Some(entry) => firsts.push(entry),
            None => return Ok((at, firsts)),
        }
    }
    Ok((entries, firsts))
}

/// Entry `at` of a file; `None` if it is damaged or not there.
fn entry_at(file: &dyn File, at: u64) -> io::Result<Option<IndexEntry>> {
    let mut bytes = [0; ENTRY_LEN as usize];
    let read = fs::read_full(file, &mut bytes, at * ENTRY_LEN)?;
    Ok(decode(&bytes[..read]))
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

/// The entry at the beginning of `bytes`; `None` if it is damaged or not there.
pub fn decode(mut bytes: &[u8]) -> Option<IndexEntry> {
    let covered = bytes.get(..ENTRY_LEN as usize)?.split_last_chunk::<4>()?.0;
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
    use crate::files::tests::chain_files;
    use crate::ids::{ChainId, StoreId};

    struct Fixture {
        _dir: tempfile::TempDir,
        files: Arc<ChainFiles>,
        id: SegmentId,
        path: std::path::PathBuf,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let id =
                SegmentId { chain: ChainId { epoch: 1, sequence: 1, store: StoreId::new(8).unwrap() }, base_offset: 0 };
            let files = chain_files(dir.path(), 4);
            std::fs::create_dir_all(id.directory(dir.path())).unwrap();
            Self { path: files.path(SegmentFile::Index(id)), files, id, _dir: dir }
        }

        /// So many entries in the file, flushed in pieces, and twenty in memory.
        fn filled(&self, written: i64, at_once: i64) -> Index {
            let index = Index::default();
            for at in 1..=written + 20 {
                index.push(entry(at));
                if at <= written && (at % at_once == 0 || at == written) {
                    index.flush(&self.files, self.id, at as u64 * 1_000 + 1).unwrap();
                }
            }
            index
        }

        fn load(&self, segment_len: u64) -> Index {
            Index::load(&self.files, self.id, segment_len)
        }

        fn last_in_file(&self, segment_len: u64) -> Option<IndexEntry> {
            last_in_file(&*self.files.fs, &self.path, segment_len).unwrap()
        }

        fn damage(&self, at: usize) {
            let mut bytes = std::fs::read(&self.path).unwrap();
            bytes[at * ENTRY_LEN as usize + 5] ^= 1;
            std::fs::write(&self.path, bytes).unwrap();
        }
    }

    fn entry(at: i64) -> IndexEntry {
        IndexEntry { offset: at * 10, timestamp_before: at * 100 - 1, stamp: at, position: at as u32 * 1_000 }
    }

    fn assert_finds(index: &Index, last: i64) {
        assert_eq!(index.floor_of_offset(9), None);
        for at in 1..=last {
            assert_eq!(index.floor_of_offset(at * 10 + 9), Some(entry(at)));
            assert_eq!(index.floor_of_offset_in_memory(at * 10 + 9), Ok(Some(entry(at))));
            assert_eq!(index.floor_of_position_in_memory(at as u64 * 1_000 + 999), Ok(Some(entry(at))));
            assert_eq!(index.floor_of_timestamp(at * 100), Some(entry(at)));
        }
        assert_eq!(index.last(), Some(entry(last)));
    }

    #[test]
    fn looks_up_in_file_and_memory_alike() {
        for (written, at_once) in [(12, 12), (5_000, 77), (4_096, 2_048), (2_048, 1)] {
            let fixture = Fixture::new();
            assert_finds(&fixture.filled(written, at_once), written + 20);
            assert_finds(&fixture.load(u64::MAX), written);
        }
    }

    #[test]
    fn what_was_dropped_from_memory_is_told_only_to_who_waits() {
        let fixture = Fixture::new();
        let index = fixture.filled(280, 280);
        let file = std::fs::File::open(&fixture.path).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        assert_eq!(index.floor_of_offset_in_memory(2_000), Err(Cold));
        assert_eq!(index.floor_of_offset_in_memory(2_900), Ok(Some(entry(290))));
        assert_eq!(index.floor_of_offset(2_000), Some(entry(200)));
        assert_eq!(index.floor_of_offset_in_memory(2_000), Ok(Some(entry(200))));
    }

    #[test]
    fn the_file_holds_synced_entries_only_and_is_read_back() {
        let fixture = Fixture::new();
        assert_eq!(fixture.last_in_file(u64::MAX), None);
        let index = fixture.filled(3_000, 100);
        assert_eq!(fixture.last_in_file(u64::MAX), Some(entry(3_000)));
        assert_eq!(fixture.last_in_file(5_001), Some(entry(5)));
        assert_eq!(fixture.load(5_001).last(), Some(entry(5)));
        assert_eq!(fixture.last_in_file(1_000), None);
        assert_eq!(fixture.last_in_file(0), None);
        index.remove().unwrap();
        assert_eq!(fixture.last_in_file(u64::MAX), None);
    }

    #[test]
    fn a_damaged_entry_is_never_believed() {
        // Found in order of position: the file ends before it where that is noticed, else a look-up does.
        for (written, at) in
            [(12, 3), (12, 0), (3_000, 2_999), (3_000, 2_990), (3_000, 2_048), (3_000, 1_500), (3_000, 0)]
        {
            let fixture = Fixture::new();
            fixture.filled(written, 50);
            fixture.damage(at);
            let damaged = entry(at as i64 + 1);
            let index = fixture.load(u64::MAX);
            for wanted in 1..=written {
                let found = index.floor_of_offset(wanted * 10);
                assert!(found.is_none_or(|found| found.offset <= wanted * 10 && found != damaged), "{found:?}");
            }
            let last = fixture.last_in_file(u64::MAX);
            assert!(last.is_none_or(|last| last != damaged && last == entry(last.stamp)));
        }
    }

    #[test]
    fn pages_that_never_reached_the_disk_end_the_file_before_them() {
        let fixture = Fixture::new();
        fixture.filled(3_000, 50);
        let mut bytes = std::fs::read(&fixture.path).unwrap();
        bytes[20 * 4096..23 * 4096].fill(0);
        std::fs::write(&fixture.path, &bytes[..23 * 4096 + 40]).unwrap();
        assert_eq!(fixture.last_in_file(u64::MAX), Some(entry(20 * 128)));
    }
}
