//! Made-up traffic of two arms whose truth is known.
//!
//! What must always hold: both arms live through the same stalls, moods and bursts; what differs between them is chance
//! and the effect of the tried value alone.

use catena_broker::rollout::verdict::{ArmWindow, Pair, Requests};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

/// Latencies of the base distribution are drawn from so many of its quantiles.
const QUANTILES: usize = 1 << 14;

/// How long requests take when nothing happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Log-normal around 2 ms: its p99 is ten times its median.
    LogNormal,
    /// Nine in ten around 1.5 ms, the rest around 10 ms.
    TwoModes,
    /// Almost all around 2 ms, one in a hundred waits for 50 ms: its p99 is on the edge.
    Hiccups,
    /// A tail that falls with the 1.5th power: p99 is 22 times the shortest, p99.9 100 times.
    Pareto,
}

/// What disturbs both arms alike, and what does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Stalls of 20 to 200 ms every few seconds.
    pub stalls: bool,
    /// The level of all latencies wanders: a deviation of 30 % that lasts for half a minute.
    pub moods: bool,
    /// Errors come in bursts: now and then a fifth of all requests of a second fail.
    pub error_bursts: bool,
    /// Errors come in clumps of so many requests of one client; 0 or 1: one by one. These are each arm's own.
    pub clumps: u64,
}

/// What the tried value does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// Latencies of the canary are so many times those of control.
    pub latency: f64,
    /// Only of those above the base's 95 % quantile.
    pub tail_only: bool,
    /// So many percent more requests fail.
    pub errors: f64,
}

impl Effect {
    pub const NONE: Self = Self { latency: 1.0, tail_only: false, errors: 0.0 };
}

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    pub shape: Shape,
    pub noise: Noise,
    pub effect: Effect,
    /// Requests per second of both arms together.
    pub rate: f64,
    /// The canary's percent of them.
    pub share: f64,
    /// Percent of all requests that fail anyway.
    pub errors: f64,
}

/// Traffic, second by second.
pub struct World {
    scenario: Scenario,
    random: SmallRng,
    base: Vec<f64>,
    mood: f64,
    next_stall_ms: f64,
}

/// What happens to both arms in one second.
struct Second {
    level: f64,
    /// Begin and end of stalls, in milliseconds of the second.
    stalls: Vec<(f64, f64)>,
    error_burst: bool,
}

impl World {
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        let base = (0..QUANTILES).map(|at| scenario.shape.quantile((at as f64 + 0.5) / QUANTILES as f64)).collect();
        Self { scenario, random: SmallRng::seed_from_u64(seed), base, mood: 0.0, next_stall_ms: 0.0 }
    }

    /// What both arms did in the next second.
    pub fn second(&mut self) -> Pair<ArmWindow> {
        let second = self.common();
        let Scenario { rate, share, .. } = self.scenario;
        let control = self.arm(&second, rate * (1.0 - share / 100.0), Effect::NONE);
        let canary = self.arm(&second, rate * share / 100.0, self.scenario.effect);
        Pair { control, canary }
    }

    fn common(&mut self) -> Second {
        let noise = self.scenario.noise;
        let keep = (-1.0_f64 / 30.0).exp();
        self.mood = keep * self.mood + (1.0 - keep * keep).sqrt() * 0.3 * self.normal();
        let error_burst = noise.error_bursts && self.random.random::<f64>() < 0.05;
        let stalls = if noise.stalls { self.stalls() } else { Vec::new() };
        Second { level: if noise.moods { self.mood.exp() } else { 1.0 }, stalls, error_burst }
    }

    /// Stalls that begin in this second: every three seconds on average.
    fn stalls(&mut self) -> Vec<(f64, f64)> {
        let mut stalls = Vec::new();
        while self.next_stall_ms < 1_000.0 {
            let length = 20.0 + 180.0 * self.random.random::<f64>();
            stalls.push((self.next_stall_ms, self.next_stall_ms + length));
            self.next_stall_ms += length - 3_000.0 * (1.0 - self.random.random::<f64>()).ln();
        }
        self.next_stall_ms -= 1_000.0;
        stalls
    }

    fn arm(&mut self, second: &Second, mean: f64, effect: Effect) -> ArmWindow {
        let requests = self.poisson(mean);
        let share = (self.scenario.errors + effect.errors + if second.error_burst { 20.0 } else { 0.0 }) / 100.0;
        let clump = self.scenario.noise.clumps.max(1);
        let clumps = self.poisson(requests as f64 * share / clump as f64);
        let latency = (0..requests).map(|_| (self.latency(second, effect), 1)).collect();
        let errors = (clumps * clump).min(requests);
        let requests = Requests { requests, errors, latency };
        ArmWindow { units: 1.0, apis: [("Produce".to_owned(), requests)].into(), ..ArmWindow::default() }
    }

    fn latency(&mut self, second: &Second, effect: Effect) -> u64 {
        let rank = self.random.next_u32() as usize % QUANTILES;
        let arrives = 1_000.0 * self.random.random::<f64>();
        let waits = second.stalls.iter().find(|(from, to)| (*from..*to).contains(&arrives));
        let stall = waits.map_or(0.0, |(_, to)| to - arrives);
        let longer = if effect.tail_only && rank < QUANTILES / 100 * 95 && stall == 0.0 { 1.0 } else { effect.latency };
        let base = self.base.get(rank).copied().unwrap_or_default();
        (1_000.0 * longer * (second.level * base + stall)) as u64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random.random::<f64>()).cos()
    }

    /// Knuth's way for few, the normal's for many.
    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.random.random::<f64>(), 0);
        while product > limit {
            product *= self.random.random::<f64>();
            count += 1;
        }
        count
    }
}

impl Shape {
    /// The quantile `q`, in milliseconds.
    fn quantile(self, q: f64) -> f64 {
        match self {
            Self::LogNormal => 2.0 * normal_quantile(q).exp(),
            Self::TwoModes if q < 0.9 => 1.5 * (0.4 * normal_quantile(q / 0.9)).exp(),
            Self::TwoModes => 10.0 * (0.6 * normal_quantile((q - 0.9) / 0.1)).exp(),
            Self::Hiccups if q < 0.99 => 2.0 * (0.4 * normal_quantile(q / 0.99)).exp(),
            Self::Hiccups => 50.0 + 2.0 * (0.4 * normal_quantile((q - 0.99) / 0.01)).exp(),
            Self::Pareto => (1.0 - q).powf(-1.0 / 1.5),
        }
    }
}

fn normal_quantile(q: f64) -> f64 {
    -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * q)
}
