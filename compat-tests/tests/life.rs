//! The life of data as librdkafka sees it: topics with a codec of their own, deleted records, times, compaction, retention, a topic that is
//! made anew under load (`python/life.py`); and a batch that the disk changed, as librdkafka and the Java client see it.
//!
//! What librdkafka must see is in `python/life.jsonl`, and Apache Kafka is held to the same lines. What the Java client sees of the former is in
//! `java_clients.rs`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use compat_tests::broker::free_ports;
use compat_tests::catena::Options;
use compat_tests::clients::kept::assert_kept_in_the_codec_of_the_topic;
use compat_tests::java::Program;
use compat_tests::maven::KAFKA_44;
use compat_tests::program::{self, Output};
use compat_tests::wire::batch::{BatchBuilder, now_ms};
use compat_tests::wire::{Connection, Topic};
use compat_tests::{Broker, Catena, Kafka, catena, damage, java, python};
use serde_json::{Value, json};

/// Logs are looked at all the time, and who deletes a topic makes it anew. The last is Kafka's alone: it waits half a minute before it looks
/// for the first time.
const SETTINGS: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "false"),
    ("log.cleaner.backoff.ms", "100"),
    ("log.retention.check.interval.ms", "200"),
    ("log.initial.task.delay.ms", "200"),
];
const DEADLINE: Duration = Duration::from_secs(300);
const HEAP_MIB: u32 = 256;

const BATCHES: i64 = 30;
const ROTTEN: i64 = 10;
const METRICS: &str = "catena.metrics.listener";
const VALUE: &[u8] = b"a value to be found";
/// What librdkafka calls CORRUPT_MESSAGE, and a wrong CRC that it finds itself.
const CORRUPT_MESSAGE: i64 = 2;
const BAD_MESSAGE: i64 = -199;

fn kafka() -> &'static Kafka {
    Kafka::shared_with(SETTINGS)
}

fn options() -> Options {
    let (_, settings) = SETTINGS.split_last().unwrap();
    settings.iter().fold(Options::new(), |options, (name, value)| options.set(name, value))
}

#[test]
fn librdkafka_sees_what_it_should_of_catena() {
    if python::available() {
        scenarios(&Catena::start(options()));
    }
}

#[test]
fn librdkafka_sees_what_it_should_of_kafka() {
    if python::available() && java::available() {
        scenarios(kafka());
    }
}

fn scenarios(broker: &dyn Broker) {
    let mut life = python::command("life.py");
    life.args(["scenarios", &broker.bootstrap(), "life"]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/life.jsonl");
    let expected = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    program::run(life, DEADLINE).expect_success().assert_lines(&expected, broker.name());
    assert_kept_in_the_codec_of_the_topic(broker, "life");
}

/// A topic with a batch for each record.
fn filled(broker: &dyn Broker) -> Topic {
    let mut connection = Connection::to(broker).unwrap();
    let topic = connection.create_topic("rotten", 1, &[]).unwrap();
    let batch = BatchBuilder::new(now_ms()).push(None, Some(VALUE)).build();
    (0..BATCHES).for_each(|at| assert_eq!(connection.produce(&topic, 0, &batch).unwrap(), at));
    topic
}

/// A Catena that was stopped, and started again on a disk that changed one byte: where.
fn rotten_catena() -> (Catena, PathBuf, u64) {
    let [metrics] = free_ports();
    let mut broker = Catena::start(options().set(METRICS, format!("127.0.0.1:{metrics}")));
    filled(&broker);
    assert!(broker.terminate().success());
    let (segment, position) = damage::flip(&broker.data(), VALUE, ROTTEN as usize);
    broker.restart();
    (broker, segment, position)
}

/// A Kafka that trusts its disk: it need not be started again to serve what is there.
fn rotten_kafka() -> &'static Kafka {
    let broker = kafka();
    filled(broker);
    damage::flip(&broker.data().join("rotten-0"), VALUE, ROTTEN as usize);
    broker
}

fn with_arguments(mut command: Command, broker: &dyn Broker) -> Output {
    command.args([&broker.bootstrap(), "rotten", &ROTTEN.to_string(), &BATCHES.to_string()]);
    program::run(command, DEADLINE).expect_success()
}

