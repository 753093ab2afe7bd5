//! `catena config-topic`, and `catena rollout` in a user's config topic.

use super::catena;
use super::support::{Running, eventually};

#[test]
fn a_config_topic_is_made_and_written() {
    let broker = Running::start();
    catena(&broker, "config-topic create fleet").lines();
    let set = catena(&broker, "config get topic/fleet").lines();
    assert_eq!(
        set[1..].iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join("=")).collect::<Vec<_>>(),
        ["catena.config.topic=true", "cleanup.policy=compact", "min.compaction.lag.ms=7776000000"]
    );
    let again = catena(&broker, "config-topic create fleet");
    assert!(again.refusal().starts_with("topic fleet: TOPIC_ALREADY_EXISTS"), "{}", again.stderr);

    let first = catena(&broker, "config-topic set fleet pool.size=20 mode=fast --reason first").lines();
    assert_eq!(first, ["fleet: mode version 1, pool.size version 1"]);
    let second = catena(&broker, "config-topic set fleet pool.size=30").lines();
    assert_eq!(second, ["fleet: pool.size version 2"]);
    let third = catena(&broker, "config-topic unset fleet pool.size").lines();
    assert_eq!(third, ["fleet: pool.size version 3"]);
    let ruling = catena(&broker, "config-topic get fleet").lines();
    assert_eq!(ruling.len(), 2, "{ruling:?}");
    assert!(ruling[1].starts_with("mode fast 1 ") && ruling[1].ends_with("User:ANONYMOUS (catena-cli)"), "{ruling:?}");
    let told = catena(&broker, "config-topic history fleet pool.size --json").objects();
    let change = |at: usize| (told[at]["version"].as_u64(), told[at]["from"].as_str(), told[at]["to"].as_str());
    assert_eq!(change(0), (Some(1), None, Some("20")));
    assert_eq!(change(1), (Some(2), Some("20"), Some("30")));
    assert_eq!(change(2), (Some(3), Some("30"), None));
    let nowhere = catena(&broker, "config-topic set nowhere a=1");
    assert_eq!(nowhere.refusal(), "there is no topic nowhere");
}

fn state(broker: &Running) -> String {
    let listed = catena(broker, "rollout --topic fleet list --json").objects();
    listed[0]["state"].as_str().expect("a state").to_owned()
}

#[test]
fn a_rollout_is_written_told_and_shown() {
    let broker = Running::start();
    catena(&broker, "config-topic create fleet").lines();
    catena(&broker, "config-topic set fleet pool.size=20").lines();
    let start =
        "rollout --topic fleet start bigger pool.size=40 --share 5 --metric errors:0.5 --bake 90s --reason more";
    assert_eq!(catena(&broker, start).lines(), ["rollout bigger: begins when there is room"]);
    eventually("it runs", || state(&broker) == "running");
    let listed = catena(&broker, "rollout --topic fleet list --json").objects();
    let record = &listed[0]["record"];
    assert_eq!((&record["share"], &record["bake_s"]), (&5.0.into(), &90.into()));
    assert_eq!(record["changes"], serde_json::json!({"pool.size": "40"}));
    assert!(catena(&broker, start).refusal().contains("is there already: running"));
    let told = || catena(&broker, "rollout --topic fleet show bigger").lines();
    eventually("figures are told", || told().iter().any(|line| line.starts_with("errors ")));
    eventually("who takes part is told", || told().contains(&"canary 0 report, 0 are silent".to_owned()));

    catena(&broker, "rollout --topic fleet pause bigger --reason lunch").lines();
    let twice = catena(&broker, "rollout --topic fleet pause bigger");
    assert_eq!(twice.refusal(), "rollout bigger is paused already");
    let shown = catena(&broker, "rollout --topic fleet show bigger").lines();
    assert!(shown[1].starts_with("state paused since "), "{shown:?}");
    for line in ["tries pool.size=40", "share 5 %", "metrics errors (margin 0.5)", "reason lunch"] {
        assert!(shown.contains(&line.to_owned()), "{line} is not in {shown:#?}");
    }
    catena(&broker, "rollout --topic fleet resume bigger").lines();
    catena(&broker, "rollout --topic fleet approve bigger --reason enough").lines();
    eventually("it is approved", || state(&broker) == "approved");
    let next = catena(&broker, "config-topic set fleet pool.size=50").lines();
    assert_eq!(next, ["fleet: pool.size version 3"], "version 2 came with the verdict");
    let none = catena(&broker, "rollout --topic fleet reject other");
    assert_eq!(none.refusal(), "there is no rollout other");
}
