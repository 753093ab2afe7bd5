//! A store in a temporary directory with one topic, that can be stopped, crashed and started again.
//!
//! Each file of tests uses some of it.
#![allow(dead_code)]

pub mod machine;
mod whole;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use catena_protocol::records::BatchBuilder;
use catena_storage::{
    AppendError, AppendOrigin, Appended, CleanerOptions, LogConfig, NewTopic, PartitionLog, ReadUpTo, RecoveryReport,
    Storage, StorageOptions, Topic,
};
use tempfile::TempDir;
#[allow(unused_imports)]
pub use whole::assert_whole;

/// The time of the tests, milliseconds since 1970.
pub const T0: i64 = 1_800_000_000_000;
const TOPIC: &str = "t";

pub struct Case {
    pub storage: Arc<Storage>,
    /// What its start did.
    pub report: RecoveryReport,
    dir: TempDir,
    options: StorageOptions,
}

pub fn config() -> LogConfig {
    // For ever: the tests' clock is not the machine's.
    LogConfig {
        max_message_bytes: 1 << 20,
        timestamp_after_max_ms: i64::MAX,
        retention_ms: None,
        ..LogConfig::default()
    }
}

/// A batch of `records` records, about `bytes` long in all.
pub fn batch(records: usize, bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    let value = vec![b'v'; bytes / records];
    (0..records).for_each(|_| {
        builder.push(T0, None, Some(&value));
    });
    builder.build().unwrap()
}

/// A batch whose records are a millisecond apart.
pub fn timed(records: i64, first: i64) -> Bytes {
    let mut builder = BatchBuilder::new();
    (0..records).for_each(|at| {
        builder.push(first + at, Some(b"k"), Some(&[b'v'; 100]));
    });
    builder.build().unwrap()
}

/// Base offsets of all batches from `next` on.
pub fn offsets_on(log: &PartitionLog, mut next: i64) -> Vec<i64> {
    let mut found = Vec::new();
    loop {
        let bytes = log.read(next, usize::MAX, true, ReadUpTo::HighWatermark).unwrap().bytes;
        let mut rest = &bytes[..];
        while let Ok(header) = catena_protocol::batch::BatchHeader::parse_whole(rest) {
            found.push(header.base_offset);
            next = header.next_offset();
            rest = &rest[header.size()..];
        }
        if bytes.is_empty() {
            return found;
        }
    }
}

/// A batch of an idempotent producer.
pub fn idempotent(producer: i64, epoch: i16, sequence: i32, records: usize) -> Bytes {
    let mut builder = BatchBuilder::new().with_producer(producer, epoch, sequence);
    (0..records).for_each(|_| {
        builder.push(T0, None, Some(b"v"));
    });
    builder.build().unwrap()
}

impl Case {
    pub fn new(partitions: u32) -> Self {
        Self::with(config(), partitions)
    }

    pub fn with(config: LogConfig, partitions: u32) -> Self {
        Self::made(config, 16 << 20, partitions)
    }

    pub fn with_journal(bytes: u64, partitions: u32) -> Self {
        Self::made(config(), bytes, partitions)
    }

    fn made(config: LogConfig, journal_segment_bytes: u64, partitions: u32) -> Self {
        Self::with_options(config, StorageOptions { journal_segment_bytes, ..StorageOptions::default() }, partitions)
    }

    pub fn with_options(config: LogConfig, options: StorageOptions, partitions: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cleaner = CleanerOptions { backoff: Duration::from_millis(5), ..CleanerOptions::default() };
        let options = StorageOptions { log_config: config.into(), cleaner, ..options };
        let (storage, report) = Storage::open(&[dir.path().to_owned()], options.clone()).unwrap();
        let case = Self { storage, report, dir, options };
        case.create_topic(partitions);
        case
    }

    pub fn create_topic(&self, partitions: u32) {
        let new = NewTopic { name: TOPIC.into(), partitions, configs: BTreeMap::new(), internal: false };
        self.storage.create_topics(vec![new]).pop().unwrap().unwrap();
    }

    pub fn topic(&self) -> Arc<Topic> {
        self.storage.topic(TOPIC).unwrap()
    }

    pub fn log(&self, partition: usize) -> Arc<PartitionLog> {
        self.topic().partitions[partition].clone()
    }

    pub fn try_append(&self, partition: usize, records: &Bytes) -> Result<Appended, AppendError> {
        self.log(partition).append(records.clone(), AppendOrigin::Client, T0 + 7)
    }

    /// Appends and waits until it is durable.
    pub fn append(&self, partition: usize, records: &Bytes) -> Durable {
        let appended = self.try_append(partition, records).unwrap();
        let durable = Durable {
            base_offset: appended.base_offset,
            duplicate: appended.duplicate,
            log_append_time_ms: appended.log_append_time_ms,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(appended.commit.durable()).unwrap();
        durable
    }

    #[allow(dead_code)]
    pub fn read(&self, partition: usize, offset: i64) -> Bytes {
        self.log(partition).read(offset, usize::MAX, true, ReadUpTo::HighWatermark).unwrap().bytes
    }

    /// Base offsets of all batches, read from the first offset on.
    #[allow(dead_code)]
    pub fn offsets_read(&self, partition: usize) -> Vec<i64> {
        self.offsets_read_from(partition, 0)
    }

    /// Base offsets of all batches from `next` on.
    #[allow(dead_code)]
    pub fn offsets_read_from(&self, partition: usize, next: i64) -> Vec<i64> {
        offsets_on(&self.log(partition), next)
    }

    /// Waits until so many segment files are left.
    pub fn await_files(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.files("log").len() != count {
            assert!(Instant::now() < deadline, "{} files, not {count}", self.files("log").len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn files(&self, kind: &str) -> Vec<PathBuf> {
        files(self.dir.path(), kind)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// With other settings from the next start on.
    pub fn reconfigured(self, config: LogConfig) -> Self {
        Self { options: StorageOptions { log_config: config.into(), ..self.options }, ..self }
    }

    pub fn stopped(self) -> Self {
        self.storage.shutdown().unwrap();
        self.crashed()
    }

    /// Starts again without a clean stop.
    pub fn crashed(self) -> Self {
        self.crashed_with(|_| ())
    }

    /// As `crashed`, with something happening to the files in between.
    pub fn crashed_with(self, happen: impl FnOnce(&Path)) -> Self {
        let Self { storage, dir, options, .. } = self;
        drop(storage);
        assert_whole(&[dir.path().to_owned()]);
        happen(dir.path());
        let (storage, report) = Storage::open(&[dir.path().to_owned()], options.clone()).unwrap();
        Self { storage, report, dir, options }
    }
}

pub struct Durable {
    pub base_offset: i64,
    pub duplicate: bool,
    pub log_append_time_ms: Option<i64>,
}

/// All files below `dir` whose name ends with `.kind`.
pub fn files(dir: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, kind));
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
    found
}

pub fn remove_journal(dir: &Path) {
    files(dir, "journal").iter().for_each(|path| std::fs::remove_file(path).unwrap());
}