/// What the Java consumer sees; its words for the exception are the second thing told.
fn java_lines(text: &str) -> Vec<Value> {
    let line = |step: &str, read: Vec<i64>, refused: bool, position: i64| {
        let told: Vec<&str> = if refused { vec!["KafkaException", text] } else { vec![] };
        json!({"scenario": "rotten", "step": step, "read": read, "told": told, "position": position})
    };
    vec![
        line("from the beginning", (0..ROTTEN).collect(), true, ROTTEN),
        line("polled on", vec![], true, ROTTEN),
        line("from behind it", (ROTTEN + 1..BATCHES).collect(), false, BATCHES),
        line("back at it", vec![], true, ROTTEN),
    ]
}

/// What librdkafka's consumer sees: `code`, twice, where it looks at all.
fn librdkafka_lines(code: impl Fn(bool) -> Option<i64>) -> Vec<Value> {
    let line = |checked: bool, start: i64| {
        let told = code(checked).filter(|_| start <= ROTTEN).map_or(vec![], |code| vec![[code, ROTTEN]; 2]);
        let end = if told.is_empty() { BATCHES } else { ROTTEN };
        json!({"step": "rotten", "checked": checked, "start": start, "read": (start..end).collect::<Vec<_>>(), "told": told})
    };
    [false, true].into_iter().flat_map(|checked| [0, ROTTEN + 1, ROTTEN].map(|start| line(checked, start))).collect()
}

#[test]
fn a_batch_that_the_disk_changed_is_named_to_consumers_and_to_the_operator() {
    if !python::available() || !java::available() {
        return;
    }
    let (mut broker, segment, position) = rotten_catena();
    let java = with_arguments(Program::compile("clients", KAFKA_44).command("Rotten", HEAP_MIB), &broker);
    assert_eq!(
        java.json_lines(),
        java_lines("Encountered corrupt message when fetching offset 10 for topic-partition the partition")
    );
    let librdkafka = with_arguments(rotten_command(), &broker);
    assert_eq!(librdkafka.json_lines(), librdkafka_lines(|_| Some(CORRUPT_MESSAGE)));
    assert_eq!(damaged_places(&broker), 1);
    let said: Vec<String> =
        broker.process().log().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect();
    assert!(said.len() == 1 && said[0].contains("offset=10"), "{said:?}");
    assert!(broker.terminate().success());
    assert_check_names_the_place(&broker, &segment, position);
}

/// The client has to notice by itself; librdkafka's default is not to look, and gives the application what is there.
#[test]
fn of_kafka_the_same_consumers_read_what_the_disk_made_of_it() {
    if !python::available() || !java::available() {
        return;
    }
    let broker = rotten_kafka();
    let java = with_arguments(Program::compile("clients", KAFKA_44).command("Rotten", HEAP_MIB), broker);
    let words = "Received exception when fetching the next record from the partition. If needed, please seek past the record to continue consumption.";
    assert_eq!(java.json_lines(), java_lines(words));
    let librdkafka = with_arguments(rotten_command(), broker);
    assert_eq!(librdkafka.json_lines(), librdkafka_lines(|checked| checked.then_some(BAD_MESSAGE)));
}

fn rotten_command() -> Command {
    let mut command = python::command("life.py");
    command.arg("rotten");
    command
}

/// What the metrics count.
fn damaged_places(broker: &Catena) -> i64 {
    let mut stream = TcpStream::connect(broker.setting(METRICS)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page.lines().find(|line| line.starts_with("catena_store_damaged_places_total{"));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or_else(|| panic!("{page}"))
}

/// `catena check` fails, and names the batch in which the byte is, and nothing else.
fn assert_check_names_the_place(broker: &Catena, segment: &Path, position: u64) {
    let mut check = Command::new(catena::binary());
    check.arg("check").arg(broker.data());
    let output = program::run(check, DEADLINE);
    assert_eq!(output.status.and_then(|status| status.code()), Some(1), "{output}");
    let problems: Vec<&str> = output.stdout.lines().filter(|line| line.starts_with("problem: ")).collect();
    let size = BatchBuilder::new(now_ms()).push(None, Some(VALUE)).build().len() as u64;
    let batch = format!("position {}, offset {ROTTEN}: the CRC", position / size * size);
    let file = segment.file_name().unwrap().to_str().unwrap();
    assert!(
        problems.len() == 1 && ["partition rotten-0", file, &batch].iter().all(|word| problems[0].contains(word)),
        "{batch} {output}"
    );
}
