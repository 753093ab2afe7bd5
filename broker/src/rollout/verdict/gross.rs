//! Gross failure: so bad that a few dozen samples show it.
//!
//! What must always hold: it has a small part of the error level to itself (`Levels::gross`), so that it costs the
//! patient rule next to nothing; and it takes samples in several seconds, since one stall is one event.

use super::errors;
use super::figures::Scope;
use super::latency::quantile_bounds;
use super::windows::design_effect_beyond_chance;
use crate::rollout::stats::Prior;

/// Errors: so many points of percent more than control.
const ERRORS_POINTS: f64 = 10.0;
/// Latency: so many times control's.
const LATENCY_TIMES: f64 = 10.0;
/// Latency: and at least so much, in microseconds; less is no failure.
const LATENCY_MICROS: f64 = 1_000.0;
/// Quantiles that are looked at.
const QUANTILES: [f64; 2] = [0.5, 0.99];
/// Comparisons of a scope: errors and the quantiles.
pub(super) const COMPARISONS: f64 = 1.0 + QUANTILES.len() as f64;
/// Seconds in which the canary had requests.
const SECONDS_MIN: usize = 3;

/// Says how `scope` failed, at level `alpha` for each comparison.
pub(super) fn failure(scope: &Scope, alpha: f64) -> Option<String> {
    let busy = scope.windows.cells().iter().filter(|cell| cell.canary.requests > 0).count();
    if busy < SECONDS_MIN {
        return None;
    }
    errors_failed(scope, alpha).or_else(|| QUANTILES.into_iter().find_map(|q| latency_failed(scope, q, alpha)))
}

fn errors_failed(scope: &Scope, alpha: f64) -> Option<String> {
    let arms = scope.arms.as_ref().map(|arm| arm.errors());
    if 100.0 * (arms.canary.share() - arms.control.share()) <= ERRORS_POINTS {
        return None;
    }
    let effect = design_effect_beyond_chance(&scope.error_cells());
    let more = 100.0 * errors::difference(Prior::GROSS, arms.map(|arm| arm.divided_by(effect)), alpha).low;
    (more > ERRORS_POINTS).then(|| {
        let shares = arms.map(|arm| 100.0 * arm.share());
        format!("gross failure: {:.1} % errors of {}, {:.1} % in control", shares.canary, scope.label(), shares.control)
    })
}

fn latency_failed(scope: &Scope, q: f64, alpha: f64) -> Option<String> {
    let arms = scope.arms.as_ref().map(|arm| &arm.latency);
    let values = arms.map(|arm| arm.value_at_quantile(q));
    if (values.canary as f64) < LATENCY_TIMES * values.control as f64 {
        return None;
    }
    let effect = design_effect_beyond_chance(&scope.slow_cells(values));
    let bounds = arms.map(|arm| quantile_bounds(Prior::GROSS, arm, q, effect, alpha / 2.0));
    let limit = LATENCY_TIMES * bounds.control.high? as f64;
    (bounds.canary.low as f64 > limit.max(LATENCY_MICROS)).then(|| {
        let name = format!("{}", 100.0 * q);
        format!(
            "gross failure: latency p{name} of {} {} us, {} us in control",
            scope.label(),
            values.canary,
            values.control
        )
    })
}
