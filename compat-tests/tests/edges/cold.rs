//! Data that is on the disk and nowhere else, and data that the disk changed.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use compat_tests::catena::Options;
use compat_tests::wire::batch::{BatchBuilder, now_ms};
use compat_tests::wire::{Connection, FetchPlan, Topic};
use compat_tests::{Catena, damage};
use rustix::fs::Advice;

use crate::one;

const CORRUPT_MESSAGE: i16 = 2;
const HEADER_LEN: u64 = 61;
/// Bytes of a header that say how to go on: length, format, distance to the last offset.
const LEADS_ON: [u64; 9] = [8, 9, 10, 11, 16, 23, 24, 25, 26];
const RECORDS: i64 = 48;
const RECORD_BYTES: usize = 1_000_000;
const ALL_BYTES: u64 = RECORDS as u64 * RECORD_BYTES as u64;
const CONSUMERS: usize = 20;
/// What a produce may take while somebody reads from the disk, on a busy machine.
const PRODUCE_MAX: Duration = Duration::from_secs(2);

/// A broker that was started again on a topic of many bytes, none of which are in memory.
fn cold() -> (Catena, Topic) {
    let mut broker = Catena::start(Options::new());
    let mut connection = Connection::to(&broker).unwrap();
    let topic = connection.create_topic("old", 1, &[]).unwrap();
    let batch = BatchBuilder::new(now_ms()).push(None, Some(&vec![7; RECORD_BYTES])).build();
    (0..RECORDS).for_each(|offset| assert_eq!(connection.produce(&topic, 0, &batch).unwrap(), offset));
    broker.terminate();
    // Segments and their indexes.
    damage::files(&broker.data(), &["log", "index"]).iter().for_each(|path| drop_from_memory(path));
    broker.restart();
    (broker, topic)
}

fn drop_from_memory(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).unwrap();
}

/// Bytes that the broker had the disk read.
fn disk_reads(broker: &mut Catena) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", broker.process().id())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).unwrap().parse().unwrap()
}

/// How often each thread of the broker waited for the disk in a page fault, by the thread's name and number.
fn major_faults(broker: &mut Catena) -> Vec<(String, u64)> {
    let tasks = fs::read_dir(format!("/proc/{}/task", broker.process().id())).unwrap();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let fault = |stat: String| {
        let (name, rest) = stat.rsplit_once(')')?;
        Some((name.replace(" (", " "), rest.split_whitespace().nth(9)?.parse().ok()?))
    };
    stats.filter_map(fault).collect()
}

/// Reads everything; how many records there were.
fn read_all(broker: &Catena, topic: &Topic) -> i64 {
    let mut connection = Connection::to(broker).unwrap();
    let mut plan = FetchPlan::new(topic, &[0]);
    while plan.positions[0].1 < RECORDS {
        connection.fetch(&mut plan).unwrap();
    }
    plan.positions[0].1
}

#[test]
fn a_consumer_of_cold_data_holds_up_no_thread_that_serves_connections() {
    let (mut broker, topic) = cold();
    let mut live = Connection::to(&broker).unwrap();
    let other = live.create_topic("live", 1, &[]).unwrap();
    let (before, done) = (disk_reads(&mut broker), AtomicBool::new(false));

    let (mut produced, mut longest) = (0, Duration::ZERO);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(read_all(&broker, &topic), RECORDS);
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let begun = Instant::now();
            assert_eq!(live.produce(&other, 0, &one(b"now")).unwrap(), produced);
            longest = longest.max(begun.elapsed());
            assert_eq!(live.read_partition(&other, 0, produced).unwrap().len(), 1);
            produced += 1;
        }
    });

    let read = disk_reads(&mut broker) - before;
    let faults = major_faults(&mut broker);
    println!("{read} bytes from the disk, {produced} records meanwhile, the slowest in {longest:?}; faults {faults:?}");
    assert!(read > ALL_BYTES / 2, "the data was in memory: nothing is tested");
    let connections = faults.iter().filter(|(name, _)| name.contains("tokio"));
    assert!(connections.clone().count() > 0, "no thread has that name");
    assert!(connections.clone().all(|(_, faults)| *faults == 0), "{faults:?}");
    assert!(produced > 0 && longest < PRODUCE_MAX, "{longest:?}");
}

