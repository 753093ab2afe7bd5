//! Settings that change while the storage runs: what waits by the old value goes on by the new one.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use catena_protocol::records::BatchBuilder;
use catena_storage::fs::faulty::{FaultyFileSystem, Operation};
use catena_storage::{
    AcksAll, AppendError, AppendOrigin, Appended, CleanerOptions, CleanupPolicy, LogConfig, LogConfigs, NewTopic,
    PartitionLog, Storage, StorageOptions, Topic,
};
use common::{T0, batch};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);
const NEVER: Duration = Duration::from_secs(3600);

/// A storage whose logs all run with the settings that are held here.
struct Case {
    storage: Arc<Storage>,
    config: Arc<Mutex<LogConfig>>,
    root: TempDir,
}

impl Case {
    fn new(config: LogConfig) -> Self {
        Self::with(config, 1, StorageOptions::default())
    }

    fn with(config: LogConfig, stores: usize, options: StorageOptions) -> Self {
        let (root, config) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(config)));
        let dirs: Vec<_> = (0..stores).map(|store| root.path().join(store.to_string())).collect();
        let now = config.clone();
        let log_config = LogConfigs::new(move |_| Arc::new(now.lock().unwrap().clone()));
        let (storage, _) = Storage::open(&dirs, StorageOptions { log_config, ..options }).unwrap();
        Self { storage, config, root }
    }

    fn dir(&self, store: usize) -> PathBuf {
        self.root.path().join(store.to_string())
    }

    fn create(&self, name: &str, partitions: u32) -> Arc<Topic> {
        let new = NewTopic { name: name.into(), partitions, configs: BTreeMap::new(), internal: false };
        self.storage.create_topics(vec![new]).pop().unwrap().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut LogConfig)) {
        change(&mut self.config.lock().unwrap());
        self.storage.refresh_log_configs();
    }

    fn commits(&self) -> u64 {
        self.storage.stats().iter().map(|store| store.commits).sum()
    }
}

fn append(log: &Arc<PartitionLog>, records: &Bytes) -> Result<Appended, AppendError> {
    log.append(records.clone(), AppendOrigin::Client, T0)
}

fn wait_for(appended: Appended) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(appended.commit.durable()).unwrap();
}

