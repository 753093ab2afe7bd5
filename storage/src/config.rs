//! Settings of logs and of the store, resolved by the broker; nothing here knows where they come from.

use std::collections::BTreeMap;

/// Settings of one partition log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// Largest batch, bytes (`max.message.bytes`).
    pub max_message_bytes: usize,
    /// Largest segment, bytes (`segment.bytes`).
    pub segment_bytes: u32,
    /// Bytes of records between two index entries (`index.interval.bytes`).
    pub index_interval_bytes: u32,
    /// Whose clock counts (`message.timestamp.type`).
    pub timestamp_type: TimestampType,
    /// How far a timestamp may lie in the past, milliseconds.
    pub timestamp_before_max_ms: i64,
    /// How far a timestamp may lie in the future, milliseconds.
    pub timestamp_after_max_ms: i64,
    /// Whether `cleanup.policy` contains `compact`.
    pub compacted: bool,
    /// How long an idle producer is remembered, milliseconds (`producer.id.expiration.ms`).
    pub producer_id_expiration_ms: i64,
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
    /// Size of one journal file, bytes.
    pub journal_segment_bytes: u64,
    /// Resolves stored topic configs (name to value) over the defaults into the log settings of its partitions.
    pub log_config: fn(&BTreeMap<String, String>, &LogConfig) -> LogConfig,
    /// Settings of topics that set nothing themselves.
    pub log_defaults: LogConfig,
}
