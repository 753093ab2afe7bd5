//! Cells and what they say about noise.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count(u64);

impl Merge for Count {
    fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }
}

#[test]
fn every_second_is_in_one_cell_and_cells_stay_few() {
    let mut windows: Windows<Count> = Windows::default();
    for second in 1..=5_000 {
        windows.push(Pair { control: Count(1), canary: Count(second) });
        assert_eq!(windows.seconds(), second);
        let (control, canary) =
            windows.cells().iter().fold((0, 0), |sum, cell| (sum.0 + cell.control.0, sum.1 + cell.canary.0));
        assert_eq!((control, canary), (second, second * (second + 1) / 2));
        assert!(windows.cells().len() <= CELLS_MAX && (second < 64 || windows.cells().len() >= CELLS_MAX / 2));
    }
    let spans: Vec<u64> = windows.cells().iter().map(|cell| cell.control.0).collect();
    let (last, full) = spans.split_last().expect("cells");
    assert!(full.iter().all(|span| *span == 64) && *last <= 64, "{spans:?}");
}

/// The design effect of 120 cells, each arm's hits made by `hits(cell's common chance, random)` of 100 samples.
fn effect_of(hits: impl Fn(f64, &mut SmallRng) -> u64) -> f64 {
    let seed = 7;
    println!("seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let arm = |common: f64, random: &mut SmallRng| Tally::of(hits(common, random), 100);
    let mut cell = |_| {
        let common = random.random::<f64>();
        Pair { control: arm(common, &mut random), canary: arm(common, &mut random) }
    };
    design_effect(&(0..120).map(&mut cell).collect::<Vec<_>>())
}

fn binomial(samples: u64, share: f64, random: &mut SmallRng) -> u64 {
    (0..samples).filter(|_| random.random::<f64>() < share).count() as u64
}

#[test]
fn independent_samples_count_each() {
    let effect = effect_of(|_, random| binomial(100, 0.1, random));
    assert!(effect < 1.4, "{effect}");
}

#[test]
fn samples_that_fail_by_tens_count_as_one_of_ten() {
    let effect = effect_of(|_, random| 10 * binomial(10, 0.1, random));
    assert!((6.0..16.0).contains(&effect), "{effect}");
}

#[test]
fn what_hits_both_arms_alike_is_no_noise() {
    let burst = |common: f64| if common < 0.1 { 0.5 } else { 0.01 };
    let both = effect_of(|common, random| binomial(100, burst(common), random));
    let own = effect_of(|_, random| {
        let own = random.random::<f64>();
        binomial(100, burst(own), random)
    });
    assert!(both < 1.4 && own > 10.0, "both {both}, own {own}");
}

#[test]
fn noise_that_lasts_longer_than_a_cell_is_seen() {
    let seconds = |at: usize| if (at / 8).is_multiple_of(2) { 20 } else { 10 };
    let cells: Vec<_> =
        (0..128).map(|at| Pair { control: Tally::of(15, 100), canary: Tally::of(seconds(at), 100) }).collect();
    let fine = sum_of_squares(&cells.iter().map(|cell| cell.canary.share() - 0.15).collect::<Vec<_>>());
    let coarse = variance_of_sum(&cells.iter().map(|cell| cell.canary.share() - 0.15).collect::<Vec<_>>());
    assert!(coarse > 3.0 * fine, "{coarse} {fine}");
}

#[test]
fn nothing_counted_is_no_noise() {
    assert_eq!(design_effect(&[]), 1.0);
    assert_eq!(design_effect(&[Pair::default(); 40]), 1.0);
}
