//! Latency: by how many percent the canary is slower at a quantile.
//!
//! What must always hold: a bound of the comparison is made of a bound of each arm at half the level; a difference that
//! is below what can be measured (`FLOOR_MICROS`) counts for nothing.
//!
//! Slower can be said in time and in number, and the lesser of the two counts:
//! - longer: the canary's quantile against control's;
//! - more: the odds of a canary's request to take longer than control's quantile, against those of control.
//!
//! Where latencies are spread smoothly the first is the lesser. Where they are in two heaps (most take 2 ms, 1 % wait
//! for a stall) a quantile can jump from one to the other by chance, and no number of samples bounds it: there the
//! second says what really happened to how many requests.

use hdrhistogram::Histogram;

use super::figures::Scope;
use super::plan::{MetricRule, Quantile};
use super::rule::{Finding, Levels};
use super::windows::design_effect;
use super::{MetricJudgement, Pair};
use crate::rollout::stats::{Bounds, Prior, Tally, rank_bounds, share_bounds};

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

/// Both arms at one quantile.
struct Comparison<'a> {
    q: f64,
    arms: Pair<&'a Histogram<u64>>,
    design_effect: f64,
}

/// Compares the arms' quantiles.
pub(super) fn judge(rule: &MetricRule, quantile: &Quantile, scope: &Scope, levels: Levels) -> MetricJudgement {
    let q = quantile.share();
    let arms = scope.arms.as_ref().map(|arm| &arm.latency);
    let values = arms.map(|arm| arm.value_at_quantile(q));
    let design_effect = design_effect(&scope.slow_cells(values));
    let comparison = Comparison { q, arms, design_effect };
    Finding {
        unit: "us",
        values: arms.map(|arm| (!arm.is_empty()).then(|| arm.value_at_quantile(q) as f64)),
        samples: arms.map(Histogram::len),
        worse: comparison.worse(values),
        low: comparison.worse_low(levels.reject),
        high: comparison.worse_high(levels.approve),
        design_effect,
        cells: scope.windows.cells().len(),
    }
    .against(rule)
}

impl Comparison<'_> {
    fn worse(&self, values: Pair<u64>) -> f64 {
        let more = self.percent_more(slower_than(self.arms.canary, values.control).share());
        percent_longer(values.canary, values.control).min(more)
    }

    /// How much slower at least.
    fn worse_low(&self, alpha: f64) -> Option<f64> {
        let control = self.quantile_of(self.arms.control, alpha).high?;
        let longer = percent_longer(self.quantile_of(self.arms.canary, alpha).low, control);
        Some(longer.min(self.percent_more(self.slower_than(control, alpha).low)))
    }

    /// How much slower at most.
    fn worse_high(&self, alpha: f64) -> Option<f64> {
        let control = self.quantile_of(self.arms.control, alpha).low;
        let more = self.percent_more(self.slower_than(control, alpha).high);
        let canary = self.quantile_of(self.arms.canary, alpha).high;
        Some(canary.map_or(more, |canary| more.min(percent_longer(canary, control))))
    }

    fn quantile_of(&self, arm: &Histogram<u64>, alpha: f64) -> QuantileBounds {
        quantile_bounds(Prior::of_share(self.q), arm, self.q, self.design_effect, alpha / 2.0)
    }

    /// The share of the canary's requests that take longer than `micros`.
    fn slower_than(&self, micros: u64, alpha: f64) -> Bounds {
        let slower = slower_than(self.arms.canary, micros).divided_by(self.design_effect);
        share_bounds(Prior::of_share(1.0 - self.q), slower, alpha / 2.0)
    }

    /// By how many percent the odds of `share` are more than those of control to be beyond its own quantile. Never
    /// negative: what is rounded to control's quantile is not beyond it, which says nothing for the canary.
    fn percent_more(&self, share: f64) -> f64 {
        let odds = share / (1.0 - share).max(f64::EPSILON);
        (100.0 * (odds * self.q / (1.0 - self.q) - 1.0)).max(0.0)
    }
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
    let mut reached = 0_u64;
    let mut values = recorded.iter_recorded();
    values.find_map(|step| {
        reached = reached.saturating_add(step.count_at_value());
        enough(reached as f64).then(|| step.value_iterated_to())
    })
}

/// The samples, and those that are longer than `micros`.
fn slower_than(recorded: &Histogram<u64>, micros: u64) -> Tally {
    let faster = if micros == 0 { 0 } else { recorded.count_between(0, micros) };
    Tally::of(recorded.len().saturating_sub(faster), recorded.len())
}

fn percent_longer(canary: u64, control: u64) -> f64 {
    let longer = canary as f64 - control as f64;
    let counted = if longer > 0.0 { (longer - FLOOR_MICROS).max(0.0) } else { longer };
    100.0 * counted / control.max(1) as f64
}
