//! Small differences between states of one running program, out of the noise of a machine.
//!
//! 1. Time is cut into slots, slots into blocks. In a block each state rules for one slot, in an order that chance gives.
//! 2. What a state costs more than none is the logarithm of the ratio of its slot to the block's slot with none: whatever
//!    changes from block to block (the disk, a neighbour, the page cache) falls out.
//! 3. The mean over the blocks has an interval by Student's t: blocks do not share a slot.
//!
//! What must always hold: pure; every block that is given counts.

use rand::Rng;
use rand::seq::SliceRandom;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The chance that an interval holds the truth.
const CONFIDENCE: f64 = 0.95;

/// How much more something costs than something else, percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The mean.
    pub percent: f64,
    /// The ends of its interval.
    pub from: f64,
    /// The upper one.
    pub to: f64,
}

/// The order of `states` states in a block.
pub fn order(states: usize, random: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..states).collect();
    order.shuffle(random);
    order
}

/// The difference over blocks, each a pair of costs: of the state, and of none. Nothing with less than two.
pub fn difference(blocks: &[(f64, f64)]) -> Option<Difference> {
    let count = blocks.len() as f64;
    let ratios: Vec<f64> = blocks.iter().map(|(state, none)| (state / none).ln()).collect();
    let mean = ratios.iter().sum::<f64>() / count;
    let variance = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let student = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
    let half = student.inverse_cdf(0.5 + CONFIDENCE / 2.0) * (variance / count).sqrt();
    let percent = |ratio: f64| 100.0 * ratio.exp_m1();
    let found = Difference { percent: percent(mean), from: percent(mean - half), to: percent(mean + half) };
    found.percent.is_finite().then_some(found)
}

impl Difference {
    /// Whether it is below `limit` percent; nothing where the interval says neither.
    pub fn is_below(self, limit: f64) -> Option<bool> {
        if self.to < limit {
            return Some(true);
        }
        (self.from > limit).then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Blocks in which a state costs `more` percent more, on a machine whose speed changes from block to block, and by 3 % from slot to slot.
    fn blocks(random: &mut SmallRng, count: usize, more: f64) -> Vec<(f64, f64)> {
        let mut slot = |speed: f64| speed * (1.0 + 0.03 * 3.0_f64.sqrt() * (2.0 * random.random::<f64>() - 1.0));
        let block = |at: usize| (slot(1.0 + at as f64) * (1.0 + more / 100.0), slot(1.0 + at as f64));
        (0..count).map(block).collect()
    }

    #[test]
    fn intervals_hold_the_truth_in_95_of_100() {
        println!("seed 1");
        let mut random = SmallRng::seed_from_u64(1);
        for more in [0.0, 2.0] {
            let found: Vec<Difference> =
                (0..1_000).filter_map(|_| difference(&blocks(&mut random, 40, more))).collect();
            let right = found.iter().filter(|found| found.from <= more && more <= found.to).count();
            assert!((930..=970).contains(&right), "{right} of {} at {more} %", found.len());
            assert!(found.iter().all(|found| found.to - found.from < 5.0 && found.from < found.percent));
        }
    }

    #[test]
    fn what_the_interval_says_of_a_limit() {
        let of = |from, to| Difference { percent: f64::midpoint(from, to), from, to }.is_below(1.0);
        assert_eq!((of(-0.5, 0.9), of(0.5, 1.5), of(1.1, 2.0)), (Some(true), None, Some(false)));
        assert_eq!((difference(&[]), difference(&[(1.0, 1.0)])), (None, None));
        assert_eq!(difference(&[(2.0, 1.0); 3]).map(|found| found.percent.round()), Some(100.0));
    }

    #[test]
    fn a_block_has_each_state_once_and_no_order_is_missing() {
        println!("seed 2");
        let mut random = SmallRng::seed_from_u64(2);
        let orders: std::collections::BTreeSet<Vec<usize>> = (0..100).map(|_| order(3, &mut random)).collect();
        assert_eq!(orders.len(), 6);
        assert!(orders.iter().all(|order| order.iter().sum::<usize>() == 3 && order.len() == 3));
    }
}
