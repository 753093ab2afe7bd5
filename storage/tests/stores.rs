//! Several stores: a log leaves one that fails for another, nobody notices more than the time it takes, and what comes back is what it was.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use catena_storage::fs::faulty::{Fault, FaultyFileSystem, Operation};
use catena_storage::{
    AppendOrigin, Appended, LogConfig, MoveError, NewTopic, PartitionLog, ReadError, ReadUpTo, Storage, StorageOptions,
};
use common::{T0, batch, idempotent, offsets_on};
use tempfile::TempDir;

/// So many offsets at least are set aside for a chain.
const RESERVED: i64 = 1 << 20;

/// A broker with stores in `0`, `1`, ... and one topic.
struct Case {
    storage: Arc<Storage>,
    disk: FaultyFileSystem,
    root: TempDir,
    count: usize,
}

impl Case {
    fn new(count: usize, partitions: u32) -> Self {
        let root = tempfile::tempdir().unwrap();
        let disk = FaultyFileSystem::new(root.path()).unwrap();
        let storage = open(&disk, &dirs(root.path(), count));
        let case = Self { storage, disk, root, count };
        case.create("t", partitions).unwrap();
        case
    }

    fn create(&self, name: &str, partitions: u32) -> Result<(), String> {
        let new = NewTopic { name: name.into(), partitions, configs: BTreeMap::new(), internal: false };
        let made = self.storage.create_topics(vec![new]).pop().unwrap();
        made.map(drop).map_err(|error| error.to_string())
    }

    fn dir(&self, store: usize) -> PathBuf {
        dirs(self.root.path(), self.count)[store].clone()
    }

    fn log(&self, partition: usize) -> Arc<PartitionLog> {
        self.storage.topic("t").unwrap().partitions[partition].clone()
    }

    fn begin(&self, partition: usize, records: &Bytes) -> Appended {
        self.log(partition).append(records.clone(), AppendOrigin::Client, T0 + 7).unwrap()
    }

    fn append(&self, partition: usize, records: &Bytes) -> i64 {
        let appended = self.begin(partition, records);
        runtime().block_on(appended.commit.durable()).unwrap();
        appended.base_offset
    }

    /// The stores in which partitions are written, by directory.
    fn appended_bytes(&self) -> Vec<u64> {
        let stats = self.storage.stats();
        let of = |dir: PathBuf| stats.iter().find(|store| store.dir == dir).map_or(0, |store| store.bytes_appended);
        dirs(self.root.path(), self.count).into_iter().map(of).collect()
    }

    /// The store that a partition is written in.
    fn store_of(&self, partition: usize) -> usize {
        let before = self.appended_bytes();
        self.append(partition, &batch(1, 10));
        let after = self.appended_bytes();
        (0..self.count).find(|store| after[*store] > before[*store]).unwrap()
    }

    fn lose(&self, store: usize) {
        self.disk.lose(&self.dir(store), Fault::Io);
    }

    /// Whether the first record of each partition can be read.
    fn can_read_all(&self) -> bool {
        let logs = &self.storage.topic("t").unwrap().partitions;
        logs.iter().all(|log| log.read(0, usize::MAX, true, ReadUpTo::HighWatermark).is_ok())
    }

    fn stop(self) -> Stopped {
        self.storage.shutdown().unwrap();
        self.crash()
    }

    fn crash(self) -> Stopped {
        drop(self.storage);
        Stopped { disk: self.disk, root: self.root, count: self.count }
    }
}

struct Stopped {
    disk: FaultyFileSystem,
    root: TempDir,
    count: usize,
}

impl Stopped {
    fn start(self) -> Case {
        common::assert_whole(&dirs(self.root.path(), self.count));
        let storage = open(&self.disk, &dirs(self.root.path(), self.count));
        Case { storage, disk: self.disk, root: self.root, count: self.count }
    }

    fn lose(&self, store: usize) {
        self.disk.lose(&dirs(self.root.path(), self.count)[store], Fault::Io);
    }
}

fn dirs(root: &Path, count: usize) -> Vec<PathBuf> {
    (0..count).map(|store| root.join(store.to_string())).collect()
}

