//! For tests: a log whose committer can be held.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam::channel::{Sender, bounded};
use tempfile::TempDir;

use super::{Appended, PartitionLog};
use crate::config::{CleanerOptions, LogConfig, StorageOptions};
use crate::storage::Storage;
use crate::store::Store;
use crate::topics::NewTopic;

/// A log, and what it lives in. Nothing is compacted but by hand.
pub struct Fixture {
    /// The log.
    pub log: Arc<PartitionLog>,
    /// Its store.
    pub store: Arc<Store>,
    _storage: Arc<Storage>,
    _dir: TempDir,
}

impl Fixture {
    /// A log with these settings, without limits for timestamps.
    pub fn new(config: LogConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log_config = LogConfig { timestamp_after_max_ms: i64::MAX, ..config }.into();
        let cleaner = CleanerOptions { enabled: false, ..CleanerOptions::default() };
        let options = StorageOptions { log_config, cleaner, ..StorageOptions::default() };
        let (storage, _) = Storage::open(&[dir.path().to_owned()], options).unwrap();
        let new = NewTopic { name: "t".into(), partitions: 1, configs: BTreeMap::new(), internal: false };
        let log = storage.create_topics(vec![new]).pop().unwrap().unwrap().partitions[0].clone();
        let store = log.stores.all()[0].clone();
        Self { log, store, _storage: storage, _dir: dir }
    }

    /// From now on the committer has no turn, until something is sent or the sender is dropped.
    pub fn hold(&self) -> Sender<()> {
        let ((held, is_held), (go_on, goes_on)) = (bounded::<()>(1), bounded::<()>(1));
        self.store.commits.run_between(Box::new(move || {
            held.send(()).unwrap();
            let _ = goes_on.recv();
        }));
        is_held.recv().unwrap();
        go_on
    }
}

/// Waits until what was appended is durable.
pub fn wait_for(appended: Appended) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(appended.commit.durable()).unwrap();
}
