//! Rollouts from their first record to their last, without a broker.

use std::collections::BTreeMap;

use super::*;
use crate::config::state::Side;
use crate::rollout::record::{PLACES, Tried};
use crate::rollout::verdict::{Metric, MetricRule, OnDoubt, Plan, Requests};

/// A broker that does what the machine says, in memory.
#[derive(Default)]
struct Scene {
    machine: Machine,
    state: State,
    next_offset: i64,
    /// What was done, in words.
    done: Vec<String>,
}

/// The unit of a rollout in these tests stands in the name of its setting; `gone` cannot be tried.
fn check(_: &str, rollout: &Rollout) -> Result<Checked, RolloutError> {
    let unit = match rollout.changes[0].setting.as_str() {
        "gone" => return Err(RolloutError::Process("gone".to_owned())),
        "of a partition" => Unit::Partition,
        _ => Unit::Client,
    };
    let errors = MetricRule { metric: Metric::Errors, api: None, margin: 0.5 };
    let plan = Plan {
        metrics: vec![errors],
        samples_min: 1000,
        bake: Duration::from_secs(5),
        timeout: Duration::from_secs(50),
        on_doubt: OnDoubt::Reject,
        error_level: 0.05,
    };
    Ok(Checked { unit, plan })
}

fn rollout(setting: &str, share: f64) -> Rollout {
    let tried = Tried { kind: None, name: None, setting: setting.to_owned(), value: None };
    Rollout { share, ..Rollout::of(vec![tried]) }
}

/// A second in which `requests` were answered, some of them with errors.
fn second(requests: u64, errors: u64) -> ArmWindow {
    let requests = Requests { requests, errors, latency: vec![(1000, requests)] };
    ArmWindow { units: 1.0, apis: BTreeMap::from([("Produce".to_owned(), requests)]), counters: BTreeMap::new() }
}

impl Scene {
    fn write(&mut self, side: Side, record: Record) {
        self.state.apply(side, self.next_offset, record);
        self.next_offset += 1;
    }

    fn author_writes(&mut self, name: &str, rollout: Rollout) -> &mut Self {
        self.write(Side::Canary, Record::Rollout(name.to_owned(), Some(rollout)));
        self.settle()
    }

    /// Does all there is to do.
    fn settle(&mut self) -> &mut Self {
        while let Some(command) = self.machine.next(&self.state, &check) {
            self.execute(command);
        }
        self
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Begin { name, arm } => {
                let standing = self.state.rollout(&name).expect("stands there").rollout.clone();
                self.done.push(format!("begin {name}"));
                self.write(Side::Canary, Record::Rollout(name, Some(Rollout { arm: Some(arm), ..standing })));
            }
            Command::Decide(decision) => {
                self.done.push(format!("{} {:?}", decision.name, decision.outcome));
                self.write(Side::Control, decision.verdict(Timestamp::UNIX_EPOCH));
            }
            Command::Forget { name } => {
                self.done.push(format!("forget {name}"));
                self.write(Side::Canary, Record::Rollout(name, None));
            }
        }
    }

    fn seconds(&mut self, seconds: u64, control: &ArmWindow, canaries: &[(&str, &ArmWindow)]) -> &mut Self {
        for _ in 0..seconds {
            let arms = canaries.iter().map(|(name, window)| ((*name).to_owned(), (*window).clone())).collect();
            self.machine.observe(control, arms);
            self.settle();
        }
        self
    }

    fn restart(&mut self) -> &mut Self {
        self.machine = Machine::default();
        self.settle()
    }

    fn done(&mut self) -> String {
        std::mem::take(&mut self.done).join(", ")
    }

    fn arm(&self, name: &str) -> Option<Arm> {
        self.state.rollout(name).and_then(|standing| standing.rollout.arm)
    }
}

#[test]
fn a_harmless_value_is_approved_and_leaves_the_canary_partition() {
    let mut scene = Scene::default();
    let fine = second(2000, 2);
    assert_eq!(scene.author_writes("r", rollout("x", 10.0)).done(), "begin r");
    scene.seconds(20, &fine, &[("r", &fine)]);
    assert_eq!(scene.done(), "r Approved, forget r");
    assert!(scene.state.rollout("r").is_none() && scene.machine.running().next().is_none());
}

#[test]
fn a_harmful_value_is_rejected_within_seconds() {
    let mut scene = Scene::default();
    scene.author_writes("r", rollout("x", 10.0)).done();
    scene.seconds(4, &second(2000, 2), &[("r", &second(200, 100))]);
    assert_eq!(scene.done(), "r Rejected, forget r");
}

#[test]
fn nobody_in_an_arm_is_doubt_and_doubt_is_a_rejection() {
    let mut scene = Scene::default();
    scene.author_writes("r", rollout("x", 10.0)).done();
    scene.seconds(49, &second(2000, 2), &[("r", &ArmWindow::default())]);
    assert_eq!(scene.done(), "");
    scene.seconds(2, &second(2000, 2), &[("r", &ArmWindow::default())]);
    assert_eq!(scene.done(), "r Rejected, forget r");
}

