//! One store: where its files are, its catalog, its commits, its health, its counters.
//!
//! What must always hold: a store that has failed is neither read nor written again, and says so to everybody who asks; it comes back as
//! another `Store`. A full store is read, and written as far as there is room.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::catalog::Catalog;
use crate::commit::Commits;
use crate::error::StoreError;
use crate::files::ChainFiles;
use crate::fs::FileSystem;
use crate::graveyard::Buried;
use crate::ids::StoreId;
use crate::log::PartitionLog;
use crate::open_files::OpenFiles;
use crate::placement::StoreView;
use crate::reading::ReadStats;

/// A store that wants space says so this often.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// A store with less room than this, or a twentieth of the disk if that is less, gets nothing new while another one has more.
const RESERVE_BYTES: u64 = 256 * 1024 * 1024;

/// Beyond so many segments one `syncfs` costs less than syncing each.
pub const SYNC_EACH_MAX: usize = 16;

/// One store.
pub struct Store {
    /// Its name.
    pub id: StoreId,
    /// Its directory.
    pub dir: PathBuf,
    /// Through which its files are reached.
    pub fs: Arc<dyn FileSystem>,
    /// The files of the segments.
    pub files: Arc<ChainFiles>,
    /// Topics, chains, ids.
    pub catalog: Catalog,
    /// The queue to the committer.
    pub commits: Commits<Arc<PartitionLog>>,
    /// Counters since the start.
    pub counters: Counters,
    /// Whether it gets no new partitions.
    cordoned: AtomicBool,
    full: AtomicBool,
    closing: AtomicBool,
    available_bytes: AtomicU64,
    reserve_bytes: AtomicU64,
    /// How many partitions are written here.
    partitions: AtomicUsize,
    last_warning: Mutex<Option<Instant>>,
}

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Group commits.
    pub commits: AtomicU64,
    /// Bytes written to the journal.
    pub journal_bytes: AtomicU64,
    /// Group commits that went through the journal.
    pub journal_commits: AtomicU64,
    /// Group commits that synced segments.
    pub direct_commits: AtomicU64,
    /// Segments synced in place by a commit.
    pub synced_segments: AtomicU64,
    /// Bytes of batches that became durable that way.
    pub synced_bytes: AtomicU64,
    /// Bytes of batches appended.
    pub bytes_appended: AtomicU64,
    /// Open chains that came from another store.
    pub chains_received: AtomicU64,
}

/// A store in numbers; counters since it was opened.
#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    /// Its directory.
    pub dir: PathBuf,
    /// Group commits.
    pub commits: u64,
    /// Bytes written to the journal.
    pub journal_bytes: u64,
    /// Group commits that went through the journal.
    pub journal_commits: u64,
    /// Group commits that synced segments.
    pub direct_commits: u64,
    /// Segments synced in place by a commit.
    pub synced_segments: u64,
    /// Bytes of batches that became durable that way.
    pub synced_bytes: u64,
    /// Bytes of batches appended.
    pub bytes_appended: u64,
    /// Reads from the disk.
    pub reads: ReadStats,
    /// Open chains that came from another store.
    pub chains_received: u64,
    /// Segments that were deleted, and their files.
    pub deleted: Buried,
    /// Whether the store has failed.
    pub failed: bool,
    /// Whether there is too little room for anything new.
    pub full: bool,
    /// Room on its disk, bytes.
    pub available_bytes: u64,
}

impl Store {
    /// The store `id` in `dir`, whose open files are kept in `open`.
    pub fn new(
        id: StoreId,
        fs: Arc<dyn FileSystem>,
        open: &Arc<OpenFiles>,
        dir: PathBuf,
        catalog: Catalog,
        cordoned: bool,
    ) -> Self {
        Self {
            id,
            files: Arc::new(ChainFiles::new(fs.clone(), chains_dir(&dir)).sharing(open)),
            fs,
            dir,
            catalog,
            commits: Commits::new(),
            counters: Counters::default(),
            cordoned: AtomicBool::new(cordoned),
            full: AtomicBool::new(false),
            available_bytes: AtomicU64::new(0),
            reserve_bytes: AtomicU64::new(0),
            partitions: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            last_warning: Mutex::new(None),
        }
    }

    /// Whether the store may be read and written at all.
    ///
    /// # Errors
    /// `Failed` once it has failed.
    pub fn check_alive(&self) -> Result<(), StoreError> {
        self.files.check_alive()
    }

