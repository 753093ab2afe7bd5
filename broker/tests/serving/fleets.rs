//! Users' config topics: a service's processes, played by the test, report what they do.

use std::time::{Duration, Instant};

use catena_broker::config::record::{Outcome, Record, Verdict};
use catena_broker::fleet::instances::Presence;
use catena_broker::rollout::arms::place_of_instance;
use catena_broker::rollout::record::{Arm, Rollout};
use compat_tests::wire::batch::BatchBuilder;
use compat_tests::wire::{Connection, Topic};

use crate::config_records::{CANARY, CONTROL, INVALID_RECORD, send, write};
use crate::support::{Running, eventually, now_ms};

const REPORTS: i32 = 2;
const PROCESSES: usize = 40;
const DECIDED_WITHIN: Duration = Duration::from_secs(150);

fn config_topic(client: &mut Connection) -> Topic {
    client.create_topic("pool", 3, &[("cleanup.policy", "compact"), ("catena.config.topic", "true")]).unwrap()
}

fn records(client: &mut Connection, topic: &Topic, partition: i32) -> Vec<Record> {
    let batches = client.read_partition(topic, partition, 0).unwrap();
    let records = batches.iter().flat_map(|batch| batch.records().unwrap());
    records.map(|record| Record::decode(record.key.as_deref(), record.value.as_deref()).unwrap()).collect()
}

fn arm(client: &mut Connection, topic: &Topic) -> Option<Arm> {
    let arms = records(client, topic, CANARY).into_iter().rev().find_map(|record| match record {
        Record::Rollout(_, Some(Rollout { arm, .. })) => Some(arm),
        _ => None,
    });
    arms.flatten()
}

fn verdict(client: &mut Connection, topic: &Topic) -> Option<Verdict> {
    records(client, topic, CONTROL).into_iter().rev().find_map(|record| match record {
        Record::Verdict(_, verdict) => verdict,
        _ => None,
    })
}

/// What stands in control for a setting: value and version.
fn standing(client: &mut Connection, topic: &Topic, setting: &str) -> Option<(Option<String>, u64)> {
    records(client, topic, CONTROL).into_iter().rev().find_map(|record| match record {
        Record::Plain(key, Some(value)) if key.setting == setting => Some((value.value, value.version)),
        _ => None,
    })
}

const SETTING: &str = "pool.size";
const ROLLOUT: &str = r#"{"rollout":"larger"}"#;
const LARGER: &str = r#"{"v":1,"changes":{"pool.size":"30"},"share":40,"samples_min":100,"bake_s":3,"timeout_s":120,"metrics":[{"metric":"errors","margin":5}]}"#;

fn control(value: &str, version: u64) -> String {
    format!(
        r#"{{"v":1,"value":"{value}","version":{version},"time":"2026-01-01T00:00:00Z","author":{{"principal":"User:ops"}}}}"#
    )
}

