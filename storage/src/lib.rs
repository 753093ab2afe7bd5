//! Bytes on disk: segments, chains, partition logs and stores.
//!
//! What must always hold:
//! - An acknowledged record is never lost, moved, duplicated or reordered by a crash at any instruction.
//! - Record bytes are stored as the producer sent them; only base offset and leader epoch (and, for LogAppendTime, the
//!   timestamps and the CRC over them) are set. No per-record work on append or read.
//! - `log start <= last stable <= high watermark <= log end`; offsets of a partition are dense over its chains.
//! - This crate knows batches and offsets; it knows no API and no wire error code.
//!
//! From top to bottom: `storage` (topics, open, shutdown) -> `log` (one partition) -> `committer` (durability, through `journal`)
//! -> `segment` (`mapping`, `index`) and `catalog`; `union` (what several catalogs know together) and `placement` (which store takes
//! a chain) decide; `recovery` and `shutdown` are the two ends of a life.

mod append_check;
mod batches;
mod caretaker;
mod catalog;
pub mod check;
mod checkpointer;
mod choice;
mod commit;
mod committer;
mod compaction;
mod config;
mod courtesy;
mod durable;
mod error;
mod files;
mod flight;
pub mod fs;
mod graveyard;
mod growth;
mod ids;
mod index;
mod journal;
mod kept;
mod known;
mod lineage;
mod log;
mod log_configs;
mod log_dirs;
mod mapping;
mod members;
mod moving;
mod open;
mod open_files;
mod placement;
mod preferred;
pub mod producer_snapshot;
pub mod producer_state;
mod producer_upkeep;
mod reading;
mod record_check;
mod recovery;
mod reserve;
mod retention;
mod returning;
mod segment;
mod shutdown;
mod stamp;
mod start;
mod steward;
mod storage;
mod store;
mod stores;
mod sweep;
mod syncing;
mod topics;
mod trusted;
mod tuning;
mod union;

pub use compaction::CleanerStats;
pub use config::{
    AcksAll, CleanerOptions, CleanupPolicy, CommitStrategy, Compression, CompressionType, LogConfig, StorageOptions,
    TimestampType,
};
pub use error::{
    AppendError, DeleteRecordsError, OpenError, ReadError, RecordFault, RejectedRecord, RejectedRecords, StoreError,
    TopicError,
};
pub use graveyard::Buried;
pub use ids::random_id;
pub use log::{
    AppendOrigin, Appended, CommitTicket, EpochEnd, LogOffsets, PartitionLog, ReadSlice, ReadUpTo, TimestampOffset,
};
pub use log_configs::{LogConfigs, PartitionOf};
pub use log_dirs::{LogDir, LogDirPartition, MoveError};
pub use open_files::OpenFiles;
pub use producer_upkeep::{ProducerLimits, ProducerTurn, ProducerUpkeep};
pub use reading::{ColdStrategy, ReadStats};
pub use recovery::RecoveryReport;
pub use storage::Storage;
pub use store::StoreStats;
pub use topics::{NewTopic, Topic};
