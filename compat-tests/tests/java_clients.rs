//! The Java client, of today's version and of the last 3.x line, against Catena and against Apache Kafka.
//!
//! `java/clients` is one program that tries everything an application does and prints what it saw, free of ids and
//! clocks. What it must see is in `java/clients/expected.jsonl`, line by line, and Apache Kafka is held to the same
//! lines: an expectation that Kafka itself does not meet is a wrong one.

use std::path::Path;
use std::time::Duration;

use compat_tests::catena::Options;
use compat_tests::clients::kept::assert_kept_in_the_codec_of_the_topic;
use compat_tests::java::Program;
use compat_tests::maven::{CLIENT_39, ClassPath, KAFKA_44};
use compat_tests::program::{self, Output};
use compat_tests::{Broker, Catena, Kafka, java};
use serde_json::json;

/// Short waits, logs that are looked at all the time, and unknown topics stay unknown.
const SETTINGS: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "false"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("log.cleaner.backoff.ms", "100"),
    ("log.retention.check.interval.ms", "200"),
    // The last is Kafka's alone: it waits half a minute before it looks for the first time.
    ("log.initial.task.delay.ms", "200"),
];
/// What the 3.x line sees instead: it asks by older versions, and checks less by itself.
const IN_THE_3_LINE: &[(&str, &str)] = &[
    (
        r#"{"scenario":"group errors","step":"unknown group described","outcome":"GroupIdNotFoundException"}"#,
        r#"{"scenario":"group errors","step":"unknown group described","outcome":"Dead"}"#,
    ),
    (
        r#"{"scenario":"failing consumers","step":"commit without a group","outcome":"KafkaException"}"#,
        r#"{"scenario":"failing consumers","step":"commit without a group","outcome":"ok"}"#,
    ),
];
const DEADLINE: Duration = Duration::from_secs(120);
const HEAP_MIB: u32 = 256;

#[test]
fn the_client_of_today_sees_what_it_should_of_catena() {
    on_catena("j44", KAFKA_44, &[]);
}

#[test]
fn the_client_of_today_sees_what_it_should_of_kafka() {
    on_kafka("j44", KAFKA_44, &[]);
}

#[test]
fn the_client_of_the_3_line_sees_what_it_should_of_catena() {
    on_catena("j39", CLIENT_39, IN_THE_3_LINE);
}

#[test]
fn the_client_of_the_3_line_sees_what_it_should_of_kafka() {
    on_kafka("j39", CLIENT_39, IN_THE_3_LINE);
}

/// Once one of these is there, its line goes, and a scenario that uses it comes.
#[test]
fn what_is_not_there_yet_is_refused_at_once_and_by_its_name() {
    if !java::available() {
        return;
    }
    let catena = Catena::start(Options::new());
    let missing = |step: &str, outcome: &str| json!({"scenario": "unsupported", "step": step, "outcome": outcome});
    let expected = [
        missing("transactional producer", "KafkaException"),
        missing("consumer group protocol", "UnsupportedVersionException"),
        missing("change of a topic's settings", "UnsupportedVersionException"),
        missing("access rules", "UnsupportedVersionException"),
        missing("transactions", "UnsupportedVersionException"),
        missing("quorum", "UnsupportedVersionException"),
        json!({"scenario": "unsupported", "step": "all", "at once": true}),
    ];
    assert_eq!(run(&catena, "Unsupported", "j44", KAFKA_44).json_lines(), expected);
}

fn on_catena(prefix: &str, client: ClassPath, instead: &[(&str, &str)]) {
    if java::available() {
        let (_, settings) = SETTINGS.split_last().unwrap();
        let options = settings.iter().fold(Options::new(), |options, (name, value)| options.set(name, value));
        check(&Catena::start(options), prefix, client, instead);
    }
}

fn on_kafka(prefix: &str, client: ClassPath, instead: &[(&str, &str)]) {
    if java::available() {
        check(Kafka::shared_with(SETTINGS), prefix, client, instead);
    }
}

fn check(broker: &dyn Broker, prefix: &str, client: ClassPath, instead: &[(&str, &str)]) {
    run(broker, "Main", prefix, client)
        .assert_lines(&expected(instead), &format!("{} on {}", client.name, broker.name()));
    assert_kept_in_the_codec_of_the_topic(broker, prefix);
}

fn run(broker: &dyn Broker, main: &str, prefix: &str, client: ClassPath) -> Output {
    let mut java = Program::compile("clients", client).command(main, HEAP_MIB);
    java.args([&broker.bootstrap(), prefix]);
    program::run(java, DEADLINE).expect_success()
}

fn expected(instead: &[(&str, &str)]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/clients/expected.jsonl");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    instead.iter().fold(text, |text, (line, other)| {
        assert!(text.contains(line), "not expected at all: {line}");
        text.replace(line, other)
    })
}
