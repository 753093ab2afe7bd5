//! The directories of the stores, as administrators see and use them.
//!
//! What must always hold: directories are named as Kafka names them, absolute; a partition is listed where it has records or is appended,
//! so after a failure in more than one directory.
//!
//! Source: Apache Kafka, `ReplicaManager.describeLogDirs`, `ReplicaManager.alterReplicaLogDirs`, KIP-113, KIP-827.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use crate::fs::Space;
use crate::ids::StoreId;
use crate::log::{PartitionLog, Share};
use crate::storage::Storage;
use crate::topics::Topic;

/// A directory.
#[derive(Debug)]
pub struct LogDir {
    /// Its absolute path.
    pub path: PathBuf,
    /// Whether its store gets no new partitions (`cordoned.log.dirs`).
    pub is_cordoned: bool,
    /// The room there; `None` when its store is away.
    pub space: Option<Space>,
    /// What is there.
    pub partitions: Vec<LogDirPartition>,
}

/// A partition in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirPartition {
    /// The topic.
    pub topic: Uuid,
    /// Its name.
    pub topic_name: String,
    /// The partition.
    pub index: u32,
    /// Bytes there.
    pub bytes: u64,
    /// Offsets that are still to come.
    pub lag: i64,
    /// Whether it is on its way there.
    pub is_future: bool,
}

/// Why a partition is not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MoveError {
    /// `log.dirs` does not name the directory.
    #[error("the directory is not one of log.dirs")]
    NotFound,
    /// Its store is away.
    #[error("the store of the directory is away")]
    Away,
    /// It gets nothing new (`cordoned.log.dirs`), not even what it has.
    #[error("the directory is cordoned")]
    Cordoned,
    /// There is no such partition; the directory is remembered for when it is made.
    #[error("there is no such partition")]
    Unknown,
    /// The system refuses.
    #[error("the move cannot be begun")]
    Refused,
}

impl Storage {
    /// All directories, in the order of `log.dirs`.
    pub fn log_dirs(&self) -> Vec<LogDir> {
        let topics = self.topics();
        let describe = |dir: &PathBuf| {
            let store = self.store_in(dir);
            let partitions = store.map_or_else(Vec::new, |(store, _)| self.partitions_in(store, &topics));
            LogDir {
                path: absolute(dir),
                is_cordoned: self.is_cordoned(dir),
                space: store.and_then(|(_, space)| space),
                partitions,
            }
        };
        self.dirs().iter().map(describe).collect()
    }

    /// Moves a partition to the store in `dir`, in the background.
    ///
    /// # Errors
    /// `MoveError`.
    pub fn move_partition(&self, topic: &str, index: u32, dir: &Path) -> Result<(), MoveError> {
        let dir = self.dirs().iter().find(|known| absolute(known) == dir).ok_or(MoveError::NotFound)?;
        let (store, _) = self.store_in(dir).ok_or(MoveError::Away)?;
        if self.is_cordoned(dir) {
            return Err(MoveError::Cordoned);
        }
        let known = self.topic(topic);
        let log = known.as_ref().and_then(|known| known.partitions.get(usize::try_from(index).ok()?));
        let Some(log) = log else {
            self.prefer(topic, index, dir);
            return Err(MoveError::Unknown);
        };
        self.begin_move(log.id(), store).map_err(|_: io::Error| MoveError::Refused)
    }

    fn partitions_in(&self, store: StoreId, topics: &[Arc<Topic>]) -> Vec<LogDirPartition> {
        let in_topic = |topic: &Arc<Topic>| {
            let share = |log: &Arc<PartitionLog>| self.share_in(store, topic, log);
            topic.partitions.iter().filter_map(share).collect::<Vec<_>>()
        };
        topics.iter().flat_map(in_topic).collect()
    }

    fn share_in(&self, store: StoreId, topic: &Topic, log: &PartitionLog) -> Option<LogDirPartition> {
        let shares = log.shares();
        let share = shares.iter().find(|(known, _)| *known == store).map(|(_, share)| *share);
        let target = self.move_target(log.id());
        let elsewhere: i64 = shares.iter().filter(|(known, _)| *known != store).map(|(_, share)| share.offsets).sum();
        let is_future = target == Some(store) && elsewhere > 0;
        // A partition that nobody has written to yet is in the store of its topic.
        let is_home = log.home().or(StoreId::of_topic(topic.id)) == Some(store);
        let Share { bytes, .. } = share.or((is_home || is_future).then(Share::default))?;
        Some(LogDirPartition {
            topic: topic.id,
            topic_name: topic.name.clone(),
            index: log.id().index,
            bytes,
            lag: if is_future { elsewhere } else { 0 },
            is_future,
        })
    }
}

/// As Kafka names directories.
fn absolute(dir: &Path) -> PathBuf {
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned())
}
