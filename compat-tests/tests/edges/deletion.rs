//! Records, segments and topics go while others read and write them: nobody crashes, and the space comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use compat_tests::Catena;
use compat_tests::catena::Options;
use compat_tests::wire::batch::{BatchBuilder, now_ms};
use compat_tests::wire::{Connection, FetchPlan, Topic};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::{SOON, disk_bytes, one, others_are_served};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const READERS: usize = 10;
const ROUNDS: usize = 5;
const BATCHES: usize = 200;
const BATCH_BYTES: usize = 64 * 1024;
const HIGH_WATERMARK: i64 = -1;
const LONG_AGO: i64 = 1_700_000_000_000;

/// A broker that looks at its logs all the time, and removes files at once.
fn broker() -> Catena {
    let options = Options::new().set("log.segment.delete.delay.ms", 0).set("log.retention.check.interval.ms", 50);
    Catena::start(options)
}

fn large() -> Vec<u8> {
    BatchBuilder::new(now_ms()).push(None, Some(&[b'x'; BATCH_BYTES])).build()
}

/// Deletes the records of partition 0 before `offset`; the low watermark told.
fn delete_records(connection: &mut Connection, topic: &Topic, offset: i64) -> i64 {
    let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(offset);
    let asked = DeleteRecordsTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.name.clone())))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![asked]).with_timeout_ms(30_000);
    let response = connection.call(&request, 2).unwrap();
    let answer = &response.topics[0].partitions[0];
    assert_eq!(answer.error_code, 0, "{answer:?}");
    answer.low_watermark
}

fn await_small(broker: &Catena, bytes: u64) {
    let deadline = Instant::now() + SOON;
    while disk_bytes(&broker.data().join("chains")) > bytes {
        assert!(Instant::now() < deadline, "{} bytes", disk_bytes(&broker.data().join("chains")));
        std::thread::sleep(SOON / 500);
    }
}

/// Reads again and again from the beginning of the log until `done`; how many batches.
fn read_on(broker: &Catena, topic: &Topic, done: &AtomicBool) -> usize {
    let mut connection = Connection::to(broker).unwrap();
    let (mut read, mut plan) = (0, FetchPlan::new(topic, &[0]));
    plan.max_wait_ms = 20;
    while !done.load(Ordering::Acquire) {
        connection.send_fetch(&plan).unwrap();
        let fetched = connection.receive_fetch().unwrap();
        let partition = &fetched.partitions[0];
        assert!([0, OFFSET_OUT_OF_RANGE].contains(&partition.error_code), "{}", partition.error_code);
        let batches = partition.batches();
        assert!(batches.iter().all(|batch| batch.crc_matches()));
        read += batches.len();
        let next = batches.last().map(|batch| batch.next_offset());
        let position = next.unwrap_or_else(|| connection.start_offsets(topic, &[0]).unwrap()[0]);
        *plan.position(0).unwrap() = position;
    }
    read
}

#[test]
fn the_last_segment_goes_while_ten_consumers_read_it() {
    let broker = broker();
    let mut connection = Connection::to(&broker).unwrap();
    let topic = connection.create_topic("read", 1, &[("retention.ms", "-1")]).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(|| read_on(&broker, &topic, &done))).collect();
        for round in 1..=ROUNDS {
            (0..BATCHES).for_each(|_| {
                connection.produce(&topic, 0, &large()).unwrap();
            });
            let end = (round * BATCHES) as i64;
            assert_eq!(delete_records(&mut connection, &topic, HIGH_WATERMARK), end);
            assert_eq!(connection.start_offsets(&topic, &[0]).unwrap(), [end]);
            await_small(&broker, 1 << 20);
        }
        done.store(true, Ordering::Release);
        assert!(readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>() > 0);
    });
    others_are_served(&broker, &topic);
}

#[test]
fn a_topic_deleted_under_load_is_there_again_at_once_and_the_space_comes_back() {
    let broker = broker();
    let mut connection = Connection::to(&broker).unwrap();
    let mut topic = connection.create_topic("again", 1, &[]).unwrap();
    for round in 0..ROUNDS {
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write_until_deleted(&broker, &topic));
            let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(|| read_until_deleted(&broker, &topic))).collect();
            while connection.end_offsets(&topic, &[0]).unwrap()[0] < 20 {}
            connection.delete_topic("again").unwrap();
            // The answer to the last of them may have met the end of the topic on its way.
            assert!(writer.join().unwrap() >= 19, "round {round}");
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
        topic = connection.create_topic("again", 1, &[]).unwrap();
        assert_eq!(connection.produce(&topic, 0, &one(b"anew")).unwrap(), 0, "round {round}");
    }
    await_small(&broker, 1 << 20);
    others_are_served(&broker, &topic);
}

/// Produces until it is refused; how many batches were taken.
fn write_until_deleted(broker: &Catena, topic: &Topic) -> usize {
    let mut connection = Connection::to(broker).unwrap();
    let batch = large();
    (0..).take_while(|_| connection.try_produce(topic, 0, &batch).unwrap().error_code == 0).count()
}

fn read_until_deleted(broker: &Catena, topic: &Topic) {
    let mut connection = Connection::to(broker).unwrap();
    let mut plan = FetchPlan::new(topic, &[0]);
    plan.max_wait_ms = 20;
    loop {
        *plan.position(0).unwrap() = 0;
        connection.send_fetch(&plan).unwrap();
        let fetched = connection.receive_fetch().unwrap();
        let partition = &fetched.partitions[0];
        assert!(partition.batches().iter().all(|batch| batch.crc_matches()));
        if partition.error_code != 0 {
            return;
        }
    }
}

#[test]
fn retention_moves_the_log_start_and_readers_below_it_are_told() {
    let broker = broker();
    let mut connection = Connection::to(&broker).unwrap();
    let settings = [("retention.ms", "1000"), ("segment.ms", "1000")];
    let topic = connection.create_topic("short", 1, &settings).unwrap();
    for _ in 0..3 {
        let old = BatchBuilder::new(LONG_AGO).push(None, Some(b"of long ago")).build();
        connection.produce(&topic, 0, &old).unwrap();
    }
    let deadline = Instant::now() + SOON;
    while connection.start_offsets(&topic, &[0]).unwrap() != [3] {
        assert!(Instant::now() < deadline, "{:?}", connection.start_offsets(&topic, &[0]));
        std::thread::sleep(SOON / 500);
    }
    connection.send_fetch(&FetchPlan::new(&topic, &[0])).unwrap();
    let fetched = connection.receive_fetch().unwrap();
    assert_eq!(fetched.partitions[0].error_code, OFFSET_OUT_OF_RANGE);
    let now = BatchBuilder::new(now_ms()).push(None, Some(b"of now")).build();
    assert_eq!(connection.produce(&topic, 0, &now).unwrap(), 3);
    assert_eq!(connection.read_partition(&topic, 0, 3).unwrap().len(), 1);
}