fn put(log: &Arc<PartitionLog>, records: &Bytes) {
    wait_for(append(log, records).unwrap());
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "after {DEADLINE:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A batch of a record for each key.
fn keyed(keys: std::ops::Range<u32>) -> Bytes {
    let mut builder = BatchBuilder::new();
    for key in keys {
        builder.push(T0, Some(&key.to_be_bytes()), Some(&[7; 20]));
    }
    builder.build().unwrap()
}

fn compacted() -> LogConfig {
    LogConfig {
        cleanup: CleanupPolicy::COMPACT,
        segment_bytes: 1_500,
        min_cleanable_dirty_ratio: 0.0,
        ..common::config()
    }
}

/// A log whose first segments hold the same keys again and again.
fn dirty(case: &Case, name: &str) -> Arc<PartitionLog> {
    let log = case.create(name, 1).partitions[0].clone();
    (0..8).for_each(|_| put(&log, &keyed(0..20)));
    log
}

fn cleaner(backoff: Duration) -> CleanerOptions {
    CleanerOptions { backoff, ..CleanerOptions::default() }
}

#[test]
fn settings_reach_the_logs_there_are_and_those_that_are_made_later() {
    let case = Case::new(common::config());
    let topic = case.create("there", 1);
    put(&topic.partitions[0], &batch(1, 1_000));
    case.change(|config| config.max_message_bytes = 500);
    let later = case.create("later", 1);
    let grown = case.storage.add_partitions(topic.id, 2).unwrap();
    for log in grown.partitions.iter().chain(&later.partitions) {
        assert!(matches!(append(log, &batch(1, 1_000)), Err(AppendError::TooLarge { .. })), "{}", log.id());
        put(log, &batch(1, 100));
    }
}

/// Settings that change all the time, and topics that are made all the time: in the end all have the last ones.
#[test]
fn no_log_misses_a_change_that_comes_while_it_is_made() {
    let case = Case::new(common::config());
    let making = std::thread::scope(|scope| {
        let making = scope.spawn(|| (0..40).map(|at| case.create(&at.to_string(), 3)).collect::<Vec<_>>());
        let mut at = 0;
        while !making.is_finished() {
            at += 1;
            case.change(|config| config.segment_ms = at);
        }
        making.join().unwrap()
    });
    let last = case.config.lock().unwrap().segment_ms;
    let logs = making.iter().flat_map(|topic| &topic.partitions);
    assert_eq!(logs.map(|log| log.config().segment_ms).collect::<Vec<_>>(), [last; 120]);
}

#[test]
fn a_commit_delay_holds_up_its_partition_and_no_other() {
    let case = Case::new(common::config());
    let (topic, delay) = (case.create("t", 2), Duration::from_secs(2));
    put(&topic.partitions[0], &batch(1, 10));
    topic.partitions[0].set_config(LogConfig { commit_delay_ms: 2_000, ..common::config() });
    let begun = Instant::now();
    let slow = append(&topic.partitions[0], &batch(1, 10)).unwrap();
    let mut quick = 0;
    while !slow.commit.is_durable() {
        put(&topic.partitions[1], &batch(1, 10));
        quick += usize::from(begun.elapsed() < delay);
        assert!(begun.elapsed() < DEADLINE);
    }
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
    assert!(quick >= 5, "{quick} appends to the other partition");
}

#[test]
fn appends_within_a_commit_delay_are_committed_together() {
    let case = Case::new(common::config());
    let log = case.create("t", 1).partitions[0].clone();
    put(&log, &batch(1, 10));
    case.change(|config| config.commit_delay_ms = 2_000);
    let before = case.commits();
    let appended: Vec<_> = (0..20).map(|_| append(&log, &batch(1, 10)).unwrap()).collect();
    appended.into_iter().for_each(wait_for);
    assert_eq!(case.commits() - before, 1);
}

#[test]
fn a_shorter_commit_delay_lets_go_of_who_waits() {
    let case = Case::new(LogConfig { commit_delay_ms: 3_600_000, ..common::config() });
    let log = case.create("t", 1).partitions[0].clone();
    let waiting = append(&log, &batch(1, 10)).unwrap();
    case.change(|config| config.commit_delay_ms = 0);
    wait_for(waiting);
}

#[test]
fn a_clean_stop_waits_for_no_commit_delay() {
    let case = Case::new(LogConfig { commit_delay_ms: 3_600_000, ..common::config() });
    let log = case.create("t", 1).partitions[0].clone();
    let waiting = append(&log, &batch(1, 10)).unwrap();
    case.storage.shutdown().unwrap();
    assert!(waiting.commit.is_durable());
}

#[test]
fn what_is_acknowledged_in_memory_is_made_durable_by_the_new_settings() {
    type Change = fn(&mut LogConfig);
    let changes: [(&str, Change); 3] = [
        ("flush.ms", |config| config.flush_ms = 1),
        ("flush.messages", |config| config.flush_messages = 1),
        ("acks", |config| config.acks_all = AcksAll::Disk),
    ];
    for (what, change) in changes {
        let case = Case::new(LogConfig { acks_all: AcksAll::Memory, ..common::config() });
        let log = case.create("t", 1).partitions[0].clone();
        put(&log, &batch(1, 10));
        let before = case.commits();
        put(&log, &batch(1, 10));
        assert_eq!(case.commits(), before, "in memory");
        case.change(change);
        wait_until(what, || case.commits() > before);
    }
}

#[test]
fn retention_looks_sooner_when_it_is_told_to() {
    let options = StorageOptions { retention_check_interval: NEVER, ..StorageOptions::default() };
    let case = Case::with(LogConfig { retention_bytes: Some(0), ..common::config() }, 1, options);
    let log = case.create("t", 1).partitions[0].clone();
    put(&log, &batch(1, 1_000));
    case.storage.set_retention_check_interval(Duration::from_millis(1));
    wait_until("the record is gone", || log.offsets().log_start == 1);
}

#[test]
fn a_cleaner_wakes_up_for_a_shorter_backoff() {
    let case = Case::with(compacted(), 1, StorageOptions { cleaner: cleaner(NEVER), ..StorageOptions::default() });
    // It has looked once, and sleeps.
    wait_until("asleep", || case.storage.cleaner_stats().since_last_run.is_some());
    dirty(&case, "t");
    assert_eq!(case.storage.cleaner_stats().passes, 0);
    case.storage.set_cleaner(cleaner(Duration::from_millis(1))).unwrap();
    wait_until("compacted", || case.storage.cleaner_stats().passes > 0);
}

#[test]
fn a_pass_that_crawls_goes_on_at_a_higher_rate() {
    let crawl = CleanerOptions { bytes_per_second_max: 1.0, ..cleaner(Duration::from_millis(1)) };
    let case = Case::with(compacted(), 1, StorageOptions { cleaner: crawl, ..StorageOptions::default() });
    let log = dirty(&case, "t");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(case.storage.cleaner_stats().passes, 0);
    case.storage.set_cleaner(cleaner(Duration::from_millis(1))).unwrap();
    wait_until("compacted", || case.storage.cleaner_stats().passes > 0);
    drop(log);
}

/// How many passes it takes to compact a log of 160 keys with so much memory for keys, filled so far.
fn passes(dedupe_buffer_bytes: u64, dedupe_load_factor: f64) -> u64 {
    let case = Case::with(compacted(), 1, StorageOptions { cleaner: cleaner(NEVER), ..StorageOptions::default() });
    wait_until("asleep", || case.storage.cleaner_stats().since_last_run.is_some());
    let log = case.create("t", 1).partitions[0].clone();
    (0..8).for_each(|at| put(&log, &keyed(at * 20..at * 20 + 20)));
    let backoff = Duration::from_millis(1);
    let options = CleanerOptions { dedupe_buffer_bytes, dedupe_load_factor, ..cleaner(backoff) };
    case.storage.set_cleaner(options).unwrap();
    let stats = || case.storage.cleaner_stats();
    wait_until("compacted", || stats().passes > 0 && stats().dirty_percent_max == 0.0);
    stats().passes
}

#[test]
fn passes_have_as_much_memory_for_keys_as_they_are_told() {
    assert_eq!(passes(1 << 20, 0.9), 1);
    assert!(passes(24 * 45, 0.9) >= 3, "40 keys each");
    assert!(passes(24 * 400, 0.1) >= 3, "40 keys each");
}

/// How often a pass over a log of 800 records reads from its files.
fn reads_of_a_pass(io_buffer_bytes: usize) -> u64 {
    let root = tempfile::tempdir().unwrap();
    let disk = FaultyFileSystem::new(root.path()).unwrap();
    let options = StorageOptions { fs: Arc::new(disk.clone()), cleaner: cleaner(NEVER), ..StorageOptions::default() };
    let log_config = LogConfig { segment_bytes: 20_000, ..compacted() }.into();
    let storage = Storage::open(&[root.path().join("0")], StorageOptions { log_config, ..options }).unwrap().0;
    let new = NewTopic { name: "t".into(), partitions: 1, configs: BTreeMap::new(), internal: false };
    let topic = storage.create_topics(vec![new]).pop().unwrap().unwrap();
    (0..40).for_each(|_| put(&topic.partitions[0], &keyed(0..20)));
    let before = disk.count(Operation::Read);
    storage.set_cleaner(CleanerOptions { io_buffer_bytes, ..cleaner(Duration::from_millis(1)) }).unwrap();
    wait_until("compacted", || storage.cleaner_stats().passes > 0);
    disk.count(Operation::Read) - before
}

#[test]
fn passes_read_as_much_at_once_as_they_are_told() {
    let (much, little) = (reads_of_a_pass(1 << 20), reads_of_a_pass(2_000));
    assert!(little > 2 * much, "{little} {much}");
}

#[test]
fn new_partitions_go_round_a_directory_from_the_moment_it_is_cordoned() {
    let case = Case::with(common::config(), 2, StorageOptions::default());
    let written = |name: &str| {
        let before: Vec<_> = case.storage.stats().iter().map(|store| store.bytes_appended).collect();
        case.create(name, 4).partitions.iter().for_each(|log| put(log, &batch(1, 10)));
        let after = case.storage.stats();
        let grown = after.iter().zip(before).filter(|(after, before)| after.bytes_appended > *before);
        grown.map(|(store, _)| store.dir.clone()).collect::<Vec<_>>()
    };
    assert_eq!(written("both").len(), 2);
    case.storage.set_cordoned(vec![case.dir(0)]);
    assert_eq!(written("one"), [case.dir(1)]);
    assert!(case.storage.log_dirs()[0].is_cordoned && !case.storage.log_dirs()[1].is_cordoned);
    case.storage.set_cordoned(vec![case.dir(0), case.dir(1)]);
    assert!(!case.storage.takes_new_partitions());
    case.storage.set_cordoned(Vec::new());
    assert!(case.storage.takes_new_partitions());
    assert!(written("again").contains(&case.dir(0)));
}

#[test]
fn a_move_that_crawls_goes_on_at_a_higher_rate() {
    let options = StorageOptions { move_bytes_per_second_max: 1.0, ..StorageOptions::default() };
    let case = Case::with(LogConfig { segment_bytes: 3_000, ..common::config() }, 2, options);
    let log = case.create("t", 1).partitions[0].clone();
    (0..10).for_each(|_| put(&log, &batch(1, 1_000)));
    let has = |store: usize| case.storage.log_dirs()[store].partitions.len();
    let from = usize::from(has(0) == 0);
    case.storage.move_partition("t", 0, &case.dir(1 - from)).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(has(from), 1, "most of it is still there");
    case.storage.set_move_rate(f64::MAX);
    wait_until("moved", || has(from) == 0);
}