/// One round of reports of all processes: of 100 requests `errors` of its place fail.
fn report(client: &mut Connection, topic: &Topic, seq: u64, errors: impl Fn(u32) -> u64) {
    let mut builder = BatchBuilder::new(now_ms());
    for process in 0..PROCESSES {
        let id = format!("svc-{process}");
        let errors = errors(place_of_instance(&id));
        let value = format!(r#"{{"v":1,"seq":{seq},"requests":100,"errors":{errors}}}"#);
        builder.push(Some(id.as_bytes()), Some(value.as_bytes()));
    }
    assert_eq!(send(client, topic, REPORTS, &builder), (0, String::new()));
}

fn decided(client: &mut Connection, topic: &Topic, errors: impl Fn(u32, Arm) -> u64) -> Verdict {
    eventually("the rollout begins", || arm(client, topic).is_some());
    let arm = arm(client, topic).expect("has begun");
    let deadline = Instant::now() + DECIDED_WITHIN;
    for seq in 1.. {
        report(client, topic, seq, |place| errors(place, arm));
        if let Some(verdict) = verdict(client, topic) {
            return verdict;
        }
        assert!(Instant::now() < deadline, "not decided");
        std::thread::sleep(Duration::from_millis(200));
    }
    unreachable!("the numbers do not end")
}

#[test]
fn a_value_that_breaks_some_processes_is_rejected() {
    let running = Running::start();
    let mut client = running.connect();
    let topic = config_topic(&mut client);
    assert_eq!(write(&mut client, &topic, CONTROL, SETTING, Some(&control("20", 1))), (0, String::new()));
    assert_eq!(write(&mut client, &topic, CANARY, ROLLOUT, Some(LARGER)), (0, String::new()));
    let verdict = decided(&mut client, &topic, |place, arm| if arm.contains(place) { 60 } else { 0 });
    assert_eq!(verdict.verdict, Outcome::Rejected, "{verdict:?}");
    assert_eq!(standing(&mut client, &topic, "pool.size"), Some((Some("20".to_owned()), 1)));
}

#[test]
fn a_value_that_proves_itself_moves_to_control_also_over_a_restart() {
    let mut running = Running::start();
    let mut client = running.connect();
    let topic = config_topic(&mut client);
    assert_eq!(write(&mut client, &topic, CONTROL, SETTING, Some(&control("20", 1))), (0, String::new()));
    assert_eq!(write(&mut client, &topic, CANARY, ROLLOUT, Some(LARGER)), (0, String::new()));
    eventually("the rollout begins", || arm(&mut client, &topic).is_some());
    let before = arm(&mut client, &topic);
    running.restart();
    let mut client = running.connect();
    assert_eq!(arm(&mut client, &topic), before);
    let verdict = decided(&mut client, &topic, |_, _| 0);
    assert_eq!(verdict.verdict, Outcome::Approved, "{verdict:?}");
    assert_eq!(standing(&mut client, &topic, "pool.size"), Some((Some("30".to_owned()), 2)));
    eventually("it leaves the canary partition", || {
        matches!(records(&mut client, &topic, CANARY).last(), Some(Record::Rollout(_, None)))
    });
}

#[test]
fn what_was_done_before_a_rollout_began_does_not_count_in_it() {
    let running = Running::start();
    let mut client = running.connect();
    let topic = config_topic(&mut client);
    assert_eq!(write(&mut client, &topic, CONTROL, SETTING, Some(&control("20", 1))), (0, String::new()));
    for seq in 1..=50 {
        report(&mut client, &topic, seq, |_| 100);
    }
    let shown = || running.broker().fleets.of(topic.id).expect("is a config topic").shown();
    let everybody = |presence: &Presence| presence.reporting == PROCESSES as u64;
    eventually("the processes are seen", || shown().instances.get("control").is_some_and(everybody));
    assert_eq!(write(&mut client, &topic, CANARY, ROLLOUT, Some(LARGER)), (0, String::new()));
    eventually("it is measured", || shown().rollouts.first().is_some_and(|status| status.seconds >= 2));
    report(&mut client, &topic, 51, |_| 0);
    let judged = || shown().rollouts.first()?.figures.as_ref()?.metrics.first().cloned();
    let samples = || judged().map_or(0, |metric| metric.control_samples + metric.canary_samples);
    eventually("the reports count, and nothing else", || samples() == 100 * PROCESSES as u64);
    let metric = judged().expect("was just there");
    assert_eq!((metric.control, metric.canary), (Some(0.0), Some(0.0)));
}

#[test]
fn what_makes_no_sense_is_refused_when_it_is_produced() {
    let running = Running::start();
    let mut client = running.connect();
    let topic = config_topic(&mut client);
    assert_eq!(write(&mut client, &topic, CONTROL, SETTING, Some(&control("20", 3))).0, 0);
    eventually("it is read back", || {
        let fleet = running.broker().fleets.of(topic.id).expect("is a config topic");
        fleet.state().plain().len() == 1
    });
    let of_resource = r#"{"v":1,"changes":[{"resource":"broker","name":"","setting":"fetch.max.bytes","value":"1"}]}"#;
    let old = control("20", 3);
    let cases = [
        (CONTROL, SETTING, Some(old.as_str()), "has version 3 already"),
        (CONTROL, r#"{"verdict":"larger"}"#, None, "verdicts are written by the broker"),
        (CONTROL, r#"{"resource":"broker","name":"","setting":"x"}"#, None, "control takes settings"),
        (CANARY, ROLLOUT, Some(of_resource), "belong to no resource"),
        (CONTROL, r#"{"setting":"pool.size"}"#, Some(old.as_str()), "the key is not one of configuration"),
        (CANARY, ROLLOUT, Some(r#"{"v":1,"changes":{}}"#), "1 to 32 changes"),
        (CANARY, ROLLOUT, Some(r#"{"v":1,"changes":{"a":"1","a":"2"}}"#), "twice"),
        (CANARY, ROLLOUT, Some(r#"{"v":1,"changes":{"{a":"1"}}"#), "cannot begin with {"),
        (CANARY, SETTING, Some(old.as_str()), "only rollouts belong here"),
        (REPORTS, "svc-1", Some(r#"{"v":1,"requests":1,"errors":2}"#), "cannot have more errors than requests"),
        (REPORTS, "svc-1", Some("hello"), "not a report"),
    ];
    for (partition, key, value, why) in cases {
        let (code, told) = write(&mut client, &topic, partition, key, value);
        assert_eq!(code, INVALID_RECORD, "{key} {value:?}");
        assert!(told.contains(why), "{key} {value:?}: {told}");
    }
    let error = client.create_topic("x", 3, &[("catena.config.topic", "true")]).expect_err("not compacted");
    assert!(error.to_string().contains("40"), "{error}");
}

#[test]
fn an_ordinary_topic_takes_what_it_likes_and_one_that_becomes_a_config_topic_does_not() {
    use catena_broker::config::resource::Resource;
    let running = Running::start();
    let mut client = running.connect();
    let topic = client.create_topic("t", 3, &[("cleanup.policy", "compact")]).unwrap();
    assert_eq!(write(&mut client, &topic, CONTROL, "anything", Some("at all")).0, 0);
    let resource = || Resource::new(catena_broker::config::resource::ResourceKind::Topic, "t");
    crate::configuration::alter(&running, crate::configuration::set(resource(), "catena.config.topic", "true"))
        .unwrap();
    assert_eq!(write(&mut client, &topic, CONTROL, "anything", Some("at all")).0, INVALID_RECORD);
    crate::configuration::alter(&running, crate::configuration::set(resource(), "catena.config.topic", "false"))
        .unwrap();
    assert_eq!(write(&mut client, &topic, CONTROL, "anything", Some("at all")).0, 0);
}