#[test]
fn many_consumers_of_the_same_cold_data_cost_one_read_of_the_disk() {
    let (mut broker, topic) = cold();
    let before = disk_reads(&mut broker);
    std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..CONSUMERS).map(|_| scope.spawn(|| read_all(&broker, &topic))).collect();
        consumers.into_iter().for_each(|consumer| assert_eq!(consumer.join().unwrap(), RECORDS));
    });
    let read = disk_reads(&mut broker) - before;
    println!("{read} bytes from the disk for {CONSUMERS} times {ALL_BYTES}");
    assert!(read > ALL_BYTES / 2, "the data was in memory: nothing is tested");
    assert!(read < ALL_BYTES * 3 / 2, "{read} bytes from the disk");
}

/// What a fetch at `offset` of partition 0 gives: the error, and the offsets of the batches.
fn fetch_at(broker: &Catena, topic: &Topic, offset: i64) -> (i16, Vec<i64>) {
    let mut connection = Connection::to(broker).unwrap();
    let mut plan = FetchPlan::new(topic, &[0]);
    plan.positions[0].1 = offset;
    connection.send_fetch(&plan).unwrap();
    let part = connection.receive_fetch().unwrap().partitions.pop().unwrap();
    (part.error_code, part.batches().iter().map(|batch| batch.base_offset).collect())
}

#[test]
fn a_batch_that_the_disk_changed_is_refused_and_its_neighbours_are_served() {
    let mut broker = Catena::start(Options::new());
    let mut connection = Connection::to(&broker).unwrap();
    let topic = connection.create_topic("rotten", 1, &[]).unwrap();
    (0..30).for_each(|at| assert_eq!(connection.produce(&topic, 0, &one(b"a value to be found")).unwrap(), at));
    broker.terminate();
    damage::flip(&broker.data(), b"a value to be found", 10);
    broker.restart();

    let at = |offset| fetch_at(&broker, &topic, offset);
    assert_eq!(at(0), (0, (0..10).collect()));
    assert_eq!(at(10), (CORRUPT_MESSAGE, vec![]));
    assert_eq!(at(10), (CORRUPT_MESSAGE, vec![]));
    assert_eq!(at(11), (0, (11..30).collect()));
    let log = broker.process().log();
    let said: Vec<_> = log.lines().filter(|line| line.contains("records cannot be served")).collect();
    assert_eq!(said.len(), 1, "{log}");
    assert!(
        ["ERROR", "partition=0", "chain=", ".log", "offset=10", "position"].iter().all(|word| said[0].contains(word)),
        "{said:?}"
    );
}

/// The CRC covers neither the offset of a batch nor its leader epoch.
#[test]
fn whichever_byte_of_its_header_the_disk_changed_a_batch_is_not_served_and_its_neighbours_are() {
    let mut broker = Catena::start(Options::new());
    let topic = Connection::to(&broker).unwrap().create_topic("rotten", 1, &[]).unwrap();
    let batch = one(b"a value to be found");
    let mut connection = Connection::to(&broker).unwrap();
    (0..30).for_each(|at| assert_eq!(connection.produce(&topic, 0, &batch).unwrap(), at));
    broker.terminate();
    let (segment, value) = damage::find(&broker.data(), b"a value to be found", 10);
    let header = value / batch.len() as u64 * batch.len() as u64;
    for byte in 0..HEADER_LEN {
        damage::flip_at(&segment, header + byte);
        broker.restart();
        let at = |offset| fetch_at(&broker, &topic, offset);
        assert_eq!(at(0), (0, (0..10).collect()), "byte {byte}");
        assert_eq!(at(10), (CORRUPT_MESSAGE, vec![]), "byte {byte}");
        // Without its length and its last offset nobody knows where the next one is, up to the next entry of the index.
        let behind = if LEADS_ON.contains(&byte) { (CORRUPT_MESSAGE, vec![]) } else { (0, (11..30).collect()) };
        assert_eq!(at(11), behind, "byte {byte}");
        broker.terminate();
        damage::flip_at(&segment, header + byte);
    }
}
