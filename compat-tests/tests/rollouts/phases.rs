//! `kill -9` in every phase of a rollout's life, under real producers: the arm stays, the verdict is what it must be, values are
//! there wholly or not at all, and no producer is told of an error.
//!
//! 1. Waiting: a rollout of clients runs, and this one, of partitions, has no place beside it.
//! 2. Running, early. 3. Running, late: the figures are nearly enough. (After each it measures anew.)
//! 4. Paused. Set going again, it gets the same places: nobody took them.
//! 5. Decided: as soon as the verdict can be read.

use compat_tests::played;
use compat_tests::python;
use serde_json::{Value, json};

use crate::await_some;
use crate::effect::Effect;
use crate::load::{Load, no_errors, now};
use crate::place::Arm;
use crate::stage::{Stage, for_hours, measured_by, rollout, with_state};
use crate::story;

const PARTITIONS: i32 = 12;
/// A rollout that lives longer is looked at while it runs.
const EFFECT_S: f64 = 5.0;

/// A rollout, and what must become of it.
struct Case {
    /// Of the broker, from the start.
    settings: &'static [(&'static str, &'static str)],
    rollout: Value,
    verdict: &'static str,
    /// The setting, and its value before and after.
    setting: &'static str,
    before: &'static str,
    after: &'static str,
    /// What tells which partitions have the tried value.
    effect: Effect,
    /// How long it is measured before it is killed late, seconds: nearly as long as the verdict takes.
    late: f64,
}

#[test]
fn a_harmful_value_is_rejected_whenever_the_broker_is_killed() {
    played(|| {
        let half = json!([{"metric": "errors"}, {"metric": "latency_p50", "api": "Produce", "margin": 50}]);
        live_through(&Case {
            settings: &[],
            rollout: measured_by(rollout("catena.commit.delay.ms", 200, 30.0), &half),
            verdict: "rejected",
            setting: "catena.commit.delay.ms",
            before: "0",
            after: "0",
            effect: Effect::Slower(50.0),
            late: 1.5,
        });
    });
}

#[test]
fn a_neutral_value_is_approved_whenever_the_broker_is_killed() {
    played(|| {
        let errors = json!([{"metric": "errors", "margin": 5}]);
        live_through(&Case {
            settings: &[],
            rollout: measured_by(rollout("message.max.bytes", 1_500_000, 40.0), &errors),
            verdict: "approved",
            setting: "message.max.bytes",
            before: "1048588",
            after: "1500000",
            effect: Effect::TakesLarge,
            late: 12.0,
        });
    });
}

#[test]
fn a_helpful_value_is_approved_whenever_the_broker_is_killed() {
    played(|| {
        let faster =
            json!([{"metric": "errors", "margin": 5}, {"metric": "latency_p50", "api": "Produce", "margin": 10}]);
        live_through(&Case {
            settings: &[("catena.commit.delay.ms", "200")],
            rollout: measured_by(rollout("catena.commit.delay.ms", 0, 40.0), &faster),
            verdict: "approved",
            setting: "catena.commit.delay.ms",
            before: "200",
            after: "0",
            effect: Effect::Faster(50.0),
            late: 12.0,
        });
    });
}

fn live_through(case: &Case) {
    if !python::available() {
        return;
    }
    let mut stage = Stage::start(case.settings);
    stage.connect().create_topic("orders", PARTITIONS, &[]).unwrap();
    let load = Load::producers(&stage.broker, "orders", PARTITIONS, 200, 20);
    load.goes_on(0.0, PARTITIONS as usize);
    let of_clients = |value: u32| for_hours(rollout("fetch.max.bytes", value, 1.0));
    killed_while_it_waits(&mut stage, &case.rollout, &of_clients(50_000_000), &of_clients(40_000_000));
    let arm = stage.begun("it");
    killed_while_it_runs(&mut stage, case, &load, arm);
    killed_while_it_is_paused(&mut stage, &case.rollout, arm);
    killed_when_it_is_decided(&mut stage, case, &load);
    no_errors(&load.finish());
}

/// `other` and `last` are rollouts of other units: the one runs, the other one comes last.
pub fn killed_while_it_waits(stage: &mut Stage, rollout: &Value, other: &Value, last: &Value) {
    stage.write("other", other);
    let arm = stage.begun("other");
    stage.write("it", rollout);
    stage.crash();
    assert_eq!((stage.arm("other"), stage.arm("it")), (Some(arm), None));
    // Only records decide: whatever comes first after the start, this one stays where it is.
    stage.write("last", last);
    stage.crash();
    assert_eq!((stage.arm("other"), stage.arm("it"), stage.arm("last")), (Some(arm), None, None));
    assert_eq!(stage.try_write("last", None).0, 0);
    stage.write("other", &with_state(other.clone(), "reject"));
    assert_eq!(stage.decided("other")["verdict"], "rejected");
}

fn killed_while_it_runs(stage: &mut Stage, case: &Case, load: &Load, arm: Arm) {
    for seconds in [0.5, case.late] {
        load.goes_on(seconds, PARTITIONS as usize);
        assert_eq!((stage.arm("it"), stage.verdicts("it").len()), (Some(arm), 0));
        assert_eq!(stage.described(case.setting), case.before);
        stage.crash();
        assert_eq!((stage.arm("it"), stage.verdicts("it").len()), (Some(arm), 0));
        if case.late > EFFECT_S {
            case.effect.until(stage, load, "orders", PARTITIONS, &|partition| arm.has_partition("orders", partition));
        }
    }
}

pub fn killed_while_it_is_paused(stage: &mut Stage, rollout: &Value, arm: Arm) {
    stage.write("it", &with_state(rollout.clone(), "pause"));
    stage.crash();
    let standing = stage.standing("it").expect("it stands");
    assert_eq!((&standing["state"], stage.verdicts("it").len()), (&json!("pause"), 0));
    stage.write("it", rollout);
    assert_eq!(stage.begun("it"), arm);
}

fn killed_when_it_is_decided(stage: &mut Stage, case: &Case, load: &Load) {
    let begun = now();
    let verdict = await_some("the verdict", || stage.verdicts("it").pop());
    stage.crash();
    println!("{} after {:.1} s: {}", verdict["verdict"], now() - begun, verdict["why"]);
    assert_eq!(verdict["verdict"], case.verdict, "{verdict:#}");
    for _ in 0..2 {
        stage.forgotten("it");
        assert_eq!(stage.verdicts("it"), std::slice::from_ref(&verdict));
        assert_eq!(stage.described(case.setting), case.after);
        case.effect.until(stage, load, "orders", PARTITIONS, &|_| case.verdict == "approved");
        story::check(stage);
        stage.crash();
    }
}
