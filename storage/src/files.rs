//! Where the segments of a store are.

use std::path::PathBuf;
use std::sync::Arc;

use crate::fs::FileSystem;

/// What the segments of one store share.
#[derive(Debug)]
pub struct ChainFiles {
    /// Through which they are reached.
    pub fs: Arc<dyn FileSystem>,
    /// Their directory.
    pub dir: PathBuf,
}
