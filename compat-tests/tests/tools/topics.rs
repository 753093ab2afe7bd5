//! `kafka-topics`.

use compat_tests::tools::Answer;
use compat_tests::tools::class::TOPICS;

use crate::{Bench, on_both};

on_both!(a_topic_is_created_described_grown_and_deleted, what_is_wrong_is_said_in_kafkas_words);

fn a_topic_is_created_described_grown_and_deleted(bench: &mut Bench) {
    let created = bench.lines(TOPICS, "--create --topic life --partitions 2 --config retention.ms=86400000");
    assert_eq!(created, ["Created topic life."]);
    bench.call_until(TOPICS, "--list", |answer| answer.lines().contains(&"life".to_owned()));
    let described = bench.call_until(TOPICS, "--describe --topic life", |answer| answer.exit == 0);
    assert_eq!(
        without_id(&described),
        [
            "Topic: life TopicId: ID PartitionCount: 2 ReplicationFactor: 1 Configs: retention.ms=86400000",
            "Topic: life Partition: 0 Leader: 1 Replicas: 1 Isr: 1 Elr: LastKnownElr:",
            "Topic: life Partition: 1 Leader: 1 Replicas: 1 Isr: 1 Elr: LastKnownElr:",
        ]
    );
    assert_eq!(bench.lines(TOPICS, "--create --topic life --if-not-exists"), [""; 0]);
    assert_eq!(bench.lines(TOPICS, "--alter --topic life --partitions 4"), [""; 0]);
    let grown = |answer: &Answer| answer.lines().len() == 5;
    let grown = without_id(&bench.call_until(TOPICS, "--describe --topic life", grown));
    assert_eq!(
        grown[0],
        "Topic: life TopicId: ID PartitionCount: 4 ReplicationFactor: 1 Configs: retention.ms=86400000"
    );
    assert_eq!(grown[4], "Topic: life Partition: 3 Leader: 1 Replicas: 1 Isr: 1 Elr: LastKnownElr:");
    for nothing in ["--under-replicated-partitions", "--unavailable-partitions", "--at-min-isr-partitions"] {
        let lines = bench.lines(TOPICS, &format!("--describe --topic life {nothing}"));
        // With one replica of one, every partition is at its minimum.
        assert_eq!(lines.len(), if nothing == "--at-min-isr-partitions" { 4 } else { 0 }, "{nothing}: {lines:?}");
    }
    let overridden = bench.lines(TOPICS, "--describe --topic life --topics-with-overrides");
    assert_eq!(overridden.len(), 1, "{overridden:?}");
    assert_eq!(bench.lines(TOPICS, "--delete --topic life"), [""; 0]);
    bench.call_until(TOPICS, "--list", |answer| !answer.lines().contains(&"life".to_owned()));
}

fn what_is_wrong_is_said_in_kafkas_words(bench: &mut Bench) {
    bench.topic("wrong", 3);
    let cases = [
        ("--create --topic wrong", "Topic 'wrong' already exists."),
        (
            "--create --topic wr/ong",
            "Topic name is invalid: 'wr/ong' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        (
            "--create --topic wrong-factor --replication-factor 3",
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only \
             1 broker(s) are registered or some brokers have all their log directories cordoned.",
        ),
        (
            "--create --topic wrong-value --config retention.ms=soon",
            "Invalid value soon for configuration retention.ms: Not a number of type LONG",
        ),
        (
            "--alter --topic wrong --partitions 2",
            "The topic wrong currently has 3 partition(s); 2 would not be an increase.",
        ),
        ("--describe --topic wrong-none", "Topic 'wrong-none' does not exist as expected"),
        ("--delete --topic wrong-none", "Topic 'wrong-none' does not exist as expected"),
    ];
    for (arguments, message) in cases {
        let answer = bench.call(TOPICS, arguments);
        assert_eq!(answer.exit, 1, "{answer}");
        assert_eq!(answer.stdout.trim(), format!("Error while executing topic command : {message}"), "{arguments}");
    }
}

/// The lines, with the topic's id (checked to be one) made the same.
fn without_id(described: &Answer) -> Vec<String> {
    let text = described.lines();
    let (_, rest) = text[0].split_once("TopicId: ").unwrap_or_else(|| panic!("{described}"));
    let (id, _) = rest.split_once(' ').unwrap_or_else(|| panic!("{described}"));
    assert!(id.len() == 22 && id != "AAAAAAAAAAAAAAAAAAAAAA", "{id} is no topic id");
    text.iter().map(|line| line.replace(id, "ID")).collect()
}
