//! Real data through every client: the machine's package index goes in with one codec by each family, and every family
//! reads all of it: the same records, and the same order in each partition.

use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use compat_tests::catena::Options;
use compat_tests::clients::package_index::{self, Package};
use compat_tests::clients::{FRANZ_GO, Family, JAVA, KAFKA_PYTHON, KAFKAJS, LIBRDKAFKA};
use compat_tests::program::{self, Output};
use compat_tests::wire::Connection;
use compat_tests::{Broker, Catena};

const PARTITIONS: u32 = 12;
const DEADLINE: Duration = Duration::from_secs(300);
const RECORDS_MIN: usize = 60_000;
const AT_A_TIME: usize = 2;
const POLL: Duration = Duration::from_millis(5);

/// Who writes with which codec (by its number in a batch); the slowest first.
const WRITERS: [(Family, &str, usize); 5] = [
    (KAFKA_PYTHON, "snappy", 2),
    (KAFKAJS, "gzip", 1),
    (JAVA, "none", 0),
    (LIBRDKAFKA, "zstd", 4),
    (FRANZ_GO, "lz4", 3),
];

/// Who is asked for exactly once, with which codec.
const IDEMPOTENT: [(Family, &str); 3] = [(JAVA, "none"), (LIBRDKAFKA, "lz4"), (FRANZ_GO, "zstd")];

#[test]
fn the_package_index_goes_in_by_each_client_and_comes_out_of_every_other() {
    if !WRITERS.iter().all(|(family, ..)| family.available()) {
        return;
    }
    let Some(packages) = package_index::packages() else { return };
    assert!(packages.len() > 100, "only {} packages", packages.len());
    let catena = Catena::start(Options::new());
    write(&catena, &packages);
    assert_codecs_are_as_asked_for(&catena);
    read(&catena, &packages);
}

#[test]
fn idempotent_clients_neither_lose_nor_repeat_records_when_the_broker_is_killed() {
    if !IDEMPOTENT.iter().all(|(family, _)| family.available()) {
        return;
    }
    let Some(packages) = package_index::packages() else { return };
    // Over and over, where there are few: enough to be killed in the midst of.
    let count = packages.len().max(RECORDS_MIN);
    let packages: Vec<Package> = packages.into_iter().cycle().take(count).collect();
    let mut catena = Catena::start(Options::new());
    let topics = IDEMPOTENT.map(|(family, _)| format!("packages-{}", family.name));
    create(&catena, &topics);
    let file = tempfile::NamedTempFile::new().unwrap();
    package_index::write(&packages, PARTITIONS, file.path()).unwrap();
    let commands = IDEMPOTENT.iter().zip(&topics).map(|((family, codec), topic)| {
        let mut command = family.command("load", &catena);
        command.arg(topic).arg(codec).arg(file.path());
        command
    });
    let commands = commands.collect();
    std::thread::scope(|scope| {
        let loads = scope.spawn(|| run(commands));
        kill_now_and_then(&mut catena, &topics, packages.len() as i64 * topics.len() as i64);
        loads.join().unwrap();
    });
    let mut drain = FRANZ_GO.command("drain", &catena);
    drain.args(&topics);
    let expected = topics.each_ref().map(|topic| package_index::drained(&packages, PARTITIONS, topic));
    let output = program::run(drain, DEADLINE).expect_success();
    assert_eq!(output.json_lines(), expected, "{output}");
}

fn create(broker: &dyn Broker, topics: &[String]) {
    let mut connection = Connection::to(broker).unwrap();
    topics.iter().for_each(|topic| drop(connection.create_topic(topic, PARTITIONS as i32, &[]).unwrap()));
}

/// Kills and restarts the broker when certain shares of all records have come in.
fn kill_now_and_then(catena: &mut Catena, topics: &[String], records: i64) {
    for percent in [10, 40, 70] {
        let deadline = Instant::now() + DEADLINE;
        let stored = loop {
            match stored(catena, topics) {
                Ok(stored) if stored * 100 >= records * percent => break stored,
                _ => assert!(Instant::now() < deadline, "less than {percent} % after {DEADLINE:?}"),
            }
            std::thread::sleep(POLL);
        };
        assert!(stored < records, "everything is in before the broker could be killed");
        catena.kill();
        catena.restart();
    }
}

fn stored(broker: &dyn Broker, topics: &[String]) -> std::io::Result<i64> {
    let mut connection = Connection::to(broker)?;
    topics.iter().try_fold(0, |sum, name| {
        let topic = connection.topic(name)?;
        Ok(sum + connection.end_offsets(&topic, &topic.all())?.iter().sum::<i64>())
    })
}

fn write(broker: &dyn Broker, packages: &[Package]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    package_index::write(packages, PARTITIONS, file.path()).unwrap();
    create(broker, &WRITERS.map(|(_, codec, _)| topic(codec)));
    let commands = WRITERS.map(|(family, codec, _)| {
        let mut command = family.command("load", broker);
        command.args([&topic(codec), codec]).arg(file.path());
        command
    });
    for output in run(commands.into()) {
        assert_eq!(output.json_lines(), [serde_json::json!({"step": "load", "records": packages.len()})], "{output}");
    }
}

fn assert_codecs_are_as_asked_for(broker: &dyn Broker) {
    let mut connection = Connection::to(broker).unwrap();
    for (family, codec, number) in WRITERS {
        let topic = connection.topic(&topic(codec)).unwrap();
        let batches = connection.read_partition(&topic, 0, 0).unwrap();
        assert!(batches.iter().any(|batch| batch.codec() == number), "{} writes no {codec}", family.name);
    }
}

fn read(broker: &dyn Broker, packages: &[Package]) {
    let topics = WRITERS.map(|(_, codec, _)| topic(codec));
    let expected = topics.each_ref().map(|topic| package_index::drained(packages, PARTITIONS, topic));
    let commands = WRITERS.map(|(family, ..)| {
        let mut command = family.command("drain", broker);
        command.args(&topics);
        command
    });
    for output in run(commands.into()) {
        assert_eq!(output.json_lines(), expected, "{output}");
    }
}

fn topic(codec: &str) -> String {
    format!("packages-{codec}")
}

/// Runs the commands, some at the same time.
fn run(commands: Vec<Command>) -> Vec<Output> {
    let waiting = Mutex::new(commands.into_iter());
    let work = || {
        let next = || waiting.lock().unwrap().next();
        std::iter::from_fn(next).map(|command| program::run(command, DEADLINE).expect_success()).collect()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| -> Vec<Output> { worker.join().unwrap() }).collect()
    })
}
