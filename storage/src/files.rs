//! Where the segments of a store are, and whether they can be reached.
//!
//! What must always hold: a store fails once and for good.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::error::StoreError;
use crate::fs::FileSystem;
use crate::reading::ReadCounters;

/// What the segments of one store share.
#[derive(Debug)]
pub struct ChainFiles {
    /// Through which they are reached.
    pub fs: Arc<dyn FileSystem>,
    /// Their directory.
    pub dir: PathBuf,
    /// How they were read.
    pub reads: ReadCounters,
    failed: OnceLock<Arc<str>>,
}

impl ChainFiles {
    /// The files below `dir`.
    pub fn new(fs: Arc<dyn FileSystem>, dir: PathBuf) -> Self {
        Self { fs, dir, reads: ReadCounters::default(), failed: OnceLock::new() }
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

    /// As `check_alive`, for readers and writers of files.
    ///
    /// # Errors
    /// When the store has failed.
    pub fn check_usable(&self) -> io::Result<()> {
        self.check_alive().map_err(|error| io::Error::other(error.to_string()))
    }
}
