//! `kafka-consumer-groups` and `kafka-groups`, with members that are alive and with none.

use std::time::Duration;

use compat_tests::process::Process;
use compat_tests::tools::class::{CONSOLE_PRODUCER, CONSUMER_GROUPS, GROUPS, VERIFIABLE_CONSUMER};
use compat_tests::tools::{Answer, Tools};
use tempfile::TempDir;

use crate::{Bench, on_both};

on_both!(
    a_group_with_a_member_is_described,
    offsets_of_a_group_are_reset_and_deleted,
    unknown_groups_are_said_to_be_unknown
);

pub const OFFSETS_HEADER: &str = "GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID";

fn a_group_with_a_member_is_described(bench: &mut Bench) {
    filled(bench, "manned");
    let mut member = Member::start(bench, "manned");
    let all_read = |answer: &Answer| answer.lines().iter().any(|line| line.starts_with("manned manned 0 4 4 0 "));
    let offsets = bench.call_until(CONSUMER_GROUPS, "--describe --group manned", all_read);
    assert_eq!(
        without_id(&offsets),
        [OFFSETS_HEADER, "manned manned 0 4 4 0 consumer-manned-1-ID /127.0.0.1 consumer-manned-1"]
    );
    let members = bench.call(CONSUMER_GROUPS, "--describe --group manned --members --verbose");
    assert_eq!(
        without_id(&members),
        [
            "GROUP CONSUMER-ID HOST CLIENT-ID #PARTITIONS CURRENT-EPOCH CURRENT-ASSIGNMENT TARGET-EPOCH TARGET-ASSIGNMENT",
            "manned consumer-manned-1-ID /127.0.0.1 consumer-manned-1 1 - manned:0 - -",
        ]
    );
    let coordinator = format!("manned {} (1) range Stable 1", bench.broker.bootstrap());
    assert_eq!(
        bench.lines(CONSUMER_GROUPS, "--describe --group manned --state"),
        ["GROUP COORDINATOR (ID) ASSIGNMENT-STRATEGY STATE #MEMBERS", &coordinator]
    );
    let states = bench.lines(CONSUMER_GROUPS, "--list --state stable");
    assert!(states.contains(&"manned Stable".to_owned()), "{states:?}");
    assert!(bench.lines(CONSUMER_GROUPS, "--list").contains(&"manned".to_owned()));
    assert!(bench.lines(GROUPS, "--list").contains(&"manned Classic consumer".to_owned()));
    let reset = bench.call(CONSUMER_GROUPS, "--reset-offsets --group manned --topic manned --to-earliest --execute");
    let refusal =
        "Error: Assignments can only be reset if the group 'manned' is inactive, but the current state is Stable.";
    assert_eq!(reset.stdout.lines().find(|line| !line.is_empty()), Some(refusal), "{reset}");
    let deleted = bench.call(CONSUMER_GROUPS, "--delete --group manned");
    assert!(deleted.stdout.contains("GroupNotEmptyException: The group is not empty."), "{deleted}");
    let topic = bench.call(CONSUMER_GROUPS, "--delete-offsets --group manned --topic manned");
    assert!(topic.stdout.contains("GroupSubscribedToTopicException"), "{topic}");
    member.leave();
    let empty = |answer: &Answer| answer.lines().contains(&"manned Empty".to_owned());
    bench.call_until(CONSUMER_GROUPS, "--list --state", empty);
}

