//! The order of things: part after part, in each of them system after system, so that what is compared is measured
//! within minutes of each other.
//!
//! What must always hold: a part starts its own programs and leaves no data behind, so that no part needs another.

use std::path::PathBuf;

use super::disk;
use super::measure::Sample;
use super::profile::Profile;
use super::report::{RolloutCost, Samples};
use super::settings::{Settings, Sizes};
use super::system::System;
use crate::wire::Result;

/// Measures all that `settings` ask for.
///
/// # Errors
/// A message for the user, of the first measurement that failed: one that fails is no measurement.
pub fn run(settings: &Settings) -> std::result::Result<Measured, String> {
    let mut measured = Measured::default();
    for part in &settings.parts {
        for system in settings.systems.iter().filter(|system| part.concerns(**system)) {
            let mut bench = Bench::new(*system, settings);
            part.run(&mut bench).map_err(|error| format!("{system}, {}: {error}", part.name()))?;
            measured.samples.entry(*system).or_default().extend(bench.samples);
            measured.rollouts.extend(bench.rollouts);
        }
    }
    Ok(measured)
}

/// All that was measured.
#[derive(Debug, Default)]
pub struct Measured {
    /// Figures of every round.
    pub samples: Samples,
    /// What rollouts cost.
    pub rollouts: Vec<RolloutCost>,
}

/// What a part works with, and where it puts its figures.
#[derive(Debug)]
pub struct Bench {
    /// What is measured.
    pub system: System,
    /// How often.
    pub rounds: usize,
    /// How much.
    pub sizes: Sizes,
    /// Where profiles go, if they are wanted.
    pub profiles: Option<PathBuf>,
    /// The figures.
    pub samples: Vec<Sample>,
    /// What rollouts cost.
    pub rollouts: Vec<RolloutCost>,
}

impl Bench {
    fn new(system: System, settings: &Settings) -> Self {
        let (sizes, profiles) = (settings.sizes.clone(), settings.profiles.clone());
        Self { system, rounds: settings.rounds, sizes, profiles, samples: Vec::new(), rollouts: Vec::new() }
    }

    /// Keeps the figures of a round and shows them.
    pub fn add<const N: usize>(&mut self, samples: [Sample; N]) {
        for (measure, value) in samples {
            let (title, unit) = measure.title();
            self.note(&format!("{title}: {value:.3} {unit}"));
            self.samples.push((measure, value));
        }
    }

    /// Says something that has no row.
    pub fn note(&self, text: &str) {
        eprintln!("{}, {text}", self.system);
    }

    /// Runs `measure`, with a profile of process `pid` if profiles are wanted.
    pub fn profiled<T>(&self, name: &str, pid: u32, measure: impl FnOnce() -> T) -> T {
        let begin = |folder: &PathBuf| Profile::begin(folder, &format!("{}-{name}", self.system), pid);
        let _profile = self.profiles.as_ref().and_then(begin);
        measure()
    }

    /// Runs `measure` when the disk is idle, once for each round.
    ///
    /// # Errors
    /// Those of `measure`.
    pub fn each_round(&mut self, mut measure: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        (0..self.rounds).try_for_each(|round| {
            disk::settle(self.sizes.settle)?;
            measure(self, round)
        })
    }
}
