//! The load generator for produce requests: prepared frames over some connections, served by one thread.
//!
//! What must always hold: what is sent was built before the clock starts, only the correlation id of a request is set
//! while it runs; every request is answered, in order, with as many batches as it has and no error code, or the measurement
//! fails; the acknowledgement of a request is counted from the moment at which it was due.
//!
//! | module | what it does |
//! |---|---|
//! | [`frames`] | the requests, built once, in memory that `sendfile` takes without a copy |
//! | [`lane`] | one connection: what is half sent, what is in flight |
//! | [`reply`] | skims an answer |
//! | [`engine`] | the loop over all lanes, and when a request is due |

pub mod engine;
pub mod frames;
mod lane;
mod reply;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::wire::{Result, invalid};

/// Longest acknowledgement the histogram tells apart, nanoseconds.
const HIGHEST_NS: u64 = 60_000_000_000;

/// The shape of a load.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Bytes of a record's value.
    pub value_bytes: usize,
    /// Fill a batch up to so many bytes (`batch.size`), but with one record at least.
    pub batch_bytes: usize,
    /// Batches (each of another partition) in a request.
    pub batches_per_request: usize,
    /// Connections.
    pub connections: usize,
    /// Requests in flight on a connection (`max.in.flight.requests.per.connection`).
    pub window: usize,
}

/// When requests are due.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// As soon as the window of a connection has room.
    Full,
    /// So many per second over all connections, answered or not.
    Fixed(u32),
}

/// What a load has done so far, for those who look while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    requests: AtomicU64,
    bytes: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// Counts a request and its record-batch bytes.
    pub fn add(&self, bytes: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Requests answered.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Record-batch bytes of them.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Ends the load: what is in flight is still answered.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// What a load did.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Record-batch bytes that were acknowledged.
    pub bytes: u64,
    /// Requests.
    pub requests: u64,
    /// From the first request to the last answer.
    pub wall: Duration,
    /// CPU time of the broker.
    pub broker_cpu: Duration,
    /// CPU time of the load generator.
    pub client_cpu: Duration,
    /// From due to acknowledged, nanoseconds.
    pub acknowledged: Histogram<u64>,
}

impl Outcome {
    /// Batch bytes per second in MiB.
    pub fn mib_per_second(&self) -> f64 {
        self.bytes as f64 / f64::from(1 << 20) / self.wall.as_secs_f64()
    }

    /// Requests per second.
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.wall.as_secs_f64()
    }

    /// CPU-seconds of the broker per GiB.
    pub fn cpu_per_gib(&self) -> f64 {
        self.broker_cpu.as_secs_f64() / gib(self.bytes)
    }

    /// CPU-seconds of the load generator per GiB.
    pub fn client_cpu_per_gib(&self) -> f64 {
        self.client_cpu.as_secs_f64() / gib(self.bytes)
    }

    /// Requests per CPU-second of the broker.
    pub fn requests_per_cpu_second(&self) -> f64 {
        self.requests as f64 / self.broker_cpu.as_secs_f64()
    }

    /// A quantile of the acknowledgement, milliseconds.
    pub fn acknowledged_ms(&self, quantile: f64) -> f64 {
        self.acknowledged.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// Bytes in GiB.
pub fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

/// An empty histogram of nanoseconds.
///
/// # Errors
/// None in practice: the bounds are fixed.
pub fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, HIGHEST_NS, 3).map_err(invalid)
}
