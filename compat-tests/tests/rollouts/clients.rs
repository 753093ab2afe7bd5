//! `kill -9` in the phases of rollouts of clients, under real consumers and members of groups: as `phases`, which has those of partitions.
//!
//! Before there is any load nothing can be decided, however slow the machine is: so the broker is killed while the rollout waits, runs and is
//! paused, and its clients come then. It is killed once more when each of them shows what it got, and when the verdict can be read.

use compat_tests::played;
use compat_tests::python;
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Topic, batch::BatchBuilder, now_ms};
use serde_json::{Value, json};

use crate::await_some;
use crate::load::{Load, Seen, no_errors, now, quantile_of};
use crate::phases::{killed_while_it_is_paused, killed_while_it_waits};
use crate::place::Arm;
use crate::stage::{Stage, for_hours, measured_by, rollout};
use crate::story;

/// Clients in each arm.
const CLIENTS: usize = 4;
/// So many answers in a row show what a client gets.
const SHOWN_BY: usize = 9;
/// Between what a consumer gets in one poll with the smallest limit, and with the usual one.
const MUCH: f64 = 8_000.0;
/// Records of 1000 bytes that there are to be read.
const BACKLOG: usize = 4_000;
/// Requests in flight while they are written.
const AT_ONCE: usize = 200;

/// A rollout of clients, and what must become of it.
struct Case {
    settings: &'static [(&'static str, &'static str)],
    rollout: Value,
    verdict: &'static str,
    /// The setting, and its value before and after.
    setting: &'static str,
    before: &'static str,
    after: &'static str,
    load: fn(&Stage, &[String]) -> Load,
    /// Whether what a client saw last shows that it has the tried value.
    has_it: fn(&[Seen]) -> bool,
    shown_by: usize,
}

#[test]
fn a_larger_fetch_limit_is_approved_whenever_the_broker_is_killed() {
    played(|| {
        live_through(&Case {
            settings: &[("fetch.max.bytes", "1024")],
            rollout: measured_by(rollout("fetch.max.bytes", 57_671_680, 30.0), &json!([{"metric": "throughput"}])),
            verdict: "approved",
            setting: "fetch.max.bytes",
            before: "1024",
            after: "57671680",
            load: readers,
            has_it: |seen| bytes(seen) > MUCH,
            shown_by: SHOWN_BY,
        });
    });
}

#[test]
fn a_smaller_fetch_limit_is_rejected_whenever_the_broker_is_killed() {
    played(|| {
        live_through(&Case {
            settings: &[],
            rollout: measured_by(rollout("fetch.max.bytes", 1024, 30.0), &json!([{"metric": "throughput"}])),
            verdict: "rejected",
            setting: "fetch.max.bytes",
            before: "57671680",
            after: "57671680",
            load: readers,
            has_it: |seen| bytes(seen) < MUCH,
            shown_by: SHOWN_BY,
        });
    });
}

#[test]
fn a_shorter_limit_of_sessions_is_rejected_whenever_the_broker_is_killed() {
    played(|| {
        let joins = json!([{"metric": "errors", "api": "JoinGroup", "margin": 1}]);
        live_through(&Case {
            settings: &[("group.min.session.timeout.ms", "1000")],
            rollout: measured_by(rollout("group.max.session.timeout.ms", 5000, 30.0), &joins),
            verdict: "rejected",
            setting: "group.max.session.timeout.ms",
            before: "1800000",
            after: "1800000",
            load: |stage, names| Load::members(&stage.broker, "backlog", names),
            has_it: |seen| seen.iter().all(|seen| seen.error.as_deref() == Some("INVALID_SESSION_TIMEOUT")),
            shown_by: 1,
        });
    });
}

fn readers(stage: &Stage, names: &[String]) -> Load {
    let targets: Vec<String> = names.iter().map(|name| format!("{name}=0")).collect();
    Load::readers(&stage.broker, "backlog", 60, &targets)
}

/// What a poll gave, as a rule.
fn bytes(seen: &[Seen]) -> f64 {
    quantile_of(seen.iter().filter_map(|seen| seen.bytes).map(|bytes| bytes as f64), 0.5)
}

