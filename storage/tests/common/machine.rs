//! A computer with a disk that can lose power and fail, and some stores on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use catena_storage::fs::faulty::{Fault, FaultyFileSystem, Operation};
use catena_storage::{OpenError, Storage, StorageOptions};
use tempfile::TempDir;

use super::whole;

/// Where the disk is mounted.
const ROOT: &str = "/stores";

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
        Self { disk: FaultyFileSystem::at(Path::new(ROOT), dir.path()).unwrap(), dir, stores }
    }

    /// Where the stores are, always at the same paths.
    pub fn data_dirs(&self) -> Vec<PathBuf> {
        (0..self.stores).map(|store| Path::new(ROOT).join(format!("store-{store}"))).collect()
    }

    /// Where the files of all stores are really.
    #[allow(dead_code)]
    pub fn files(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the stores. `options` have any file system.
    pub fn open(&self, options: &StorageOptions) -> Result<Arc<Storage>, OpenError> {
        let options = StorageOptions { fs: Arc::new(self.disk.clone()), ..options.clone() };
        Storage::open(&self.data_dirs(), options).map(|(storage, _)| storage)
    }

    /// One of the stores is gone: all operations in it fail. Which is `at`, modulo their number.
    #[allow(dead_code)]
    pub fn lose_store(&self, at: usize) {
        let dirs = self.data_dirs();
        self.disk.lose(&dirs[at % dirs.len()], Fault::Io);
    }

    /// One of the stores, as for `lose_store`, can be used again.
    #[allow(dead_code)]
    pub fn give_back_store(&self, at: usize) {
        let dirs = self.data_dirs();
        self.disk.give_back(&dirs[at % dirs.len()]);
    }

    /// One of the stores, as for `lose_store`, has no room for new files.
    #[allow(dead_code)]
    pub fn fill_store(&self, at: usize) {
        let dirs = self.data_dirs();
        self.disk.lose_only(&dirs[at % dirs.len()], &[Operation::Allocate], Fault::NoSpace);
    }

    /// The power goes, if it has not; the machine after it has come back. `seed` says what the disk has kept.
    pub fn after_power_loss(&self, seed: u64) -> Self {
        self.disk.power_off();
        let target = directory();
        self.disk.left_behind(seed, target.path()).unwrap();
        let stores = (0..self.stores).map(|store| target.path().join(format!("store-{store}")));
        whole::assert_whole(&stores.collect::<Vec<_>>());
        Self::with(target, self.stores)
    }
}

/// A directory, in memory where that can be: what is durable is the faulty disk's own matter.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
