//! A computer with a disk that can lose power and fail, and some stores on it.

use std::path::PathBuf;
use std::sync::Arc;

use catena_storage::fs::faulty::FaultyFileSystem;
use catena_storage::{OpenError, Storage, StorageOptions};
use tempfile::TempDir;

/// A computer with stores.
pub struct Machine {
    pub disk: FaultyFileSystem,
    dir: TempDir,
    stores: usize,
}

impl Machine {
    /// One with an empty disk, on which there are to be so many stores.
    pub fn new(stores: usize) -> Self {
        Self::with(directory(), stores)
    }

    fn with(dir: TempDir, stores: usize) -> Self {
        Self { disk: FaultyFileSystem::new(dir.path()).unwrap(), dir, stores }
    }

    /// Where the stores are.
    pub fn data_dirs(&self) -> Vec<PathBuf> {
        (0..self.stores).map(|store| self.dir.path().join(format!("store-{store}"))).collect()
    }

    /// Starts the stores. `options` have any file system.
    pub fn open(&self, options: &StorageOptions) -> Result<Arc<Storage>, OpenError> {
        let options = StorageOptions { fs: Arc::new(self.disk.clone()), ..options.clone() };
        Storage::open(&self.data_dirs(), options).map(|(storage, _)| storage)
    }

    /// The power goes, if it has not; the machine after it has come back. `seed` says what the disk has kept.
    pub fn after_power_loss(&self, seed: u64) -> Self {
        self.disk.power_off();
        let target = directory();
        self.disk.left_behind(seed, target.path()).unwrap();
        Self::with(target, self.stores)
    }
}

/// A directory, in memory where that can be: what is durable is the faulty disk's own matter.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
