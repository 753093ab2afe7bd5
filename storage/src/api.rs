//! The public face of the storage crate (signatures first; bodies move to their own files).
#![allow(missing_docs, unused_variables, clippy::all)]
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::Notify;
use uuid::Uuid;

/// Settings of one partition log, resolved from topic configs and broker defaults by the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    pub max_message_bytes: usize,
    pub segment_bytes: u32,
    pub index_interval_bytes: u32,
    pub timestamp_type: TimestampType,
    pub timestamp_before_max_ms: i64,
    pub timestamp_after_max_ms: i64,
    pub compacted: bool,
    pub producer_id_expiration_ms: i64,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// Settings of the store itself.
#[derive(Debug, Clone)]
pub struct StorageOptions {
    pub journal_segment_bytes: u64,
    /// Resolves stored topic configs (name -> value) into the log settings of its partitions.
    pub log_config: fn(&BTreeMap<String, String>, &LogConfig) -> LogConfig,
    pub log_defaults: LogConfig,
}

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{dir} is used by another process")]
    Locked { dir: PathBuf },
    #[error("{dir} does not hold Catena data: {reason}")]
    Foreign { dir: PathBuf, reason: String },
    #[error("cannot use {dir}: {source}")]
    Io {
        dir: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the catalog in {dir} is damaged: {reason}")]
    Damaged { dir: PathBuf, reason: String },
}

/// What recovery did.
#[derive(Debug, Clone, Default)]
pub struct RecoveryReport {
    pub elapsed: std::time::Duration,
    pub journal_slots: u64,
    pub open_chains: u64,
    pub bytes_scanned: u64,
    pub bytes_cut: u64,
}

/// All data of one broker. One store (directory) for now.
pub struct Storage;

#[derive(Debug, Clone)]
pub struct NewTopic {
    pub name: String,
    pub partitions: u32,
    pub configs: BTreeMap<String, String>,
    pub internal: bool,
}

/// A topic and its partition logs; replaced as a whole when partitions are added.
pub struct Topic {
    pub id: Uuid,
    pub name: String,
    pub configs: BTreeMap<String, String>,
    pub partitions: Vec<Arc<PartitionLog>>,
}

#[derive(Debug, Error)]
pub enum TopicError {
    #[error("topic '{0}' exists already")]
    Exists(String),
    #[error("no such topic")]
    Unknown,
    #[error("a topic cannot have fewer partitions than now ({now})")]
    FewerPartitions { now: u32 },
    #[error(transparent)]
    Store(#[from] StoreError),
}
/// The store cannot do it: full (temporary), or failed for good.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    #[error("the store has failed: {0}")]
    Failed(Arc<str>),
    #[error("no space left in the store")]
    Full,
}

impl Storage {
    /// Opens or creates the store in `dir`, recovers it and takes a new broker epoch. Blocking.
    pub fn open(dir: &Path, options: StorageOptions) -> Result<(Arc<Storage>, RecoveryReport), OpenError> {
        todo!()
    }
    /// 22-character base64url id, made once with the store (as Kafka's `cluster.id`).
    pub fn cluster_id(&self) -> &str {
        todo!()
    }
    pub fn broker_epoch(&self) -> i64 {
        todo!()
    }
    /// All topics by name, a snapshot.
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        todo!()
    }
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        todo!()
    }
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        todo!()
    }
    /// Creates topics, one catalog transaction for all; the answer of each in order. Blocking (one fsync).
    pub fn create_topics(&self, topics: Vec<NewTopic>) -> Vec<Result<Arc<Topic>, TopicError>> {
        todo!()
    }
    /// Deletes topics by id; their chains' files are removed in the background. Blocking.
    pub fn delete_topics(&self, ids: &[Uuid]) -> Vec<Result<(), TopicError>> {
        todo!()
    }
    /// Grows a topic to `total` partitions. Blocking.
    pub fn add_partitions(&self, id: Uuid, total: u32) -> Result<Arc<Topic>, TopicError> {
        todo!()
    }
    /// Takes `count` producer ids that were never given out before, also not before a crash. Blocking now and then.
    pub fn next_producer_id(&self) -> Result<i64, StoreError> {
        todo!()
    }
    pub fn stats(&self) -> StoreStats {
        todo!()
    }
    /// Commits what is pending, seals the open chains, checkpoints. The last call. Blocking.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        todo!()
    }
}

/// Counters for metrics; plain numbers since start.
#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    pub commits: u64,
    pub journal_bytes: u64,
    pub synced_segments: u64,
    pub bytes_appended: u64,
    pub failed: bool,
}

pub struct PartitionLog;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOffsets {
    pub log_start: i64,
    pub last_stable: i64,
    pub high_watermark: i64,
    pub log_end: i64,
}

/// Who appends: clients go through all checks, the coordinator writes its own (internal) records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOrigin {
    Client,
    Coordinator,
}

