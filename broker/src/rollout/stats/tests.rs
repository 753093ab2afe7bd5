//! Bounds against known values, and against the truth while they are looked at all the time.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

const ALPHA: f64 = 0.05;

fn share(prior: Prior, hits: u64, samples: u64) -> (f64, f64) {
    let bounds = share_bounds(prior, Tally::of(hits, samples), ALPHA / 2.0);
    (bounds.low, bounds.high)
}

#[test]
fn shares_are_bounded_as_closely_as_the_page_says() {
    assert_eq!(share(Prior::ERRORS, 0, 0), (0.0, 1.0));
    let cases = [
        // prior, hits, samples, low, high: computed apart from this code, with Python's lgamma
        (Prior::ERRORS, 0, 1_600, 0.0, 0.0034),
        (Prior::ERRORS, 16, 1_600, 0.0038, 0.0207),
        (Prior::ERRORS, 100, 10_000, 0.0068, 0.0140),
        (Prior::GROSS, 20, 20, 0.7496, 1.0),
        (Prior::of_share(0.99), 9_900, 10_000, 0.9866, 0.9928),
    ];
    for (prior, hits, samples, low, high) in cases {
        let found = share(prior, hits, samples);
        let near = |a: f64, b: f64| (a - b).abs() < 0.0001;
        assert!(near(found.0, low) && near(found.1, high), "{prior:?} {hits}/{samples}: {found:?}");
    }
}

#[test]
fn the_bounds_of_a_share_are_where_the_martingale_reaches_its_limit() {
    for (hits, samples) in [(3.0, 500.0), (250.0, 500.0), (0.7, 12.5)] {
        let tally = Tally::new(hits, samples);
        let bounds = share_bounds(Prior::ERRORS, tally, ALPHA);
        for bound in [bounds.low, bounds.high] {
            let reached = Prior::ERRORS.ln_mixture(tally) - ln_likelihood(tally, bound);
            assert!((reached - (1.0 / ALPHA).ln()).abs() < 1e-3, "{hits}/{samples}: {bound} {reached}");
        }
    }
}

#[test]
fn ranks_surround_the_quantile_and_are_none_for_few_samples() {
    let few = rank_bounds(Prior::of_share(0.99), 0.99, 50.0, ALPHA);
    assert!(few.low > 0.0 && few.low < 49.5, "{few:?}");
    assert_eq!(few.high, 51.0, "50 samples do not bound p99 from above");
    for samples in [1e3, 1e4, 1e6] {
        let ranks = rank_bounds(Prior::of_share(0.99), 0.99, samples, ALPHA);
        assert!(ranks.low < 0.99 * samples && 0.99 * samples < ranks.high && ranks.high <= samples, "{ranks:?}");
        let deviations = (ranks.high - 0.99 * samples) / (samples * 0.0099).sqrt();
        assert!((2.0..5.0).contains(&deviations), "{samples}: {deviations} standard deviations");
    }
}

#[test]
fn fewer_effective_samples_bound_less() {
    let all = share_bounds(Prior::ERRORS, Tally::of(100, 10_000), ALPHA);
    let part = share_bounds(Prior::ERRORS, Tally::of(100, 10_000).divided_by(4.0), ALPHA);
    assert!(part.low < all.low && all.high < part.high);
}

/// Of many sequences that are looked at all the time, at most `ALPHA` may ever exclude the truth.
fn assert_covered(prior: Prior, truth: f64, ever_wrong: impl Fn(Prior, f64, &mut SmallRng) -> bool) {
    let seed = 20_261_126;
    println!("seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let runs = 400;
    let wrong = (0..runs).filter(|_| ever_wrong(prior, truth, &mut random)).count();
    assert!(wrong as f64 <= ALPHA * f64::from(runs), "{prior:?} {truth}: wrong in {wrong} of {runs}");
}

#[test]
fn a_share_that_is_looked_at_all_the_time_is_excluded_in_five_of_a_hundred_at_most() {
    let ever_wrong = |prior: Prior, truth: f64, random: &mut SmallRng| {
        let mut hits = 0;
        (1..=1_000).any(|samples| {
            hits += u64::from(random.random::<f64>() < truth);
            if samples > 100 && samples % 10 != 0 {
                return false; // after every tenth
            }
            let bounds = share_bounds(prior, Tally::of(hits, samples), ALPHA);
            truth < bounds.low || bounds.high < truth
        })
    };
    assert_covered(Prior::ERRORS, 0.01, ever_wrong);
    assert_covered(Prior::GROSS, 0.5, ever_wrong);
    assert_covered(Prior::of_share(0.99), 0.99, ever_wrong);
}

#[test]
fn a_mean_that_is_looked_at_all_the_time_is_excluded_in_five_of_a_hundred_at_most() {
    let ever_wrong = |_: Prior, truth: f64, random: &mut SmallRng| {
        let mut sum = 0.0;
        (1..=1_000).any(|count| {
            sum += truth + (12.0_f64).sqrt() * (random.random::<f64>() - 0.5);
            let count = f64::from(count);
            count >= 30.0 && (sum / count - truth).abs() > mean_half_width(1.0, count, 300.0, ALPHA / 2.0)
        })
    };
    assert_covered(Prior::GROSS, 3.0, ever_wrong);
}
