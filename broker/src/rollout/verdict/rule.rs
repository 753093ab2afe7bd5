//! The rule: from bounds to outcomes, from outcomes to a verdict.
//!
//! What must always hold:
//! - A wrong approval needs the bound of the very metric that is worse to be wrong, so each metric has the whole level.
//! - A wrong rejection needs any bound to be wrong, so the metrics share the level, after a fiftieth for gross failure.
//! - Nothing but a gross failure is decided on fewer than `CELLS_MIN` seconds or `SAMPLES_MIN` samples.

use std::time::Duration;

use super::figures::Figures;
use super::plan::{Metric, MetricRule, OnDoubt, Plan};
use super::{Judgement, MetricJudgement, Outcome, Pair, Verdict, errors, gross, latency, rates};

/// The part of the error level that gross failure has.
const GROSS_PART: f64 = 0.02;
/// Seconds measured before a bound counts: the noise must have been seen.
const CELLS_MIN: usize = 20;
/// Samples in each arm before a bound counts.
const SAMPLES_MIN: u64 = 100;

/// Levels of one comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    /// Of the bound that approves.
    pub(super) approve: f64,
    /// Of the bound that rejects.
    pub(super) reject: f64,
    /// Of each comparison that shows gross failure.
    pub(super) gross: f64,
}

impl Levels {
    fn of(plan: &Plan, figures: &Figures) -> Self {
        let level = plan.error_level;
        let gross = level * GROSS_PART / (gross::COMPARISONS * figures.scopes().len().max(1) as f64);
        Self { approve: level, reject: level * (1.0 - GROSS_PART) / plan.metrics.len().max(1) as f64, gross }
    }
}

/// What was found about one metric, before it is held against its margin.
pub(super) struct Finding {
    pub(super) unit: &'static str,
    pub(super) values: Pair<Option<f64>>,
    pub(super) samples: Pair<u64>,
    pub(super) worse: f64,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) design_effect: f64,
    pub(super) cells: usize,
}

impl Finding {
    /// Holds it against the margin of `rule`.
    pub(super) fn against(self, rule: &MetricRule) -> MetricJudgement {
        let both = self.values.control.is_some() && self.values.canary.is_some();
        MetricJudgement {
            metric: rule.metric.to_string(),
            api: rule.api.clone(),
            unit: self.unit.to_owned(),
            control: self.values.control.map(rounded),
            canary: self.values.canary.map(rounded),
            control_samples: self.samples.control,
            canary_samples: self.samples.canary,
            margin: rule.margin,
            worse: both.then(|| rounded(self.worse)),
            worse_low: self.low.filter(|_| both).map(rounded),
            worse_high: self.high.filter(|_| both).map(rounded),
            design_effect: rounded(self.design_effect),
            outcome: if both { self.outcome(rule.margin.abs()) } else { Outcome::Undecided },
        }
    }

    fn outcome(&self, margin: f64) -> Outcome {
        if self.cells < CELLS_MIN {
            return Outcome::Undecided;
        }
        match (self.low, self.high) {
            (Some(low), _) if low > margin => Outcome::Inferior,
            (_, Some(high)) if high < 0.0 => Outcome::Better,
            (_, Some(high)) if high <= margin => Outcome::NotInferior,
            _ => Outcome::Undecided,
        }
    }
}

/// To three digits behind the point: what is stored need not say more than is known.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// What `figures` say after `elapsed`.
pub(super) fn judge(plan: &Plan, figures: &Figures, elapsed: Duration) -> Judgement {
    let levels = Levels::of(plan, figures);
    let metrics: Vec<_> = plan.metrics.iter().filter_map(|rule| judge_metric(rule, figures, levels)).collect();
    let failed = figures.scopes().iter().find_map(|scope| gross::failure(scope, levels.gross));
    let verdict = match failed {
        Some(why) => Verdict::Reject { why, gross: true },
        None => verdict(plan, figures, &metrics, elapsed),
    };
    Judgement { metrics, verdict }
}

fn judge_metric(rule: &MetricRule, figures: &Figures, levels: Levels) -> Option<MetricJudgement> {
    match &rule.metric {
        Metric::Errors => figures.scope(&rule.api).map(|scope| errors::judge(rule, scope, levels)),
        Metric::Latency(q) => figures.scope(&rule.api).map(|scope| latency::judge(rule, q, scope, levels)),
        Metric::Throughput | Metric::Counter(_) => {
            figures.rate(&rule.metric.to_string()).map(|rate| rates::judge(rule, rate, levels))
        }
    }
}

fn verdict(plan: &Plan, figures: &Figures, metrics: &[MetricJudgement], elapsed: Duration) -> Verdict {
    let samples = fewest_samples(plan, figures);
    if samples >= SAMPLES_MIN
        && let Some(worse) = metrics.iter().find(|metric| metric.outcome == Outcome::Inferior)
    {
        return Verdict::Reject { why: worse.in_words(), gross: false };
    }
    match missing(plan, samples, metrics, elapsed) {
        None => Verdict::Approve { why: "no metric is worse by more than its margin".to_owned() },
        Some(why) if elapsed >= plan.timeout => doubt(plan.on_doubt, why),
        Some(why) => Verdict::Undecided { why },
    }
}

/// The requests of the arm that had fewest, in the scope that had fewest. Where counters alone are compared, units
/// times seconds.
fn fewest_samples(plan: &Plan, figures: &Figures) -> u64 {
    if !plan.metrics.is_empty() && plan.metrics.iter().all(|rule| rule.metric.is_rate()) {
        return figures.rates().iter().map(rates::fewest_unit_seconds).min().unwrap_or(0);
    }
    let arms = figures.scopes().iter().flat_map(|scope| [scope.arms.control.requests, scope.arms.canary.requests]);
    arms.min().unwrap_or(0)
}

/// What is missing to approve.
fn missing(plan: &Plan, samples: u64, metrics: &[MetricJudgement], elapsed: Duration) -> Option<String> {
    let undecided = metrics.iter().find(|metric| !metric.is_good());
    if samples < plan.samples_min.max(SAMPLES_MIN) {
        Some(format!("{samples} of {} samples in the arm that has fewest", plan.samples_min.max(SAMPLES_MIN)))
    } else if let Some(metric) = undecided {
        Some(metric.in_words())
    } else if elapsed < plan.bake {
        Some(format!("{} of {} s of bake time", elapsed.as_secs(), plan.bake.as_secs()))
    } else {
        None
    }
}

fn doubt(on_doubt: OnDoubt, why: String) -> Verdict {
    match on_doubt {
        OnDoubt::Reject => Verdict::Reject { why: format!("doubt: {why}"), gross: false },
        OnDoubt::Approve => Verdict::Approve { why: format!("in spite of doubt: {why}") },
    }
}

impl MetricJudgement {
    fn is_good(&self) -> bool {
        matches!(self.outcome, Outcome::Better | Outcome::NotInferior)
    }

    /// The metric, how much worse it is, and the margin.
    fn in_words(&self) -> String {
        let of = self.api.as_ref().map(|api| format!(" of {api}")).unwrap_or_default();
        let points = if self.unit == "%" { "points" } else { "%" };
        let bound = |bound: Option<f64>, none: &str| bound.map_or(none.to_owned(), |bound| format!("{bound:.2}"));
        format!(
            "{}{of} is {} to {} {points} worse, the margin is {}",
            self.metric,
            bound(self.worse_low, "?"),
            bound(self.worse_high, "?"),
            self.margin.abs()
        )
    }
}
