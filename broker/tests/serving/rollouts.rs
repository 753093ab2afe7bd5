//! Rollouts through records: what a plain producer may write, and what becomes of it.

use std::time::{Duration, Instant};

use catena_broker::config::record::{Outcome, Record};
use catena_broker::config::resource::Resource;
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Topic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::config_records::{self, CANARY, CONTROL, INVALID_RECORD};
use crate::configuration::{alter, records, set};
use crate::support::{Running, batch, eventually, now_ms};

const TOPIC_DELETION_REFUSED: i16 = 44;

/// How long a rollout of a few seconds may take.
const DECIDED_WITHIN: Duration = Duration::from_secs(150);

/// `__config`, as a producer finds it: it is made when it is not there yet.
fn config_topic(client: &mut Connection) -> Topic {
    let name = TopicName(StrBytes::from_static_str("__config"));
    let asked = MetadataRequestTopic::default().with_name(Some(name));
    let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(true);
    client.call(&request, 12).unwrap();
    client.topic("__config").unwrap()
}

/// The answer to one record: its error, and the reason.
fn write(client: &mut Connection, partition: i32, key: &str, value: Option<&str>) -> (i16, String) {
    let topic = config_topic(client);
    config_records::write(client, &topic, partition, key, value)
}

fn rollout(setting: &str, value: &str, more: &str) -> String {
    format!(
        r#"{{"v":1,"changes":[{{"resource":"broker","name":"","setting":"{setting}","value":"{value}"}}],"samples_min":200,"bake_s":3,"timeout_s":120{more}}}"#
    )
}

/// The verdict on a rollout, as it stands in control.
fn verdict(running: &Running, name: &str) -> Option<catena_broker::config::record::Verdict> {
    records(running, CONTROL).into_iter().rev().find_map(|record| match record {
        Record::Verdict(of, verdict) if of == name => verdict,
        _ => None,
    })
}

/// Lets `work` go on until the rollout is decided.
fn decided(running: &Running, name: &str, mut work: impl FnMut()) -> catena_broker::config::record::Verdict {
    let deadline = Instant::now() + DECIDED_WITHIN;
    while Instant::now() < deadline {
        for _ in 0..50 {
            work();
        }
        if let Some(verdict) = verdict(running, name) {
            return verdict;
        }
    }
    panic!("{name} is not decided: {:?}", running.broker().configs.known().rollouts());
}

