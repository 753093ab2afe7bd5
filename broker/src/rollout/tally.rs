//! What the units of one arm did, counted while they do it.
//!
//! What must always hold: counting takes no lock and, after the first request of an API, no allocation; what was counted is
//! given out once, second by second.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::verdict::{ArmWindow, Requests};

/// API keys that are counted; the largest of Kafka 4.4 is 93.
const API_KEYS: usize = 96;
/// Latencies below this have a bucket of their own, microseconds.
const EXACT: u64 = 64;
/// Buckets of each power of two above: 3 % wide.
const STEPS: u64 = 32;
/// Powers of two that are told apart: the longest latency is over an hour.
const POWERS: u64 = 26;
const BUCKETS: usize = (EXACT + POWERS * STEPS) as usize;
/// Bits by which units are counted.
const SIGNS: usize = 4096;
/// A unit counts as there for so many windows at least after it was seen, and twice as many at most: one that a value has silenced
/// must not be missing where rates are told per unit.
const REMEMBERED: u32 = 30;

/// The counters of one arm.
#[derive(Debug)]
pub struct Tally {
    apis: [OnceLock<Box<ApiTally>>; API_KEYS],
    bytes: AtomicU64,
    signs: [AtomicU32; SIGNS / 32],
    /// Those of the time before.
    earlier: [AtomicU32; SIGNS / 32],
    windows: AtomicU32,
}

#[derive(Debug)]
struct ApiTally {
    requests: AtomicU64,
    errors: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// Of which API.
    pub key: i16,
    /// Whether it said that something failed.
    pub failed: bool,
    /// How long it took; none where the client asked to wait.
    pub took: Option<Duration>,
    /// Bytes of records that it moved.
    pub bytes: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            apis: [const { OnceLock::new() }; API_KEYS],
            bytes: AtomicU64::new(0),
            signs: [const { AtomicU32::new(0) }; SIGNS / 32],
            earlier: [const { AtomicU32::new(0) }; SIGNS / 32],
            windows: AtomicU32::new(0),
        }
    }
}

impl Default for ApiTally {
    fn default() -> Self {
        Self { requests: AtomicU64::new(0), errors: AtomicU64::new(0), latency: [const { AtomicU64::new(0) }; BUCKETS] }
    }
}

