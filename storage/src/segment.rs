//! A segment: a stretch of a chain in one file, with its sparse index.
//!
//! What must always hold:
//! - `committed_len <= len`; a reader of durable records looks below `committed_len` only. What is below it was durable before
//!   the number moved.
//! - `in_place_len` says how much of the file itself is durable; between it and `committed_len` the journal holds the bytes.
//! - Only the last segment of an open chain grows. A sealed segment is opened when it is first read.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use catena_protocol::batch::BatchHeader;

use crate::error::StoreError;
use crate::files::ChainFiles;
use crate::ids::SegmentId;
use crate::index::{Index, IndexEntry};
use crate::mapping::{MappedFile, View};
use crate::reading::{Fault, Headers, ReadCounters, Reading};
use crate::trusted::Trusted;

/// The index file is brought up to date when so many more bytes are durable: what a recovery may have to look through.
const INDEX_FLUSH_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes between entries that are read off the batches.
const REBUILT_INTERVAL: u64 = 4096;
/// Bytes read at a time when headers are looked through.
const STEP: u64 = 64 * 1024;
/// "No timestamp".
pub const NO_TIMESTAMP: i64 = -1;

/// What the catalog knows of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSummary {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes; meaningless for the tail of an open chain.
    pub len: u64,
    /// Largest timestamp, milliseconds since 1970; -1 if there is none.
    pub max_timestamp: i64,
}

/// A segment.
pub struct Segment {
    /// Its name.
    pub id: SegmentId,
    files: Arc<ChainFiles>,
    file: OnceLock<MappedFile>,
    index: OnceLock<Index>,
    /// Bytes of a sealed segment; of an open one the file knows.
    sealed_len: u64,
    committed_len: AtomicU64,
    in_place_len: AtomicU64,
    index_flushed_len: AtomicU64,
    last_indexed: AtomicU64,
    max_timestamp: AtomicI64,
    registered: AtomicBool,
    entry_synced: AtomicBool,
    complete: AtomicBool,
    /// What its readers left.
    pub reading: Reading,
    /// Nothing from here on counts: the chain ends here and goes on elsewhere.
    cut_at: AtomicU64,
}

