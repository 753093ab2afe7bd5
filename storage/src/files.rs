//! Where the segments of a store are.

use std::path::PathBuf;
use std::sync::Arc;

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
}

impl ChainFiles {
    /// Those in `dir`.
    pub fn new(fs: Arc<dyn FileSystem>, dir: PathBuf) -> Self {
        Self { fs, dir, reads: ReadCounters::default() }
    }
}
