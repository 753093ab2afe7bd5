//! Settings of logs and of the store, resolved by the broker; nothing here knows where they come from.
//!
//! What must always hold: `LogConfig::default` is what Apache Kafka 4.4 runs a topic with that sets nothing (tested in the
//! broker against its table of settings).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::fs::{FileSystem, RealFileSystem};
use crate::log_configs::LogConfigs;
use crate::open_files::OpenFiles;

/// Settings of one partition log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// Largest batch, bytes (`max.message.bytes`).
    pub max_message_bytes: usize,
    /// Largest segment, bytes (`segment.bytes`).
    pub segment_bytes: u32,
    /// A segment whose first record is older than the newest by so much is closed, milliseconds (`segment.ms`).
    pub segment_ms: i64,
    /// Up to so much is taken from `segment_ms` at random, milliseconds (`segment.jitter.ms`).
    pub segment_jitter_ms: i64,
    /// Bytes of records between two index entries (`index.interval.bytes`).
    pub index_interval_bytes: u32,
    /// Whose clock counts (`message.timestamp.type`).
    pub timestamp_type: TimestampType,
    /// How far a timestamp may lie in the past, milliseconds.
    pub timestamp_before_max_ms: i64,
    /// How far a timestamp may lie in the future, milliseconds.
    pub timestamp_after_max_ms: i64,
    /// What becomes of old records (`cleanup.policy`).
    pub cleanup: CleanupPolicy,
    /// How long records are kept, milliseconds (`retention.ms`); `None` means for ever.
    pub retention_ms: Option<i64>,
    /// How many bytes are kept (`retention.bytes`); `None` means all.
    pub retention_bytes: Option<u64>,
    /// How long the files of what was deleted stay, milliseconds (`file.delete.delay.ms`).
    pub file_delete_delay_ms: i64,
    /// Shortest time that a record stays out of compaction, milliseconds (`min.compaction.lag.ms`).
    pub min_compaction_lag_ms: i64,
    /// Longest time that a record stays out of compaction, milliseconds (`max.compaction.lag.ms`).
    pub max_compaction_lag_ms: i64,
    /// Share of bytes not yet compacted from which on a log is compacted (`min.cleanable.dirty.ratio`).
    pub min_cleanable_dirty_ratio: f64,
    /// How long tombstones stay after a compaction has seen them, milliseconds (`delete.retention.ms`).
    pub delete_retention_ms: i64,
    /// The codec of stored batches (`compression.type` and its levels).
    pub compression: Compression,
    /// Largest record in a compressed batch, bytes (`max.decompressed.message.bytes`).
    pub max_decompressed_message_bytes: u32,
    /// Where records are when they are acknowledged with acks=all (`catena.acks.all`).
    pub acks_all: AcksAll,
    /// Records after which the log is forced to disk (`flush.messages`).
    pub flush_messages: i64,
    /// Time after which the log is forced to disk, milliseconds (`flush.ms`).
    pub flush_ms: i64,
    /// How long an append waits for others to be committed with, milliseconds (`catena.commit.delay.ms`).
    pub commit_delay_ms: u32,
    /// How appends are made durable (`catena.commit.strategy`).
    pub commit_strategy: CommitStrategy,
    /// How long an idle producer is remembered, milliseconds (`producer.id.expiration.ms`).
    pub producer_id_expiration_ms: i64,
}

impl LogConfig {
    /// The value of `max.decompressed.message.bytes` that allows every record.
    pub const DECOMPRESSED_MESSAGE_BYTES_ANY: u32 = 2_147_483_639;
}

impl Default for LogConfig {
    fn default() -> Self {
        const DAY_MS: i64 = 86_400_000;
        Self {
            max_message_bytes: 1_048_588,
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            segment_jitter_ms: 0,
            index_interval_bytes: 4096,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            cleanup: CleanupPolicy::DELETE,
            retention_ms: Some(7 * DAY_MS),
            retention_bytes: None,
            file_delete_delay_ms: 60_000,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            delete_retention_ms: DAY_MS,
            compression: Compression::default(),
            max_decompressed_message_bytes: Self::DECOMPRESSED_MESSAGE_BYTES_ANY,
            acks_all: AcksAll::Disk,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            commit_delay_ms: 0,
            commit_strategy: CommitStrategy::Auto,
            producer_id_expiration_ms: DAY_MS,
        }
    }
}

