//! What was counted in each second, for as long as a rollout lasts, in bounded memory; and how noisy it is.
//!
//! What must always hold: there are at most `CELLS_MAX` cells; all but the last cover the same number of seconds; each
//! second is in exactly one. Cells double their span when there are too many, so that whatever lasts for a while
//! (stalls, the moods of a disk) is seen as noise and not taken for many independent samples.
//!
//! How noise becomes a design effect:
//! 1. What a cell adds to the difference between the arms is a residual: (canary's hits - what its requests would have
//!    had on average) / all its requests, minus the same of control. What hits both arms alike cancels.
//! 2. The sum of the squares is the variance of the difference, whatever binds the samples of a cell together.
//! 3. The same with neighbouring cells put together, for what lasts longer than a cell; fewer groups estimate less
//!    well, so these count only as far as they exceed chance.
//! 4. Divided by the variance of independent samples, and at least 1: so many samples say as much as one.

use super::Pair;
use crate::rollout::stats::Tally;

/// Cells that are kept.
const CELLS_MAX: usize = 128;
/// Cells put together are looked at as long as there are so many groups.
const GROUPS_MIN: usize = 16;
/// So many standard errors of the variance of groups are taken for chance.
const GROUPS_CHANCE: f64 = 1.5;

/// Something counted that can be put together with the same of another second.
pub(super) trait Merge: Default {
    /// Adds what `other` counted.
    fn merge(&mut self, other: Self);
}

impl<C: Merge> Merge for Pair<C> {
    fn merge(&mut self, other: Self) {
        self.control.merge(other.control);
        self.canary.merge(other.canary);
    }
}

/// Cells of equal spans, both arms side by side.
#[derive(Debug)]
pub(super) struct Windows<C> {
    cells: Vec<Pair<C>>,
    seconds_each: u32,
    seconds_in_last: u32,
}

impl<C> Default for Windows<C> {
    fn default() -> Self {
        Self { cells: Vec::new(), seconds_each: 1, seconds_in_last: 1 }
    }
}

impl<C: Merge> Windows<C> {
    /// Takes the next second.
    pub(super) fn push(&mut self, second: Pair<C>) {
        match self.cells.last_mut() {
            Some(last) if self.seconds_in_last < self.seconds_each => {
                last.merge(second);
                self.seconds_in_last += 1;
            }
            _ => {
                if self.cells.len() >= CELLS_MAX {
                    self.double_spans();
                }
                self.cells.push(second);
                self.seconds_in_last = 1;
            }
        }
    }

    fn double_spans(&mut self) {
        let mut halved: Vec<Pair<C>> = Vec::with_capacity(CELLS_MAX);
        for (at, cell) in std::mem::take(&mut self.cells).into_iter().enumerate() {
            match halved.last_mut() {
                Some(last) if at % 2 == 1 => last.merge(cell),
                _ => halved.push(cell),
            }
        }
        self.cells = halved;
        self.seconds_each *= 2;
    }

    /// All cells, oldest first.
    pub(super) fn cells(&self) -> &[Pair<C>] {
        &self.cells
    }

    /// Seconds that were taken.
    pub(super) fn seconds(&self) -> u64 {
        let full = self.cells.len().saturating_sub(1) as u64 * u64::from(self.seconds_each);
        if self.cells.is_empty() { 0 } else { full + u64::from(self.seconds_in_last) }
    }
}

/// How many samples of both arms say as much as one independent one about their difference; at least 1.
/// `hits` are those of each cell.
pub(super) fn design_effect(hits: &[Pair<Tally>]) -> f64 {
    let sum = |sum: Pair<Tally>, cell: &Pair<Tally>| Pair {
        control: sum.control + cell.control,
        canary: sum.canary + cell.canary,
    };
    let total = hits.iter().fold(Pair::default(), sum);
    let residuals: Vec<f64> = hits
        .iter()
        .map(|cell| cell.canary.excess_over(total.canary) - cell.control.excess_over(total.control))
        .collect();
    let independent = total.control.variance_of_share() + total.canary.variance_of_share();
    if independent > 0.0 { (variance_of_sum(&residuals) / independent).max(1.0) } else { 1.0 }
}

/// The same of few cells, where it is known badly: as much of it as exceeds chance.
pub(super) fn design_effect_beyond_chance(hits: &[Pair<Tally>]) -> f64 {
    let chance = GROUPS_CHANCE * (2.0 / hits.len().max(1) as f64).sqrt();
    (design_effect(hits) / (1.0 + chance)).max(1.0)
}

/// The variance of the sum of `residuals`, whose mean is 0.
pub(super) fn variance_of_sum(residuals: &[f64]) -> f64 {
    let mut variance = sum_of_squares(residuals);
    let mut groups: Vec<f64> = residuals.to_vec();
    while groups.len() / 2 >= GROUPS_MIN {
        groups = groups.chunks(2).map(|pair| pair.iter().sum()).collect();
        let chance = GROUPS_CHANCE * (2.0 / groups.len() as f64).sqrt();
        variance = variance.max(sum_of_squares(&groups) * (1.0 - chance));
    }
    variance
}

fn sum_of_squares(residuals: &[f64]) -> f64 {
    let count = residuals.len() as f64;
    let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
    if count > 1.0 { squares * count / (count - 1.0) } else { squares }
}

#[cfg(test)]
mod tests;