#[test]
fn arms_of_two_are_disjoint_and_what_does_not_fit_waits_its_turn() {
    let mut scene = Scene::default();
    for (name, share) in [("a", 20.0), ("b", 20.0), ("c", 20.0), ("d", 1.0)] {
        scene.author_writes(name, rollout("x", share));
    }
    assert_eq!(scene.done(), "begin a, begin b", "d would fit, but c comes before it");
    let (a, b) = (scene.arm("a").expect("runs"), scene.arm("b").expect("runs"));
    assert!(a.to <= b.from || b.to <= a.from);
    assert_eq!((a.to - a.from, b.to - b.from), (PLACES / 5, PLACES / 5));
    let statuses: Vec<_> = scene.machine.statuses(&scene.state).into_iter().map(|found| found.status).collect();
    assert_eq!(statuses, ["running", "running", "waiting", "waiting"]);
    scene.author_writes("a", Rollout { state: Wanted::Reject, ..rollout("x", 20.0) });
    assert_eq!(scene.done(), "a Rejected, forget a, begin c, begin d");
}

#[test]
fn units_of_different_kinds_do_not_try_anything_at_once() {
    let mut scene = Scene::default();
    scene.author_writes("clients", rollout("x", 1.0)).author_writes("partitions", rollout("of a partition", 1.0));
    assert_eq!(scene.done(), "begin clients");
    scene.author_writes("clients", Rollout { state: Wanted::Approve, ..rollout("x", 1.0) });
    assert_eq!(scene.done(), "clients Approved, forget clients, begin partitions");
}

#[test]
fn a_restart_changes_neither_arms_nor_ends() {
    let mut scene = Scene::default();
    scene.author_writes("r", rollout("x", 10.0));
    let arm = scene.arm("r");
    scene.restart();
    assert_eq!((scene.arm("r"), scene.done().as_str()), (arm, "begin r"));
    // The verdict is written, and then the process dies.
    let bad = second(200, 100);
    (0..4).for_each(|_| scene.machine.observe(&second(2000, 2), BTreeMap::from([("r".to_owned(), bad.clone())])));
    let command = scene.machine.next(&scene.state, &check).expect("a verdict");
    scene.execute(command);
    assert_eq!(scene.restart().done(), "r Rejected, forget r");
    assert_eq!(scene.restart().done(), "");
}

/// A broker began to listen before its arms were in place: for a moment after a start, clients of an arm were served by control.
#[test]
fn whatever_has_an_arm_runs_at_a_start_before_anything_is_done() {
    let mut scene = Scene::default();
    scene.author_writes("r", rollout("x", 10.0)).author_writes("paused", rollout("x", 10.0));
    scene.author_writes("paused", Rollout { state: Wanted::Pause, ..rollout("x", 10.0) });
    scene.author_writes("waits", rollout("of a partition", 10.0));
    let before: Vec<String> = scene.machine.running().map(|run| run.0.to_owned()).collect();
    let mut started = Machine::default();
    started.resume(&scene.state, &check);
    let after: Vec<String> = started.running().map(|run| run.0.to_owned()).collect();
    assert_eq!((before, after), (vec!["r".to_owned()], vec!["r".to_owned()]));
}

#[test]
fn what_was_measured_against_an_older_control_does_not_count() {
    let mut scene = Scene::default();
    scene.author_writes("r", rollout("x", 10.0)).done();
    let fine = second(2000, 2);
    scene.seconds(4, &fine, &[("r", &fine)]);
    scene.machine.measure_anew();
    scene.seconds(4, &fine, &[("r", &fine)]);
    assert_eq!(scene.done(), "", "the bake time begins anew");
    scene.seconds(20, &fine, &[("r", &fine)]);
    assert_eq!(scene.done(), "r Approved, forget r");
}

#[test]
fn a_paused_rollout_gives_its_arm_back_and_begins_anew_when_it_goes_on() {
    let mut scene = Scene::default();
    scene.author_writes("a", rollout("x", 40.0)).author_writes("b", rollout("x", 40.0)).done();
    scene.author_writes("a", Rollout { state: Wanted::Pause, ..rollout("x", 40.0) });
    assert_eq!(scene.done(), "begin b");
    scene.author_writes("a", rollout("x", 40.0));
    assert_eq!(scene.done(), "");
    scene.author_writes("b", Rollout { state: Wanted::Reject, ..rollout("x", 40.0) });
    assert_eq!(scene.done(), "b Rejected, forget b, begin a");
}

#[test]
fn what_was_measured_stands_in_the_verdict_that_the_author_asks_for() {
    let mut scene = Scene::default();
    scene.author_writes("r", rollout("x", 10.0)).seconds(3, &second(2000, 2), &[("r", &second(200, 0))]);
    scene.write(
        Side::Canary,
        Record::Rollout("r".to_owned(), Some(Rollout { state: Wanted::Approve, ..rollout("x", 10.0) })),
    );
    let Some(Command::Decide(decision)) = scene.machine.next(&scene.state, &check) else { panic!("not decided") };
    assert_eq!(decision.figures.map(|figures| figures.metrics[0].canary_samples), Some(600));
}

#[test]
fn what_cannot_be_tried_any_more_is_rejected() {
    let mut scene = Scene::default();
    scene.author_writes("r", rollout("gone", 10.0));
    assert_eq!(scene.done(), "r Rejected, forget r");
}

#[test]
fn a_name_can_be_used_again() {
    let mut scene = Scene::default();
    scene.author_writes("r", Rollout { state: Wanted::Reject, ..rollout("x", 10.0) });
    scene.author_writes("r", rollout("x", 10.0));
    assert_eq!(scene.done(), "r Rejected, forget r, begin r");
}

#[test]
fn a_tombstone_ends_a_rollout_without_a_verdict() {
    let mut scene = Scene::default();
    scene.author_writes("r", rollout("x", 10.0)).done();
    scene.write(Side::Canary, Record::Rollout("r".to_owned(), None));
    assert_eq!(scene.settle().done(), "");
    assert!(scene.machine.running().next().is_none());
}
