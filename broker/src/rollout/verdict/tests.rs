//! Verdicts on figures that were made up.

use super::*;

fn rule(metric: &str, margin: f64) -> MetricRule {
    MetricRule { metric: metric.parse().expect("a metric"), api: None, margin }
}

fn plan(metrics: Vec<MetricRule>) -> Plan {
    Plan {
        metrics,
        samples_min: 1_000,
        bake: Duration::from_secs(60),
        timeout: Duration::from_secs(600),
        on_doubt: OnDoubt::Reject,
        error_level: 0.05,
    }
}

fn usual() -> Plan {
    plan(vec![rule("errors", 0.5), rule("latency_p99", 25.0)])
}

/// A second with so many requests, which take `micros` to twice that.
fn second(requests: u64, errors: u64, micros: u64) -> ArmWindow {
    let latency = (0..requests).map(|at| (micros + at * micros / requests, 1)).collect();
    let requests = Requests { requests, errors, latency };
    let counters = [("throughput".to_owned(), requests.requests * 1_000)].into();
    ArmWindow { units: 10.0, apis: [("Produce".to_owned(), requests)].into(), counters }
}

/// The last judgement, and after how many seconds.
fn decide(plan: Plan, control: &ArmWindow, canary: &ArmWindow) -> (u64, Judgement) {
    let mut trial = Trial::new(plan);
    for elapsed in 1..1_000 {
        trial.observe(&Pair { control: control.clone(), canary: canary.clone() });
        let judgement = trial.judge(Duration::from_secs(elapsed));
        if judgement.verdict.is_final() {
            return (elapsed, judgement);
        }
    }
    panic!("no verdict");
}

#[track_caller]
fn assert_approved((seconds, judgement): (u64, Judgement), at: u64) {
    assert!(matches!(judgement.verdict, Verdict::Approve { .. }), "{judgement:?}");
    assert_eq!(seconds, at);
}