fn open(disk: &FaultyFileSystem, dirs: &[PathBuf]) -> Arc<Storage> {
    let options = StorageOptions {
        fs: Arc::new(disk.clone()),
        journal_segment_bytes: 64 * 1024,
        log_config: LogConfig { segment_bytes: 20_000, ..common::config() }.into(),
        ..StorageOptions::default()
    };
    Storage::open(dirs, options).unwrap().0
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn partitions_are_spread_over_the_stores_and_stay_where_they_are() {
    let case = Case::new(3, 9);
    let homes: Vec<usize> = (0..9).map(|partition| case.store_of(partition)).collect();
    (0..3).for_each(|store| assert_eq!(homes.iter().filter(|home| **home == store).count(), 3, "{homes:?}"));
    let case = case.stop().start();
    assert_eq!((0..9).map(|partition| case.store_of(partition)).collect::<Vec<_>>(), homes);
    let case = case.crash().start();
    assert_eq!((0..9).map(|partition| case.store_of(partition)).collect::<Vec<_>>(), homes);
    (0..9).for_each(|partition| assert_eq!(offsets_on(&case.log(partition), 0), [0, 1, 2]));
}

#[test]
fn producers_see_a_pause_and_no_error_when_a_disk_cannot_be_synced() {
    let case = Case::new(2, 4);
    let homes: Vec<usize> = (0..4).map(|partition| case.store_of(partition)).collect();
    let (lost, kept) = (homes[0], 1 - homes[0]);
    case.disk.lose_only(&case.dir(lost), &[Operation::Sync, Operation::SyncAll], Fault::Io);
    let waiting: Vec<_> = (0..40).map(|at| case.begin(at % 4, &batch(2, 100))).collect();
    for appended in waiting {
        runtime().block_on(appended.commit.durable()).unwrap();
    }
    wait_until("everything goes on in the other store", || case.storage.stats()[lost].failed);
    for partition in 0..4 {
        assert_eq!(case.store_of(partition), kept);
        let end = case.log(partition).offsets().high_watermark;
        assert_eq!(end, 1 + 20 + 1);
    }
    // What was acknowledged before is in the failed store and nowhere else; what is new can be read.
    let log = case.log(0);
    let refused = log.read(0, usize::MAX, true, ReadUpTo::HighWatermark).err();
    assert!(matches!(refused, Some(ReadError::Store(_))), "{refused:?}");
    assert_eq!(offsets_on(&log, 1).first(), Some(&1));
}

#[test]
fn a_disk_that_comes_back_brings_its_records_back() {
    let case = Case::new(2, 4);
    let lost = case.store_of(0);
    case.lose(lost);
    let base = case.append(0, &batch(1, 10));
    assert_eq!(base, 1);
    wait_until("the store has failed", || case.storage.stats().iter().any(|store| store.failed));
    case.disk.mend();
    wait_until("the store is back", || case.can_read_all());
    assert_eq!(offsets_on(&case.log(0), 0), [0, 1]);
    // Once the catalog of the store that had failed was let go of later, and wrote its last word over the new one's.
    common::assert_whole(&dirs(case.root.path(), 2));
    let case = case.crash().start();
    assert_eq!(offsets_on(&case.log(0), 0), [0, 1]);
    assert_eq!(case.append(0, &batch(1, 10)), 2);
}

#[test]
fn a_start_without_a_store_knows_its_topics_and_uses_none_of_its_offsets() {
    let case = Case::new(2, 4);
    let homes: Vec<usize> = (0..4).map(|partition| case.store_of(partition)).collect();
    (0..12).for_each(|at| {
        case.append(at % 4, &batch(3, 100));
    });
    let stopped = case.crash();
    stopped.lose(homes[0]);
    let case = stopped.start();
    assert_eq!(case.storage.topics().len(), 1);
    let mut second = Vec::new();
    for partition in 0..4 {
        if homes[partition] == homes[0] {
            // Somebody who waits behind the last record gets across.
            wait_until("the gap is marked", || case.log(partition).offsets().high_watermark > 10 + RESERVED);
        }
        let base = case.append(partition, &batch(1, 10));
        if homes[partition] == homes[0] {
            assert!(base > RESERVED, "behind everything that may have been acknowledged: {base}");
            assert_eq!(offsets_on(&case.log(partition), base - 1), [base - 1, base], "the mark, and the record");
            let refused = case.log(partition).read(0, usize::MAX, true, ReadUpTo::HighWatermark).err();
            assert!(matches!(refused, Some(ReadError::Store(_))), "{refused:?}");
        } else {
            assert_eq!(offsets_on(&case.log(partition), 0), [0, 1, 4, 7, 10]);
        }
        second.push(base);
    }
    assert!(case.create("t", 1).is_err(), "the name is taken");
    let expected = |partition: usize| match homes[partition] == homes[0] {
        true => vec![0, 1, 4, 7, second[partition] - 1, second[partition]],
        false => vec![0, 1, 4, 7, second[partition]],
    };
    case.disk.mend();
    wait_until("the store is back", || case.can_read_all());
    for partition in 0..4 {
        assert_eq!(offsets_on(&case.log(partition), 0), expected(partition));
    }
    let case = case.stop().start();
    for partition in 0..4 {
        assert_eq!(offsets_on(&case.log(partition), 0), expected(partition));
    }
}

#[test]
fn a_full_disk_is_left_for_one_with_room_and_stays_readable() {
    let case = Case::new(2, 2);
    let full = case.store_of(0);
    case.disk.lose_only(&case.dir(full), &[Operation::Allocate], Fault::NoSpace);
    for at in 1..30 {
        assert_eq!(case.append(0, &batch(1, 2_000)), at);
    }
    assert_eq!(offsets_on(&case.log(0), 0), (0..30).collect::<Vec<_>>());
    assert!(case.appended_bytes()[1 - full] > 0);
    case.disk.mend();
    let case = case.crash().start();
    assert_eq!(offsets_on(&case.log(0), 0), (0..30).collect::<Vec<_>>());
}

/// A chain was left because its store had no room, and sealed there, while the journal alone had its last records. A start replays the journal into
/// open chains only, and a clean stop removes it: after a loss of power the records were gone.
#[test]
fn what_was_left_in_a_full_store_is_there_after_a_loss_of_power() {
    for stops in [false, true] {
        let case = Case::new(2, 2);
        let full = case.store_of(0);
        (1..9).for_each(|at| assert_eq!(case.append(0, &batch(1, 2_000)), at));
        let commits = || case.storage.stats().iter().map(|store| store.commits).sum::<u64>();
        let before = commits();
        case.disk.lose_only(&case.dir(full), &[Operation::Allocate], Fault::NoSpace);
        let moved = case.appended_bytes()[1 - full];
        (9..15).for_each(|at| assert_eq!(case.append(0, &batch(1, 2_000)), at));
        assert!(case.appended_bytes()[1 - full] > moved);
        // One for each batch, and one that seals the old chain.
        let deadline = Instant::now() + Duration::from_secs(60);
        while commits() <= before + 6 {
            assert!(Instant::now() < deadline, "the chain is sealed");
            std::thread::sleep(Duration::from_millis(1));
        }
        case.disk.mend();
        if stops {
            case.storage.shutdown().unwrap();
        }
        case.disk.power_off();
        for seed in 0..20 {
            let root = TempDir::new().unwrap();
            case.disk.left_behind(seed, root.path()).unwrap();
            common::assert_whole(&dirs(root.path(), 2));
            let after = open(&FaultyFileSystem::new(root.path()).unwrap(), &dirs(root.path(), 2));
            let log = after.topic("t").unwrap().partitions[0].clone();
            assert_eq!(offsets_on(&log, 0), (0..15).collect::<Vec<_>>(), "stopped: {stops}, seed {seed}");
        }
    }
}

#[test]
fn topics_deleted_while_their_store_was_away_do_not_come_back() {
    let case = Case::new(2, 2);
    let lost = case.store_of(0);
    let id = case.storage.topic("t").unwrap().id;
    case.lose(lost);
    assert!(case.storage.delete_topics(&[id])[0].is_ok());
    case.create("t", 1).unwrap();
    assert_eq!(case.append(0, &batch(1, 10)), 0);
    let stopped = case.crash();
    stopped.disk.mend();
    let case = stopped.start();
    assert_eq!(case.storage.topics().len(), 1);
    assert_ne!(case.storage.topic("t").unwrap().id, id);
    assert_eq!(offsets_on(&case.log(0), 0), [0]);
}

#[test]
fn a_producer_is_known_in_its_new_store() {
    let case = Case::new(2, 1);
    case.append(0, &idempotent(9, 0, 0, 2));
    let lost = case.store_of(0);
    case.append(0, &idempotent(9, 0, 2, 1));
    case.lose(lost);
    assert_eq!(case.append(0, &idempotent(9, 0, 3, 1)), 4);
    let stopped = case.crash();
    let case = stopped.start();
    assert!(case.begin(0, &idempotent(9, 0, 3, 1)).duplicate);
    assert!(case.log(0).append(idempotent(9, 0, 7, 1), AppendOrigin::Client, T0).is_err());
}

#[test]
fn a_partition_is_moved_while_it_is_written_and_read() {
    let case = Case::new(2, 2);
    let from = case.store_of(0);
    (1..60).for_each(|at| assert_eq!(case.append(0, &batch(1, 1_000)), at));
    let case = case.crash().start();
    let target = case.dir(1 - from);
    let shares = |case: &Case, store: usize| {
        let dirs = case.storage.log_dirs();
        dirs[store].partitions.iter().find(|partition| partition.index == 0).cloned()
    };
    assert!(shares(&case, from).unwrap().bytes > 50_000);
    case.storage.move_partition("t", 0, &target).unwrap();
    for at in 60..120 {
        assert_eq!(case.append(0, &batch(1, 1_000)), at);
        assert_eq!(offsets_on(&case.log(0), 0), (0..=at).collect::<Vec<_>>());
    }
    wait_until("nothing is left behind", || shares(&case, from).is_none());
    let there = shares(&case, 1 - from).unwrap();
    assert!(there.bytes > 100_000 && !there.is_future && there.lag == 0, "{there:?}");
    assert_eq!(case.store_of(0), 1 - from);
    let case = case.crash().start();
    assert_eq!(offsets_on(&case.log(0), 0), (0..=120).collect::<Vec<_>>());
    assert_eq!(case.store_of(0), 1 - from);
    case.lose(from);
    assert_eq!(offsets_on(&case.log(0), 0), (0..=121).collect::<Vec<_>>());
}

#[test]
fn a_move_cut_short_leaves_every_record_once() {
    for at in 0..12 {
        let case = Case::new(2, 1);
        let from = case.store_of(0);
        (1..40).for_each(|at| assert_eq!(case.append(0, &batch(1, 1_000)), at));
        let case = case.stop().start();
        case.storage.move_partition("t", 0, &case.dir(1 - from)).unwrap();
        std::thread::sleep(Duration::from_millis(at));
        let case = case.crash().start();
        assert_eq!(offsets_on(&case.log(0), 0), (0..40).collect::<Vec<_>>(), "after {at} ms");
        assert_eq!(case.append(0, &batch(1, 10)), 40);
    }
}

#[test]
fn what_cannot_be_moved_is_refused() {
    let case = Case::new(2, 1);
    let elsewhere = case.storage.move_partition("t", 0, &case.root.path().join("9"));
    assert_eq!(elsewhere, Err(MoveError::NotFound));
    assert_eq!(case.storage.move_partition("t", 1, &case.dir(0)), Err(MoveError::Unknown));
    assert_eq!(case.storage.move_partition("u", 0, &case.dir(0)), Err(MoveError::Unknown));
}

#[test]
fn a_partition_is_made_where_it_was_wanted_before_it_was_there() {
    let case = Case::new(2, 1);
    let wanted = case.store_of(0);
    for index in 1..4 {
        assert_eq!(case.storage.move_partition("t", index, &case.dir(wanted)), Err(MoveError::Unknown));
    }
    let topic = case.storage.topic("t").unwrap();
    case.storage.add_partitions(topic.id, 4).unwrap();
    assert_eq!((1..4).map(|partition| case.store_of(partition)).collect::<Vec<_>>(), [wanted; 3]);
}

#[test]
fn the_space_of_deleted_records_comes_back_though_nobody_writes_any_more() {
    let dir = tempfile::tempdir().unwrap();
    // Not the faulty one, which keeps removed files itself.
    let log_config = LogConfig { file_delete_delay_ms: 0, ..common::config() }.into();
    let options = StorageOptions { log_config, ..StorageOptions::default() };
    let storage = Storage::open(&[dir.path().to_owned()], options).unwrap().0;
    let new = NewTopic { name: "t".into(), partitions: 1, configs: BTreeMap::new(), internal: false };
    let topic = storage.create_topics(vec![new]).pop().unwrap().unwrap();
    let appended = topic.partitions[0].append(batch(1, 1_000), AppendOrigin::Client, T0 + 7).unwrap();
    runtime().block_on(appended.commit.durable()).unwrap();
    let held = || open_files_below(dir.path(), ".log");
    assert_eq!(held().len(), 1);
    let id = topic.id;
    drop(topic);
    assert!(storage.delete_topics(&[id]).into_iter().all(|deleted| deleted.is_ok()));
    await_none(held);
}

#[test]
fn a_disk_that_has_failed_is_let_go_of() {
    let case = Case::new(2, 4);
    let failed = case.store_of(0);
    (1..4).for_each(|partition| {
        case.append(partition, &batch(1, 10));
    });
    let dir = std::path::absolute(case.dir(failed)).unwrap();
    assert!(!open_files_below(&dir, "").is_empty());
    case.lose(failed);
    case.append(0, &batch(1, 10));
    await_none(|| open_files_below(&dir, ""));
}

/// The files below `dir` with this end of their names that the process has open, removed or not.
fn open_files_below(dir: &Path, end: &str) -> Vec<String> {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let names = open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).map(|name| name.display().to_string());
    let is_below = |name: &String| name.starts_with(&*dir.display().to_string());
    names.filter(|name| is_below(name) && name.trim_end_matches(" (deleted)").ends_with(end)).collect()
}

fn await_none(look: impl Fn() -> Vec<String>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !look().is_empty() {
        assert!(Instant::now() < deadline, "still open: {:?}", look());
        std::thread::sleep(Duration::from_millis(10));
    }
}
