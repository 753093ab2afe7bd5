//! Whether a value has proven itself: figures of both arms come in second by second, a judgement comes out.
//!
//! What must always hold:
//! - The judgement depends on the plan, the figures and the time measured, on nothing else.
//! - It may be asked for as often as one likes: bounds hold at all times together (`stats`).
//! - A value is approved only when every metric is proven not to be worse by more than its margin; it is rejected as
//!   soon as one is proven to be; what remains unproven in time is doubt, and the plan says what follows from it.

mod errors;
mod figures;
mod gross;
mod judgement;
mod latency;
mod plan;
mod rates;
mod rule;
mod windows;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use figures::{ArmWindow, Requests};
pub use judgement::{Judgement, MetricJudgement, Outcome, Verdict};
pub use plan::{Metric, MetricError, MetricRule, OnDoubt, Plan, Quantile};

use figures::Figures;

/// The same of both arms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pair<T> {
    /// Of those that have the value that rules.
    pub control: T,
    /// Of those that have the value that is tried.
    pub canary: T,
}

impl<T> Pair<T> {
    /// Both by reference.
    pub fn as_ref(&self) -> Pair<&T> {
        Pair { control: &self.control, canary: &self.canary }
    }

    /// The same done to both.
    pub fn map<U>(self, each: impl Fn(T) -> U) -> Pair<U> {
        Pair { control: each(self.control), canary: each(self.canary) }
    }
}

/// One value that is being tried against one control. When control changes, a new trial begins.
#[derive(Debug)]
pub struct Trial {
    plan: Plan,
    figures: Figures,
}

impl Trial {
    /// Nothing measured yet.
    pub fn new(plan: Plan) -> Self {
        Self { figures: Figures::new(&plan), plan }
    }

    /// The rule it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes what both arms did in the next second. Seconds in which nothing was measured (a pause) are left out.
    pub fn observe(&mut self, second: &Pair<ArmWindow>) {
        self.figures.push(second);
    }

    /// What the figures say, `elapsed` (without pauses) after the beginning.
    pub fn judge(&self, elapsed: Duration) -> Judgement {
        rule::judge(&self.plan, &self.figures, elapsed)
    }
}
