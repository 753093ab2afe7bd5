//! Counters of the whole broker, kept as plain numbers. `monitoring` reads and exports them.
//!
//! What must always hold: counting costs no lock and no allocation, and every number counts from the start of the
//! process.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// API keys that are counted one by one; the largest of Kafka 4.4 is 93.
const API_KEYS: usize = 96;
/// Error codes that are counted one by one, from `ERROR_CODE_MIN` on; the largest of Kafka 4.4 is 136.
const ERROR_CODES: usize = 160;
const ERROR_CODE_MIN: i16 = -1;
/// Upper bounds of the latency buckets, in microseconds; one more bucket takes the rest.
pub const LATENCY_BOUNDS_MICROS: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];

/// All counters.
#[derive(Debug)]
pub struct Metrics {
    requests: [Latency; API_KEYS],
    errors: [Counter; ERROR_CODES],
    /// Requests that closed their connection, because they are not supported or cannot be decoded.
    pub requests_refused: Counter,
    /// Bytes that came from clients.
    pub bytes_in: Counter,
    /// Bytes that went to clients.
    pub bytes_out: Counter,
    /// Connections that were served.
    pub connections_opened: Counter,
    /// Connections that are served now.
    pub connections_open: Gauge,
    /// Connections turned away by `max.connections.per.ip`.
    pub connections_refused: Counter,
    /// Connections closed by `connections.max.idle.ms`.
    pub connections_idle_closed: Counter,
    /// Record batches that producers sent and the logs took.
    pub produced_batches: Counter,
    /// Their bytes.
    pub produced_bytes: Counter,
    /// Batches that were there already.
    pub produced_duplicates: Counter,
    /// Idempotent producers forgotten because they were silent for long.
    pub producers_expired: Counter,
    /// Idempotent producers forgotten because there were too many.
    pub producers_evicted: Counter,
    /// Runs of record batches that were sent to consumers.
    pub fetched_slices: Counter,
    /// Their bytes.
    pub fetched_bytes: Counter,
    /// Fetches that wait for records now.
    pub fetches_waiting: Gauge,
    /// Alterations that were written.
    pub config_changes: Counter,
    /// Rollouts that were approved.
    pub rollouts_approved: Counter,
    /// Rollouts that were rejected.
    pub rollouts_rejected: Counter,
}

/// A number that only grows.
#[derive(Debug)]
pub struct Counter(AtomicU64);

/// How many there are now.
#[derive(Debug)]
pub struct Gauge(AtomicI64);

/// How long things took: a count per bucket, and the sum.
#[derive(Debug)]
pub struct Latency {
    buckets: [Counter; LATENCY_BOUNDS_MICROS.len() + 1],
    sum_micros: Counter,
}

impl Counter {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one.
    pub fn one(&self) {
        self.add(1);
    }

    /// Adds `more`.
    pub fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Latency {
    const fn new() -> Self {
        Self { buckets: [const { Counter::new() }; LATENCY_BOUNDS_MICROS.len() + 1], sum_micros: Counter::new() }
    }

    fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].one();
        self.sum_micros.0.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many there were in each bucket, those of `LATENCY_BOUNDS_MICROS` and then the rest.
    pub fn buckets(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(Counter::get)
    }

    /// The times, added up.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_micros.get())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: [const { Latency::new() }; API_KEYS],
            errors: [const { Counter::new() }; ERROR_CODES],
            requests_refused: Counter::new(),
            bytes_in: Counter::new(),
            bytes_out: Counter::new(),
            connections_opened: Counter::new(),
            connections_open: Gauge::new(),
            connections_refused: Counter::new(),
            connections_idle_closed: Counter::new(),
            produced_batches: Counter::new(),
            produced_bytes: Counter::new(),
            produced_duplicates: Counter::new(),
            producers_expired: Counter::new(),
            producers_evicted: Counter::new(),
            fetched_slices: Counter::new(),
            fetched_bytes: Counter::new(),
            fetches_waiting: Gauge::new(),
            config_changes: Counter::new(),
            rollouts_approved: Counter::new(),
            rollouts_rejected: Counter::new(),
        }
    }
}

