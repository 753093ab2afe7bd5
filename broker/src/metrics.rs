//! Counters of the whole broker, kept as plain numbers.
//!
//! What must always hold: counting costs no lock and no allocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// API keys that are counted one by one.
const API_KEYS: usize = 128;

/// All counters; numbers since the start.
#[derive(Debug)]
pub struct Metrics {
    requests: [AtomicU64; API_KEYS],
    request_micros: [AtomicU64; API_KEYS],
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    connections_opened: AtomicU64,
    connections_open: AtomicI64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: [const { AtomicU64::new(0) }; API_KEYS],
            request_micros: [const { AtomicU64::new(0) }; API_KEYS],
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            connections_opened: AtomicU64::new(0),
            connections_open: AtomicI64::new(0),
        }
    }
}

impl Metrics {
    /// A request was answered, `took` after it was begun.
    pub fn request_answered(&self, key: i16, took: Duration) {
        let Some(at) = usize::try_from(key).ok().filter(|at| *at < API_KEYS) else { return };
        self.requests[at].fetch_add(1, Ordering::Relaxed);
        self.request_micros[at].fetch_add(took.as_micros() as u64, Ordering::Relaxed);
    }

    /// Bytes came from clients.
    pub fn bytes_in(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes went to clients.
    pub fn bytes_out(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A connection is open as long as the guard lives.
    pub fn connection_opened(self: &Arc<Self>) -> OpenConnection {
        self.connections_opened.fetch_add(1, Ordering::Relaxed);
        self.connections_open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self.clone())
    }
}

/// Counts one open connection.
#[derive(Debug)]
pub struct OpenConnection(Arc<Metrics>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}