pub struct Appended {
    pub base_offset: i64,
    pub last_offset: i64,
    /// Set when the topic uses LogAppendTime.
    pub log_append_time_ms: Option<i64>,
    pub log_start: i64,
    /// The batch was a duplicate of one appended before; offsets are the original's.
    pub duplicate: bool,
    pub commit: CommitTicket,
}
/// A promise that an append becomes durable with a later group commit.
pub struct CommitTicket;
impl CommitTicket {
    /// Completes once the append is durable (or the store failed).
    pub async fn durable(self) -> Result<(), StoreError> {
        todo!()
    }
    pub fn is_durable(&self) -> bool {
        todo!()
    }
}

#[derive(Debug, Clone, Error)]
pub enum AppendError {
    #[error("corrupt record batch: {0}")]
    Corrupt(String),
    #[error("invalid record batch: {0}")]
    InvalidRecord(String),
    #[error("record format magic {0} is not supported")]
    UnsupportedMagic(i8),
    #[error("unknown compression codec {0}")]
    UnsupportedCompression(i16),
    #[error("batch of {size} bytes exceeds max.message.bytes {max}")]
    TooLarge { size: usize, max: usize },
    #[error("records of {size} bytes exceed segment.bytes {max}")]
    LargerThanSegment { size: usize, max: usize },
    #[error("timestamp {timestamp} is out of the range from {min} to {max}")]
    InvalidTimestamp { timestamp: i64, min: i64, max: i64 },
    #[error("out of order sequence number for producer {producer_id}: {found}, expected {expected}")]
    OutOfOrderSequence { producer_id: i64, found: i32, expected: i32 },
    #[error("producer {producer_id} epoch {found} is older than {current}")]
    InvalidProducerEpoch { producer_id: i64, found: i16, current: i16 },
    #[error("transactional or control batches are not accepted here: {0}")]
    InvalidTransaction(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Up to where a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadUpTo {
    HighWatermark,
    LastStable,
    LogEnd,
}

/// Whole batches, ready for the socket. `bytes` points into the mapping; `file` names the same range for sendfile.
pub struct ReadSlice {
    pub bytes: Bytes,
    pub file: Option<FileRange>,
    pub offsets: LogOffsets,
}
#[derive(Clone)]
pub struct FileRange {
    pub file: Arc<File>,
    pub position: u64,
    pub len: usize,
}

#[derive(Debug, Clone, Error)]
pub enum ReadError {
    #[error("offset {offset} is outside of {log_start}..{log_end}")]
    OutOfRange { offset: i64, log_start: i64, log_end: i64 },
    #[error("the batch at offset {offset} is corrupt")]
    Corrupt { offset: i64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampOffset {
    pub offset: i64,
    pub timestamp: i64,
    pub leader_epoch: i32,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    pub leader_epoch: i32,
    pub end_offset: i64,
}

impl PartitionLog {
    pub fn topic_id(&self) -> Uuid {
        todo!()
    }
    pub fn index(&self) -> i32 {
        todo!()
    }
    pub fn config(&self) -> Arc<LogConfig> {
        todo!()
    }
    pub fn offsets(&self) -> LogOffsets {
        todo!()
    }
    /// The epoch under which this broker appends now (its broker epoch).
    pub fn leader_epoch(&self) -> i32 {
        todo!()
    }
    /// Validates and appends the batches in `records` (a Produce request's bytes for this partition). Never waits for
    /// the disk beyond a write into the page cache. `now_ms` is the broker's clock.
    pub fn append(&self, records: Bytes, origin: AppendOrigin, now_ms: i64) -> Result<Appended, AppendError> {
        todo!()
    }
    /// Whole batches from the one that contains `offset` on, at most `max_bytes`, but at least one batch when
    /// `min_one_batch`. Empty at the end. One slice never spans segments.
    pub fn read(
        &self,
        offset: i64,
        max_bytes: usize,
        min_one_batch: bool,
        up_to: ReadUpTo,
    ) -> Result<ReadSlice, ReadError> {
        todo!()
    }
    /// First record whose timestamp is at least `timestamp_ms` (exact, looks into the batch). Blocking: may read cold data.
    pub fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
        up_to: ReadUpTo,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        todo!()
    }
    /// The (first) record with the largest timestamp. Blocking.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        todo!()
    }
    /// Kafka's OffsetForLeaderEpoch: the largest epoch <= `epoch` and its end offset; None if unknown.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> Option<EpochEnd> {
        todo!()
    }
    /// The leader epoch of the record at `offset`.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        todo!()
    }
    /// Notifies once when high watermark next moves, the log is deleted, or the store fails. Cheap; drop to unregister.
    pub fn notify_on_advance(&self, waiter: &Arc<Notify>) {
        todo!()
    }
    pub fn is_deleted(&self) -> bool {
        todo!()
    }
    /// Bytes of records kept.
    pub fn size_bytes(&self) -> u64 {
        todo!()
    }
}