#[test]
fn what_cannot_be_tried_is_refused_when_it_is_produced() {
    let running = Running::start();
    let mut client = running.connect();
    let fine = rollout("fetch.max.bytes", "100000", "");
    let cases: Vec<(i32, &str, Option<String>, &str)> = vec![
        (CONTROL, r#"{"rollout":"r"}"#, Some(fine.clone()), "control is written by the broker"),
        (CANARY, r#"{ "rollout":"r"}"#, Some(fine.clone()), r#"the key must be written exactly as {"rollout":"r"}"#),
        (CANARY, "r", Some(fine.clone()), "only rollouts belong here"),
        (CANARY, "{r", Some(fine.clone()), "the key is not one of configuration"),
        (CANARY, r#"{"rollout":"r"}"#, Some("{}".to_owned()), "the value is not right"),
        (CANARY, r#"{"rollout":"r"}"#, Some(rollout("fetch.max.bytes", "x", "")), "Not a number of type INT"),
        (CANARY, r#"{"rollout":"r"}"#, Some(rollout("fetch.max.bytes", "5", "")), "fetch.max.bytes"),
        (CANARY, r#"{"rollout":"r"}"#, Some(rollout("no.such", "5", "")), "no.such"),
        (CANARY, r#"{"rollout":"r"}"#, Some(rollout("log.cleaner.threads", "2", "")), "whole process"),
        (CANARY, r#"{"rollout":"r"}"#, Some(rollout("fetch.max.bytes", "100000", r#","share":99"#)), "share must be"),
        (CANARY, r#"{"rollout":"r"}"#, Some(rollout("fetch.max.bytes", "100000", r#","sahre":9"#)), "unknown field"),
        (
            CANARY,
            r#"{"rollout":"r"}"#,
            Some(rollout("fetch.max.bytes", "100000", r#","arm":{"from":0,"to":9}"#)),
            "arm is written by the broker",
        ),
        (CANARY, r#"{"rollout":"r"}"#, Some(r#"{"v":7}"#.to_owned()), "format 7 is not known here"),
        (CANARY, r#"{"resource":"broker","name":"","setting":"s"}"#, None, "only rollouts belong here"),
    ];
    for (partition, key, value, why) in cases {
        let (code, told) = write(&mut client, partition, key, value.as_deref());
        assert_eq!(code, INVALID_RECORD, "{key} {value:?}");
        assert!(told.contains(why), "{key} {value:?}: {told}");
    }
    assert!(records(&running, CANARY).is_empty());
    assert_eq!(write(&mut client, CANARY, r#"{"rollout":"r"}"#, Some(&fine)).0, 0);
    let error = client.delete_topic("__config").expect_err("refused").to_string();
    assert!(error.contains(&TOPIC_DELETION_REFUSED.to_string()), "{error}");
}

#[test]
fn a_harmless_value_is_approved_and_rules_from_then_on() {
    let mut running = Running::start();
    let topic = running.topic("t", 20);
    let mut clients: Vec<Connection> = (0..2).map(|_| running.connect()).collect();
    let value = rollout("message.max.bytes", "500000", r#","share":50,"metrics":[{"metric":"errors","margin":5}]"#);
    assert_eq!(write(&mut clients[0], CANARY, r#"{"rollout":"raise"}"#, Some(&value)), (0, String::new()));
    let small = batch(1, now_ms(), 100);
    let verdict = decided(&running, "raise", || {
        for client in &mut clients {
            let all: Vec<(i32, &[u8])> = (0..20).map(|partition| (partition, small.as_slice())).collect();
            ProduceFrame::build(&topic, ProduceHeader::default(), &all).send(client).unwrap();
            assert!(client.receive_produce().unwrap().iter().all(|answer| answer.error_code == 0));
        }
    });
    assert_eq!(verdict.verdict, Outcome::Approved, "{verdict:?}");
    assert!(verdict.figures.is_object(), "{verdict:?}");
    assert_eq!(running.broker().config().log.max_message_bytes, 500_000);
    running.restart();
    assert_eq!(running.broker().config().log.max_message_bytes, 500_000);
    assert!(running.broker().configs.known().rollouts().is_empty());
}

#[test]
fn a_harmful_value_is_rejected_long_before_its_time_and_control_notices_nothing() {
    let mut running = Running::start();
    let topic = running.topic("t", 40);
    let mut client = running.connect();
    // Its time is hours: it is not waited for.
    let value = rollout("message.max.bytes", "500", r#","share":25"#)
        .replace(r#""bake_s":3,"timeout_s":120"#, r#""bake_s":3600,"timeout_s":7200"#);
    assert_eq!(write(&mut client, CANARY, r#"{"rollout":"lower"}"#, Some(&value)), (0, String::new()));
    let large = batch(1, now_ms(), 1_000);
    let mut failed = std::collections::BTreeSet::new();
    let verdict = decided(&running, "lower", || {
        let all: Vec<(i32, &[u8])> = (0..40).map(|partition| (partition, large.as_slice())).collect();
        ProduceFrame::build(&topic, ProduceHeader::default(), &all).send(&mut client).unwrap();
        let answers = client.receive_produce().unwrap();
        failed.extend(answers.iter().filter(|answer| answer.error_code != 0).map(|answer| answer.partition));
    });
    assert_eq!(verdict.verdict, Outcome::Rejected, "{verdict:?}");
    assert!(verdict.why.contains("gross failure"), "{verdict:?}");
    let arm = records(&running, CANARY).into_iter().find_map(|record| match record {
        Record::Rollout(_, Some(rollout)) => rollout.arm,
        _ => None,
    });
    let arm = arm.expect("it had an arm");
    let in_arm = |index: &i32| arm.contains(catena_broker::rollout::arms::place_of_partition("t", *index as u32));
    assert!(!failed.is_empty() && failed.iter().all(in_arm), "{failed:?}");
    assert_eq!(running.broker().config().log.max_message_bytes, 1_048_588);
    running.restart();
    assert_eq!(running.broker().config().log.max_message_bytes, 1_048_588);
}

#[test]
fn a_rollout_can_be_approved_by_its_author_and_keeps_its_arm_over_restarts() {
    let mut running = Running::start();
    let mut client = running.connect();
    let value = rollout("fetch.max.bytes", "100000", "");
    assert_eq!(write(&mut client, CANARY, r#"{"rollout":"r"}"#, Some(&value)).0, 0);
    let arm = |running: &Running| running.broker().configs.known().rollouts().first().and_then(|found| found.arm);
    eventually("it runs", || arm(&running).is_some());
    let before = arm(&running);
    running.restart();
    eventually("it runs again", || arm(&running).is_some());
    assert_eq!(arm(&running), before);
    let approve = rollout("fetch.max.bytes", "100000", r#","state":"approve""#);
    assert_eq!(write(&mut running.connect(), CANARY, r#"{"rollout":"r"}"#, Some(&approve)).0, 0);
    eventually("it rules", || running.broker().config().fetch.response_bytes_max == 100_000);
    assert_eq!(verdict(&running, "r").map(|verdict| verdict.verdict), Some(Outcome::Approved));
}

#[test]
fn a_rollout_whose_setting_is_changed_by_hand_goes_on_against_the_new_control() {
    let running = Running::start();
    let mut client = running.connect();
    let value = rollout("fetch.max.bytes", "100000", "");
    assert_eq!(write(&mut client, CANARY, r#"{"rollout":"r"}"#, Some(&value)).0, 0);
    eventually("it runs", || running.broker().live.current().trials.is_some());
    alter(&running, set(Resource::all_brokers(), "fetch.max.bytes", "200000")).unwrap();
    let current = running.broker().live.current();
    assert_eq!(current.config.fetch.response_bytes_max, 200_000);
    eventually("its arm stands over the new control", || {
        let current = running.broker().live.current();
        let arms = current.trials.iter().flat_map(|trials| &trials.arms).map(|arm| arm.config.fetch.response_bytes_max);
        arms.collect::<Vec<_>>() == [100_000]
    });
}
