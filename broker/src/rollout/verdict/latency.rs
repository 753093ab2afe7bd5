//! Latency: by how many percent of control's quantile the canary's is longer.
//!
//! What must always hold: a bound of the comparison is made of a bound of each arm at half the level; a difference that
//! is below what can be measured (`FLOOR_MICROS`) counts for nothing.

use hdrhistogram::Histogram;

use super::MetricJudgement;
use super::figures::Scope;
use super::plan::{MetricRule, Quantile};
use super::rule::{Finding, Levels};
use super::windows::design_effect;
use crate::rollout::stats::{Prior, rank_bounds};

/// A canary that is longer by less is as long: waking a thread takes as much.
const FLOOR_MICROS: f64 = 50.0;

/// Bounds of a quantile in microseconds, where there are any yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct QuantileBounds {
    /// It is not below it.
    pub(super) low: u64,
    /// It is not above it; none: it may be anything.
    pub(super) high: Option<u64>,
}

/// Compares the arms' quantiles.
pub(super) fn judge(rule: &MetricRule, quantile: &Quantile, scope: &Scope, levels: Levels) -> MetricJudgement {
    let q = quantile.share();
    let arms = scope.arms.as_ref().map(|arm| &arm.latency);
    let values = arms.map(|arm| arm.value_at_quantile(q));
    let design_effect = design_effect(&scope.slow_cells(values));
    let at = |alpha| arms.map(|arm| quantile_bounds(Prior::of_quantile(q), arm, q, design_effect, alpha / 2.0));
    let (reject, approve) = (at(levels.reject), at(levels.approve));
    Finding {
        unit: "us",
        values: arms.map(|arm| (!arm.is_empty()).then(|| arm.value_at_quantile(q) as f64)),
        samples: arms.map(Histogram::len),
        worse: percent_longer(values.canary, values.control),
        low: reject.control.high.map(|control| percent_longer(reject.canary.low, control)),
        high: approve.canary.high.map(|canary| percent_longer(canary, approve.control.low)),
        design_effect,
        cells: scope.windows.cells().len(),
    }
    .against(rule)
}

/// The quantile `q` of what was recorded, each side at level `alpha`.
pub(super) fn quantile_bounds(
    prior: Prior,
    recorded: &Histogram<u64>,
    q: f64,
    design_effect: f64,
    alpha: f64,
) -> QuantileBounds {
    let ranks = rank_bounds(prior, q, recorded.len() as f64 / design_effect, alpha);
    let above = |rank: f64| first_value_of_rank(recorded, |reached| reached > rank * design_effect);
    let from = |rank: f64| first_value_of_rank(recorded, |reached| reached >= rank * design_effect);
    QuantileBounds { low: above(ranks.low).unwrap_or(0), high: from(ranks.high) }
}

/// The least value at which the number of samples up to it is `enough`.
fn first_value_of_rank(recorded: &Histogram<u64>, enough: impl Fn(f64) -> bool) -> Option<u64> {
    let mut reached = 0;
    let mut values = recorded.iter_recorded();
    values.find_map(|step| {
        reached += step.count_at_value();
        enough(reached as f64).then(|| step.value_iterated_to())
    })
}

fn percent_longer(canary: u64, control: u64) -> f64 {
    let longer = canary as f64 - control as f64;
    let counted = if longer > 0.0 { (longer - FLOOR_MICROS).max(0.0) } else { longer };
    100.0 * counted / control.max(1) as f64
}
