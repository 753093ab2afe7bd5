//! The Java client, of today's version and of the last 3.x line, against Catena and against Apache Kafka.
//!
//! `java/clients` is one program that tries everything an application does and prints what it saw, free of ids and
//! clocks. What it must see is in `java/clients/expected.jsonl`, line by line, and Apache Kafka is held to the same
//! lines: an expectation that Kafka itself does not meet is a wrong one.

use std::collections::BTreeSet;
use std::time::Duration;

use compat_tests::catena::Options;
use compat_tests::clients::kept::assert_kept_in_the_codec_of_the_topic;
use compat_tests::clients::{consumer_protocol, group};
use compat_tests::java::Program;
use compat_tests::maven::{CLIENT_39, ClassPath, KAFKA_44};
use compat_tests::program::{self, Output};
use compat_tests::wire::Connection;
use compat_tests::{Broker, Catena, Kafka, java};

/// Short waits, logs that are looked at all the time, and unknown topics stay unknown.
const SETTINGS: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "false"),
    ("group.consumer.assignment.interval.ms", "0"),
    ("group.consumer.heartbeat.interval.ms", "100"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
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
/// Far more than it takes: only a program that hangs is to be ended.
const DEADLINE: Duration = Duration::from_secs(300);
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

/// Groups of the consumer protocol: what must be seen is in `java/consumers/expected.jsonl`.
#[test]
fn groups_that_the_broker_assigns_see_what_they_should_of_catena() {
    if java::available() {
        check_consumers(&catena());
    }
}

#[test]
fn groups_that_the_broker_assigns_see_what_they_should_of_kafka() {
    if java::available() {
        check_consumers(Kafka::shared_with(SETTINGS));
    }
}

#[test]
fn members_that_the_broker_assigns_share_leave_die_and_resume() {
    group::agree(&consumer_protocol::JAVA);
}

#[test]
fn members_that_the_broker_assigns_outlive_its_crash() {
    group::outlive_a_crash(&consumer_protocol::JAVA);
}

#[test]
fn a_member_that_stood_still_is_fenced_and_comes_back() {
    group::fence_who_stood_still(&consumer_protocol::JAVA);
}

fn check_consumers(broker: &dyn Broker) {
    let mut java = Program::compile_together(&["clients", "consumers"], KAFKA_44).command("Consumers", HEAP_MIB);
    java.args([&broker.bootstrap(), "j848"]);
    let seen = program::run(java, DEADLINE).expect_success();
    seen.assert_lines(&lines_of("consumers"), &format!("the consumer protocol on {}:\n{}", broker.name(), seen.stderr));
}

/// What Kafka has and Catena has not: by which keys of APIs, what a client asks for, and which exception tells it at once. Once one of
/// these is there, its line goes, and a scenario that uses it comes.
const MISSING: &[(&[i16], &str, &str)] = &[
    (&[24, 25, 26, 28], "transactional producer", "KafkaException"),
    (&[76, 78, 79], "share consumer", UNSUPPORTED),
    (&[43], "election", UNSUPPORTED),
    (&[61], "producers", UNSUPPORTED),
    (&[66], "transactions", UNSUPPORTED),
    (&[65], "one transaction", UNSUPPORTED),
    (&[], "fence", UNSUPPORTED),
    (&[27], "end of a transaction", UNSUPPORTED),
    (&[48], "quotas", UNSUPPORTED),
    (&[49], "change of a quota", UNSUPPORTED),
    (&[77], "share groups", UNSUPPORTED),
    (&[90], "offsets of a share group", UNSUPPORTED),
    (&[91], "change of a share group's offsets", UNSUPPORTED),
    (&[92], "end of a share group's offsets", UNSUPPORTED),
    (&[88, 89, 93], "streams groups", UNSUPPORTED),
    (&[29], "access rules", UNSUPPORTED),
    (&[30], "new access rule", UNSUPPORTED),
    (&[31], "end of access rules", UNSUPPORTED),
    (&[50], "users", UNSUPPORTED),
    (&[51], "end of a user", UNSUPPORTED),
    (&[41], "tokens", UNSUPPORTED),
    (&[38], "new token", UNSUPPORTED),
    (&[39], "longer token", UNSUPPORTED),
    (&[40], "end of a token", UNSUPPORTED),
    (&[55], "quorum", UNSUPPORTED),
    (&[80], "new voter", UNSUPPORTED),
    (&[81], "end of a voter", UNSUPPORTED),
    (&[64], "end of a broker", UNSUPPORTED),
    (&[57], "other features", UNSUPPORTED),
];
const UNSUPPORTED: &str = "UnsupportedVersionException";
/// Likewise, but this client has no call for them: SASL needs a listener, UnregisterController is gone or not there yet, the
/// metrics of clients go to who asks for them, and the state of share groups is between brokers.
const MISSING_UNASKED: &[i16] = &[17, 36, 71, 72, 83, 84, 85, 86, 87, 94];

#[test]
fn what_is_not_there_yet_is_refused_at_once_and_by_its_name() {
    if !java::available() {
        return;
    }
    let catena = Catena::start(Options::new());
    let line = |step: &str, fact: &str| format!("{{\"scenario\":\"unsupported\",\"step\":\"{step}\",{fact}}}\n");
    let missing = MISSING.iter().map(|(_, step, outcome)| line(step, &format!("\"outcome\":\"{outcome}\"")));
    let expected: String = missing.chain([line("all", "\"at once\":true")]).collect();
    let mut java = Program::compile_together(&["clients", "unsupported"], KAFKA_44).command("Unsupported", HEAP_MIB);
    java.args([&catena.bootstrap(), "j44"]);
    program::run(java, DEADLINE).expect_success().assert_lines(&expected, "Catena");

    let (has, kafka_has) = (apis(&catena), apis(Kafka::shared_with(SETTINGS)));
    let lacks: BTreeSet<i16> = kafka_has.difference(&has).copied().collect();
    let named = MISSING.iter().flat_map(|(keys, ..)| *keys).chain(MISSING_UNASKED);
    assert_eq!(lacks, named.copied().filter(|key| kafka_has.contains(key)).collect());
    assert!(has.is_subset(&kafka_has));
}

/// The keys of what a broker says it has.
fn apis(broker: &dyn Broker) -> BTreeSet<i16> {
    let versions = Connection::to(broker).unwrap().api_versions().unwrap();
    versions.api_keys.iter().map(|api| api.api_key).collect()
}

fn on_catena(prefix: &str, client: ClassPath, instead: &[(&str, &str)]) {
    if java::available() {
        check(&catena(), prefix, client, instead);
    }
}

fn catena() -> Catena {
    let (_, settings) = SETTINGS.split_last().unwrap();
    Catena::start(settings.iter().fold(Options::new(), |options, (name, value)| options.set(name, value)))
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
    instead.iter().fold(lines_of("clients"), |text, (line, other)| {
        assert!(text.contains(line), "not expected at all: {line}");
        text.replace(line, other)
    })
}

fn lines_of(folder: &str) -> String {
    let file = java::folder().join(folder).join("expected.jsonl");
    std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}
