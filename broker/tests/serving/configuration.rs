//! What is changed while the broker runs: records in `__config`, and what they do.

use std::time::{Duration, Instant};

use catena_broker::config::change::{AlterError, Alteration, Ask, Op};
use catena_broker::config::record::{ANONYMOUS, Author, Record};
use catena_broker::config::resource::{Resource, ResourceKind};
use catena_broker::control::AlterFailed;
use compat_tests::wire::{ProduceFrame, ProduceHeader};

use crate::support::{Running, batch, eventually, now_ms};

const MESSAGE_TOO_LARGE: i16 = 10;

pub fn author() -> Author {
    Author { principal: ANONYMOUS.to_owned(), client_id: "tests".to_owned() }
}

fn ops(resource: Resource, ops: &[(&str, Op)]) -> Alteration {
    let ops = ops.iter().map(|(name, op)| ((*name).to_owned(), op.clone())).collect();
    Alteration { resource, ask: Ask::Incremental(ops) }
}

pub fn set(resource: Resource, setting: &str, value: &str) -> Alteration {
    ops(resource, &[(setting, Op::Set(value.to_owned()))])
}

pub fn topic(name: &str) -> Resource {
    Resource::new(ResourceKind::Topic, name)
}

pub fn alter(running: &Running, alteration: Alteration) -> Result<(), AlterFailed> {
    alter_or_check(running, alteration, false)
}

fn alter_or_check(running: &Running, alteration: Alteration, only_check: bool) -> Result<(), AlterFailed> {
    running.block_on(running.broker().configs.alter(vec![alteration], only_check, author())).pop().expect("one answer")
}

/// The records of a partition of `__config`, oldest first.
pub fn records(running: &Running, partition: i32) -> Vec<Record> {
    let mut client = running.connect();
    let Ok(topic) = client.topic("__config") else { return Vec::new() };
    let batches = client.read_partition(&topic, partition, 0).unwrap();
    let records = batches.iter().flat_map(|batch| batch.records().unwrap());
    records.map(|record| Record::decode(record.key.as_deref(), record.value.as_deref()).unwrap()).collect()
}

fn produced(running: &Running, name: &str, bytes: usize) -> i16 {
    let mut client = running.connect();
    let topic = client.topic(name).unwrap();
    let batch = batch(1, now_ms(), bytes);
    ProduceFrame::build(&topic, ProduceHeader::default(), &[(0, &batch)]).send(&mut client).unwrap();
    client.receive_produce().unwrap().pop().unwrap().error_code
}

#[test]
fn a_change_is_a_record_and_takes_effect_before_it_is_answered_and_after_a_restart() {
    let mut running = Running::start();
    running.topic("orders", 1);
    assert_eq!(produced(&running, "orders", 5_000), 0);
    alter(&running, set(topic("orders"), "max.message.bytes", "1000")).unwrap();
    assert_eq!(produced(&running, "orders", 5_000), MESSAGE_TOO_LARGE);
    alter(&running, set(Resource::all_brokers(), "message.max.bytes", "2000")).unwrap();
    running.topic("others", 1);
    assert_eq!((produced(&running, "others", 1_500), produced(&running, "others", 2_500)), (0, MESSAGE_TOO_LARGE));
    let written = records(&running, 0);
    assert_eq!(written.len(), 2);
    running.restart();
    assert_eq!(records(&running, 0), written);
    assert_eq!(produced(&running, "orders", 500), 0);
    assert_eq!(produced(&running, "orders", 1_500), MESSAGE_TOO_LARGE);
    assert_eq!((produced(&running, "others", 1_500), produced(&running, "others", 2_500)), (0, MESSAGE_TOO_LARGE));
}

