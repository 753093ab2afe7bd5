//! Made-up traffic of two arms whose truth is known.
//!
//! What must always hold: both arms live through the same stalls, moods and bursts; what differs between them is chance
//! and the effect of the tried value alone.

use catena_broker::rollout::verdict::{ArmWindow, Pair, Requests};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

/// Latencies of the base distribution are drawn from so many of its quantiles.
const QUANTILES: usize = 1 << 14;
/// Buckets of latency in each power of two.
const STEPS: u64 = 32;
const BUCKETS: usize = 32 * 40;

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
    /// Errors come in bursts: in one second of fifty a fifth of all requests fail.
    pub error_bursts: bool,
    /// Errors come in clumps of so many requests of one client; 0 or 1: one by one. These are each arm's own.
    pub clumps: u64,
    /// The canary has so many clients, each with latencies of its own; 0: all clients are alike.
    pub clients: usize,
    /// By how much they differ: the deviation of the logarithm.
    pub clients_differ: f64,
}

impl Noise {
    /// Everything independent.
    pub const CALM: Self =
        Self { stalls: false, moods: false, error_bursts: false, clumps: 1, clients: 0, clients_differ: 0.0 };
    /// All of it at once.
    pub const ROUGH: Self =
        Self { stalls: true, moods: true, error_bursts: true, clumps: 3, clients: 0, clients_differ: 0.0 };
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
    /// The canary moves so many times the bytes.
    pub throughput: f64,
}

impl Effect {
    pub const NONE: Self = Self { latency: 1.0, tail_only: false, errors: 0.0, throughput: 1.0 };
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
    /// How slow each client is.
    clients: Pair<Vec<f64>>,
}

/// What happens to both arms in one second.
struct Second {
    /// How slow all requests are.
    level: f64,
    /// How large they are.
    load: f64,
    /// Begin and end of stalls, in milliseconds of the second.
    stalls: Vec<(f64, f64)>,
    error_burst: bool,
}

impl World {
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        let base = (0..QUANTILES).map(|at| scenario.shape.quantile((at as f64 + 0.5) / QUANTILES as f64)).collect();
        let random = SmallRng::seed_from_u64(seed);
        let clients = Pair { control: vec![1.0], canary: vec![1.0] };
        let mut world = Self { scenario, random, base, mood: 0.0, next_stall_ms: 0.0, clients };
        let canary = scenario.noise.clients;
        if canary > 0 {
            let control = (canary as f64 * (100.0 - scenario.share) / scenario.share).ceil() as usize;
            world.clients.control =
                (0..control).map(|_| (scenario.noise.clients_differ * world.normal()).exp()).collect();
            world.clients.canary =
                (0..canary).map(|_| (scenario.noise.clients_differ * world.normal()).exp()).collect();
        }
        world
    }

    /// What both arms did in the next second.
    pub fn second(&mut self) -> Pair<ArmWindow> {
        let second = self.common();
        let Scenario { rate, share, .. } = self.scenario;
        let clients = std::mem::take(&mut self.clients);
        let control = self.arm(&second, &clients.control, rate * (1.0 - share / 100.0), Effect::NONE);
        let canary = self.arm(&second, &clients.canary, rate * share / 100.0, self.scenario.effect);
        self.clients = clients;
        Pair { control, canary }
    }

    fn common(&mut self) -> Second {
        let noise = self.scenario.noise;
        let keep = (-1.0_f64 / 30.0).exp();
        self.mood = keep * self.mood + (1.0 - keep * keep).sqrt() * 0.3 * self.normal();
        let error_burst = noise.error_bursts && self.random.random::<f64>() < 0.02;
        let stalls = if noise.stalls { self.stalls() } else { Vec::new() };
        let (level, load) = if noise.moods { (self.mood.exp(), (-self.mood).exp()) } else { (1.0, 1.0) };
        Second { level, load, stalls, error_burst }
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

    fn arm(&mut self, second: &Second, clients: &[f64], mean: f64, effect: Effect) -> ArmWindow {
        let requests = self.poisson(mean);
        let share = (self.scenario.errors + effect.errors + if second.error_burst { 20.0 } else { 0.0 }) / 100.0;
        let clump = self.scenario.noise.clumps.max(1);
        let clumps = self.poisson(requests as f64 * share / clump as f64);
        let mut buckets = [0_u64; BUCKETS];
        for _ in 0..requests {
            buckets[bucket(self.latency(second, clients, effect))] += 1;
        }
        let some = buckets.into_iter().enumerate().filter(|(_, count)| *count > 0);
        let latency = some.map(|(at, count)| (value(at), count)).collect();
        let errors = (clumps * clump).min(requests);
        let requests = Requests { requests, errors, latency };
        let bytes = 1_000.0 * effect.throughput * second.load * requests.requests as f64;
        let counters = [("throughput".to_owned(), bytes as u64)].into();
        ArmWindow { units: mean, apis: [("Produce".to_owned(), requests)].into(), counters }
    }

    fn latency(&mut self, second: &Second, clients: &[f64], effect: Effect) -> u64 {
        let random = self.random.next_u64();
        let rank = random as usize % QUANTILES;
        let client = clients[(random >> 14) as usize % clients.len()];
        let arrives = 1_000.0 * (random >> 32) as f64 / (1_u64 << 32) as f64;
        let waits = second.stalls.iter().find(|(from, to)| (*from..*to).contains(&arrives));
        let stall = waits.map_or(0.0, |(_, to)| to - arrives);
        let longer = if effect.tail_only && rank < QUANTILES / 100 * 95 && stall == 0.0 { 1.0 } else { effect.latency };
        let base = self.base.get(rank).copied().unwrap_or_default();
        (1_000.0 * longer * (second.level * client * base + stall)) as u64
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

/// Latencies are counted as the broker does it: in buckets of 3 %.
fn bucket(micros: u64) -> usize {
    let power = micros.max(STEPS).ilog2() - STEPS.ilog2();
    (u64::from(power) * STEPS + (micros >> power)) as usize
}

/// A latency that is in the bucket.
fn value(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket / STEPS).saturating_sub(1);
    (bucket - power * STEPS) << power
}

fn normal_quantile(q: f64) -> f64 {
    -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * q)
}
