//! `catena.acks.all=memory`: what is acknowledged at once, when it becomes durable, and what a loss of power takes.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catena_protocol::batch::BatchHeader;
use catena_storage::{
    AcksAll, AppendOrigin, Appended, LogConfig, NewTopic, PartitionLog, ReadUpTo, Storage, StorageOptions,
};
use common::machine::Machine;
use common::{Case, T0, batch, config};

const SOON: Duration = Duration::from_secs(60);

fn in_memory() -> LogConfig {
    LogConfig { acks_all: AcksAll::Memory, ..config() }
}

fn append(log: &Arc<PartitionLog>, bytes: usize) -> Appended {
    log.append(batch(1, bytes), AppendOrigin::Client, T0).unwrap()
}

/// Appends and waits for the acknowledgement.
fn acknowledged(log: &Arc<PartitionLog>, bytes: usize) -> i64 {
    let appended = append(log, bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let wait = async { tokio::time::timeout(SOON, appended.commit.durable()).await };
    runtime.block_on(wait).expect("in time").unwrap();
    appended.base_offset
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn commits(storage: &Storage) -> u64 {
    storage.stats().iter().map(|store| store.commits).sum()
}

#[test]
fn records_behind_the_first_are_seen_at_once_and_survive_the_death_of_the_process() {
    let case = Case::with(in_memory(), 1);
    let log = case.log(0);
    assert_eq!(acknowledged(&log, 10), 0, "the first waits for the catalog to know its segment");
    let before = commits(&case.storage);
    for offset in 1..200 {
        let appended = append(&log, 1_000);
        assert!(appended.commit.is_durable() && appended.crash_safe, "acknowledged");
        let offsets = log.offsets();
        assert_eq!((appended.base_offset, offsets.high_watermark, offsets.log_end), (offset, offset + 1, offset + 1));
    }
    assert_eq!(commits(&case.storage), before, "nothing asked for a commit");
    assert_eq!(case.offsets_read(0).len(), 200);
    drop(log);
    let case = case.crashed();
    assert_eq!(case.offsets_read(0), (0..200).collect::<Vec<_>>());
    let case = case.stopped();
    assert_eq!(case.offsets_read(0).len(), 200);
}

#[test]
fn a_new_segment_and_many_bytes_bring_a_commit() {
    let case = Case::with(LogConfig { segment_bytes: 100_000, ..in_memory() }, 1);
    let log = case.log(0);
    (0..50).for_each(|_| {
        acknowledged(&log, 9_000);
    });
    assert!((2..30).contains(&commits(&case.storage)), "{}", commits(&case.storage));
    assert_eq!(case.offsets_read(0).len(), 50);

    let case = Case::with(in_memory(), 1);
    let log = case.log(0);
    (0..130).for_each(|_| {
        acknowledged(&log, 1_000_000);
    });
    assert!((2..6).contains(&commits(&case.storage)), "every 64 MiB: {}", commits(&case.storage));
}

#[test]
fn flush_messages_brings_a_commit_before_the_acknowledgement() {
    let case = Case::with(LogConfig { flush_messages: 10, ..in_memory() }, 1);
    let log = case.log(0);
    acknowledged(&log, 10);
    let before = commits(&case.storage);
    (0..100).for_each(|_| {
        acknowledged(&log, 10);
    });
    assert_eq!(commits(&case.storage) - before, 10);
}

#[test]
fn flush_ms_brings_a_commit_when_nobody_writes_any_more() {
    let case = Case::with(LogConfig { flush_ms: 30, ..in_memory() }, 2);
    let logs = [case.log(0), case.log(1)];
    for round in 0..3 {
        logs.iter().for_each(|log| {
            acknowledged(log, 10);
        });
        let before = commits(&case.storage);
        logs.iter().for_each(|log| {
            acknowledged(log, 10);
        });
        eventually(&format!("round {round} is flushed"), || commits(&case.storage) > before);
    }
}

fn start(machine: &Machine, config: &LogConfig) -> (Arc<Storage>, Arc<PartitionLog>) {
    let options = StorageOptions {
        journal_segment_bytes: 1 << 20,
        log_config: config.clone().into(),
        ..StorageOptions::default()
    };
    let storage = machine.open(&options).unwrap();
    if storage.topic("t").is_none() {
        let topic = NewTopic { name: "t".into(), partitions: 1, configs: BTreeMap::new(), internal: false };
        storage.create_topics(vec![topic]).pop().unwrap().unwrap();
    }
    let log = storage.topic("t").unwrap().partitions[0].clone();
    (storage, log)
}

/// Base offsets of all batches.
fn read(log: &Arc<PartitionLog>) -> Vec<i64> {
    let (mut found, mut next) = (Vec::new(), 0);
    loop {
        let slice = log.read(next, usize::MAX, true, ReadUpTo::HighWatermark).unwrap();
        let mut rest = &slice.bytes[..];
        while let Ok(header) = BatchHeader::parse_whole(rest) {
            found.push(header.base_offset);
            next = header.next_offset();
            rest = &rest[header.size()..];
        }
        if slice.bytes.is_empty() {
            return found;
        }
    }
}

#[test]
fn a_loss_of_power_takes_what_was_not_flushed_and_nothing_before_it() {
    let mut lost_some = false;
    for seed in 0..12 {
        let config = LogConfig { flush_messages: 50, ..in_memory() };
        let machine = Machine::new(1);
        let (storage, log) = start(&machine, &config);
        (0..170).for_each(|_| {
            acknowledged(&log, 500);
        });
        let machine = machine.after_power_loss(seed);
        drop((log, storage));
        let (storage, log) = start(&machine, &config);
        let found = read(&log);
        // The first commit has the first record, then every 50th brings one with all before it.
        assert!(found.len() >= 151, "seed {seed}: {} batches", found.len());
        assert_eq!(found, (0..found.len() as i64).collect::<Vec<_>>(), "seed {seed}");
        lost_some |= found.len() < 170;
        // The log goes on where it ends, with the same promise.
        let next = acknowledged(&log, 10);
        assert_eq!(next, found.len() as i64);
        drop((log, storage));
        let (_storage, log) = start(&machine, &config);
        assert_eq!(read(&log).len(), found.len() + 1);
    }
    assert!(lost_some, "the disk of this test keeps any part of what was not synced");
}

#[test]
fn a_log_that_goes_back_to_the_disk_makes_everything_durable_with_its_next_commit() {
    let machine = Machine::new(1);
    let (storage, log) = start(&machine, &in_memory());
    (0..100).for_each(|_| {
        acknowledged(&log, 500);
    });
    drop((log, storage));
    let (storage, log) = start(&machine, &config());
    acknowledged(&log, 500);
    let machine = machine.after_power_loss(7);
    drop((log, storage));
    let (_storage, log) = start(&machine, &config());
    assert_eq!(read(&log), (0..101).collect::<Vec<_>>());
}
