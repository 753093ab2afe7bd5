//! Rates: by how many percent a counter grows faster or slower in the canary, per unit and second.
//!
//! What must always hold: the arms are compared cell by cell, so what hits both alike cancels; the variance is never
//! below that of counting. Asymptotic: it needs `CELLS_MIN` seconds, and assumes that what is left of the noise after
//! pairing does not last longer than a sixteenth of what was measured.

use super::figures::{Rate, RateCell};
use super::plan::{Metric, MetricRule};
use super::rule::{Finding, Levels};
use super::windows::{Merge, variance_of_sum};
use super::{MetricJudgement, Pair};
use crate::rollout::stats::mean_half_width;

/// Seconds measured before anything is said.
const CELLS_MIN: usize = 30;
/// Bounds are narrowest after so many seconds.
const SECONDS_BEST: f64 = 300.0;

/// Compares the arms' rates.
pub(super) fn judge(rule: &MetricRule, rate: &Rate, levels: Levels) -> MetricJudgement {
    let total = rate.total();
    let per_second = total.map(|arm| (arm.unit_seconds > 0.0).then(|| arm.events / arm.unit_seconds));
    let (low, high) = rate.bounds(rule, total, levels).map_or((None, None), |(low, high)| (Some(low), Some(high)));
    Finding {
        unit: "/s",
        values: per_second,
        samples: total.map(|arm| arm.events as u64),
        worse: worse_percent(rule, log_ratio(total)),
        low,
        high,
        design_effect: 1.0,
        cells: rate.windows.cells().len(),
    }
    .against(rule)
}

/// Units times seconds of the arm that had fewest.
pub(super) fn fewest_unit_seconds(rate: &Rate) -> u64 {
    let total = rate.total();
    total.control.unit_seconds.min(total.canary.unit_seconds) as u64
}

impl Rate {
    fn total(&self) -> Pair<RateCell> {
        self.windows.cells().iter().fold(Pair::default(), |mut total, cell| {
            total.merge(*cell);
            total
        })
    }

    /// How much worse it is at least and at most, in percent.
    fn bounds(&self, rule: &MetricRule, total: Pair<RateCell>, levels: Levels) -> Option<(f64, f64)> {
        if self.windows.cells().len() < CELLS_MIN
            || total.control.unit_seconds <= 0.0
            || total.canary.unit_seconds <= 0.0
        {
            return None;
        }
        if total.control.events + total.canary.events <= 0.0 {
            return Some((0.0, 0.0)); // it happens in neither arm
        }
        let seconds = self.windows.seconds() as f64;
        let half = |alpha| mean_half_width(self.variance_of_log_ratio(total) * seconds, seconds, SECONDS_BEST, alpha);
        let at = log_ratio(total);
        let (less, more) = if more_is_worse(rule) {
            (at - half(levels.reject), at + half(levels.approve))
        } else {
            (at + half(levels.reject), at - half(levels.approve))
        };
        Some((worse_percent(rule, less), worse_percent(rule, more)))
    }

    fn variance_of_log_ratio(&self, total: Pair<RateCell>) -> f64 {
        let counted = |arm: RateCell| arm.events.max(1.0);
        let excess = |arm: &RateCell, total: RateCell| {
            (arm.events - arm.unit_seconds * total.events / total.unit_seconds) / counted(total)
        };
        let residual =
            |cell: &Pair<RateCell>| excess(&cell.canary, total.canary) - excess(&cell.control, total.control);
        let residuals: Vec<f64> = self.windows.cells().iter().map(residual).collect();
        variance_of_sum(&residuals).max(1.0 / counted(total.canary) + 1.0 / counted(total.control))
    }
}

/// The logarithm of canary's rate divided by control's; where nothing happened, as if half an event had.
fn log_ratio(total: Pair<RateCell>) -> f64 {
    let rate = total.map(|arm| arm.events.max(0.5) / arm.unit_seconds.max(f64::MIN_POSITIVE));
    rate.canary.ln() - rate.control.ln()
}

fn more_is_worse(rule: &MetricRule) -> bool {
    rule.metric != Metric::Throughput && rule.margin >= 0.0
}

fn worse_percent(rule: &MetricRule, log_ratio: f64) -> f64 {
    let more = 100.0 * log_ratio.exp_m1();
    if more_is_worse(rule) { more } else { -more }
}