#[track_caller]
fn assert_rejected((seconds, judgement): (u64, Judgement), gross_as_told: bool, within: u64, what: &str) {
    match judgement.verdict {
        Verdict::Reject { why, gross } => assert!(gross == gross_as_told && why.contains(what), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(seconds <= within, "{seconds}");
}

#[test]
fn an_equal_value_is_approved_once_it_has_baked() {
    assert_approved(decide(usual(), &second(1_000, 0, 2_000), &second(500, 0, 2_000)), 60);
}

#[test]
fn a_better_value_is_approved_and_called_better() {
    let decided = decide(usual(), &second(1_000, 20, 2_000), &second(500, 0, 1_000));
    assert!(decided.1.metrics.iter().all(|metric| metric.outcome == Outcome::Better), "{:?}", decided.1);
    assert_approved(decided, 60);
}

#[test]
fn approval_waits_for_the_samples_that_were_asked_for() {
    let plan = Plan { samples_min: 50_000, ..usual() };
    assert_approved(decide(plan, &second(1_000, 0, 2_000), &second(500, 0, 2_000)), 100);
}

#[test]
fn a_doubled_latency_is_rejected_as_proven() {
    assert_rejected(decide(usual(), &second(1_000, 0, 2_000), &second(500, 0, 4_000)), false, 30, "latency_p99 is 97");
}

#[test]
fn a_few_more_errors_are_rejected_as_proven() {
    assert_rejected(decide(usual(), &second(1_000, 2, 2_000), &second(500, 11, 2_000)), false, 30, "errors is 1.3");
}

#[test]
fn many_errors_are_a_gross_failure_within_seconds() {
    assert_rejected(decide(usual(), &second(100, 0, 2_000), &second(10, 5, 2_000)), true, 5, "50.0 % errors");
}

#[test]
fn a_tenfold_latency_is_a_gross_failure_within_seconds() {
    assert_rejected(decide(usual(), &second(100, 0, 2_000), &second(10, 0, 30_000)), true, 5, "latency p50");
}

#[test]
fn a_failure_of_both_arms_is_nobodys_fault() {
    let (seconds, judgement) = decide(usual(), &second(100, 60, 90_000), &second(10, 6, 90_000));
    assert!(seconds > 30 && !matches!(judgement.verdict, Verdict::Reject { gross: true, .. }), "{judgement:?}");
}

#[test]
fn microseconds_decide_nothing() {
    assert_approved(decide(usual(), &second(1_000, 0, 20), &second(500, 0, 40)), 60);
}

/// p99 of such requests is 2 ms or 50 ms by chance: the bounds of the quantile alone would stay apart for ever.
#[test]
fn a_quantile_on_the_edge_of_two_heaps_is_no_lasting_doubt() {
    let stalled = |requests: u64, micros| {
        let latency = vec![(2_000, requests - requests / 100), (micros, requests / 100)];
        let requests = Requests { requests, errors: 0, latency };
        ArmWindow { units: 1.0, apis: [("Produce".to_owned(), requests)].into(), ..ArmWindow::default() }
    };
    let (seconds, judgement) = decide(usual(), &stalled(1_000, 50_000), &stalled(500, 50_000));
    assert!(matches!(judgement.verdict, Verdict::Approve { .. }) && seconds < 300, "{seconds}: {judgement:?}");
    let mut twice = stalled(500, 50_000);
    twice.apis.entry("Produce".to_owned()).and_modify(|of| of.latency = vec![(2_000, 490), (50_000, 10)]);
    assert_rejected(decide(usual(), &stalled(1_000, 50_000), &twice), false, 600, "latency_p99");
}

#[test]
fn nobody_in_the_arm_is_doubt_at_the_time_out() {
    let (seconds, judgement) = decide(usual(), &second(100, 0, 2_000), &ArmWindow::default());
    assert_eq!(seconds, 600);
    let why = "doubt: 0 of 1000 samples in the arm that has fewest".to_owned();
    assert_eq!(judgement.verdict, Verdict::Reject { why, gross: false });
    assert_eq!(judgement.metrics[0].canary, None);
}

#[test]
fn doubt_may_speak_for_the_value() {
    let plan = Plan { on_doubt: OnDoubt::Approve, ..usual() };
    assert_approved(decide(plan, &second(100, 0, 2_000), &ArmWindow::default()), 600);
}

#[test]
fn a_metric_of_one_api_sees_no_other() {
    let produce = MetricRule { api: Some("Produce".to_owned()), ..rule("errors", 0.5) };
    let mut canary = second(500, 0, 2_000);
    let fetch = Requests { requests: 100, errors: 100, latency: vec![(2_000, 100)] };
    canary.apis.insert("Fetch".to_owned(), fetch);
    assert_approved(decide(plan(vec![produce]), &second(1_000, 0, 2_000), &canary), 60);
    assert_rejected(decide(plan(vec![rule("errors", 0.5)]), &second(1_000, 0, 2_000), &canary), true, 5, "errors");
}

#[test]
fn throughput_may_not_fall_and_a_counter_not_rise() {
    let metrics = || plan(vec![rule("throughput", 10.0), rule("errors", 0.5)]);
    assert_approved(decide(metrics(), &second(1_000, 0, 2_000), &second(950, 0, 2_000)), 60);
    assert_rejected(decide(metrics(), &second(1_000, 0, 2_000), &second(500, 0, 2_000)), false, 40, "throughput is 4");
    let rebalances = |count| {
        let mut arm = second(1_000, 0, 2_000);
        arm.counters.insert("rebalances".to_owned(), count);
        arm
    };
    let metrics = |margin| plan(vec![rule("rebalances", margin)]);
    assert_rejected(decide(metrics(25.0), &rebalances(10), &rebalances(20)), false, 40, "rebalances");
    assert_approved(decide(metrics(-25.0), &rebalances(10), &rebalances(20)), 100);
    assert_approved(decide(metrics(25.0), &rebalances(0), &rebalances(0)), 100);
}

#[test]
fn judgements_are_records_that_read_back() {
    let (_, judgement) = decide(usual(), &second(1_000, 0, 2_000), &second(500, 0, 2_000));
    let text = serde_json::to_string(&judgement).expect("JSON");
    let fields = ["\"metric\":\"latency_p99\"", "\"unit\":\"us\"", "\"worse_high\":", "\"outcome\":\"not_inferior\""];
    assert!(fields.iter().all(|field| text.contains(field)), "{text}");
    assert!(text.contains("\"verdict\":{\"verdict\":\"approve\""), "{text}");
    assert_eq!(serde_json::from_str::<Judgement>(&text).expect("reads back"), judgement);
}

#[test]
fn reports_that_lie_harm_nobody() {
    let requests = Requests { requests: u64::MAX, errors: u64::MAX, latency: vec![(u64::MAX, u64::MAX), (0, 1)] };
    for units in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
        let counters = [("throughput".to_owned(), u64::MAX), ("x".to_owned(), 0)].into();
        let liar = ArmWindow { units, apis: [("a".to_owned(), requests.clone())].into(), counters };
        let plan =
            || plan(vec![rule("errors", 0.5), rule("latency_p99", 25.0), rule("throughput", 10.0), rule("x", 5.0)]);
        decide(plan(), &liar, &second(100, 0, 2_000));
        decide(plan(), &second(100, 0, 2_000), &liar);
        decide(plan(), &liar, &liar);
    }
}
