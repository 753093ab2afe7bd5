//! Where the segments of a store are, which of their files are open, and whether they can be reached.
//!
//! What must always hold: a store fails once and for good. A name is never used for two files: ids of chains are never used twice.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::courtesy::Courtesy;
use crate::error::StoreError;
use crate::fs::FileSystem;
use crate::graveyard::Graveyard;
use crate::ids::SegmentId;
use crate::open_files::{OpenFiles, Owner};
use crate::reading::ReadCounters;

/// What the segments of one store share.
#[derive(Debug)]
pub struct ChainFiles {
    /// Through which they are reached.
    pub fs: Arc<dyn FileSystem>,
    /// Their directory.
    pub dir: PathBuf,
    /// Those that are open, of this store and others.
    pub open: Arc<OpenFiles>,
    /// Whose they are in that list.
    pub owner: Owner,
    /// Those that are to be removed.
    pub graveyard: Graveyard,
    /// Which reads leave the disk to commits.
    pub courtesy: Courtesy,
    /// How they were read.
    pub reads: ReadCounters,
    failed: OnceLock<Arc<str>>,
    closed: AtomicBool,
}

/// A file of a segment.
#[derive(Debug, Clone, Copy)]
pub enum SegmentFile {
    /// Its batches.
    Log(SegmentId),
    /// Its index entries.
    Index(SegmentId),
}

impl ChainFiles {
    /// The files below `dir`, with a list of open ones of their own.
    pub fn new(fs: Arc<dyn FileSystem>, dir: PathBuf) -> Self {
        Self {
            fs,
            dir,
            open: Arc::default(),
            owner: Owner::unique(),
            graveyard: Graveyard::default(),
            courtesy: Courtesy::default(),
            reads: ReadCounters::default(),
            failed: OnceLock::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// With a list of open files that others use as well.
    pub fn sharing(self, open: &Arc<OpenFiles>) -> Self {
        Self { open: open.clone(), ..self }
    }

    /// Where a file is.
    pub fn path(&self, file: SegmentFile) -> PathBuf {
        match file {
            SegmentFile::Log(id) => id.log_path(&self.dir),
            SegmentFile::Index(id) => id.index_path(&self.dir),
        }
    }

    /// Takes note that the store has failed; whether that is news.
    pub fn fail(&self, reason: &Arc<str>) -> bool {
        self.failed.set(reason.clone()).is_ok()
    }

    /// Whether the store can be used.
    ///
    /// # Errors
    /// `Failed` once it has failed.
    pub fn check_alive(&self) -> Result<(), StoreError> {
        self.failed.get().map_or(Ok(()), |reason| Err(StoreError::Failed(reason.clone())))
    }

    /// Closes all files, for good: the directory may be unmounted as soon as nobody looks at a view any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.open.forget_all(self.owner);
    }

    /// Whether no file is opened any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// As `check_alive`, for readers and writers of files.
    ///
    /// # Errors
    /// When the store has failed.
    pub fn check_usable(&self) -> io::Result<()> {
        self.check_alive().map_err(|error| io::Error::other(error.to_string()))
    }
}

#[cfg(test)]
pub mod tests {
    use std::path::Path;

    use super::*;
    use crate::fs::RealFileSystem;

    /// Segments in `dir` itself, of which so many files are open.
    pub fn chain_files(dir: &Path, open_max: usize) -> Arc<ChainFiles> {
        let open = Arc::new(OpenFiles::new(open_max));
        Arc::new(ChainFiles::new(Arc::new(RealFileSystem), dir.to_owned()).sharing(&open))
    }
}
