//! What the parts of one store share: where its files are, its catalog, its commits, its counters.
//!
//! What must always hold: a store that has failed is not written again, and says so to everybody who asks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::catalog::Catalog;
use crate::commit::Commits;
use crate::error::StoreError;
use crate::files::ChainFiles;
use crate::fs::FileSystem;
use crate::ids::{ChainId, StoreId};
use crate::log::PartitionLog;
use crate::reading::ReadStats;
use crate::stamp::Stamps;

/// A store that wants space says so this often.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Beyond so many segments one `syncfs` costs less than syncing each.
pub const SYNC_EACH_MAX: usize = 16;

/// One store.
pub struct Store {
    /// Its id.
    pub id: StoreId,
    /// The data directory.
    pub dir: PathBuf,
    /// Through which its files are reached.
    pub fs: Arc<dyn FileSystem>,
    /// The files of the segments.
    pub files: Arc<ChainFiles>,
    /// Topics, chains, ids.
    pub catalog: Catalog,
    /// The queue to the committer.
    pub commits: Commits<Arc<PartitionLog>>,
    /// This start's epoch.
    pub epoch: u32,
    /// Gives stamps.
    pub stamps: Stamps,
    /// Counters since the start.
    pub counters: Counters,
    next_chain: AtomicU32,
    last_warning: Mutex<Option<Instant>>,
    closing: AtomicBool,
}

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Group commits.
    pub commits: AtomicU64,
    /// Bytes written to the journal.
    pub journal_bytes: AtomicU64,
    /// Segments synced in place by a commit.
    pub synced_segments: AtomicU64,
    /// Bytes of batches appended.
    pub bytes_appended: AtomicU64,
}

/// Counters for metrics; plain numbers since the start.
#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    /// Group commits.
    pub commits: u64,
    /// Bytes written to the journal.
    pub journal_bytes: u64,
    /// Segments synced in place by a commit.
    pub synced_segments: u64,
    /// Bytes of batches appended.
    pub bytes_appended: u64,
    /// Reads from the disk.
    pub reads: ReadStats,
    /// Whether the store has failed for good.
    pub failed: bool,
}

impl Store {
    /// A store in `dir` in broker epoch `epoch`.
    pub fn new(fs: Arc<dyn FileSystem>, dir: PathBuf, catalog: Catalog, epoch: u32) -> Self {
        Self {
            files: Arc::new(ChainFiles::new(fs.clone(), chains_dir(&dir))),
            fs,
            dir,
            id: catalog.store(),
            catalog,
            commits: Commits::new(),
            epoch,
            stamps: Stamps::default(),
            counters: Counters::default(),
            next_chain: AtomicU32::new(0),
            last_warning: Mutex::new(None),
            closing: AtomicBool::new(false),
        }
    }

    /// The name of a new chain.
    pub fn next_chain(&self) -> ChainId {
        let sequence = self.next_chain.fetch_add(1, Ordering::Relaxed);
        ChainId { epoch: self.epoch, sequence, store: self.id }
    }

    /// Whether the store may be written.
    ///
    /// # Errors
    /// `Failed` once it has failed.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        self.commits.failure().map_or(Ok(()), Err)
    }

    /// Whether the store takes appends.
    ///
    /// # Errors
    /// `Failed` once it has failed or is being shut down.
    pub fn check_appendable(&self) -> Result<(), StoreError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(StoreError::Failed("the store is being shut down".into()));
        }
        self.check_writable()
    }

    /// Takes no appends from now on, except those that a writer has begun.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Takes note of a failed write: a full disk may pass, anything else ends all writing.
    pub fn write_failed(&self, what: &str, error: &io::Error) -> StoreError {
        let outcome = StoreError::of_write(error);
        match &outcome {
            StoreError::Failed(reason) => {
                let dir = self.dir.display();
                tracing::error!("{dir}: {what} failed, nothing is written until the next start: {reason}");
                self.commits.fail(reason);
            }
            StoreError::Full => self.warn_of_want(what, error),
        }
        outcome
    }

    /// Says that space or files are wanting, but not for every batch that is refused.
    fn warn_of_want(&self, what: &str, error: &io::Error) {
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
            commits: count(&self.counters.commits),
            journal_bytes: count(&self.counters.journal_bytes),
            synced_segments: count(&self.counters.synced_segments),
            bytes_appended: count(&self.counters.bytes_appended),
            reads: self.files.reads.stats(),
            failed: self.commits.failure().is_some(),
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