/// Batches of one record of 1000 bytes to each of these partitions: a fetch is cut off between them.
pub fn fill(client: &mut Connection, topic: &Topic, partitions: i32, count: usize) {
    let batch = BatchBuilder::new(now_ms()).push(None, Some(&[b'x'; 1000])).build();
    let batches: Vec<(i32, &[u8])> = (0..partitions).map(|partition| (partition, batch.as_slice())).collect();
    let mut frame = ProduceFrame::build(topic, ProduceHeader::default(), &batches);
    // No more at once than connections take before anybody reads the answers.
    for begin in (0..count).step_by(AT_ONCE) {
        let many = AT_ONCE.min(count - begin);
        (0..many).for_each(|_| frame.send(client).unwrap());
        (0..many).for_each(|_| assert!(client.receive_produce().unwrap().iter().all(|answer| answer.error_code == 0)));
    }
}

/// Names of `count` clients in the arm, and as many besides.
pub fn names(what: &str, arm: Arm, count: usize) -> (Vec<String>, Vec<String>) {
    let all = |inside: bool| {
        let names = (0..).map(|number| format!("{what}-{number}"));
        names.filter(move |name| arm.has_client(name) == inside).take(count).collect()
    };
    (all(true), all(false))
}

fn live_through(case: &Case) {
    if !python::available() {
        return;
    }
    let mut stage = Stage::start(case.settings);
    let mut client = stage.connect();
    let topic = client.create_topic("backlog", 1, &[]).unwrap();
    fill(&mut client, &topic, 1, BACKLOG);
    drop(client);
    let of_partitions = |value: u32| for_hours(rollout("message.max.bytes", value, 1.0));
    killed_while_it_waits(&mut stage, &case.rollout, &of_partitions(2_000_000), &of_partitions(3_000_000));
    let arm = stage.begun("it");
    stage.crash();
    assert_eq!((stage.arm("it"), stage.described(case.setting)), (Some(arm), case.before.to_owned()));
    killed_while_it_is_paused(&mut stage, &case.rollout, arm);
    let (inside, outside) = names("client", arm, CLIENTS);
    let load = (case.load)(&stage, &[inside.clone(), outside.clone()].concat());
    killed_under_load(&mut stage, case, &load, arm, &inside);
    killed_when_it_is_decided(&mut stage, case, &load, &[inside, outside.clone()].concat());
    no_errors(&load.finish().into_iter().filter(|seen| outside.contains(&seen.client)).collect::<Vec<_>>());
}

/// Each client of the arm has shown that it has the value. On a machine that is slow enough it is decided by then.
fn killed_under_load(stage: &mut Stage, case: &Case, load: &Load, arm: Arm, inside: &[String]) {
    await_some("the arm has the value", || {
        let has_had_it = |client: &String| {
            let seen: Vec<Seen> = load.since(0.0).into_iter().filter(|seen| seen.client == *client).collect();
            seen.windows(case.shown_by).any(case.has_it)
        };
        inside.iter().all(has_had_it).then_some(())
    });
    if stage.verdicts("it").is_empty() {
        stage.crash();
        assert!(stage.arm("it").is_none_or(|found| found == arm));
    }
}

fn killed_when_it_is_decided(stage: &mut Stage, case: &Case, load: &Load, clients: &[String]) {
    let begun = now();
    let verdict = await_some("the verdict", || stage.verdicts("it").pop());
    stage.crash();
    println!("{} after {:.1} s: {}", verdict["verdict"], now() - begun, verdict["why"]);
    assert_eq!(verdict["verdict"], case.verdict, "{verdict:#}");
    for _ in 0..2 {
        stage.forgotten("it");
        assert_eq!(stage.verdicts("it"), std::slice::from_ref(&verdict));
        assert_eq!(stage.described(case.setting), case.after);
        let (from, approved) = (now(), case.verdict == "approved");
        await_some("all clients have the same", || {
            let is_so = |client: &String| {
                load.last(client, from, case.shown_by).is_some_and(|seen| (case.has_it)(&seen) == approved)
            };
            clients.iter().all(is_so).then_some(())
        });
        story::check(stage);
        stage.crash();
    }
}