impl Metrics {
    /// A request was answered, `took` after it was begun.
    pub fn request_answered(&self, key: i16, took: Duration) {
        if let Some(latency) = self.requests(key) {
            latency.took(took);
        }
    }

    /// Requests of an API, with the time from their beginning to their answer.
    pub fn requests(&self, key: i16) -> Option<&Latency> {
        self.requests.get(usize::try_from(key).ok()?)
    }

    /// A response said this error, somewhere.
    pub fn error(&self, code: i16) {
        let at = usize::try_from(i32::from(code) - i32::from(ERROR_CODE_MIN)).ok();
        if let Some(counter) = at.and_then(|at| self.errors.get(at)) {
            counter.one();
        }
    }

    /// Errors by code, those that occurred.
    pub fn errors(&self) -> impl Iterator<Item = (i16, u64)> {
        let counted = (ERROR_CODE_MIN..).zip(&self.errors);
        counted.map(|(code, counter)| (code, counter.get())).filter(|(_, count)| *count > 0)
    }

    /// A log took what a producer sent, or had it already.
    pub fn appended(&self, bytes: usize, duplicate: bool) {
        if duplicate {
            self.produced_duplicates.one();
        } else {
            self.produced_batches.one();
            self.produced_bytes.add(bytes);
        }
    }

    /// A rollout was decided.
    pub fn rollout_decided(&self, approved: bool) {
        if approved { self.rollouts_approved.one() } else { self.rollouts_rejected.one() }
    }

    /// A connection is open as long as the guard lives.
    pub fn connection_opened(self: &Arc<Self>) -> Present {
        self.connections_opened.one();
        self.present(|metrics| &metrics.connections_open)
    }

    /// A fetch waits as long as the guard lives.
    pub fn fetch_waits(self: &Arc<Self>) -> Present {
        self.present(|metrics| &metrics.fetches_waiting)
    }

    fn present(self: &Arc<Self>, gauge: fn(&Self) -> &Gauge) -> Present {
        gauge(self).0.fetch_add(1, Ordering::Relaxed);
        Present { metrics: self.clone(), gauge }
    }
}

/// Counts one in a gauge as long as it lives.
#[derive(Debug)]
pub struct Present {
    metrics: Arc<Metrics>,
    gauge: fn(&Metrics) -> &Gauge,
}

impl Drop for Present {
    fn drop(&mut self) {
        (self.gauge)(&self.metrics).0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fall_into_the_bucket_whose_bound_they_do_not_exceed() {
        let metrics = Metrics::default();
        for micros in [0, 100, 101, 1_000_000, 1_000_001] {
            metrics.request_answered(3, Duration::from_micros(micros));
        }
        let latency = metrics.requests(3).unwrap();
        let mut expected = [0; LATENCY_BOUNDS_MICROS.len() + 1];
        (expected[0], expected[1], expected[12], expected[13]) = (2, 1, 1, 1);
        assert_eq!(latency.buckets().collect::<Vec<_>>(), expected);
        assert_eq!(latency.sum(), Duration::from_micros(2_000_202));
    }

    #[test]
    fn impossible_keys_and_codes_are_not_counted_and_harm_nobody() {
        let metrics = Metrics::default();
        for wild in [i16::MIN, -2, i16::MAX] {
            metrics.request_answered(wild, Duration::ZERO);
            metrics.error(wild);
        }
        [-1, 3, 3].into_iter().for_each(|code| metrics.error(code));
        assert_eq!(metrics.errors().collect::<Vec<_>>(), [(-1, 1), (3, 2)]);
    }

    #[test]
    fn a_gauge_goes_down_when_its_guard_goes() {
        let metrics = Arc::new(Metrics::default());
        let first = metrics.connection_opened();
        let second = metrics.connection_opened();
        drop(first);
        assert_eq!((metrics.connections_open.get(), metrics.connections_opened.get()), (1, 2));
        drop(second);
        assert_eq!(metrics.connections_open.get(), 0);
    }
}
