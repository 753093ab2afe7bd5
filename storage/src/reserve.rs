//! A file that keeps some room for the catalog, so that a full disk does not end what has to be written to make room again: deletions,
//! the ends of chains, the next broker epoch.
//!
//! What must always hold: nothing is in it; it is given up only when the catalog finds no room, and made again when there is plenty.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fs::{FileSystem, Open, Space};

/// Its name in the directory of the store.
pub const RESERVE_FILE: &str = "reserve";
/// Room that is kept, unless the disk is small.
const RESERVE_BYTES: u64 = 8 * 1024 * 1024;
/// Of a small disk so much at most is kept: one part in so many.
const RESERVE_PART: u64 = 50;

/// The room that is kept in one store.
pub struct Reserve {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
}

impl Reserve {
    /// That of the store in `dir`.
    pub fn new(fs: Arc<dyn FileSystem>, dir: &Path) -> Self {
        Self { fs, path: dir.join(RESERVE_FILE) }
    }

    /// Makes the file if it is not there and there is plenty of room. Without it only a full disk is less comfortable.
    pub fn keep(&self, space: Space) {
        let bytes = RESERVE_BYTES.min(space.total / RESERVE_PART);
        if space.available < bytes * 4 || self.fs.len(&self.path).is_ok_and(|len| len >= bytes) {
            return;
        }
        let made = self.fs.open(&self.path, Open::WriteOrCreate).and_then(|file| file.allocate(0, bytes));
        if let Err(error) = made {
            tracing::debug!("{}: no room is kept: {error}", self.path.display());
        }
    }

    /// Gives the room up; whether there was some.
    pub fn give_up(&self) -> bool {
        let there = self.fs.len(&self.path).is_ok_and(|len| len > 0);
        there && self.fs.remove_file(&self.path).is_ok()
    }
}
