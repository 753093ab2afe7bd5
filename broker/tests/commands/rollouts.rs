//! `catena rollout` with the broker's own settings: from the start to the verdict, and what the history then tells.

use super::support::{Running, eventually};
use super::{Said, catena};

/// The state of the only rollout.
fn state(broker: &Running) -> String {
    let listed = catena(broker, "rollout list --json").objects();
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed[0]["state"].as_str().expect("a state").to_owned()
}

fn eventually_is(broker: &Running, wanted: &str) {
    eventually(wanted, || state(broker) == wanted);
}

#[test]
fn what_cannot_be_tried_is_refused_in_the_brokers_words() {
    let broker = Running::start();
    let refused = |line: &str| catena(&broker, line).refusal().to_owned();
    let of_process = refused("rollout start r broker log.cleaner.threads=2");
    assert!(of_process.starts_with("rollout r: INVALID_RECORD: log.cleaner.threads applies to the whole process"));
    let share = refused("rollout start r broker fetch.max.bytes=9000 --share 60");
    assert!(share.starts_with("rollout r: INVALID_RECORD: share must be 0.1 to 50"), "{share}");
    let nothing = refused("rollout start r topic/nowhere segment.ms=9000");
    assert!(nothing.starts_with("rollout r: INVALID_RECORD: "), "{nothing}");
    assert_eq!(catena(&broker, "rollout list").lines(), ["no rollouts"]);
}

#[test]
fn a_rollout_is_approved_by_hand_and_the_history_tells_it() {
    let broker = Running::start();
    catena(&broker, "rollout start r broker fetch.max.bytes=9000000 --share 20 --reason try").lines();
    eventually_is(&broker, "running");
    let told = || catena(&broker, "rollout show r").lines();
    eventually("figures are told", || told().iter().any(|line| line.starts_with("latency_p99 ")));
    catena(&broker, "rollout pause r").lines();
    eventually_is(&broker, "paused");
    catena(&broker, "rollout resume r").lines();
    eventually_is(&broker, "running");
    catena(&broker, "rollout approve r --reason wanted").lines();
    eventually_is(&broker, "approved");
    let shown = catena(&broker, "rollout show r").lines();
    for line in ["tries broker fetch.max.bytes=9000000", "why wanted"] {
        assert!(shown.contains(&line.to_owned()), "{line} is not in {shown:#?}");
    }

    let told = catena(&broker, "config history broker fetch.max.bytes --json").objects();
    let changed: Vec<_> = told.iter().filter(|event| event["event"] == "changed").collect();
    assert_eq!(changed.len(), 1, "{told:?}");
    assert_eq!((&changed[0]["to"], &changed[0]["from"]), (&"9000000".into(), &serde_json::Value::Null));
    assert_eq!((&changed[0]["rollout"], &changed[0]["verdict"]["verdict"]), (&"r".into(), &"approved".into()));
    let only_newest = catena(&broker, "config history --limit 1").lines();
    assert_eq!(only_newest.len(), 2, "{only_newest:?}");
    let differs = catena(&broker, "config diff broker 1h").lines();
    assert_eq!(differs, ["SETTING FROM TO", "fetch.max.bytes (not set) 9000000"]);

    let late: Said = catena(&broker, "rollout pause r");
    assert_eq!(late.refusal(), "rollout r does not stand there any more: approved");
}

#[test]
fn a_rollout_can_be_rejected_and_started_again() {
    let broker = Running::start();
    catena(&broker, "rollout start r broker fetch.max.bytes=9000000").lines();
    catena(&broker, "rollout reject r").lines();
    eventually_is(&broker, "rejected");
    catena(&broker, "rollout start r broker fetch.max.bytes=8000000").lines();
    eventually_is(&broker, "running");
    assert_eq!(catena(&broker, "config diff broker 1h").lines(), ["no difference"]);
}
