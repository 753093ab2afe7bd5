//! Errors: the difference between the arms' shares of failed requests, in points of percent.
//!
//! What must always hold: a bound of the difference is made of a bound of each arm at half the level, so its own level
//! is the whole.

use super::figures::Scope;
use super::plan::MetricRule;
use super::rule::{Finding, Levels};
use super::windows::design_effect;
use super::{MetricJudgement, Pair};
use crate::rollout::stats::{Bounds, Prior, Tally, share_bounds};

/// Compares the arms' errors.
pub(super) fn judge(rule: &MetricRule, scope: &Scope, levels: Levels) -> MetricJudgement {
    let arms = scope.arms.as_ref().map(|arm| arm.errors());
    let design_effect = design_effect(&scope.error_cells());
    let independent = arms.map(|arm| arm.divided_by(design_effect));
    let percent = |arm: Tally| (arm.samples() > 0.0).then(|| 100.0 * arm.share());
    Finding {
        unit: "%",
        values: arms.map(percent),
        samples: scope.arms.as_ref().map(|arm| arm.requests),
        worse: 100.0 * (arms.canary.share() - arms.control.share()),
        low: Some(100.0 * difference(Prior::ERRORS, independent, levels.reject).low),
        high: Some(100.0 * difference(Prior::ERRORS, independent, levels.approve).high),
        design_effect,
        cells: scope.windows.cells().len(),
    }
    .against(rule)
}

/// By how much the canary's share is larger, each side at level `alpha`.
pub(super) fn difference(prior: Prior, arms: Pair<Tally>, alpha: f64) -> Bounds {
    let bounds = arms.map(|arm| share_bounds(prior, arm, alpha / 2.0));
    Bounds { low: bounds.canary.low - bounds.control.high, high: bounds.canary.high - bounds.control.low }
}
