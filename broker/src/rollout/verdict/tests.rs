//! Verdicts on figures that were made up.

use super::*;

fn plan() -> Plan {
    let rule = |metric: &str, margin| MetricRule { metric: metric.parse().expect("a metric"), api: None, margin };
    Plan {
        metrics: vec![rule("errors", 0.5), rule("latency_p99", 25.0)],
        samples_min: 1_000,
        bake: Duration::from_secs(60),
        timeout: Duration::from_secs(600),
        on_doubt: OnDoubt::Reject,
        error_level: 0.05,
    }
}

/// A second with so many requests, which take `micros` to twice that.
fn second(requests: u64, errors: u64, micros: u64) -> ArmWindow {
    let latency = (0..requests).map(|at| (micros + at * micros / requests, 1)).collect();
    let requests = Requests { requests, errors, latency };
    ArmWindow { units: 10.0, apis: [("Produce".to_owned(), requests)].into(), ..ArmWindow::default() }
}

/// The first final verdict, and after how many seconds.
fn decide(plan: Plan, control: &ArmWindow, canary: &ArmWindow) -> (u64, Verdict) {
    let mut trial = Trial::new(plan);
    for elapsed in 1..1_000 {
        trial.observe(&Pair { control: control.clone(), canary: canary.clone() });
        let verdict = trial.judge(Duration::from_secs(elapsed)).verdict;
        if verdict.is_final() {
            return (elapsed, verdict);
        }
    }
    panic!("no verdict");
}

#[test]
fn an_equal_value_is_approved_once_it_has_baked() {
    let (seconds, verdict) = decide(plan(), &second(1_000, 0, 2_000), &second(500, 0, 2_000));
    assert!(matches!(verdict, Verdict::Approve { .. }), "{verdict:?}");
    assert_eq!(seconds, 60);
}

#[test]
fn many_errors_are_a_gross_failure_within_seconds() {
    let (seconds, verdict) = decide(plan(), &second(100, 0, 2_000), &second(10, 5, 2_000));
    assert!(matches!(verdict, Verdict::Reject { gross: true, .. }), "{verdict:?}");
    assert!(seconds <= 5, "{seconds}");
}

#[test]
fn a_tenfold_latency_is_a_gross_failure_within_seconds() {
    let (seconds, verdict) = decide(plan(), &second(100, 0, 2_000), &second(10, 0, 30_000));
    assert!(matches!(verdict, Verdict::Reject { gross: true, .. }), "{verdict:?}");
    assert!(seconds <= 5, "{seconds}");
}

#[test]
fn nobody_in_the_arm_is_doubt_at_the_time_out() {
    let (seconds, verdict) = decide(plan(), &second(100, 0, 2_000), &ArmWindow::default());
    assert_eq!(seconds, 600);
    let why = "doubt: 0 of 1000 samples in the arm that has fewest".to_owned();
    assert_eq!(verdict, Verdict::Reject { why, gross: false });
}