/// What becomes of old records; neither means that all are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// They are deleted.
    pub delete: bool,
    /// Only the last of each key is kept.
    pub compact: bool,
}

impl CleanupPolicy {
    /// Only deletion.
    pub const DELETE: Self = Self { delete: true, compact: false };
    /// Only compaction.
    pub const COMPACT: Self = Self { delete: false, compact: true };
}

/// How batches are stored: the codec, and the level of each codec that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// The codec (`compression.type`).
    pub codec: CompressionType,
    /// 1 to 9, or -1 for the codec's own default (`compression.gzip.level`).
    pub gzip_level: i32,
    /// 1 to 17 (`compression.lz4.level`).
    pub lz4_level: i32,
    /// -131072 to 22 (`compression.zstd.level`).
    pub zstd_level: i32,
}

/// The codec of stored batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionType {
    /// The producer's: batches are stored as they were sent.
    Producer,
    /// None.
    Uncompressed,
    /// gzip.
    Gzip,
    /// snappy.
    Snappy,
    /// lz4.
    Lz4,
    /// zstd.
    Zstd,
}

impl Default for Compression {
    fn default() -> Self {
        Self { codec: CompressionType::Producer, gzip_level: -1, lz4_level: 9, zstd_level: 3 }
    }
}

/// Where records are when they are acknowledged with acks=all, and seen by consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcksAll {
    /// On the disk.
    Disk,
    /// In the page cache: they survive the death of the process, not the loss of power.
    Memory,
}

/// How what a partition got is made durable by a group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitStrategy {
    /// As the store finds cheaper.
    Auto,
    /// Through the journal, together with others.
    Journal,
    /// By syncing its segment, beside others.
    Direct,
}

/// Whose clock sets the timestamps of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, at the append.
    LogAppendTime,
}

/// Settings of the store itself.
#[derive(Debug, Clone)]
pub struct StorageOptions {
    /// Through which all files are reached.
    pub fs: Arc<dyn FileSystem>,
    /// Directories whose stores get no new partitions (`cordoned.log.dirs`), until `Storage::set_cordoned`.
    pub cordoned: Vec<PathBuf>,
    /// The files of segments that are open; clones of the options share them.
    pub open_files: Arc<OpenFiles>,
    /// Size of one journal file, bytes.
    pub journal_segment_bytes: u64,
    /// How often retention looks at the logs (`log.retention.check.interval.ms`).
    pub retention_check_interval: Duration,
    /// How often the stores are looked after: their room, whether one has failed, whether one that is away has come back.
    pub look_interval: Duration,
    /// Bytes per second at which partitions are moved between stores (`catena.move.max.bytes.per.second`).
    pub move_bytes_per_second_max: f64,
    /// Compaction.
    pub cleaner: CleanerOptions,
    /// Gives each partition the settings of its log.
    pub log_config: LogConfigs,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            fs: Arc::new(RealFileSystem),
            cordoned: Vec::new(),
            open_files: Arc::default(),
            journal_segment_bytes: 64 << 20,
            retention_check_interval: Duration::from_secs(300),
            look_interval: Duration::from_secs(1),
            move_bytes_per_second_max: f64::MAX,
            cleaner: CleanerOptions::default(),
            log_config: LogConfig::default().into(),
        }
    }
}

/// Settings of compaction, for all logs together (`log.cleaner.*`).
#[derive(Debug, Clone, PartialEq)]
pub struct CleanerOptions {
    /// Whether anything is compacted (`enable`).
    pub enabled: bool,
    /// How many threads compact (`threads`).
    pub threads: usize,
    /// Memory for keys, bytes (`dedupe.buffer.size`).
    pub dedupe_buffer_bytes: u64,
    /// How full the memory for keys may get (`io.buffer.load.factor`).
    pub dedupe_load_factor: f64,
    /// Memory for reading and writing, bytes (`io.buffer.size`).
    pub io_buffer_bytes: usize,
    /// Bytes read and written per second at most (`io.max.bytes.per.second`).
    pub bytes_per_second_max: f64,
    /// How long it sleeps when there is nothing to compact (`backoff.ms`).
    pub backoff: Duration,
}

impl Default for CleanerOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            threads: 1,
            dedupe_buffer_bytes: 128 << 20,
            dedupe_load_factor: 0.9,
            io_buffer_bytes: 512 << 10,
            bytes_per_second_max: f64::MAX,
            backoff: Duration::from_secs(15),
        }
    }
}
