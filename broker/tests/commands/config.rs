//! `catena config`.

use std::io::Read;
use std::process::{Command, Stdio};

use super::support::Running;
use super::{Said, catena, catena_at};

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let broker = Running::start_with(&["num.partitions=3"]);
    broker.topic_with("orders", 1, &[("retention.ms", "5000")]);
    let set = catena(&broker, "config get topic/orders").lines();
    assert_eq!(set, ["SETTING VALUE SOURCE BEHIND IT", "retention.ms 5000 DYNAMIC_TOPIC_CONFIG"]);
    let one = catena(&broker, "config get topic/orders cleanup.policy").lines();
    assert_eq!(one[1], "cleanup.policy delete DEFAULT_CONFIG");
    let all = catena(&broker, "config get topic/orders --all").lines();
    assert!(all.len() > 20, "{all:?}");
    let partitions = catena(&broker, "config get broker/1 num.partitions --json").objects();
    assert_eq!(partitions[0]["value"], "3");
    assert_eq!(partitions[0]["source"], "STATIC_BROKER_CONFIG");
    assert_eq!(partitions[0]["synonyms"][1]["source"], "DEFAULT_CONFIG");
}

#[test]
fn a_refusal_is_told_in_the_brokers_words() {
    let broker = Running::start();
    assert_eq!(catena(&broker, "config get topic/nothing").refusal(), "UNKNOWN_TOPIC_OR_PARTITION");
    let other = catena(&broker, "config get broker/7");
    assert_eq!(other.refusal(), "INVALID_REQUEST: Unexpected broker id, expected 1 or empty string, but received 7");
    let unknown = catena(&broker, "config get broker/1 no.such.setting");
    assert_eq!(unknown.refusal(), "broker/1 has no setting no.such.setting");
}

#[test]
fn wrong_usage_is_another_exit_code() {
    for line in ["config get planet/mars", "config set topic/x", "config set topic/x name", "config diff topic/x soon"]
    {
        let words: Vec<&str> = line.split(' ').collect();
        let said = catena_at("127.0.0.1:1", &words);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{line}: {}", said.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let broker = Running::start();
    let address = broker.address().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_catena"));
    command.args(["config", "get", "broker/1", "--all", "--bootstrap-server", &address]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    // The pipe is closed before the first byte is written: the command has yet to ask the broker.
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().expect("stderr").read_to_string(&mut stderr).expect("text");
    let status = child.wait().expect("it ends");
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn without_changes_there_is_no_history() {
    let broker = Running::start();
    let empty: fn(&Said) -> Vec<String> = Said::lines;
    assert_eq!(empty(&catena(&broker, "config history")), ["no changes are recorded"]);
    assert_eq!(empty(&catena(&broker, "config diff broker 2h")), ["no difference"]);
    assert_eq!(empty(&catena(&broker, "rollout list")), ["no rollouts"]);
    let gone = catena(&broker, "config revert broker num.partitions 3");
    assert_eq!(gone.refusal(), "broker num.partitions: the log has no version 3");
}
