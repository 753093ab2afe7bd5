//! Confidence sequences: bounds that hold at all times together, so that one may look as often as one likes.
//!
//! What must always hold: if the samples are independent (or their counts were divided by their design effect), the
//! chance that a bound is ever wrong, however often and whenever it is looked at, is at most `alpha`.
//!
//! How:
//! 1. For a share `theta`, `k` hits of `n`: the likelihood under a Beta prior divided by the likelihood under `theta`
//!    is a martingale that begins at 1 if `theta` is true. By Ville's inequality it ever reaches `1 / alpha` with a
//!    chance of at most `alpha`. The shares for which it has not are the interval.
//! 2. A quantile lies above `x` as far as the share of samples up to `x` excludes the quantile's own share from below,
//!    so the bounds of a quantile are two ranks, found with the same martingale (Howard and Ramdas, "Sequential
//!    estimation of quantiles with applications to A/B testing and best-arm identification", 2022).
//! 3. A mean over windows has the normal mixture's asymptotic sequence (Waudby-Smith, Arbour, Sinha, Kennedy and
//!    Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", 2021).

use std::ops::Add;

use statrs::function::beta::ln_beta;

/// Halvings until a bound is exact enough: to a part in 10^9.
const BISECTIONS: u32 = 30;

/// What is expected of a share before anything was seen: the bounds are tightest for shares like it, and valid for all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    hits: f64,
    misses: f64,
}

impl Prior {
    /// For the share of errors: rare, and soon narrow. With no error in either arm, some 1,600 requests bound it
    /// below half a point.
    pub const ERRORS: Self = Self { hits: 0.5, misses: 50.0 };
    /// For a few dozen samples that are far off.
    pub const GROSS: Self = Self { hits: 0.5, misses: 0.5 };

    /// For a share that is about `share`, as that of the samples up to a quantile; narrowest when there are some 10,000
    /// samples, since a normal mixture is narrowest at about ten times the weight of its prior.
    pub fn of_share(share: f64) -> Self {
        Self { hits: 1_000.0 * share, misses: 1_000.0 * (1.0 - share) }
    }

    /// The logarithm of the likelihood of `tally` under the mixture of all shares.
    fn ln_mixture(self, tally: Tally) -> f64 {
        ln_beta(self.hits + tally.hits, self.misses + tally.misses()) - ln_beta(self.hits, self.misses)
    }
}

/// The logarithm of the likelihood of `tally` if the share is `share`.
fn ln_likelihood(tally: Tally, share: f64) -> f64 {
    times_ln(tally.hits, share) + times_ln(tally.misses(), 1.0 - share)
}

/// `count * ln(share)`, where nothing happened 0 times.
fn times_ln(count: f64, share: f64) -> f64 {
    if count > 0.0 { count * share.ln() } else { 0.0 }
}

/// So many hits in so many samples. Not whole numbers once they were divided by a design effect.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    hits: f64,
    samples: f64,
}

impl Tally {
    /// Counts; more hits than samples are as many as samples.
    pub fn new(hits: f64, samples: f64) -> Self {
        let samples = samples.max(0.0);
        Self { hits: hits.clamp(0.0, samples), samples }
    }

    /// The share of hits; of no samples, 0.
    pub fn share(self) -> f64 {
        if self.samples > 0.0 { self.hits / self.samples } else { 0.0 }
    }

    /// Counts that are whole numbers.
    pub fn of(hits: u64, samples: u64) -> Self {
        Self::new(hits as f64, samples as f64)
    }

    /// How many samples.
    pub fn samples(self) -> f64 {
        self.samples
    }

    /// The same share of fewer samples: of those that say as much as independent ones.
    pub fn divided_by(self, design_effect: f64) -> Self {
        Self { hits: self.hits / design_effect, samples: self.samples / design_effect }
    }

    /// By how much this part makes the share of `total` larger than if it were like the rest.
    pub fn excess_over(self, total: Self) -> f64 {
        if total.samples > 0.0 { (self.hits - self.samples * total.share()) / total.samples } else { 0.0 }
    }

    /// The variance of the share, were the samples independent.
    pub fn variance_of_share(self) -> f64 {
        let share = self.share();
        if self.samples > 0.0 { share * (1.0 - share) / self.samples } else { 0.0 }
    }

    fn misses(self) -> f64 {
        self.samples - self.hits
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { hits: self.hits + other.hits, samples: self.samples + other.samples }
    }
}

/// Lower and upper bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The true value is not below it.
    pub low: f64,
    /// The true value is not above it.
    pub high: f64,
}

/// The shares that `tally` does not exclude at level `alpha`.
pub fn share_bounds(prior: Prior, tally: Tally, alpha: f64) -> Bounds {
    let at = tally.share();
    let enough = prior.ln_mixture(tally) + alpha.ln();
    let excluded = |share: f64| enough >= ln_likelihood(tally, share);
    if tally.samples <= 0.0 {
        return Bounds { low: 0.0, high: 1.0 };
    }
    Bounds { low: boundary(0.0, at, excluded), high: boundary(1.0, at, excluded) }
}

/// The ranks that bound the quantile `q` of `samples` at level `alpha`: with at most `low` samples up to `x` the
/// quantile lies above `x`, with at least `high` it does not. Without such a rank: below 0, above `samples`.
pub fn rank_bounds(prior: Prior, q: f64, samples: f64, alpha: f64) -> Bounds {
    let excluded = |hits: f64| {
        let tally = Tally::new(hits, samples);
        prior.ln_mixture(tally) + alpha.ln() >= ln_likelihood(tally, q)
    };
    let at = q * samples;
    let low = if excluded(0.0) { boundary(0.0, at, excluded) } else { -1.0 };
    let high = if excluded(samples) { boundary(samples, at, excluded) } else { samples + 1.0 };
    Bounds { low, high }
}

/// Where `excluded` ends between `outer` (where it may hold) and `inner` (where it does not).
fn boundary(outer: f64, inner: f64, excluded: impl Fn(f64) -> bool) -> f64 {
    if !excluded(outer) {
        return outer;
    }
    let (mut out, mut inside) = (outer, inner);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (out + inside);
        if excluded(middle) { out = middle } else { inside = middle }
    }
    out
}

/// How far the mean of `windows` windows of this `variance` is from the truth at most, on one side, at level `alpha`.
/// Asymptotic: for some 30 windows and more. Narrowest at `windows_best`.
pub fn mean_half_width(variance: f64, windows: f64, windows_best: f64, alpha: f64) -> f64 {
    let level = -2.0 * alpha.ln();
    let rho2 = (level + (level + 1.0).ln()) / windows_best;
    let weight = windows * rho2 + 1.0;
    let crossing = (1.0 + weight.sqrt() / (2.0 * alpha)).ln();
    (variance * 2.0 * weight / (windows * windows * rho2) * crossing).sqrt()
}

#[cfg(test)]
mod tests;
