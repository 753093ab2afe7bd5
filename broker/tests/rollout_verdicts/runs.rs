//! Many seeded lives of a rollout, and what became of them.

use std::thread;
use std::time::Duration;

use catena_broker::rollout::verdict::{Metric, MetricRule, OnDoubt, Plan, Trial, Verdict};

use crate::world::{Scenario, World};

/// Runs at once.
const THREADS: u64 = 2;

/// A metric of all requests and its margin.
pub fn rule(metric: &str, margin: f64) -> MetricRule {
    MetricRule { metric: metric.parse::<Metric>().expect("a metric"), api: None, margin }
}

/// The rule that a rollout has if it says nothing else.
pub fn usual_plan() -> Plan {
    Plan {
        metrics: vec![rule("errors", 0.5), rule("latency_p99", 25.0)],
        samples_min: 1_000,
        bake: Duration::from_secs(60),
        timeout: Duration::from_secs(600),
        on_doubt: OnDoubt::Reject,
        error_level: 0.05,
    }
}

/// How runs ended.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    pub approved: u64,
    /// Proven worse.
    pub rejected: u64,
    pub gross: u64,
    pub doubt: u64,
    /// When each was decided.
    pub seconds: Vec<u64>,
}

impl Ends {
    pub fn runs(&self) -> u64 {
        self.approved + self.rejected + self.gross + self.doubt
    }

    pub fn approved_percent(&self) -> f64 {
        100.0 * self.approved as f64 / self.runs().max(1) as f64
    }

    pub fn rejected_percent(&self) -> f64 {
        100.0 - self.approved_percent()
    }

    /// The time by which `share` of the runs were decided.
    pub fn seconds_of(&self, share: f64) -> u64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_unstable();
        seconds.get((share * (seconds.len().max(1) - 1) as f64) as usize).copied().unwrap_or(0)
    }

    fn add(&mut self, seconds: u64, verdict: &Verdict) {
        match verdict {
            Verdict::Approve { .. } => self.approved += 1,
            Verdict::Reject { gross: true, .. } => self.gross += 1,
            Verdict::Reject { why, .. } if why.starts_with("doubt") => self.doubt += 1,
            Verdict::Reject { .. } => self.rejected += 1,
            Verdict::Undecided { .. } => unreachable!("a run ends with a verdict"),
        }
        self.seconds.push(seconds);
    }

    fn join(&mut self, other: Self) {
        self.approved += other.approved;
        self.rejected += other.rejected;
        self.gross += other.gross;
        self.doubt += other.doubt;
        self.seconds.extend(other.seconds);
    }
}

/// One life: looked at every second, as the broker does; after two minutes every five seconds, to save time.
pub fn live(plan: &Plan, scenario: Scenario, seed: u64) -> (u64, Verdict) {
    let mut world = World::new(scenario, seed);
    let mut trial = Trial::new(plan.clone());
    for seconds in 1_u64.. {
        trial.observe(&world.second());
        if seconds > 120 && !seconds.is_multiple_of(5) {
            continue;
        }
        let verdict = trial.judge(Duration::from_secs(seconds)).verdict;
        if verdict.is_final() {
            return (seconds, verdict);
        }
    }
    unreachable!("there is a time-out")
}

/// `runs` lives with the seeds from `seed` on.
pub fn simulate(plan: &Plan, scenario: Scenario, runs: u64, seed: u64) -> Ends {
    let part = |first: u64| {
        let mut ends = Ends::default();
        for run in (first..runs).step_by(THREADS as usize) {
            let (seconds, verdict) = live(plan, scenario, seed.wrapping_add(run));
            ends.add(seconds, &verdict);
        }
        ends
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || part(first))).collect();
        threads.into_iter().fold(Ends::default(), |mut all, thread| {
            all.join(thread.join().expect("a run that ends"));
            all
        })
    })
}
