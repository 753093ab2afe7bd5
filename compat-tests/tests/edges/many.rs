//! Many partitions, many connections.

use std::fs;
use std::time::{Duration, Instant};

use compat_tests::Catena;
use compat_tests::bench::usage;
use compat_tests::catena::Options;
use compat_tests::wire::{Connection, FetchPlan, ProduceFrame, ProduceHeader, Topic};

use crate::{disk_bytes, one};

const TOPICS: usize = 10;
const TOPIC_PARTITIONS: i32 = 1_000;
const CONNECTIONS: usize = 500;
/// Much fewer than partitions, each of which has a segment that is being written. `ulimit -n` of many systems.
const OPEN_FILES: u32 = 4_096;
/// Memory maps of the process, its libraries and stacks included.
const MAPS_MAX: usize = 20_000;
/// Memory of a broker that has nothing to do, its program included.
const IDLE_MEMORY_KIB: u64 = 64 << 10;
/// A partition with one record costs at most so much disk.
const PARTITION_DISK_BYTES: u64 = 64 * 1024;
/// And journal, catalog and snapshots of all of them so much.
const STORE_DISK_BYTES: u64 = 16 << 20;
/// What creating all partitions takes at most: much less than a flush of the disk for each.
const CREATE_MAX: Duration = Duration::from_secs(15);
/// What a start after a kill takes at most, on a busy machine too; likewise.
const START_MAX: Duration = Duration::from_secs(15);

#[test]
fn ten_thousand_partitions_are_soon_made_written_read_and_there_after_a_kill() {
    let options = Options::new().open_files(OPEN_FILES);
    let mut many = Many::new(Catena::start(options));
    many.timed("creating", Some(CREATE_MAX), Many::create);
    many.assert_idle_memory();
    many.timed("a batch to each", None, |many| many.produce_to_all(0));
    many.timed("reading it", None, |many| many.assert_all_have(1));
    many.assert_bounded();
    let used = disk_bytes(&many.broker.data());
    let allowed = many.partitions() * PARTITION_DISK_BYTES + STORE_DISK_BYTES;
    assert!(used <= allowed, "{used} bytes of disk for {} partitions of one record", many.partitions());

    many.broker.kill();
    many.timed("a start after a kill", Some(START_MAX), Many::restart);
    many.assert_idle_memory();
    many.timed("another batch to each", None, |many| many.produce_to_all(1));
    many.timed("reading both", None, |many| many.assert_all_have(2));
    many.assert_bounded();
}

/// A broker with many partitions, spread over some topics.
struct Many {
    broker: Catena,
    connection: Connection,
    topics: Vec<Topic>,
}

impl Many {
    fn new(broker: Catena) -> Self {
        let connection = Connection::to(&broker).unwrap();
        Self { broker, connection, topics: Vec::new() }
    }

    fn create(&mut self) {
        let names = (0..TOPICS).map(|number| format!("wide-{number}"));
        let create = |name: String| self.connection.create_topic(&name, TOPIC_PARTITIONS, &[]).unwrap();
        self.topics = names.map(create).collect();
    }

    fn restart(&mut self) {
        self.broker.restart();
        self.connection = Connection::to(&self.broker).unwrap();
    }

    fn partitions(&self) -> u64 {
        self.topics.iter().map(|topic| topic.partitions as u64).sum()
    }

    /// A request for each topic with a batch for each of its partitions; each must get `offset`.
    fn produce_to_all(&mut self, offset: i64) {
        self.topics.iter().for_each(|topic| produce_to_all(&mut self.connection, topic, offset));
    }

    fn assert_all_have(&mut self, records: i64) {
        for topic in &self.topics {
            assert_eq!(read_all(&mut self.connection, topic, records), expected(topic, records), "{}", topic.name);
        }
    }

    /// Does `work` and says how long it took, on the clock and on a core of the broker.
    fn timed(&mut self, what: &str, max: Option<Duration>, work: impl FnOnce(&mut Self)) {
        let (begun, before, process) = (Instant::now(), self.cpu(), self.broker.process().id());
        work(self);
        let took = begun.elapsed();
        let cpu = if self.broker.process().id() == process { self.cpu() - before } else { self.cpu() };
        println!("{what}: {took:?}, {cpu:?} of them on a core");
        assert!(max.is_none_or(|max| took < max), "{what}: {took:?}");
    }

    /// CPU time of the broker; none once it was killed.
    fn cpu(&mut self) -> Duration {
        let runs = self.broker.process().exit_status().is_none();
        if runs { usage::cpu(self.broker.process().id()) } else { Duration::ZERO }
    }

    fn assert_idle_memory(&mut self) {
        let memory = usage::memory(self.broker.process().id());
        assert!(memory.resident_kib < IDLE_MEMORY_KIB, "{memory:?}");
        self.assert_bounded();
    }

    /// The limit of open files holds by itself: a broker that needs more of them answers with errors.
    fn assert_bounded(&mut self) {
        let process = self.broker.process().id();
        let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap().lines().count();
        println!("{files} open files, {maps} maps, {:?}", usage::memory(process));
        assert!(files < OPEN_FILES as usize && maps < MAPS_MAX, "{files} open files, {maps} maps");
    }
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

/// One request with a batch for each partition; each must get `offset`.
fn produce_to_all(connection: &mut Connection, topic: &Topic, offset: i64) {
    let batches: Vec<Vec<u8>> = topic.all().iter().map(|partition| one(&value(topic, *partition, offset))).collect();
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
    while !plan.positions.is_empty() {
        for part in connection.fetch(&mut plan).unwrap().partitions {
            let read = part.batches().into_iter().flat_map(|batch| batch.records().unwrap());
            values[part.partition as usize].extend(read.map(|record| record.value.unwrap().to_vec()));
        }
        plan.positions.retain(|(_, offset)| *offset < records);
    }
    values
}

fn expected(topic: &Topic, records: i64) -> Vec<Vec<Vec<u8>>> {
    let of = |partition| (0..records).map(|offset| value(topic, partition, offset)).collect();
    topic.all().into_iter().map(of).collect()
}

fn value(topic: &Topic, partition: i32, offset: i64) -> Vec<u8> {
    format!("{} {partition}, offset {offset}", topic.name).into_bytes()
}
