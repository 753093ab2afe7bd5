//! A segment: a stretch of a chain in one file, with its sparse index.
//!
//! What must always hold:
//! - `durable_len <= committed_len <= len`; a reader of acknowledged records looks below `committed_len` only. What is below
//!   `durable_len` was durable before the number moved; the two differ with `catena.acks.all=memory` only.
//! - `in_place_len` says how much of the file itself is durable; between it and `durable_len` the journal holds the bytes.
//! - What is retired is in no log any more, for good; its files go later.
//! - Only the last segment of an open chain grows. What a segment is made of is known without its files, which are open only while
//!   somebody uses them now and then.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use catena_protocol::batch::BatchHeader;

use crate::error::StoreError;
use crate::files::{ChainFiles, SegmentFile};
use crate::ids::SegmentId;
use crate::index::{Index, IndexEntry};
use crate::lineage::Lineage;
use crate::mapping::{MappedFile, View};
use crate::reading::{Fault, Headers, ReadCounters, Reading};
use crate::stamp::Stamps;
use crate::trusted::Trusted;

/// The index file is brought up to date when so many more bytes are durable: what a recovery may have to look through.
/// Until then its entries are in memory (4 KiB for so many), for every open tail.
pub const INDEX_FLUSH_BYTES: u64 = 512 * 1024;
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
    /// What its batches must be like.
    pub lineage: Lineage,
    files: Arc<ChainFiles>,
    file: MappedFile,
    index: OnceLock<Box<Index>>,
    /// Made by this start of the broker: its index is all in memory at first.
    is_new: bool,
    committed_len: AtomicU64,
    durable_len: AtomicU64,
    index_flushed_len: AtomicU64,
    last_indexed: AtomicU64,
    max_timestamp: AtomicI64,
    /// When a batch without timestamp was last appended, as far as this start knows; 0 if it does not.
    untimed_ms: AtomicI64,
    registered: AtomicBool,
    entry_synced: AtomicBool,
    complete: AtomicBool,
    retired: AtomicBool,
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
        let file = MappedFile::create(files, SegmentFile::Log(id))?;
        Ok(Self::new(files, id, file, NO_TIMESTAMP, true))
    }

    /// A sealed segment.
    pub fn sealed(files: &Arc<ChainFiles>, id: crate::ids::ChainId, summary: SegmentSummary) -> Self {
        let id = SegmentId { chain: id, base_offset: summary.base_offset };
        let file = MappedFile::existing(files, SegmentFile::Log(id), summary.len);
        Self::new(files, id, file, summary.max_timestamp, false)
    }

    fn new(files: &Arc<ChainFiles>, id: SegmentId, file: MappedFile, max_timestamp: i64, is_new: bool) -> Self {
        Self {
            id,
            lineage: Lineage::unknown(),
            files: files.clone(),
            committed_len: AtomicU64::new(file.len()),
            durable_len: AtomicU64::new(file.len()),
            file,
            index: OnceLock::new(),
            is_new,
            index_flushed_len: AtomicU64::new(0),
            last_indexed: AtomicU64::new(0),
            max_timestamp: AtomicI64::new(max_timestamp),
            untimed_ms: AtomicI64::new(0),
            registered: AtomicBool::new(!is_new),
            entry_synced: AtomicBool::new(!is_new),
            complete: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            reading: Reading::new(if is_new { Trusted::all() } else { Trusted::nothing() }),
            cut_at: AtomicU64::new(u64::MAX),
        }
    }

    /// With what is known of its batches.
    pub fn with_lineage(self, lineage: Lineage) -> Self {
        Self { lineage, ..self }
    }

    /// Its file, opened when it is used.
    ///
    /// # Errors
    /// When its store has failed.
    pub fn file(&self) -> io::Result<&MappedFile> {
        self.files.check_usable()?;
        Ok(&self.file)
    }

    /// File and index, if they are open already.
    pub fn opened(&self) -> Option<(&MappedFile, &Index)> {
        Some(&self.file).filter(|file| file.is_open()).zip(self.index_in_memory())
    }

    /// The index, if nothing has to be read for it.
    fn index_in_memory(&self) -> Option<&Index> {
        if self.is_new { Some(self.index()) } else { self.index.get().map(|index| &**index) }
    }

    /// Where the search for `offset` begins: at a batch, as far as the index knows, with this offset, or a later one in a copy.
    pub fn floor_of_offset(&self, offset: i64) -> (u64, i64) {
        let entry = self.index().floor_of_offset(offset);
        entry.map_or((0, self.id.base_offset), |entry| (u64::from(entry.position), entry.offset))
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
            if self.is_new {
                return Box::default();
            }
            let index = Box::new(Index::load(&self.files, self.id, self.len()));
            if let Err(error) = self.complete(&index) {
                tracing::warn!("cannot index {}: {error}", self.path().display());
            }
            index
        })
    }

    fn complete(&self, index: &Index) -> Result<(), Fault> {
        let last = index.last();
        let (mut indexed, stamp) = last.map_or((0, 0), |entry| (u64::from(entry.position), entry.stamp));
        let mut timestamp_before = last.map_or(NO_TIMESTAMP, |entry| entry.timestamp_before);
        let first = last.map_or(self.id.base_offset, |entry| entry.offset);
        let mut headers = Headers::new(self, indexed..self.len(), STEP).expecting(first);
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
        self.file.len().min(self.cut_at.load(Ordering::Acquire))
    }

    /// Bytes that commits made durable, here or in the journal.
    pub fn durable_len(&self) -> u64 {
        self.durable_len.load(Ordering::Acquire)
    }

    /// Says that a commit made the bytes below `len` durable.
    pub fn set_durable(&self, len: u64) {
        self.durable_len.fetch_max(len, Ordering::AcqRel);
    }

    /// Bytes that readers of acknowledged records see.
    pub fn committed_len(&self) -> u64 {
        self.committed_len.load(Ordering::Acquire)
    }

    /// Bytes that are durable in this file, not only in the journal.
    pub fn in_place_len(&self) -> u64 {
        self.file.synced_len()
    }

    /// Says that the bytes below `len` are acknowledged.
    pub fn set_committed(&self, len: u64) {
        self.committed_len.fetch_max(len, Ordering::AcqRel);
    }

    /// Largest timestamp of the segment, or -1.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp.load(Ordering::Acquire)
    }

    /// Largest timestamp of the segment; of records without one, when they were appended, or first asked about.
    pub fn newest_ms(&self, now_ms: i64) -> i64 {
        let timestamp = self.max_timestamp();
        if timestamp > NO_TIMESTAMP {
            return timestamp;
        }
        match self.untimed_ms.compare_exchange(0, now_ms, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => now_ms,
            Err(appended_ms) => appended_ms,
        }
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
        let mut position = self.file.append(bytes)?;
        for header in headers {
            self.note(header, position, stamp, interval);
            position += header.size() as u64;
        }
        Ok(())
    }

    /// Indexes a batch that stands at `position`; those before it are known already. One writer at a time.
    fn note(&self, header: &BatchHeader, position: u64, stamp: i64, interval: u32) {
        let timestamp_before = self.max_timestamp.fetch_max(header.max_timestamp, Ordering::AcqRel);
        if header.max_timestamp <= NO_TIMESTAMP {
            self.untimed_ms.store(Stamps::millis(stamp), Ordering::Release);
        }
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

    /// Has the system begin to write `range` to the disk, so that `sync` finds less to do.
    pub fn begin_sync(&self, range: Range<u64>) {
        self.file.begin_sync(range);
    }

    /// Makes the file durable as it is and writes out the index of what is durable, if it is worth it.
    ///
    /// # Errors
    /// Of the file system: the store must not be written again.
    pub fn sync(&self) -> io::Result<()> {
        let len = self.file.sync()?;
        if !self.entry_synced.load(Ordering::Acquire) && !self.is_removed() {
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
        self.file.note_synced(len);
        if len < self.index_flushed_len.load(Ordering::Acquire) + INDEX_FLUSH_BYTES {
            return Ok(());
        }
        match self.flush_index() {
            // Then a recovery has more to look through: no reason to refuse what is durable.
            Err(error) if StoreError::of_write(&error).may_pass() => Ok(()),
            flushed => flushed,
        }
    }

    /// Writes out the index of what is durable in place.
    ///
    /// # Errors
    /// Of the file system.
    pub fn flush_index(&self) -> io::Result<()> {
        if self.is_removed() || self.index.get().is_none() {
            return Ok(());
        }
        let len = self.in_place_len();
        self.index_flushed_len.store(len, Ordering::Release);
        self.index().flush(&self.files, self.id, len)
    }

    /// Writes out the index and gives back space allocated beyond the end, if it is more than `rest_max`; the segment is not
    /// appended to any more.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish(&self, rest_max: u64) -> io::Result<()> {
        self.flush_index()?;
        self.index.get().map_or(Ok(()), |index| index.trim(rest_max))?;
        self.file.trim(rest_max)
    }

    /// Whether only a sync of the whole device makes what is in the file durable for certain.
    pub fn needs_device_sync(&self) -> bool {
        self.file.needs_device_sync()
    }

    /// Whether the files were removed: whoever had the segment before may see `NotFound` from now on.
    pub fn is_removed(&self) -> bool {
        self.file.is_removed()
    }

    /// Has the files removed after `delay`: no log has the segment any more.
    pub fn retire(self: &Arc<Self>, delay: Duration) {
        if !self.retired.swap(true, Ordering::AcqRel) {
            self.files.graveyard.bury(self.clone(), Instant::now() + delay);
        }
    }

    /// Removes the files. Views of them go on.
    pub fn remove_files(&self) {
        let known = self.index.get().map_or(Ok(()), |index| index.remove());
        let index = SegmentFile::Index(self.id);
        let index = known.and_then(|()| MappedFile::existing(&self.files, index, 0).remove());
        for error in [self.file.remove(), index].into_iter().filter_map(Result::err) {
            tracing::warn!("cannot remove the files of {}: {error}", self.path().display());
        }
    }

    /// The batch that holds `offset` or the next one, looked for below `limit`: where it begins, and its header.
    ///
    /// # Errors
    /// Damage on the way, or of the system.
    pub fn find_offset(&self, offset: i64, limit: u64) -> Result<Option<(u64, BatchHeader)>, Fault> {
        let (from, first) = self.floor_of_offset(offset);
        Headers::new(self, from..limit, STEP).expecting(first).find(|header| header.last_offset() >= offset)
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

    /// The bytes in `range`, to be looked at once.
    ///
    /// # Errors
    /// Of the system, and beyond the end.
    pub fn glance(&self, range: Range<u64>) -> io::Result<View> {
        self.file()?.glance(range)
    }

    /// A copy of the bytes in `range`, also when the store has failed: what was written may still be in the system's memory.
    ///
    /// # Errors
    /// Of the system, and beyond the end.
    pub fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let len = range.end.saturating_sub(range.start).min(self.file.len());
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        self.file.read_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
}