impl Segment {
    /// Makes the file of a new, empty segment.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(files: &Arc<ChainFiles>, id: SegmentId) -> io::Result<Self> {
        files.fs.create_dir_all(&id.directory(&files.dir))?;
        let file = MappedFile::create(&*files.fs, &id.log_path(&files.dir))?;
        let mut segment = Self::new(files, id, 0, NO_TIMESTAMP);
        segment.reading = Reading::new(Trusted::all());
        let _ = segment.file.set(file);
        let _ = segment.index.set(Index::default());
        Ok(segment)
    }

    /// A sealed segment, not yet opened.
    pub fn sealed(files: &Arc<ChainFiles>, id: crate::ids::ChainId, summary: SegmentSummary) -> Self {
        let id = SegmentId { chain: id, base_offset: summary.base_offset };
        let mut segment = Self::new(files, id, summary.len, summary.max_timestamp);
        segment.registered = AtomicBool::new(true);
        segment.entry_synced = AtomicBool::new(true);
        segment
    }

    fn new(files: &Arc<ChainFiles>, id: SegmentId, len: u64, max_timestamp: i64) -> Self {
        Self {
            id,
            files: files.clone(),
            file: OnceLock::new(),
            index: OnceLock::new(),
            sealed_len: len,
            committed_len: AtomicU64::new(len),
            in_place_len: AtomicU64::new(len),
            index_flushed_len: AtomicU64::new(0),
            last_indexed: AtomicU64::new(0),
            max_timestamp: AtomicI64::new(max_timestamp),
            registered: AtomicBool::new(false),
            entry_synced: AtomicBool::new(false),
            complete: AtomicBool::new(false),
            reading: Reading::new(Trusted::nothing()),
            cut_at: AtomicU64::new(u64::MAX),
        }
    }

    /// The file, opened now if it was not yet.
    ///
    /// # Errors
    /// Of the file system, and when the file is shorter than it should be.
    pub fn file(&self) -> io::Result<&MappedFile> {
        self.files.check_usable()?;
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let opened = MappedFile::open(&*self.files.fs, &self.id.log_path(&self.files.dir), self.sealed_len)?;
        // Two readers may open it at once: one of the two stays.
        Ok(self.file.get_or_init(|| opened))
    }

    /// File and index, if they are open already.
    pub fn opened(&self) -> Option<(&MappedFile, &Index)> {
        Some((self.file.get()?, self.index.get()?))
    }

    /// Where the search for `offset` begins: at a batch, as far as the index knows.
    pub fn floor_of_offset(&self, offset: i64) -> u64 {
        self.index().floor_of_offset(offset).map_or(0, |entry| u64::from(entry.position))
    }

    /// The counters of its store's reads.
    pub fn read_counters(&self) -> &ReadCounters {
        &self.files.reads
    }

    /// Its file.
    pub fn path(&self) -> PathBuf {
        self.id.log_path(&self.files.dir)
    }

    /// The index; that of a sealed segment is loaded at the first use, and what its file lacks is read off the batches.
    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let index = Index::load(&*self.files.fs, &self.id.index_path(&self.files.dir), self.sealed_len);
            if let Err(error) = self.complete(&index) {
                tracing::warn!("cannot index {}: {error}", self.id.log_path(&self.files.dir).display());
            }
            index
        })
    }

    fn complete(&self, index: &Index) -> Result<(), Fault> {
        let last = index.last();
        let (mut indexed, stamp) = last.map_or((0, 0), |entry| (u64::from(entry.position), entry.stamp));
        let mut timestamp_before = last.map_or(NO_TIMESTAMP, |entry| entry.timestamp_before);
        let mut headers = Headers::new(self, indexed..self.sealed_len, STEP);
        while let Some((position, header)) = headers.next()? {
            if position >= indexed + REBUILT_INTERVAL {
                let Ok(short) = u32::try_from(position) else { break };
                index.push(IndexEntry { offset: header.base_offset, timestamp_before, stamp, position: short });
                indexed = position;
            }
            timestamp_before = timestamp_before.max(header.max_timestamp);
        }
        Ok(())
    }

    /// Bytes appended.
    pub fn len(&self) -> u64 {
        let len = self.file.get().map_or(self.sealed_len, MappedFile::len);
        len.min(self.cut_at.load(Ordering::Acquire))
    }

    /// Bytes that are durable.
    pub fn committed_len(&self) -> u64 {
        self.committed_len.load(Ordering::Acquire)
    }

    /// Bytes that are durable in this file, not only in the journal.
    pub fn in_place_len(&self) -> u64 {
        self.in_place_len.load(Ordering::Acquire)
    }

    /// Says that the bytes below `len` are durable.
    pub fn set_committed(&self, len: u64) {
        self.committed_len.fetch_max(len, Ordering::AcqRel);
    }

    /// Largest timestamp of the segment, or -1.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp.load(Ordering::Acquire)
    }

    /// Whether the catalog knows the segment.
    pub fn is_registered(&self) -> bool {
        self.registered.load(Ordering::Acquire)
    }

    /// Says that the catalog knows the segment.
    pub fn set_registered(&self) {
        self.registered.store(true, Ordering::Release);
    }

    /// Whether nothing will be appended any more, because the chain goes on in another segment.
    pub fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// Says that nothing will be appended any more.
    pub fn set_complete(&self) {
        self.complete.store(true, Ordering::Release);
    }

    /// Ends the segment at `len`; what is behind it goes on elsewhere.
    pub fn cut(&self, len: u64) {
        self.cut_at.store(len, Ordering::Release);
        self.set_complete();
    }

    /// What the catalog should know.
    pub fn summary(&self) -> SegmentSummary {
        SegmentSummary { base_offset: self.id.base_offset, len: self.len(), max_timestamp: self.max_timestamp() }
    }

    /// Appends the bytes of batches with these headers, all or none; indexes one whenever `interval` bytes have passed since
    /// the last entry.
    ///
    /// # Errors
    /// Of the file system; nothing has changed then.
    pub fn append(&self, headers: &[BatchHeader], bytes: [&[u8]; 2], stamp: i64, interval: u32) -> io::Result<()> {
        let mut position = self.file()?.append(bytes)?;
        for header in headers {
            self.note(header, position, stamp, interval);
            position += header.size() as u64;
        }
        Ok(())
    }

    /// Indexes a batch that stands at `position`; those before it are known already. One writer at a time.
    fn note(&self, header: &BatchHeader, position: u64, stamp: i64, interval: u32) {
        let timestamp_before = self.max_timestamp.fetch_max(header.max_timestamp, Ordering::AcqRel);
        if position < self.last_indexed.load(Ordering::Relaxed) + u64::from(interval) {
            return;
        }
        if let Ok(short) = u32::try_from(position) {
            self.index().push(IndexEntry { offset: header.base_offset, timestamp_before, stamp, position: short });
            self.last_indexed.store(position, Ordering::Relaxed);
        }
    }

    /// Where its files are.
    pub fn files(&self) -> &Arc<ChainFiles> {
        &self.files
    }

    /// The stamp of the batch at `offset`, as far as the index knows it.
    pub fn stamp_at(&self, offset: i64) -> i64 {
        self.index().floor_of_offset(offset).map_or(0, |entry| entry.stamp)
    }

    /// Makes the file durable as it is and writes out the index of what is durable, if it is worth it.
    ///
    /// # Errors
    /// Of the file system: the store must not be written again.
    pub fn sync(&self) -> io::Result<()> {
        let len = self.file()?.sync()?;
        if !self.entry_synced.load(Ordering::Acquire) {
            self.files.fs.sync_dir(&self.id.directory(&self.files.dir))?;
            self.files.fs.sync_dir(&self.files.dir)?;
        }
        self.synced_to(len)
    }

    /// Takes note that the file's first `len` bytes and its directory entry are durable.
    ///
    /// # Errors
    /// Of the file system.
    pub fn synced_to(&self, len: u64) -> io::Result<()> {
        self.entry_synced.store(true, Ordering::Release);
        self.in_place_len.fetch_max(len, Ordering::AcqRel);
        if len < self.index_flushed_len.load(Ordering::Acquire) + INDEX_FLUSH_BYTES {
            return Ok(());
        }
        match self.flush_index() {
            // Then a recovery has more to look through: no reason to refuse what is durable.
            Err(error) if StoreError::of_write(&error).is_full() => Ok(()),
            flushed => flushed,
        }
    }

    /// Writes out the index of what is durable in place.
    ///
    /// # Errors
    /// Of the file system.
    pub fn flush_index(&self) -> io::Result<()> {
        let len = self.in_place_len();
        self.index_flushed_len.store(len, Ordering::Release);
        self.index().flush(&*self.files.fs, &self.id.index_path(&self.files.dir), len)
    }

    /// Gives back allocated space; the segment is not appended to any more.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish(&self) -> io::Result<()> {
        self.flush_index()?;
        self.index().trim()?;
        self.file()?.trim()
    }

    /// Removes the files. Readers that have mapped them go on.
    pub fn remove_files(&self) {
        for path in [self.id.log_path(&self.files.dir), self.id.index_path(&self.files.dir)] {
            if let Err(error) = self.files.fs.remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("cannot remove {}: {error}", path.display());
            }
        }
    }

    /// The batch that holds `offset` or the next one, looked for below `limit`: where it begins, and its header.
    ///
    /// # Errors
    /// Damage on the way, or of the system.
    pub fn find_offset(&self, offset: i64, limit: u64) -> Result<Option<(u64, BatchHeader)>, Fault> {
        Headers::new(self, self.floor_of_offset(offset)..limit, STEP).find(|header| header.last_offset() >= offset)
    }

    /// The first batch with a timestamp of at least `timestamp` in its header, looked for from the batch at `from` to `limit`.
    ///
    /// # Errors
    /// Damage on the way, or of the system.
    pub fn find_timestamp(&self, timestamp: i64, from: u64, limit: u64) -> Result<Option<(u64, BatchHeader)>, Fault> {
        let start = self.index().floor_of_timestamp(timestamp).map_or(0, |entry| u64::from(entry.position));
        Headers::new(self, start.max(from)..limit, STEP).find(|header| header.max_timestamp >= timestamp)
    }

    /// The bytes in `range`.
    ///
    /// # Errors
    /// Of the system, and beyond the end.
    pub fn view(&self, range: Range<u64>) -> io::Result<View> {
        self.file()?.view(range)
    }

    /// A copy of the bytes in `range`, also when the store has failed: what was written may still be in the system's memory.
    ///
    /// # Errors
    /// Of the system, and beyond the end.
    pub fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let Some(file) = self.file.get() else { return Ok(Vec::new()) };
        let len = range.end.saturating_sub(range.start).min(file.len());
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        file.read_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
}
