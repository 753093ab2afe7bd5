//! How partitions are committed (`catena.commit.strategy`): each as it asks, none at the cost of another, and all in order.

mod common;

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use catena_storage::fs::{Entry, File, FileSystem, Open, RealFileSystem, Space};
use catena_storage::{
    AppendOrigin, Appended, CommitStrategy, LogConfig, NewTopic, PartitionLog, Storage, StorageOptions,
};
use common::{T0, batch};
use memmap2::MmapRaw;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);

/// A disk on which segments are synced only as long as the gate is open.
#[derive(Debug, Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

#[derive(Debug)]
struct GatedFile(Arc<dyn File>, Gate);

impl Gate {
    fn close(&self) {
        *self.0.0.lock().unwrap() = true;
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = false;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(closed, |closed| *closed).unwrap());
    }
}

impl FileSystem for Gate {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let file = RealFileSystem.open(path, how)?;
        let is_segment = path.extension().is_some_and(|extension| extension == "log");
        Ok(if is_segment { Arc::new(GatedFile(file, self.clone())) } else { file })
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        RealFileSystem.create_dir_all(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        RealFileSystem.read_dir(path)
    }
    fn len(&self, path: &Path) -> io::Result<u64> {
        RealFileSystem.len(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealFileSystem.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealFileSystem.remove_file(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealFileSystem.sync_dir(path)
    }
    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        RealFileSystem.sync_all(dir)
    }
    fn space(&self, dir: &Path) -> io::Result<Space> {
        RealFileSystem.space(dir)
    }
    fn is_mount_point(&self, dir: &Path) -> io::Result<bool> {
        RealFileSystem.is_mount_point(dir)
    }
}

impl File for GatedFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_at(buffer, position)
    }
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        self.0.write_at(parts, position)
    }
    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        self.0.allocate(position, len)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.pass();
        self.0.sync()
    }
    fn try_lock(&self) -> io::Result<()> {
        self.0.try_lock()
    }
    fn map(&self, len: usize) -> io::Result<Arc<MmapRaw>> {
        self.0.map(len)
    }
}

/// A topic on such a disk.
struct Case {
    gate: Gate,
    storage: Arc<Storage>,
    logs: Vec<Arc<PartitionLog>>,
    _root: TempDir,
}

impl Case {
    /// A partition for each of these strategies.
    fn new(strategies: &[CommitStrategy]) -> Self {
        let (root, gate) = (tempfile::tempdir().unwrap(), Gate::default());
        let options = StorageOptions {
            fs: Arc::new(gate.clone()),
            log_config: common::config().into(),
            ..StorageOptions::default()
        };
        let (storage, _) = Storage::open(&[root.path().to_owned()], options).unwrap();
        let partitions = u32::try_from(strategies.len()).unwrap();
        let new = NewTopic { name: "t".into(), partitions, configs: BTreeMap::new(), internal: false };
        let logs = storage.create_topics(vec![new]).pop().unwrap().unwrap().partitions.clone();
        logs.iter().zip(strategies).for_each(|(log, strategy)| set(log, *strategy));
        Self { gate, storage, logs, _root: root }
    }

    /// Commits through the journal, and by syncing segments; bytes that became durable by that.
    fn counts(&self) -> [u64; 3] {
        let stats = &self.storage.stats()[0];
        [stats.journal_commits, stats.direct_commits, stats.synced_bytes]
    }

    fn put(&self, partition: usize) {
        wait_for(append(&self.logs[partition]));
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        self.gate.open();
    }
}

fn set(log: &Arc<PartitionLog>, commit_strategy: CommitStrategy) {
    log.set_config(LogConfig { commit_strategy, ..common::config() });
}

fn append(log: &Arc<PartitionLog>) -> Appended {
    log.append(batch(1, 10), AppendOrigin::Client, T0).unwrap()
}

fn wait_for(appended: Appended) {
    let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answer = waiting.block_on(async { tokio::time::timeout(DEADLINE, appended.commit.durable()).await });
    answer.expect("in time").unwrap();
}

#[test]
fn each_partition_is_committed_as_it_asks() {
    use CommitStrategy::{Auto, Direct, Journal};
    let case = Case::new(&[Auto, Journal, Direct]);
    let size = batch(1, 10).len() as u64;
    for (partition, expected) in [(0, [1, 0, 0]), (1, [1, 0, 0]), (2, [0, 1, size])] {
        let before = case.counts();
        case.put(partition);
        let after = case.counts();
        assert_eq!([0, 1, 2].map(|at| after[at] - before[at]), expected, "partition {partition}");
    }
    set(&case.logs[2], Journal);
    let before = case.counts();
    case.put(2);
    assert_eq!(case.counts(), [before[0] + 1, before[1], before[2]], "from the next commit on");
}

#[test]
fn who_has_segments_synced_holds_up_nobody_else() {
    let case = Case::new(&[CommitStrategy::Direct, CommitStrategy::Journal, CommitStrategy::Auto]);
    case.gate.close();
    let slow = append(&case.logs[0]);
    (0..20).for_each(|at| case.put(1 + at % 2));
    assert!(!slow.commit.is_durable());
    case.gate.open();
    wait_for(slow);
}

#[test]
fn a_partition_that_asks_for_something_else_is_still_acknowledged_in_order() {
    let case = Case::new(&[CommitStrategy::Direct, CommitStrategy::Direct, CommitStrategy::Auto]);
    let log = &case.logs[0];
    case.gate.close();
    let first = append(log);
    // It has begun: what comes now comes behind it.
    case.put(2);
    set(log, CommitStrategy::Journal);
    let (second, other) = (append(log), append(&case.logs[1]));
    (0..5).for_each(|_| case.put(2));
    assert_eq!(log.offsets().high_watermark, 0);
    assert!(![&first, &second, &other].into_iter().any(|appended| appended.commit.is_durable()));
    case.gate.open();
    wait_for(second);
    assert!(first.commit.is_durable());
    assert_eq!(log.offsets().high_watermark, 2);
    wait_for(other);
}

#[test]
fn a_clean_stop_waits_for_segments_that_are_being_synced() {
    let case = Case::new(&[CommitStrategy::Direct, CommitStrategy::Auto]);
    case.gate.close();
    let flying = append(&case.logs[0]);
    case.put(1);
    let behind = append(&case.logs[0]);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| case.storage.shutdown());
        let begun = Instant::now();
        while !stopping.is_finished() && begun.elapsed() < Duration::from_millis(50) {
            std::thread::yield_now();
        }
        assert!(!stopping.is_finished() && !flying.commit.is_durable());
        case.gate.open();
        stopping.join().unwrap().unwrap();
    });
    assert!(flying.commit.is_durable() && behind.commit.is_durable());
}