    /// Whether the store takes appends.
    ///
    /// # Errors
    /// `Failed` once it has failed or is being shut down.
    pub fn check_appendable(&self) -> Result<(), StoreError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(StoreError::Failed("the store is being shut down".into()));
        }
        self.check_alive()
    }

    /// Whether the store has room for more.
    pub fn has_room(&self) -> bool {
        self.check_appendable().is_ok() && !self.full.load(Ordering::Acquire)
    }

    /// Asks the system how much room there is. Below the reserve the store counts as full, until there is twice as much.
    pub fn look_for_room(&self) {
        let Ok(space) = self.fs.space(&self.dir) else { return };
        self.available_bytes.store(space.available, Ordering::Relaxed);
        self.catalog.reserve().keep(space);
        let reserve = RESERVE_BYTES.min(space.total / 20);
        self.reserve_bytes.store(reserve, Ordering::Relaxed);
        if space.available < reserve {
            self.set_full(true);
        } else if space.available >= reserve * 2 {
            self.set_full(false);
        }
    }

    /// A partition is written here from now on.
    pub fn add_partition(&self) {
        self.partitions.fetch_add(1, Ordering::Relaxed);
    }

    /// A partition that was written here is not any more.
    pub fn remove_partition(&self) {
        self.partitions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Says whether it gets new partitions.
    pub fn set_cordoned(&self, cordoned: bool) {
        self.cordoned.store(cordoned, Ordering::Release);
    }

    /// Says whether there is little space left.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Release);
    }

    /// Takes no appends from now on, except those that a writer has begun.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.files.graveyard.close();
    }

    /// Takes note of a failed write: want of space or files may pass, anything else ends the store.
    pub fn write_failed(&self, what: &str, error: &io::Error) -> StoreError {
        let outcome = StoreError::of_write(error);
        match &outcome {
            StoreError::Failed(reason) => self.fail(what, reason),
            StoreError::Full | StoreError::NoFiles => self.note_want(what, &outcome),
        }
        outcome
    }

    /// Ends the store.
    pub fn fail(&self, what: &str, reason: &Arc<str>) {
        if self.files.fail(reason) {
            tracing::error!("{}: {what} failed, the store is not used any more: {reason}", self.dir.display());
        }
    }

    /// Takes note of a failure of the catalog.
    pub fn catalog_failed(&self, error: StoreError) -> StoreError {
        match &error {
            StoreError::Failed(reason) => self.fail("a change of the catalog", reason),
            StoreError::Full | StoreError::NoFiles => self.warn_of_want("a change of the catalog", &error),
        }
        error
    }

    /// Learns what `other` has announced since the last time.
    ///
    /// # Errors
    /// Of this store's catalog.
    pub fn follow(&self, other: &Store) -> Result<(), StoreError> {
        loop {
            let after = self.catalog.followed(other.id)?;
            let news = match other.catalog.news(after) {
                Ok(Some(news)) => news,
                Ok(None) => return Ok(()),
                Err(error) => {
                    other.catalog_failed(error);
                    return Ok(());
                }
            };
            self.catalog.follow(other.id, news.up_to, &news.rows)?;
        }
    }

    /// What placement goes by.
    pub fn view(&self) -> StoreView {
        let is_full = self.full.load(Ordering::Relaxed);
        StoreView {
            id: self.id,
            is_healthy: self.check_appendable().is_ok(),
            is_cordoned: self.cordoned.load(Ordering::Acquire),
            available_bytes: if is_full { 0 } else { self.available_bytes.load(Ordering::Relaxed) },
            reserve_bytes: self.reserve_bytes.load(Ordering::Relaxed),
            partitions: self.partitions.load(Ordering::Relaxed),
        }
    }

    /// Takes note that space or files are wanting; without space the store takes no new chains.
    pub fn note_want(&self, what: &str, error: &StoreError) {
        if matches!(error, StoreError::Full) {
            self.set_full(true);
        }
        self.warn_of_want(what, error);
    }

    /// Says that space or files are wanting, but not for every batch that is refused.
    fn warn_of_want(&self, what: &str, error: &StoreError) {
        let mut last = self.last_warning.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= WARNING_INTERVAL) {
            *last = Some(Instant::now());
            tracing::warn!("{}: {what} is refused for now: {error}", self.dir.display());
        }
    }

    /// The counters now.
    pub fn stats(&self) -> StoreStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreStats {
            dir: self.dir.clone(),
            commits: count(&self.counters.commits),
            journal_bytes: count(&self.counters.journal_bytes),
            journal_commits: count(&self.counters.journal_commits),
            direct_commits: count(&self.counters.direct_commits),
            synced_segments: count(&self.counters.synced_segments),
            synced_bytes: count(&self.counters.synced_bytes),
            bytes_appended: count(&self.counters.bytes_appended),
            reads: self.files.reads.stats(),
            chains_received: count(&self.counters.chains_received),
            deleted: self.files.graveyard.count(),
            failed: self.check_alive().is_err(),
            full: self.full.load(Ordering::Relaxed),
            available_bytes: self.available_bytes.load(Ordering::Relaxed),
        }
    }
}

/// The directory of the segments.
pub fn chains_dir(dir: &Path) -> PathBuf {
    dir.join("chains")
}

/// The directory of the journal.
pub fn journal_dir(dir: &Path) -> PathBuf {
    dir.join("journal")
}
