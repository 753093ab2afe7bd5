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

#[test]
fn a_setting_is_set_unset_and_given_back_with_a_history() {
    let broker = Running::start();
    broker.topic("orders", 1);
    let set = |line: &str| catena(&broker, line).lines();
    assert_eq!(set("config set topic/orders retention.ms=5000 --reason full"), ["topic/orders: retention.ms changed"]);
    assert_eq!(
        set("config set topic/orders retention.ms=6000 cleanup.policy=compact"),
        ["topic/orders: 2 settings changed"]
    );
    assert_eq!(set("config unset topic/orders retention.ms"), ["topic/orders: retention.ms changed"]);
    assert_eq!(set("config revert topic/orders retention.ms 1"), ["topic/orders retention.ms: 5000, as in version 1"]);

    let now = catena(&broker, "config get topic/orders retention.ms").lines();
    assert_eq!(now[1].split(' ').take(3).collect::<Vec<_>>(), ["retention.ms", "5000", "DYNAMIC_TOPIC_CONFIG"]);
    let told = catena(&broker, "config history topic/orders retention.ms --json").objects();
    let change = |at: usize| (told[at]["version"].as_u64(), told[at]["from"].as_str(), told[at]["to"].as_str());
    assert_eq!(change(0), (Some(1), None, Some("5000")));
    assert_eq!(change(1), (Some(2), Some("5000"), Some("6000")));
    assert_eq!(change(2), (Some(3), Some("6000"), None));
    assert_eq!(change(3), (Some(4), None, Some("5000")));
    assert_eq!((&told[0]["reason"], &told[3]["reason"]), (&"full".into(), &"back to version 1".into()));
    assert_eq!(told[0]["author"], serde_json::json!({"principal": "User:ANONYMOUS", "client_id": "catena-cli"}));
    let versions = catena(&broker, "config diff topic/orders 1 2 --setting retention.ms").lines();
    assert_eq!(versions[1], "retention.ms 5000 6000");
    let unnamed = catena(&broker, "config diff topic/orders 1 2");
    assert!(unnamed.refusal().contains("--setting"), "{}", unnamed.stderr);
}

#[test]
fn a_change_is_only_tried_or_only_made_of_the_version_that_was_seen() {
    let broker = Running::start();
    catena(&broker, "config set broker fetch.max.bytes=9000000").lines();
    let tried = catena(&broker, "config set broker fetch.max.bytes=8000000 --validate-only").lines();
    assert_eq!(tried, ["broker: fetch.max.bytes would be changed"]);
    let wrong = catena(&broker, "config set broker fetch.max.bytes=many --validate-only");
    assert!(wrong.refusal().contains("Invalid value many"), "{}", wrong.stderr);
    let stale = catena(&broker, "config set broker fetch.max.bytes=8000000 --if-version 7");
    assert_eq!((stale.code, stale.stdout.as_str()), (Some(1), ""), "{}", stale.stderr);
    catena(&broker, "config set broker fetch.max.bytes=8000000 --if-version 1").lines();
    let now = catena(&broker, "config get broker --json").objects();
    assert_eq!((&now[0]["setting"], &now[0]["value"]), (&"fetch.max.bytes".into(), &"8000000".into()));
}
