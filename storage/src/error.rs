//! What can go wrong, one enum for each kind of call. Kinds tell the caller what to do, texts tell a person.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;
use thiserror::Error;

use crate::fs::is_want_of_room;
/// Why a store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{dir} is used by another process")]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory holds something else, or another version's data.
    #[error("{dir} does not hold Catena data: {reason}")]
    Foreign {
        /// The data directory.
        dir: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The system refuses.
    #[error("cannot use {dir}: {source}")]
    Io {
        /// The data directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The directory is not there.
    #[error("{dir} does not exist")]
    Missing {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory is ours, and something in it cannot be read.
    #[error("{dir} is damaged: {reason}")]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl OpenError {
    /// What an error of the file system means for the store in `dir`.
    pub(crate) fn of_io(dir: &Path, source: io::Error) -> Self {
        let dir = dir.to_owned();
        if source.kind() == io::ErrorKind::NotFound { Self::Missing { dir } } else { Self::Io { dir, source } }
    }

    /// The directory it is about.
    pub fn dir(&self) -> &Path {
        match self {
            Self::Locked { dir }
            | Self::Foreign { dir, .. }
            | Self::Io { dir, .. }
            | Self::Missing { dir }
            | Self::Damaged { dir, .. } => dir,
        }
    }

    /// Whether somebody has named the wrong directory, which refuses a start. Else the store has failed, and the broker starts
    /// without it.
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::Foreign { .. } => true,
            Self::Io { .. } | Self::Damaged { .. } | Self::Missing { .. } => false,
        }
    }
}

/// The store cannot do it: full (for now), or failed for good.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// A write or sync failed; what the disk holds is no longer known, so nothing is written until the next start.
    #[error("the store has failed: {0}")]
    Failed(Arc<str>),
    /// No space; nothing was written, the same call may succeed later.
    #[error("no space left for the store")]
    Full,
    /// The system gives this process no more open files; nothing was written, the same call may succeed later.
    #[error("no open files left")]
    NoFiles,
}

/// Why a topic cannot be created, changed or deleted.
#[derive(Debug, Error)]
pub enum TopicError {
    /// The name is taken.
    #[error("topic '{0}' exists already")]
    Exists(String),
    /// There is no such topic.
    #[error("no such topic")]
    Unknown,
    /// Partitions cannot be taken away.
    #[error("a topic cannot have fewer partitions than now ({now})")]
    FewerPartitions {
        /// Partitions the topic has.
        now: u32,
    },
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a batch is not appended.
#[derive(Debug, Clone, Error)]
pub enum AppendError {
    /// The bytes are damaged.
    #[error("corrupt record batch: {0}")]
    Corrupt(String),
    /// The batch breaks a rule.
    #[error("invalid record batch: {0}")]
    InvalidRecord(String),
    /// An old record format.
    #[error("record format magic {0} is not supported")]
    UnsupportedMagic(i8),
    /// A codec that no reader knows.
    #[error("unknown compression codec {0}")]
    UnsupportedCompression(i16),
    /// Larger than `max.message.bytes`.
    #[error("batch of {size} bytes exceeds max.message.bytes {max}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Larger than `segment.bytes`.
    #[error("records of {size} bytes exceed segment.bytes {max}")]
    LargerThanSegment {
        /// Bytes of the batch.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Records that break a rule of their topic.
    #[error("{} records are rejected", .0.count)]
    Rejected(RejectedRecords),
    /// A gap in a producer's sequence numbers.
    #[error("out of order sequence number for producer {producer_id}: {found}, expected {expected}")]
    OutOfOrderSequence {
        /// Whose batch.
        producer_id: i64,
        /// Its first sequence number.
        found: i32,
        /// The one that would have been next.
        expected: i32,
    },
    /// A newer incarnation of the producer was seen.
    #[error("producer {producer_id} epoch {found} is older than {current}")]
    InvalidProducerEpoch {
        /// Whose batch.
        producer_id: i64,
        /// Its epoch.
        found: i16,
        /// The latest epoch seen.
        current: i16,
    },
    /// A transaction that is not there.
    #[error("transactional or control batches are not accepted here: {0}")]
    InvalidTransaction(String),
    /// The topic was deleted meanwhile.
    #[error("the topic was deleted")]
    Deleted,
    /// Somebody else wrote to the log first.
    #[error("the log ends at {end} by now")]
    Overtaken {
        /// Where the log ends.
        end: i64,
    },
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Records for which their whole batch is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectedRecords {
    /// How many there are.
    pub count: u64,
    /// Whether one of them has a bad timestamp.
    pub timestamps: bool,
    /// The first of them.
    pub named: Vec<RejectedRecord>,
}

/// A record for which its batch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Its place in the batch, from 0.
    pub index: i32,
    /// What is wrong with it.
    pub fault: RecordFault,
}

/// What is wrong with a record. Timestamps are milliseconds since 1970, offsets count from 0 in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFault {
    /// It has no key, and its topic is compacted.
    NoKey,
    /// Its timestamp is too far from the broker's clock.
    Timestamp {
        /// The record's.
        timestamp: i64,
        /// Which record.
        offset: i64,
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// Its batch claims to have the broker's time.
    BrokersTime {
        /// The record's.
        timestamp: i64,
        /// Which record.
        offset: i64,
    },
}

/// Why records are not deleted.
#[derive(Debug, Clone, Error)]
pub enum DeleteRecordsError {
    /// The topic is compacted only: it forgets by key.
    #[error("records of a topic that is only compacted cannot be deleted")]
    Policy,
    /// Beyond what is durable, or negative.
    #[error("offset {offset} is not in 0..={high_watermark}")]
    OutOfRange {
        /// The offset asked for.
        offset: i64,
        /// The largest allowed.
        high_watermark: i64,
    },
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nothing can be read.
#[derive(Debug, Clone, Error)]
pub enum ReadError {
    /// Before the log's start or after its end.
    #[error("offset {offset} is outside of {log_start}..{log_end}")]
    OutOfRange {
        /// The offset asked for.
        offset: i64,
        /// First offset of the log.
        log_start: i64,
        /// Offset after the last.
        log_end: i64,
    },
    /// The stored bytes are damaged.
    #[error("the batch at offset {offset} is corrupt")]
    Corrupt {
        /// Offset asked for, or of the batch where known.
        offset: i64,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StoreError {
    /// What a failed write means: a full disk may have space again, and files may be closed; anything else is final.
    pub(crate) fn of_write(error: &io::Error) -> Self {
        match error {
            _ if is_want_of_room(error) => Self::Full,
            // No call says so that writes or syncs, only those that open.
            _ if wants_files(error) => Self::NoFiles,
            _ => Self::Failed(error.to_string().into()),
        }
    }
}

impl StoreError {
    /// Whether it may pass.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full | Self::NoFiles)
    }
}

/// Whether the system has no more open files for this process.
pub(crate) fn wants_files(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
