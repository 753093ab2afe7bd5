//! Compaction, of Catena and of Apache Kafka 4.4.0: the same records go into both, and what is left must be the same, and what the
//! rules say.
//!
//! What must always hold: a test waits for compaction by looking at the topic; what it compares lies below the two large records
//! that end the segments before them.

mod load;
mod rows;

use std::time::{Duration, Instant};

use compat_tests::catena::Options;
use compat_tests::wire::{Connection, FetchPlan, Group, Membership, Topic};
use compat_tests::{Broker, Catena, Kafka, java};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use load::{Load, fill};
use rows::{Row, last_of_each_key, read, rows_of};

const DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);
const BACKOFF: (&str, &str) = ("log.cleaner.backoff.ms", "100");
/// Bytes of a segment: the least that Kafka allows.
const COMPACTED: [(&str, &str); 3] =
    [("cleanup.policy", "compact"), ("segment.bytes", "1048576"), ("min.cleanable.dirty.ratio", "0.001")];

fn kafka() -> &'static Kafka {
    Kafka::shared_with(&[BACKOFF])
}

fn catena() -> Catena {
    Catena::start(Options::new().set(BACKOFF.0, BACKOFF.1))
}

fn seed() -> u64 {
    let seed = rand::random();
    println!("seed {seed}");
    seed
}

/// Waits until `look` finds what it looks for.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(Instant::now() < deadline, "after {DEADLINE:?} still no {what}"),
        }
        std::thread::sleep(POLL);
    }
}

/// The records of a partition below `end`, once there are `count` of them.
fn compacted(broker: &dyn Broker, topic: &Topic, partition: i32, end: i64, count: usize) -> Vec<Row> {
    let mut connection = Connection::to(broker).unwrap();
    let what = format!("{count} records in partition {partition} of {} in {}", topic.name, broker.name());
    wait_for(&what, || {
        // Cheap as long as nothing was compacted.
        let mut plan = FetchPlan::new(topic, &[partition]);
        plan.partition_max_bytes = 1;
        let first = connection.fetch(&mut plan).unwrap().partitions[0].batches().remove(0);
        let touched = first.base_offset > 0 || rows_of(&first).len() as i64 != first.next_offset();
        Some(read(&mut connection, topic, partition, end).0).filter(|rows| touched && rows.len() <= count)
    })
}

#[test]
fn of_a_million_records_both_leave_the_last_of_each_key() {
    if !java::available() {
        return;
    }
    let seed = seed();
    let load = Load::random(seed, 4, 250, 1_000, 12_000);
    let mut catena = catena();
    let topics = [kafka() as &dyn Broker, &catena].map(|broker| write_million(broker, &load));
    for (partition, rows) in load.rows.iter().enumerate() {
        let expected = last_of_each_key(rows);
        for (broker, topic) in [kafka() as &dyn Broker, &catena].into_iter().zip(&topics) {
            let left = compacted(broker, topic, partition as i32, load.end(), expected.len());
            assert!(left == expected, "{}: {}", broker.name(), difference(&left, &expected));
        }
    }
    for (broker, topic) in [kafka() as &dyn Broker, &catena].into_iter().zip(&topics) {
        assert_readers_go_on_behind_gaps(broker, topic, &last_of_each_key(&load.rows[0]), load.end(), seed);
        assert_producer_goes_on(broker, topic, &load);
    }
    catena.kill();
    catena.restart();
    for (partition, rows) in load.rows.iter().enumerate() {
        let mut connection = Connection::to(&catena).unwrap();
        let left = read(&mut connection, &topics[1], partition as i32, load.end()).0;
        assert!(left == last_of_each_key(rows), "after a kill: {}", difference(&left, &last_of_each_key(rows)));
    }
}

const NAME: &str = "million";

fn write_million(broker: &dyn Broker, load: &Load) -> Topic {
    let mut connection = Connection::to(broker).unwrap();
    let topic = connection.create_topic(NAME, load.rows.len() as i32, &COMPACTED).unwrap();
    let producer = connection.init_producer().unwrap();
    load.write(&mut connection, &topic, producer);
    fill(&mut connection, &topic, "a");
    topic
}

fn difference(left: &[Row], expected: &[Row]) -> String {
    let at = left.iter().zip(expected).position(|(left, expected)| left != expected);
    let at = at.unwrap_or(left.len().min(expected.len()));
    format!(
        "{} records, expected {}; at {at}: {:?}, expected {:?}",
        left.len(),
        expected.len(),
        left.get(at),
        expected.get(at)
    )
}