/// Apache Kafka's KAFKA-20890: a dynamic value is raised in steps; after a restart DescribeConfigs tells one value and the broker
/// obeys another. Here at every moment one value is stored, described and obeyed.
#[test]
fn a_value_raised_in_steps_is_the_same_stored_described_and_obeyed_also_after_a_restart() {
    let mut running = Running::start();
    running.topic("t", 1);
    for (step, limit) in (1..).zip([1_000, 2_000, 4_000]) {
        alter(&running, set(Resource::all_brokers(), "message.max.bytes", &limit.to_string())).unwrap();
        for _ in 0..2 {
            let Some(Record::Setting(_, Some(stored))) = records(&running, 0).pop() else { panic!("no record") };
            assert_eq!((stored.value.as_deref(), stored.version), (Some(limit.to_string().as_str()), step));
            let described = running.broker().config().settings.given("message.max.bytes").map(str::to_owned);
            assert_eq!(described, Some(limit.to_string()));
            assert_eq!(running.broker().config().log.max_message_bytes, limit);
            assert_eq!((produced(&running, "t", limit - 200), produced(&running, "t", limit)), (0, MESSAGE_TOO_LARGE));
            running.restart();
        }
    }
}

#[test]
fn what_a_topic_was_created_with_stands_under_what_it_was_given() {
    let mut running = Running::start();
    let created = running.topic_with("t", 1, &[("max.message.bytes", "1000")]);
    alter(&running, set(topic("t"), "max.message.bytes", "3000")).unwrap();
    assert_eq!(produced(&running, "t", 2_000), 0);
    alter(&running, ops(topic("t"), &[("max.message.bytes", Op::Delete)])).unwrap();
    assert_eq!(produced(&running, "t", 100_000), 0, "the default, not what it was created with");
    running.restart();
    assert_eq!(produced(&running, "t", 100_000), 0);
    let own = running.broker().configs.known().topic_configs("t", created.id, &created_with());
    assert!(own.is_empty(), "{own:?}");
}

fn created_with() -> std::collections::BTreeMap<String, String> {
    [("max.message.bytes".to_owned(), "1000".to_owned())].into()
}

#[test]
fn a_topic_made_anew_under_the_name_begins_without_the_settings_of_the_old_one() {
    let mut running = Running::start();
    running.topic("t", 1);
    alter(&running, set(topic("t"), "max.message.bytes", "1000")).unwrap();
    running.connect().delete_topic("t").unwrap();
    running.topic("t", 1);
    assert_eq!(produced(&running, "t", 2_000), 0);
    eventually("its records are taken away", || matches!(records(&running, 0).last(), Some(Record::Setting(_, None))));
    running.restart();
    assert_eq!(produced(&running, "t", 2_000), 0);
}

#[test]
fn partitions_that_are_added_have_the_topics_settings() {
    let running = Running::start();
    let made = running.topic("t", 1);
    alter(&running, set(topic("t"), "max.message.bytes", "1000")).unwrap();
    let grown = running.broker().storage.add_partitions(made.id, 2).unwrap();
    assert_eq!(grown.partitions.iter().map(|log| log.config().max_message_bytes).collect::<Vec<_>>(), [1000, 1000]);
}

#[test]
fn what_breaks_a_rule_changes_nothing() {
    let running = Running::start();
    running.topic("t", 1);
    let both = [("max.message.bytes", Op::Set("1000".into())), ("segment.ms", Op::Set("never".into()))];
    assert!(alter(&running, ops(topic("t"), &both)).is_err());
    assert!(alter(&running, set(topic("unknown"), "segment.ms", "1000")).is_err());
    assert!(alter(&running, set(Resource::all_brokers(), "log.cleaner.threads", "100000000")).is_err());
    assert_eq!(produced(&running, "t", 2_000), 0);
    assert!(records(&running, 0).is_empty());
}

