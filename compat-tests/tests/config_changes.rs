//! Changes of settings that Apache Kafka cannot be asked for, or answers otherwise: what is too long, two authors at the
//! same key, what is there after `kill -9`, and what a logger's level does.

use std::thread;
use std::time::{Duration, Instant};

use compat_tests::Catena;
use compat_tests::catena::Options;
use compat_tests::wire::Connection;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, alter_configs_request,
};
use kafka_protocol::protocol::StrBytes;

const SOON: Duration = Duration::from_secs(60);

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;

const OK: i16 = 0;
const INVALID_CONFIG: i16 = 40;
const INVALID_REQUEST: i16 = 42;
const INVALID_UPDATE_VERSION: i16 = 95;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn resource(kind: i8, name: &str, ops: &[(&str, i8, Option<&str>)]) -> AlterConfigsResource {
    let config = |(name, op, value): &(&str, i8, Option<&str>)| {
        AlterableConfig::default().with_name(text(name)).with_config_operation(*op).with_value(value.map(text))
    };
    let configs = ops.iter().map(config).collect();
    AlterConfigsResource::default().with_resource_type(kind).with_resource_name(text(name)).with_configs(configs)
}

/// Code and message for each resource.
fn alter(connection: &mut Connection, resources: Vec<AlterConfigsResource>) -> Vec<(i16, String)> {
    let request = IncrementalAlterConfigsRequest::default().with_resources(resources);
    let response = connection.call(&request, 1).expect("an answer");
    let message = |message: Option<StrBytes>| message.map(|text| text.to_string()).unwrap_or_default();
    response.responses.into_iter().map(|answer| (answer.error_code, message(answer.error_message))).collect()
}

fn set(connection: &mut Connection, kind: i8, name: &str, settings: &[(&str, &str)]) -> (i16, String) {
    let ops: Vec<_> = settings.iter().map(|(name, value)| (*name, SET, Some(*value))).collect();
    alter(connection, vec![resource(kind, name, &ops)]).remove(0)
}

/// The value of a setting and where it comes from.
fn described(connection: &mut Connection, kind: i8, name: &str, setting: &str) -> (String, i8) {
    let asked = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(vec![text(setting)]));
    let request = DescribeConfigsRequest::default().with_resources(vec![asked]);
    let response = connection.call(&request, 4).expect("an answer");
    let found = response.results[0].configs.first().unwrap_or_else(|| panic!("{setting} of {name}: {response:?}"));
    (found.value.as_ref().map(|value| value.to_string()).unwrap_or_default(), found.config_source)
}

fn started() -> (Catena, Connection) {
    let catena = Catena::start(Options::new());
    let connection = Connection::to(&catena).expect("a connection");
    (catena, connection)
}

#[test]
fn megabytes_are_refused_with_a_clear_error_and_change_nothing() {
    let (_catena, mut connection) = started();
    connection.create_topic("long", 1, &[]).expect("a topic");
    let megabytes = "x".repeat(8 << 20);
    let answer = set(&mut connection, TOPIC, "long", &[("flush.ms", "5"), ("compression.type", &megabytes)]);
    let expected = format!("The value of compression.type has {} bytes, more than 32767", megabytes.len());
    assert_eq!(answer, (INVALID_CONFIG, expected));
    let (code, message) = set(&mut connection, TOPIC, "long", &[("flush.ms", "5"), (&megabytes, "1")]);
    assert_eq!((code, &message[..30], message.len()), (INVALID_CONFIG, "Unknown topic config name: xxx", 4096));
    let (code, message) = set(&mut connection, GROUP, &megabytes, &[("consumer.session.timeout.ms", "50000")]);
    assert_eq!((code, message.is_empty()), (INVALID_REQUEST, false), "{message}");
    assert_eq!(described(&mut connection, TOPIC, "long", "flush.ms").0, i64::MAX.to_string());
}

#[test]
fn a_hundred_thousand_operations_are_answered() {
    let (_catena, mut connection) = started();
    connection.create_topic("many", 1, &[]).expect("a topic");
    let names: Vec<_> = (0..100_000).map(|n| format!("nobody.knows.{n}")).collect();
    let deletions: Vec<_> = names.iter().map(|name| (name.as_str(), DELETE, None)).collect();
    assert_eq!(alter(&mut connection, vec![resource(TOPIC, "many", &deletions)]), [(OK, String::new())]);
}

#[test]
fn a_resource_twice_is_refused_in_both_calls() {
    let (_catena, mut connection) = started();
    for name in ["once", "twice"] {
        connection.create_topic(name, 1, &[]).expect("a topic");
    }
    let named = |name: &str| {
        let config =
            alter_configs_request::AlterableConfig::default().with_name(text("flush.ms")).with_value(Some(text("5")));
        alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(name))
            .with_configs(vec![config])
    };
    let request = AlterConfigsRequest::default().with_resources(["twice", "once", "twice"].map(named).to_vec());
    let response = connection.call(&request, 2).expect("an answer");
    let codes: Vec<_> = response.responses.iter().map(|answer| answer.error_code).collect();
    assert_eq!(codes, [INVALID_REQUEST, OK, INVALID_REQUEST]);
    assert_eq!(described(&mut connection, TOPIC, "once", "flush.ms").0, "5");
    assert_eq!(described(&mut connection, TOPIC, "twice", "flush.ms").0, i64::MAX.to_string());
}

