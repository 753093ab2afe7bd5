//! When the open chain goes on in another segment.
//!
//! What must always hold: a segment never grows beyond `segment.bytes`, unless one batch alone is larger; an empty one is always used.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use catena_protocol::batch::BatchHeader;

use super::chain::Writer;
use crate::config::LogConfig;
use crate::retention::TailAge;
use crate::segment::Segment;

/// What is to be appended, as far as rolling is concerned.
#[derive(Clone, Copy)]
pub struct Incoming {
    /// Bytes.
    pub size: usize,
    /// Largest timestamp of the first batch, milliseconds since 1970, or -1.
    pub first_ms: i64,
    /// Largest timestamp of all batches, or -1.
    pub newest_ms: i64,
    /// The broker's clock.
    pub now_ms: i64,
}

impl Incoming {
    /// Batches with these headers, of `size` bytes.
    pub fn new(headers: &[BatchHeader], size: usize, now_ms: i64) -> Self {
        let timestamps = || headers.iter().map(|header| header.max_timestamp);
        Self { size, first_ms: timestamps().next().unwrap_or(-1), newest_ms: timestamps().max().unwrap_or(-1), now_ms }
    }

    /// The age of a segment that begins with these batches.
    pub fn begin(&self, config: &LogConfig) -> TailAge {
        let random = RandomState::new().hash_one(self.now_ms);
        TailAge::new(self.first_ms, self.now_ms, config, random)
    }
}

impl Writer {
    /// The tail, if the batches are to go there.
    pub fn tail_for(&self, incoming: &Incoming, config: &LogConfig) -> Option<Arc<Segment>> {
        let tail = self.open.as_ref()?.segments.last()?;
        let fits = tail.len() + incoming.size as u64 <= u64::from(config.segment_bytes);
        let over = self.tail_age.is_some_and(|age| age.is_over(incoming.newest_ms, incoming.now_ms, config));
        (fits && (tail.len() == 0 || !over)).then(|| tail.clone())
    }
}