#[test]
fn two_authors_at_one_setting_come_one_after_the_other_unless_they_name_the_version() {
    let running = Running::start();
    running.topic("t", 1);
    let change = |value: &str| of_version(value, "1");
    alter(&running, set(topic("t"), "segment.ms", "1000")).unwrap();
    let configs = &running.broker().configs;
    let (first, second) = running.block_on(async {
        let ask = |value| configs.alter(vec![change(value)], false, author());
        tokio::join!(ask("2000"), ask("3000"))
    });
    assert_eq!([&first[0], &second[0]].into_iter().filter(|answer| answer.is_ok()).count(), 1);
    let versions: Vec<_> = records(&running, 0)
        .into_iter()
        .map(|record| match record {
            Record::Setting(_, Some(value)) => value.version,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(versions, [1, 2]);
}

/// A change of `segment.ms` of topic `t`, if the setting has this version.
fn of_version(value: &str, version: &str) -> Alteration {
    let set = |setting, value: &str| (setting, Op::Set(value.to_owned()));
    ops(topic("t"), &[set("segment.ms", value), set("catena.change.version", version)])
}

#[test]
fn what_is_only_checked_is_told_about_another_version_as_what_is_changed_is() {
    let running = Running::start();
    running.topic("t", 1);
    alter(&running, set(topic("t"), "segment.ms", "1000")).unwrap();
    for only_check in [true, false] {
        let refused = alter_or_check(&running, of_version("2000", "2"), only_check);
        let expected = AlterError::OtherVersion { found: 1, expected: 2 };
        assert!(matches!(&refused, Err(AlterFailed::Rule(why)) if *why == expected), "{refused:?}");
    }
    alter_or_check(&running, of_version("2000", "1"), true).unwrap();
    assert_eq!(records(&running, 0).len(), 1, "a check writes nothing");
    alter(&running, of_version("2000", "1")).unwrap();
}

#[test]
fn records_of_a_newer_broker_and_nonsense_are_left_alone_and_the_broker_starts() {
    let mut running = Running::start();
    running.topic("t", 1);
    alter(&running, set(topic("t"), "max.message.bytes", "1000")).unwrap();
    let log = running.broker().storage.topic("__config").unwrap().partitions[0].clone();
    let key = r#"{"resource":"topic","name":"t","setting":"max.message.bytes"}"#.as_bytes();
    let of_broker = r#"{"resource":"broker","name":"","setting":"message.max.bytes"}"#.as_bytes();
    let unusable = r#"{"v":1,"value":"-7","version":1,"time":"2026-01-01T00:00:00Z","author":{"principal":"User:x"}}"#;
    let mut strange = catena_protocol::records::BatchBuilder::new();
    strange.push(now_ms(), Some(key), Some(br#"{"v":2,"value":{"bytes":5}}"#));
    strange.push(now_ms(), Some(key), Some(b"\xff\x00"));
    strange.push(now_ms(), Some(b"what?"), Some(b"{}"));
    strange.push(now_ms(), Some(of_broker), Some(unusable.as_bytes()));
    let appended = log.append_run(&[strange.build().unwrap()], now_ms()).unwrap();
    running.block_on(appended.commit.durable()).unwrap();
    for _ in 0..2 {
        running.restart();
        assert_eq!((produced(&running, "t", 500), produced(&running, "t", 2_000)), (0, MESSAGE_TOO_LARGE));
        let known = running.broker().configs.known();
        assert_eq!((known.state().newer, known.state().strange), (1, 2));
    }
    alter(&running, set(topic("t"), "max.message.bytes", "5000")).unwrap();
    assert_eq!(produced(&running, "t", 2_000), 0);
}

/// Twenty times what a change takes on a quiet machine.
const CHANGE_MAX: Duration = Duration::from_secs(1);

#[test]
fn a_change_is_soon_in_force_in_ten_thousand_partitions_with_settings_of_their_own() {
    let running = Running::start();
    for number in 0..5 {
        let own = [("retention.ms", "5000000"), ("segment.ms", "4000000"), ("cleanup.policy", "compact,delete")];
        running.topic_with(&format!("t{number}"), 1_000, &own);
    }
    running.topic("wide", 5_000);
    // The first change makes `__config`.
    alter(&running, set(Resource::all_brokers(), "message.max.bytes", "3000000")).unwrap();
    let timed = |what: &str, change: Alteration| {
        let begin = Instant::now();
        alter(&running, change).unwrap();
        let took = begin.elapsed();
        println!("a change of {what}: {took:?}");
        assert!(took < CHANGE_MAX, "{what}: {took:?}");
    };
    timed("all topics", set(Resource::all_brokers(), "message.max.bytes", "2000000"));
    timed("a topic", set(topic("wide"), "max.message.bytes", "1000000"));
    let topics = running.broker().storage.topics();
    let limits = topics.iter().filter(|topic| topic.name != "__config").flat_map(|topic| {
        let expected = if topic.name == "wide" { 1_000_000 } else { 2_000_000 };
        topic.partitions.iter().map(move |log| (log.config().max_message_bytes, expected))
    });
    assert_eq!(limits.filter(|(limit, expected)| limit == expected).count(), 10_000);
}