#[test]
fn a_broker_has_one_name() {
    let (_catena, mut connection) = started();
    assert_eq!(set(&mut connection, BROKER, "01", &[("message.max.bytes", "1500000")]).0, OK);
    assert_eq!(described(&mut connection, BROKER, "1", "message.max.bytes"), ("1500000".to_owned(), 2));
    let both = ["1", "01"].map(|name| resource(BROKER, name, &[("message.max.bytes", SET, Some("5"))]));
    let codes: Vec<_> = alter(&mut connection, both.to_vec()).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [INVALID_REQUEST, INVALID_REQUEST]);
}

#[test]
fn of_authors_that_expect_the_same_version_one_is_first() {
    let (catena, mut connection) = started();
    connection.create_topic("contended", 1, &[]).expect("a topic");
    let author = |n: usize| {
        let mut connection = Connection::to(&catena).expect("a connection");
        let settings = [("retention.ms", format!("{n}000")), ("catena.change.version", "0".to_owned())];
        set(&mut connection, TOPIC, "contended", &settings.each_ref().map(|(name, value)| (*name, value.as_str())))
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let authors: Vec<_> = (1..=8).map(|n| scope.spawn(move || author(n))).collect();
        authors.into_iter().map(|author| author.join().expect("an answer")).collect()
    });
    let first: Vec<_> = (1..=8).zip(&answers).filter(|(_, (code, _))| *code == OK).map(|(n, _)| n).collect();
    assert_eq!(first.len(), 1, "{answers:?}");
    let late = answers.iter().filter(|(code, _)| *code == INVALID_UPDATE_VERSION);
    let words = "The setting has version 1, not 0";
    assert_eq!(late.map(|(_, message)| message.as_str()).collect::<Vec<_>>(), [words; 7]);
    assert_eq!(described(&mut connection, TOPIC, "contended", "retention.ms").0, format!("{}000", first[0]));
    let next = [("retention.ms", "9"), ("catena.change.version", "1"), ("catena.change.reason", "I am next")];
    assert_eq!(set(&mut connection, TOPIC, "contended", &next).0, OK);
}

#[test]
fn what_was_changed_is_there_after_a_kill() {
    let (mut catena, mut connection) = started();
    connection.create_topic("kept", 1, &[("segment.bytes", "2097152")]).expect("a topic");
    let changes = [
        (TOPIC, "kept", "retention.ms", "60000", 1),
        (BROKER, "1", "message.max.bytes", "2000000", 2),
        (BROKER, "", "log.segment.bytes", "3145728", 3),
        (CLIENT_METRICS, "slow", "interval.ms", "5000", 7),
        (GROUP, "readers", "consumer.session.timeout.ms", "50000", 8),
    ];
    for (kind, name, setting, value, _) in changes {
        assert_eq!(set(&mut connection, kind, name, &[(setting, value)]), (OK, String::new()));
    }
    let gone = resource(TOPIC, "kept", &[("segment.bytes", DELETE, None)]);
    assert_eq!(alter(&mut connection, vec![gone]), [(OK, String::new())]);
    for is_killed in [false, true] {
        if is_killed {
            catena.kill();
            catena.restart();
            connection = Connection::to(&catena).expect("a connection");
        }
        for (kind, name, setting, value, source) in changes {
            let found = described(&mut connection, kind, name, setting);
            assert_eq!(found, (value.to_owned(), source), "{setting} of {name}, killed: {is_killed}");
        }
        assert_eq!(described(&mut connection, TOPIC, "kept", "segment.bytes"), ("3145728".to_owned(), 3));
    }
}

/// A connection, once the broker has done with the one before it, and has logged what there is to say of it.
fn as_soon_as_there_is_room(catena: &Catena) -> Connection {
    let deadline = Instant::now() + SOON;
    loop {
        let mut connection = Connection::to(catena).expect("a connection");
        if connection.api_versions().is_ok() {
            return connection;
        }
        assert!(Instant::now() < deadline, "no room within {SOON:?}");
    }
}

#[test]
fn a_loggers_level_is_that_of_what_is_logged() {
    const LINE: &str = "the connection ends";
    let mut catena = Catena::start(Options::new().set("max.connections.per.ip", 2));
    let mut connection = Connection::to(&catena).expect("a connection");
    drop(Connection::to(&catena).expect("a connection"));
    let second = as_soon_as_there_is_room(&catena);
    assert_eq!(set(&mut connection, LOGGER, "1", &[("catena_broker::net", "DEBUG")]), (OK, String::new()));
    assert_eq!(described(&mut connection, LOGGER, "1", "catena_broker::net"), ("DEBUG".to_owned(), 6));
    assert_eq!(described(&mut connection, LOGGER, "1", "catena_broker::groups"), ("INFO".to_owned(), 6));
    assert!(!catena.process().log().contains(LINE));
    drop(second);
    let logged = |log: &str| log.contains(LINE).then_some(());
    catena.process().wait_for_log(SOON, logged).expect("a line");
    let unset = resource(LOGGER, "1", &[("catena_broker::net", DELETE, None)]);
    assert_eq!(alter(&mut connection, vec![unset]), [(OK, String::new())]);
    assert_eq!(described(&mut connection, LOGGER, "1", "catena_broker::net").0, "INFO");
    assert_eq!(set(&mut connection, LOGGER, "1", &[("root", "FATAL")]).0, OK);
    assert_eq!(set(&mut connection, BROKER, "1", &[("message.max.bytes", "5")]).0, OK);
    assert!(!catena.process().log().contains("configuration changed"));
}