fn offsets_of_a_group_are_reset_and_deleted(bench: &mut Bench) {
    filled(bench, "reset");
    let reset = |what: &str| format!("--reset-offsets --group reset --topic reset {what}");
    let new_offset = |offset: u32| ["GROUP TOPIC PARTITION NEW-OFFSET".to_owned(), format!("reset reset 0 {offset}")];
    assert_eq!(bench.lines(CONSUMER_GROUPS, &reset("--to-latest --execute")), new_offset(4));
    assert_eq!(described(bench), [OFFSETS_HEADER, "reset reset 0 4 4 0 - - -"]);
    assert_eq!(bench.lines(CONSUMER_GROUPS, &reset("--to-earliest --dry-run")), new_offset(0));
    assert_eq!(described(bench), [OFFSETS_HEADER, "reset reset 0 4 4 0 - - -"]);
    let steps = [
        ("--to-earliest", 0),
        ("--shift-by 3", 3),
        ("--shift-by -1", 2),
        ("--shift-by 100", 4),
        ("--to-offset 1", 1),
        ("--to-current", 1),
        ("--to-datetime 2000-01-01T00:00:00.000", 0),
        ("--by-duration P1D", 0),
    ];
    for (step, offset) in steps {
        assert_eq!(bench.lines(CONSUMER_GROUPS, &reset(&format!("{step} --execute"))), new_offset(offset), "{step}");
        let lag = 4 - offset;
        assert_eq!(described(bench), [OFFSETS_HEADER, &format!("reset reset 0 {offset} 4 {lag} - - -")], "{step}");
    }
    let deleted = bench.lines(CONSUMER_GROUPS, "--delete-offsets --group reset --topic reset:0");
    assert_eq!(
        deleted,
        ["Request succeeded for deleting offsets from group reset.", "TOPIC PARTITION STATUS", "reset 0 Successful"]
    );
    bench.lines(CONSUMER_GROUPS, &reset("--to-earliest --execute"));
    assert_eq!(
        bench.lines(CONSUMER_GROUPS, "--delete --group reset"),
        ["Deletion of requested consumer groups ('reset') was successful."]
    );
    assert!(!bench.lines(CONSUMER_GROUPS, "--list").contains(&"reset".to_owned()));
}

fn unknown_groups_are_said_to_be_unknown(bench: &mut Bench) {
    let described = bench.call(CONSUMER_GROUPS, "--describe --group nobody");
    let message = "Error: Executing consumer group command failed due to \
                   org.apache.kafka.common.errors.GroupIdNotFoundException: Group nobody not found.";
    assert_eq!(described.stdout.trim(), message, "{described}");
    let deleted = bench.lines(CONSUMER_GROUPS, "--delete --group nobody");
    let reason = "* Group 'nobody' could not be deleted due to: \
                  org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist.";
    assert_eq!(deleted, ["Error: Deletion of some consumer groups failed:", reason]);
}

/// A topic of one partition with four records.
pub fn filled(bench: &mut Bench, topic: &str) {
    bench.topic(topic, 1);
    bench.call_with_input(CONSOLE_PRODUCER, &format!("--topic {topic}"), "a\nb\nc\nd\n").success();
}

fn described(bench: &mut Bench) -> Vec<String> {
    bench.lines(CONSUMER_GROUPS, "--describe --group reset --offsets")
}

/// A member of the group named like its topic, in a process of its own.
pub struct Member {
    process: Process,
    _folder: TempDir,
}

impl Member {
    fn start(bench: &Bench, name: &str) -> Self {
        Self::start_with(bench, name, &[])
    }

    /// Like [`Member::start`], with `more` arguments.
    pub fn start_with(bench: &Bench, name: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bootstrap = bench.broker.bootstrap();
        let arguments =
            ["--bootstrap-server", &bootstrap, "--topic", name, "--group-id", name, "--reset-policy", "earliest"];
        let command = Tools::command(VERIFIABLE_CONSUMER, &[&arguments, more].concat());
        let mut process = Process::start(command, &folder.path().join("member.log"));
        let consumed = |log: &str| log.contains("\"name\":\"offsets_committed\"").then_some(());
        process.wait_for_log(Duration::from_secs(60), consumed).unwrap_or_else(|log| panic!("{log}"));
        Self { process, _folder: folder }
    }

    /// Ends as it does when it is asked to, which tells the broker.
    pub fn leave(&mut self) {
        let ended = self.process.terminate(Duration::from_secs(30));
        assert!(ended.is_some(), "{}", self.process.log());
        assert!(self.process.log().contains("shutdown_complete"), "{}", self.process.log());
    }
}

/// The lines, with the random part of member ids made the same.
fn without_id(answer: &Answer) -> Vec<String> {
    answer.lines().iter().map(|line| line.split(' ').map(without_uuid).collect::<Vec<_>>().join(" ")).collect()
}

fn without_uuid(word: &str) -> String {
    match word.len().checked_sub(36) {
        Some(start) if start > 0 && word[start..].split('-').map(str::len).eq([8, 4, 4, 4, 12]) => {
            format!("{}ID", &word[..start])
        }
        _ => word.to_owned(),
    }
}
