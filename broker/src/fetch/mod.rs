//! Fetching: which partitions a request means (sessions, KIP-227), what each of them may give (plan), reading what is in
//! memory (pass) and what is not (cold), until there is enough or the client's patience ends (poll).
//!
//! What must always hold: record bytes are passed on as slices, never looked at or copied here; no thread that serves
//! connections waits for a disk (docs/decisions/0009-cold-reads.md); a reader never sees beyond the high watermark; sessions
//! and plan are pure, with clock and random numbers passed in.

mod cache;
mod cold;
mod pass;
mod plan;
mod poll;
mod session;

pub use cache::{Opened, SessionError, SessionRequest, SharedSession};
pub use cold::ColdReads;
pub use pass::PartitionRecords;
pub use plan::{FetchError, Limits, check_leader_epoch};
pub use poll::{Fetched, PartitionAnswer, Poll, Reads};
pub use session::{FetchSet, PartitionKey, TopicKey, Want};

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use cache::SessionCache;

/// The incremental fetch sessions of this broker.
pub struct FetchSessions {
    cache: Mutex<SessionCache>,
    opened: Instant,
}

impl FetchSessions {
    /// `slots` is `max.incremental.fetch.session.cache.slots`.
    pub fn new(slots: usize) -> Self {
        Self { cache: Mutex::new(SessionCache::new(slots)), opened: Instant::now() }
    }

    /// Finds out which partitions a request means.
    ///
    /// # Errors
    /// `SessionError` when the session it names is not there, or not as the client believes.
    pub fn open(&self, request: SessionRequest) -> Result<Opened, SessionError> {
        let now_ms = self.now_ms();
        self.lock().open(request, now_ms)
    }

    /// Keeps the partitions of an answered full request as a session; None when there is no room.
    pub fn create(&self, set: FetchSet, by_id: bool) -> Result<i32, FetchSet> {
        let now_ms = self.now_ms();
        self.lock().create(set, by_id, now_ms, rand::random)
    }

    /// From now on at most `slots`; those used last stay.
    pub fn set_slots(&self, slots: usize) {
        self.lock().set_slots(slots);
    }

    /// Sessions held now.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SessionCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }
}