impl Tally {
    /// Counts a request of the unit at `place`.
    pub fn answered(&self, place: u32, answered: Answered) {
        self.sign(place);
        add(&self.bytes, answered.bytes as u64);
        let Some(api) = usize::try_from(answered.key).ok().and_then(|key| self.apis.get(key)) else { return };
        let api = api.get_or_init(Box::default);
        api.requests.fetch_add(1, Ordering::Relaxed);
        add(&api.errors, u64::from(answered.failed));
        if let Some(took) = answered.took {
            api.latency[bucket(took)].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sign(&self, place: u32) {
        let at = place as usize % SIGNS;
        let (word, bit) = (&self.signs[at / 32], 1 << (at % 32));
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// What was counted since the last time; `name` gives the names of APIs.
    pub fn take(&self, name: impl Fn(i16) -> Option<&'static str>) -> ArmWindow {
        let mut apis = BTreeMap::new();
        for (key, api) in (0..).zip(&self.apis) {
            let requests = api.get().map(|api| api.take()).filter(|requests| requests.requests > 0);
            if let (Some(requests), Some(name)) = (requests, name(key)) {
                apis.insert(name.to_owned(), requests);
            }
        }
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        ArmWindow { units: self.take_units(), apis, counters: BTreeMap::from([("throughput".to_owned(), bytes)]) }
    }

    /// How many units there are: linear counting (Whang et al. 1990), exact for few.
    fn take_units(&self) -> f64 {
        let moves_on = self.windows.fetch_add(1, Ordering::Relaxed) % REMEMBERED == REMEMBERED - 1;
        let count = |(now, earlier): (&AtomicU32, &AtomicU32)| {
            let seen = if moves_on { now.swap(0, Ordering::Relaxed) } else { now.load(Ordering::Relaxed) };
            let before = earlier.load(Ordering::Relaxed);
            if moves_on {
                earlier.store(seen, Ordering::Relaxed);
            }
            (seen | before).count_ones()
        };
        let set: u32 = self.signs.iter().zip(&self.earlier).map(count).sum();
        let free = (SIGNS as f64 - f64::from(set)).max(1.0);
        (SIGNS as f64 * (SIGNS as f64 / free).ln()).round()
    }
}

impl ApiTally {
    fn take(&self) -> Requests {
        let requests = self.requests.swap(0, Ordering::Relaxed);
        let errors = self.errors.swap(0, Ordering::Relaxed);
        let taken = self.latency.iter().enumerate().filter_map(|(at, bucket)| {
            let count = if bucket.load(Ordering::Relaxed) > 0 { bucket.swap(0, Ordering::Relaxed) } else { 0 };
            (count > 0).then(|| (middle(at as u64), count))
        });
        Requests { requests, errors, latency: taken.collect() }
    }
}

/// Nothing costs nothing: the line stays with whoever has it.
fn add(counter: &AtomicU64, more: u64) {
    if more > 0 {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let at = match micros {
        0..EXACT => micros,
        _ => {
            let power = u64::from(micros.ilog2() - EXACT.ilog2());
            let step = (micros >> (micros.ilog2() - STEPS.ilog2())) % STEPS;
            EXACT + power * STEPS + step
        }
    };
    (at as usize).min(BUCKETS - 1)
}

/// The latency in the middle of a bucket, microseconds.
fn middle(at: u64) -> u64 {
    if at < EXACT {
        return at;
    }
    let (power, step) = ((at - EXACT) / STEPS, (at - EXACT) % STEPS);
    let width = (EXACT << power) / STEPS;
    (EXACT << power) + step * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_given_back_to_within_two_percent() {
        for micros in (0..200).chain((0..30).map(|power| 3_u64 << power)) {
            let back = middle(bucket(Duration::from_micros(micros)) as u64);
            assert!(back.abs_diff(micros) as f64 <= 0.02 * micros as f64 + 0.5, "{micros} came back as {back}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn what_was_counted_is_given_out_once() {
        let tally = Tally::default();
        let answered =
            |failed, micros| Answered { key: 0, failed, took: Some(Duration::from_micros(micros)), bytes: 7 };
        tally.answered(1, answered(false, 10));
        tally.answered(1, answered(true, 20));
        tally.answered(9, Answered { took: None, ..answered(false, 0) });
        tally.answered(9, Answered { key: -1, ..answered(false, 0) });
        let window = tally.take(|key| (key == 0).then_some("Produce"));
        let expected = Requests { requests: 3, errors: 1, latency: vec![(10, 1), (20, 1)] };
        assert_eq!(window.apis, BTreeMap::from([("Produce".to_owned(), expected)]));
        assert_eq!((window.units, window.counters["throughput"]), (2.0, 28));
        let nothing = tally.take(|_| Some("Produce"));
        assert_eq!((nothing.apis.len(), nothing.counters["throughput"]), (0, 0));
    }

    #[test]
    fn who_is_silent_for_long_is_a_unit_no_more() {
        let tally = Tally::default();
        tally.sign(7);
        let mut units: Vec<f64> = (0..3 * REMEMBERED).map(|_| tally.take_units()).collect();
        units.dedup();
        assert_eq!(units, [1.0, 0.0]);
        tally.sign(7);
        assert_eq!((0..REMEMBERED).map(|_| tally.take_units()).sum::<f64>(), f64::from(REMEMBERED));
    }

    #[test]
    fn many_units_are_counted_nearly_right() {
        let tally = Tally::default();
        let place = |unit: u32| crc32fast::hash(&unit.to_be_bytes()) % 1_000_000;
        (0..2_000).for_each(|unit| tally.sign(place(unit)));
        let units = tally.take_units();
        assert!((1_900.0..2_100.0).contains(&units), "{units}");
    }
}
