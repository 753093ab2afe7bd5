//! What a crash leaves behind, piece by piece: torn, missing, half-made, and a recovery that is itself cut short.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catena_storage::{AppendOrigin, LogConfig, NewTopic, PartitionLog, ReadUpTo, Storage, StorageOptions};
use common::machine::Machine;
use common::{Case, T0, batch, config};

const SECTOR: usize = 512;

/// Changes the one file of a kind.
fn change_file(dir: &Path, kind: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let [path] = &common::files(dir, kind)[..] else { panic!("one {kind} file") };
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

fn remove_files(dir: &Path, kind: &str) {
    common::files(dir, kind).iter().for_each(|path| std::fs::remove_file(path).unwrap());
}

#[test]
fn a_torn_journal_slot_ends_the_replay_and_those_before_it_count() {
    // A slot of 4,096 bytes for each batch of 3,000; the last sector of a slot is padding.
    for sector in 0..6 {
        let case = Case::new(1);
        for _ in 0..4 {
            case.append(0, &batch(1, 3_000));
        }
        let case = case.crashed_with(|dir| {
            change_file(dir, "journal", |bytes| bytes[3 * 4096 + sector * SECTOR..][..SECTOR].fill(0));
            remove_files(dir, "log");
        });
        assert_eq!(case.offsets_read(0), [0, 1, 2], "without sector {sector} of the last slot");
        assert_eq!(case.append(0, &batch(1, 10)).base_offset, 3);
    }
}

#[test]
fn a_torn_segment_tail_is_cut_and_the_log_goes_on() {
    for torn in (1..80).step_by(9) {
        let case = Case::new(1);
        for _ in 0..20 {
            case.append(0, &batch(1, 500));
        }
        let case = case.crashed_with(|dir| {
            common::remove_journal(dir);
            change_file(dir, "log", |bytes| bytes[20 * batch(1, 500).len() - torn * 7] ^= 0x55);
        });
        let left = case.offsets_read(0).len() as i64;
        assert!((19 - torn as i64 * 7 / 500 - 1..20).contains(&left), "{left} after {torn}");
        assert_eq!(case.append(0, &batch(1, 500)).base_offset, left);
        assert_eq!(case.offsets_read(0), (0..=left).collect::<Vec<_>>());
    }
}

#[test]
fn the_journal_restores_what_the_segments_lost() {
    let case = Case::new(3);
    for round in 0..30 {
        case.append(round % 3, &batch(1, 300));
    }
    let case = case.crashed_with(|dir| remove_files(dir, "log"));
    (0..3).for_each(|partition| assert_eq!(case.offsets_read(partition), (0..10).collect::<Vec<i64>>()));
}

#[test]
fn a_journal_that_was_written_around_many_times_loses_nothing() {
    let case = Case::with_journal(64 * 1024, 2);
    for round in 0..500 {
        case.append(round % 2, &batch(1, 700));
    }
    assert!(case.files("journal").len() < 10);
    let case = case.crashed();
    (0..2).for_each(|partition| assert_eq!(case.offsets_read(partition), (0..250).collect::<Vec<i64>>()));
}

#[test]
fn a_missing_cut_or_damaged_index_costs_time_and_nothing_else() {
    type Harm = (&'static str, fn(&Path));
    #[rustfmt::skip]
    let harms: [Harm; 4] = [
        ("removed", |path| std::fs::remove_file(path).unwrap()),
        ("emptied", |path| std::fs::write(path, []).unwrap()),
        ("cut in the middle of an entry", |path| std::fs::write(path, &std::fs::read(path).unwrap()[..45]).unwrap()),
        ("garbage", |path| std::fs::write(path, [0xa5; 4096]).unwrap()),
    ];
    for ((what, harm), is_stopped) in harms.into_iter().flat_map(|harm| [(harm, true), (harm, false)]) {
        let case = Case::with(LogConfig { segment_bytes: 20_000, index_interval_bytes: 1_000, ..config() }, 1);
        for at in 0..60 {
            case.append(0, &common::timed(10, T0 + at * 10));
        }
        let harmed = |dir: &Path| common::files(dir, "index").iter().for_each(|path| harm(path));
        let case = if is_stopped { case.stopped() } else { case.crashed() };
        assert!(case.files("index").len() > 2, "{:?}", case.files("index"));
        let case = case.crashed_with(harmed);
        assert_eq!(case.offsets_read(0), (0..600).step_by(10).collect::<Vec<_>>(), "{what}");
        for at in (0..600).step_by(37) {
            let found = case.log(0).offset_for_timestamp(T0 + at, ReadUpTo::HighWatermark).unwrap().unwrap();
            assert_eq!((found.offset, found.timestamp), (at, T0 + at), "{what}");
        }
        assert_eq!(case.append(0, &batch(1, 10)).base_offset, 600, "{what}");
    }
}

/// A store on a disk that can lose power: one topic, some partitions, small files.
struct Small {
    storage: Arc<Storage>,
    machine: Machine,
}

fn options() -> StorageOptions {
    let log_config = LogConfig { segment_bytes: 6_000, index_interval_bytes: 500, ..LogConfig::default() }.into();
    StorageOptions { journal_segment_bytes: 16_384, log_config, ..StorageOptions::default() }
}

impl Small {
    fn on(machine: Machine) -> Self {
        Self { storage: machine.open(&options()).unwrap(), machine }
    }

    /// With a topic, and batches in each of its partitions, all acknowledged.
    fn with(partitions: u32, batches: usize) -> Self {
        let small = Self::on(Machine::new(1));
        let new = NewTopic { name: "t".into(), partitions, configs: BTreeMap::new(), internal: false };
        small.storage.create_topics(vec![new]).pop().unwrap().unwrap();
        for _ in 0..batches {
            (0..partitions as usize).for_each(|partition| assert!(small.append(partition)));
        }
        small
    }

    fn log(&self, partition: usize) -> Arc<PartitionLog> {
        self.storage.topic("t").unwrap().partitions[partition].clone()
    }

    /// Appends a batch; whether it is acknowledged.
    fn append(&self, partition: usize) -> bool {
        let Ok(appended) = self.log(partition).append(batch(1, 800), AppendOrigin::Client, T0) else { return false };
        let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
        waiting.block_on(appended.commit.durable()).is_ok()
    }

    /// Batches of a partition, all of which can be read.
    fn batches(&self, partition: usize) -> i64 {
        let log = self.log(partition);
        let end = log.offsets().high_watermark;
        for offset in 0..end {
            let read = log.read(offset, 1, true, ReadUpTo::HighWatermark).unwrap().bytes;
            assert_eq!((read.len(), &read[..8]), (batch(1, 800).len(), &offset.to_be_bytes()[..]));
        }
        assert_eq!(log.offsets().log_end, end);
        end
    }

    /// Starts again after a loss of power.
    fn after_power_loss(self, seed: u64) -> Self {
        self.machine.disk.power_off();
        drop(self.storage);
        Self::on(self.machine.after_power_loss(seed))
    }
}

#[test]
fn a_chain_that_was_half_made_is_there_with_its_first_record_or_not_at_all() {
    for operations in 1.. {
        let small = Small::with(2, 0);
        small.machine.disk.power_off_after(operations);
        let acknowledged = small.append(1);
        let is_done = !small.machine.disk.is_off();
        let small = small.after_power_loss(operations);
        let found = small.batches(1);
        assert!(found == 1 || !acknowledged && found == 0, "{found} after {operations} operations");
        assert!(small.append(1) && small.batches(1) == found + 1);
        assert_eq!(small.batches(0), 0);
        wait_for("files without a chain are removed", || {
            common::files(small.machine.files(), "log").len() == 1 + found as usize
        });
        if is_done {
            assert!(operations > 10, "{operations}");
            break;
        }
    }
}

/// A log that a failed commit had put back into the queue of its store, and the store, held each other for ever, with all their files: thousands of
/// losses of power in one process used up its open files.
#[test]
fn nothing_stays_behind_of_a_storage_that_is_dropped_with_logs_in_its_queue() {
    for operations in 1..60 {
        let small = Small::with(2, 0);
        small.machine.disk.power_off_after(operations);
        assert!((0..30).any(|_| !small.append(1)), "the power goes");
        let log = Arc::downgrade(&small.log(1));
        small.machine.disk.power_off();
        drop(small.storage);
        assert!(log.upgrade().is_none(), "after {operations} operations");
    }
}

#[test]
fn a_store_that_was_half_made_is_made_again() {
    for operations in 1.. {
        let machine = Machine::new(1);
        machine.disk.power_off_after(operations);
        let is_done = machine.open(&options()).is_ok();
        for seed in 0..20 {
            let small = Small::on(machine.after_power_loss(seed));
            assert!(small.storage.topics().is_empty());
        }
        if is_done {
            assert!(operations > 20, "{operations}");
            break;
        }
    }
}

#[test]
fn a_recovery_that_is_cut_short_at_any_operation_is_done_again() {
    let small = Small::with(3, 12);
    small.machine.disk.power_off();
    let done = (1..).find(|operations| {
        // Always the same disk, with any part of what was not synced.
        let machine = small.machine.after_power_loss(*operations);
        machine.disk.power_off_after(*operations);
        let is_done = machine.open(&options()).is_ok();
        let again = Small::on(machine.after_power_loss(*operations));
        let found = [0, 1, 2].map(|partition| again.batches(partition));
        assert_eq!(found, [12; 3], "cut short after {operations} operations");
        assert!((0..3).all(|partition| again.append(partition)));
        is_done
    });
    assert!(done > Some(50), "{done:?}");
}

#[test]
fn a_start_that_is_cut_short_over_and_over_gets_through_in_the_end() {
    for step in [1, 3, 10] {
        let mut machine = Small::with(3, 12).after_power_loss(step).machine;
        for operations in (1..).step_by(step as usize) {
            machine.disk.power_off_after(operations);
            let is_done = machine.open(&options()).is_ok();
            machine = machine.after_power_loss(operations);
            if is_done {
                break;
            }
        }
        let small = Small::on(machine);
        assert_eq!([0, 1, 2].map(|partition| small.batches(partition)), [12; 3], "step {step}");
    }
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
