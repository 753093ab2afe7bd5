//! Many partitions, many connections.

use std::time::{Duration, Instant};

use compat_tests::Catena;
use compat_tests::catena::Options;
use compat_tests::wire::{Connection, FetchPlan, ProduceFrame, ProduceHeader, Topic};

use crate::{disk_bytes, one};

const PARTITIONS: i32 = 2_000;
const CONNECTIONS: usize = 500;
/// Much fewer than partitions, each of which has a segment that is being written.
const OPEN_FILES: u32 = 600;
/// A partition with one record costs at most so much disk.
const PARTITION_DISK_BYTES: u64 = 64 * 1024;
/// And journal, catalog and snapshots of all of them so much.
const STORE_DISK_BYTES: u64 = 16 << 20;
/// Longer than a start takes on a busy machine, much shorter than one that costs something per partition and disk flush.
const START_MAX: Duration = Duration::from_secs(3);

#[test]
fn two_thousand_partitions_in_one_topic_are_written_read_and_there_after_a_kill() {
    let options = Options::new().set("catena.journal.segment.bytes", 1 << 20).open_files(OPEN_FILES);
    let mut broker = Catena::start(options);
    let mut connection = Connection::to(&broker).unwrap();
    let topic = connection.create_topic("wide", PARTITIONS, &[]).unwrap();

    produce_to_all(&mut connection, &topic, 0);
    assert_eq!(read_all(&mut connection, &topic, 1), expected(&topic, 1));
    let used = disk_bytes(&broker.data());
    let allowed = PARTITIONS as u64 * PARTITION_DISK_BYTES + STORE_DISK_BYTES;
    assert!(used <= allowed, "{used} bytes of disk for {PARTITIONS} partitions of one record");

    broker.kill();
    let begin = Instant::now();
    broker.restart();
    let start = begin.elapsed();
    println!("start with {PARTITIONS} written partitions after a kill: {start:?}; {} KiB of disk", used / 1024);
    assert!(start < START_MAX, "{start:?}");

    let mut connection = Connection::to(&broker).unwrap();
    assert_eq!(read_all(&mut connection, &topic, 1), expected(&topic, 1));
    produce_to_all(&mut connection, &topic, 1);
    assert_eq!(read_all(&mut connection, &topic, 2), expected(&topic, 2));
}

/// One request with a batch for each partition; each must get `offset`.
fn produce_to_all(connection: &mut Connection, topic: &Topic, offset: i64) {
    let batches: Vec<Vec<u8>> = topic.all().iter().map(|partition| one(&value(*partition, offset))).collect();
    let batches: Vec<(i32, &[u8])> = (0i32..).zip(batches.iter().map(Vec::as_slice)).collect();
    ProduceFrame::build(topic, ProduceHeader::default(), &batches).send(connection).unwrap();
    let answers = connection.receive_produce().unwrap();
    assert_eq!(answers.len(), topic.partitions as usize);
    let wrong = answers.iter().find(|answer| answer.error_code != 0 || answer.base_offset != offset);
    assert!(wrong.is_none(), "{wrong:?}");
}

/// All records' values, by partition.
fn read_all(connection: &mut Connection, topic: &Topic, records: i64) -> Vec<Vec<Vec<u8>>> {
    let mut values = vec![Vec::new(); topic.partitions as usize];
    let mut plan = FetchPlan::new(topic, &topic.all());
    while plan.positions.iter().any(|(_, offset)| *offset < records) {
        for part in connection.fetch(&mut plan).unwrap().partitions {
            let read = part.batches().into_iter().flat_map(|batch| batch.records().unwrap());
            values[part.partition as usize].extend(read.map(|record| record.value.unwrap().to_vec()));
        }
    }
    values
}

fn expected(topic: &Topic, records: i64) -> Vec<Vec<Vec<u8>>> {
    let of = |partition| (0..records).map(|offset| value(partition, offset)).collect();
    topic.all().into_iter().map(of).collect()
}

fn value(partition: i32, offset: i64) -> Vec<u8> {
    format!("partition {partition}, offset {offset}").into_bytes()
}

#[test]
fn five_hundred_connections_are_served_at_the_same_time() {
    let broker = Catena::start(Options::new());
    let topic = Connection::to(&broker).unwrap().create_topic("crowd", 1, &[]).unwrap();
    let mut crowd: Vec<Connection> = (0..CONNECTIONS).map(|_| Connection::to(&broker).unwrap()).collect();
    for (number, connection) in crowd.iter_mut().enumerate() {
        let batch = one(&number.to_be_bytes());
        ProduceFrame::build(&topic, ProduceHeader::default(), &[(0, &batch)]).send(connection).unwrap();
    }
    let answers: Vec<_> = crowd.iter_mut().map(|connection| connection.receive_produce().unwrap()[0]).collect();
    assert!(answers.iter().all(|answer| answer.error_code == 0), "{answers:?}");
    let mut offsets: Vec<i64> = answers.iter().map(|answer| answer.base_offset).collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..CONNECTIONS as i64).collect::<Vec<_>>());
    for connection in &mut crowd {
        assert_eq!(connection.end_offsets(&topic, &[0]).unwrap(), [CONNECTIONS as i64]);
    }
}
