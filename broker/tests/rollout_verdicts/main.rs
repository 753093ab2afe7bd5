//! Verdicts on traffic whose truth is known: how often a harmful value is approved and an equal one rejected.
//!
//! What must always hold: at most 5 % approvals of a value that doubles p99 or adds 1 % errors, at most 5 % rejections
//! of an equal one. A few hundred lives of each kind are lived in every run; thousands, with the pictures of
//! docs/rollouts, by `cargo test --release -p catena-broker --test rollout_verdicts -- --ignored write`.

mod curves;
mod picture;
mod runs;
mod world;

use std::time::Duration;

use catena_broker::rollout::verdict::{Plan, Verdict};

use runs::{Ends, live, rule, simulate, usual_plan};
use world::{Effect, Noise, Scenario, Shape};

/// The canary has 200 requests per second.
const CALM: Scenario = Scenario {
    shape: Shape::LogNormal,
    noise: Noise::CALM,
    effect: Effect::NONE,
    rate: 2_000.0,
    share: 10.0,
    errors: 0.2,
};
const ROUGH: Scenario = Scenario { noise: Noise::ROUGH, ..CALM };
const DOUBLED: Effect = Effect { latency: 2.0, ..Effect::NONE };
const DOUBLED_TAIL: Effect = Effect { tail_only: true, ..DOUBLED };
const FAILING: Effect = Effect { errors: 1.0, ..Effect::NONE };

fn of(scenario: Scenario, effect: Effect) -> Ends {
    let (runs, seed) = (200, 1);
    println!("seeds from {seed}, {runs} runs: {scenario:?} {effect:?}");
    simulate(&usual_plan(), Scenario { effect, ..scenario }, runs, seed)
}

#[track_caller]
fn assert_approved(ends: Ends) {
    assert!(ends.rejected_percent() <= 5.0, "rejected: {ends:?}");
}

#[track_caller]
fn assert_rejected(ends: Ends) {
    assert!(ends.approved_percent() <= 5.0, "approved: {ends:?}");
}

#[test]
fn an_equal_value_is_rejected_in_five_of_a_hundred_at_most() {
    assert_approved(of(CALM, Effect::NONE));
    assert_approved(of(Scenario { share: 50.0, ..CALM }, Effect::NONE));
    assert_approved(of(Scenario { shape: Shape::TwoModes, ..ROUGH }, Effect::NONE));
    assert_approved(of(Scenario { share: 50.0, ..ROUGH }, Effect::NONE));
}

#[test]
fn a_doubled_p99_is_approved_in_five_of_a_hundred_at_most() {
    assert_rejected(of(CALM, DOUBLED));
    assert_rejected(of(ROUGH, DOUBLED));
    assert_rejected(of(Scenario { share: 1.0, ..CALM }, DOUBLED_TAIL));
    assert_rejected(of(Scenario { shape: Shape::Pareto, ..ROUGH }, DOUBLED_TAIL));
    assert_rejected(of(Scenario { shape: Shape::TwoModes, share: 50.0, ..ROUGH }, DOUBLED_TAIL));
}

#[test]
fn one_percent_more_errors_are_approved_in_five_of_a_hundred_at_most() {
    assert_rejected(of(CALM, FAILING));
    assert_rejected(of(ROUGH, FAILING));
    assert_rejected(of(Scenario { share: 50.0, ..ROUGH }, FAILING));
}

#[test]
fn gross_failure_is_rejected_within_seconds_and_never_seen_where_there_is_none() {
    let slow = Scenario { rate: 300.0, ..ROUGH };
    for effect in [Effect { latency: 30.0, ..Effect::NONE }, Effect { errors: 40.0, ..Effect::NONE }] {
        let ends = of(slow, effect);
        assert!(ends.gross >= 190 && ends.seconds_of(0.5) <= 5 && ends.seconds_of(0.9) <= 12, "{ends:?}");
    }
    let ends = of(Scenario { rate: 100.0, ..ROUGH }, Effect::NONE);
    assert_eq!(ends.gross, 0, "{ends:?}");
}

#[test]
fn throughput_is_compared_second_by_second() {
    let plan = Plan { metrics: vec![rule("throughput", 10.0)], ..usual_plan() };
    let of = |throughput| simulate(&plan, Scenario { effect: Effect { throughput, ..Effect::NONE }, ..ROUGH }, 100, 1);
    assert_approved(of(1.0));
    assert_rejected(of(0.8));
}

#[test]
fn the_same_seed_lives_the_same_life() {
    assert_eq!(live(&usual_plan(), ROUGH, 5), live(&usual_plan(), ROUGH, 5));
}

#[test]
fn a_life_without_traffic_ends_in_doubt() {
    let plan = Plan { timeout: Duration::from_secs(100), ..usual_plan() };
    let (seconds, verdict) = live(&plan, Scenario { rate: 5.0, ..CALM }, 1);
    assert_eq!(seconds, 100);
    assert!(matches!(verdict, Verdict::Reject { why, gross: false } if why.starts_with("doubt")));
}

#[test]
#[ignore = "minutes: lives thousands of lives and writes docs/rollouts"]
fn write_the_curves() {
    curves::simulate_all();
}

#[test]
fn the_pictures_are_those_of_the_figures() {
    let stale = curves::draw_stale_pictures();
    assert!(stale.is_empty(), "were drawn anew, commit them: {stale:?}");
}