/// A fetch at any offset gives the record there, or the next one.
fn assert_readers_go_on_behind_gaps(broker: &dyn Broker, topic: &Topic, expected: &[Row], end: i64, seed: u64) {
    let mut connection = Connection::to(broker).unwrap();
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..200 {
        let offset = random.random_range(0..end);
        let mut plan = FetchPlan::new(topic, &[0]);
        plan.positions[0].1 = offset;
        let mut found = None;
        // A batch that is left for its producer's sake has no records.
        while found.is_none() && plan.positions[0].1 < end {
            let fetched = connection.fetch(&mut plan).unwrap();
            let rows = fetched.partitions[0].batches().iter().flat_map(rows_of).find(|row| row.offset >= offset);
            found = rows.map(|row| row.offset);
        }
        let next = expected.iter().find(|row| row.offset >= offset).map(|row| row.offset);
        assert_eq!(found.filter(|found| *found < end), next, "{} at {offset}", broker.name());
    }
    assert_eq!(connection.start_offsets(topic, &[0]).unwrap(), [0], "{}", broker.name());
    assert_eq!(connection.end_offsets(topic, &[0]).unwrap(), [end + 2], "{}", broker.name());
}

/// The broker still knows the last batch of the producer: it may be sent again, and the next one must follow it.
fn assert_producer_goes_on(broker: &dyn Broker, topic: &Topic, load: &Load) {
    let mut connection = Connection::to(broker).unwrap();
    let (rows, batches) = read(&mut connection, topic, 0, load.end());
    let last = batches.last().unwrap();
    let (id, sequence) = last.producer();
    let index = load.batches[0].len() - 1;
    assert_eq!((last.next_offset(), sequence), (load.end(), load.sequence(index)), "{}", broker.name());
    assert!(rows.len() < load.rows[0].len());
    let producer = compat_tests::wire::batch::Producer { id, epoch: 0 };
    let mut send = |sequence: i32| {
        let mut batch = load.batches[0][index].clone();
        compat_tests::wire::batch::restamp(&mut batch, producer, sequence);
        let answer = connection.try_produce(topic, 0, &batch).unwrap();
        (answer.error_code, answer.base_offset)
    };
    assert_eq!(send(sequence), (0, last.base_offset), "{}: the last one again", broker.name());
    assert_eq!(send(sequence + 2_000).0, 45, "{}: a gap is out of order", broker.name());
    assert_eq!(send(sequence + 1_000), (0, load.end() + 2), "{}: the next one", broker.name());
}

#[test]
fn tombstones_go_when_their_time_is_over() {
    if !java::available() {
        return;
    }
    let load = Load::random(seed(), 1, 20, 500, 900);
    let catena = catena();
    for broker in [kafka() as &dyn Broker, &catena] {
        let mut connection = Connection::to(broker).unwrap();
        let configs = [&COMPACTED[..], &[("delete.retention.ms", "500")]].concat();
        let topic = connection.create_topic("tombstones", 1, &configs).unwrap();
        let producer = connection.init_producer().unwrap();
        load.write(&mut connection, &topic, producer);
        let live: Vec<Row> = last_of_each_key(&load.rows[0]).into_iter().filter(|row| row.value.is_some()).collect();
        let mut round = 0;
        let left = wait_for("log without tombstones", || {
            // Something new each time: without it nothing is dirty enough for another pass.
            fill(&mut connection, &topic, &round.to_string());
            round += 1;
            let rows = read(&mut connection, &topic, 0, load.end()).0;
            Some(rows).filter(|rows| rows.len() <= live.len())
        });
        assert!(left == live, "{}: {}", broker.name(), difference(&left, &live));
    }
}

#[test]
fn groups_come_back_from_their_compacted_topic() {
    let options = Options::new().set(BACKOFF.0, BACKOFF.1).set("offsets.topic.num.partitions", 1);
    let mut catena = Catena::start(options.set("offsets.topic.segment.bytes", 1 << 20));
    let mut connection = Connection::to(&catena).unwrap();
    let topic = connection.create_topic("committed", 200, &[]).unwrap();
    let group = Group::new("readers");
    let me = group.join(&mut connection, "", DEADLINE).unwrap();
    group.sync(&mut connection, &me, &[(&me.member_id, b"all")]).unwrap();
    let rounds = 200;
    for round in 1..=rounds {
        let offsets: Vec<(i32, i64)> = topic.all().into_iter().map(|partition| (partition, round)).collect();
        assert_eq!(group.commit(&mut connection, &me, &topic, &offsets).unwrap(), 0);
    }
    let offsets_topic = connection.topic("__consumer_offsets").unwrap();
    let kept = |connection: &mut Connection| read(connection, &offsets_topic, 0, i64::MAX).0.len();
    // More than two segments of commits: of all but the last segment only the last commits stay.
    wait_for("compacted __consumer_offsets", || (kept(&mut connection) < rounds as usize * 200 / 2).then_some(()));
    for crash in [true, false, true] {
        if crash {
            catena.kill();
        } else {
            let _ = catena.terminate();
        }
        catena.restart();
        connection = Connection::to(&catena).unwrap();
        assert_group_is_as_it_was(&mut connection, &group, &me, &topic, rounds);
    }
}

fn assert_group_is_as_it_was(connection: &mut Connection, group: &Group, me: &Membership, topic: &Topic, offset: i64) {
    let committed = wait_for("coordinator", || group.committed(connection, topic, &topic.all()).unwrap().ok());
    assert_eq!(committed, vec![offset; topic.all().len()]);
    assert_eq!(group.heartbeat(connection, me).unwrap(), 0, "the member is still in its generation");
}
