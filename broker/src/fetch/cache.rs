//! Incremental fetch sessions (KIP-227): which exist, which may take whose place. Pure.
//!
//! What must always hold: at most `slots` sessions; an id is given to one session; a session's epoch moves on with
//! each request, and a request with another epoch than the next changes nothing.
//!
//! Source: Apache Kafka, `FetchManager.newContext`, `FetchSessionCacheShard`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::session::{FetchSet, PartitionKey, Want};

/// "No session" on the wire.
const NO_SESSION: i32 = 0;
/// Asks for a new session.
const INITIAL_EPOCH: i32 = 0;
/// Asks for no session, or ends one.
const FINAL_EPOCH: i32 = -1;
/// A session not used for so long may be replaced by any other, milliseconds.
const EVICTION_MS: u64 = 120_000;

/// What a request says about sessions.
pub struct SessionRequest {
    /// The session it belongs to; 0 for none.
    pub session_id: i32,
    /// Its number within the session; 0 begins one, -1 ends one or wants none.
    pub epoch: i32,
    /// Whether its topics are named by id.
    pub by_id: bool,
    /// Partitions added or changed.
    pub wants: Vec<(PartitionKey, Want)>,
    /// Partitions to take out.
    pub forgotten: Vec<PartitionKey>,
}

/// What a request means.
pub enum Opened {
    /// These partitions, once.
    Sessionless(FetchSet),
    /// These partitions, and a session for them if there is room.
    Full(FetchSet),
    /// The partitions of a session.
    Incremental(SharedSession),
}

/// A session that a request holds while it is worked on.
#[derive(Clone)]
pub struct SharedSession {
    /// Its id.
    pub id: i32,
    /// The epoch after this request; when the session has another, a later request has overtaken this one.
    pub next_epoch: i32,
    state: Arc<Mutex<State>>,
}

struct State {
    epoch: i32,
    set: FetchSet,
}

/// Why a request cannot use its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionError {
    /// No such session, perhaps evicted.
    IdNotFound,
    /// Not the next epoch of the session.
    InvalidEpoch,
    /// The session names topics by id and the request by name, or the reverse.
    TopicIdMismatch,
}

impl SharedSession {
    /// Works on the session's partitions.
    ///
    /// # Errors
    /// `InvalidEpoch` when a later request of the session was begun meanwhile.
    pub fn with<T>(&self, work: impl FnOnce(&mut FetchSet) -> T) -> Result<T, SessionError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.epoch != self.next_epoch {
            return Err(SessionError::InvalidEpoch);
        }
        Ok(work(&mut state.set))
    }
}

struct Slot {
    state: Arc<Mutex<State>>,
    by_id: bool,
    size: usize,
    created_ms: u64,
    used_ms: u64,
}

/// All sessions.
pub struct SessionCache {
    sessions: HashMap<i32, Slot>,
    slots: usize,
}

impl SessionCache {
    /// An empty cache.
    pub fn new(slots: usize) -> Self {
        Self { sessions: HashMap::new(), slots }
    }

    /// From now on at most `slots`: those that were not used for longest go.
    pub fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
        let mut by_use: Vec<_> = self.sessions.iter().map(|(id, slot)| (slot.used_ms, *id)).collect();
        by_use.sort_unstable();
        let too_many = by_use.len().saturating_sub(slots);
        by_use.iter().take(too_many).for_each(|(_, id)| drop(self.sessions.remove(id)));
    }

    /// Sessions held.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// What `request` means.
    ///
    /// # Errors
    /// `SessionError` when its session is not as it says.
    pub fn open(&mut self, request: SessionRequest, now_ms: u64) -> Result<Opened, SessionError> {
        if request.epoch != INITIAL_EPOCH && request.epoch != FINAL_EPOCH {
            return self.incremental(request, now_ms);
        }
        if request.session_id != NO_SESSION {
            self.sessions.remove(&request.session_id);
        }
        let mut set = FetchSet::default();
        request.wants.into_iter().for_each(|(key, want)| set.put(key, want));
        Ok(if request.epoch == FINAL_EPOCH { Opened::Sessionless(set) } else { Opened::Full(set) })
    }

    fn incremental(&mut self, request: SessionRequest, now_ms: u64) -> Result<Opened, SessionError> {
        let id = request.session_id;
        let slot = self.sessions.get_mut(&id).ok_or(SessionError::IdNotFound)?;
        let shared = slot.state.clone();
        let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if state.epoch != request.epoch {
            return Err(SessionError::InvalidEpoch);
        }
        if slot.by_id != request.by_id {
            return Err(SessionError::TopicIdMismatch);
        }
        request.wants.into_iter().for_each(|(key, want)| state.set.put(key, want));
        request.forgotten.iter().for_each(|key| state.set.forget(key));
        if state.set.is_empty() {
            self.sessions.remove(&id);
            return Ok(Opened::Sessionless(FetchSet::default()));
        }
        state.epoch = next_epoch(state.epoch);
        slot.size = state.set.len();
        slot.used_ms = now_ms;
        let next_epoch = state.epoch;
        drop(state);
        Ok(Opened::Incremental(SharedSession { id, next_epoch, state: shared }))
    }

    /// Keeps `set` as a new session and returns its id, or gives the set back when there is no room.
    pub fn create(
        &mut self,
        set: FetchSet,
        by_id: bool,
        now_ms: u64,
        mut random: impl FnMut() -> i32,
    ) -> Result<i32, FetchSet> {
        if self.sessions.len() >= self.slots && !self.evict_for(set.len(), now_ms) {
            return Err(set);
        }
        let id = loop {
            let id = random() & i32::MAX;
            if id != NO_SESSION && !self.sessions.contains_key(&id) {
                break id;
            }
        };
        let size = set.len();
        let state = Arc::new(Mutex::new(State { epoch: next_epoch(INITIAL_EPOCH), set }));
        self.sessions.insert(id, Slot { state, by_id, size, created_ms: now_ms, used_ms: now_ms });
        Ok(id)
    }

    /// Takes out one session for a new one of `size` partitions: one not used for long, else the smallest of those
    /// that have lived long, unless the new one would be smaller still.
    fn evict_for(&mut self, size: usize, now_ms: u64) -> bool {
        let old = |since_ms: u64| now_ms.saturating_sub(since_ms) > EVICTION_MS;
        let idle = self.sessions.iter().filter(|(_, slot)| old(slot.used_ms)).min_by_key(|(_, slot)| slot.used_ms);
        let small = || {
            let lived = self.sessions.iter().filter(|(_, slot)| old(slot.created_ms));
            lived.min_by_key(|(id, slot)| (slot.size, **id)).filter(|(_, slot)| slot.size <= size)
        };
        let Some(victim) = idle.or_else(small).map(|(id, _)| *id) else { return false };
        self.sessions.remove(&victim).is_some()
    }
}

/// Epochs go from 1 to the largest number and around to 1.
fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

#[cfg(test)]
mod tests {
    use super::super::session::TopicKey;
    use super::*;

    fn key(partition: i32) -> PartitionKey {
        PartitionKey { topic: TopicKey::Name("t".into()), partition }
    }

    fn request(session_id: i32, epoch: i32, partitions: &[i32]) -> SessionRequest {
        let want = Want { fetch_offset: 0, current_leader_epoch: -1, last_fetched_epoch: -1, bytes_max: 1 };
        let wants = partitions.iter().map(|partition| (key(*partition), want)).collect();
        SessionRequest { session_id, epoch, by_id: false, wants, forgotten: Vec::new() }
    }

    fn created(cache: &mut SessionCache, id: i32, partitions: &[i32], now_ms: u64) -> Option<i32> {
        let Ok(Opened::Full(set)) = cache.open(request(0, 0, partitions), now_ms) else { panic!("not full") };
        cache.create(set, false, now_ms, || id).ok()
    }

    fn partitions(session: &SharedSession) -> Vec<i32> {
        session.with(|set| set.iter_mut().map(|(_, entry)| entry.key.partition).collect()).unwrap()
    }

    fn incremental(cache: &mut SessionCache, request: SessionRequest) -> SharedSession {
        match cache.open(request, 0) {
            Ok(Opened::Incremental(session)) => session,
            Ok(_) => panic!("not incremental"),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn a_session_remembers_adds_and_forgets() {
        let mut cache = SessionCache::new(10);
        assert_eq!(created(&mut cache, 7, &[0, 1], 0), Some(7));
        assert_eq!(partitions(&incremental(&mut cache, request(7, 1, &[2]))), [0, 1, 2]);
        let forget = SessionRequest { forgotten: vec![key(1)], ..request(7, 2, &[]) };
        assert_eq!(partitions(&incremental(&mut cache, forget)), [0, 2]);
    }

    #[test]
    fn only_the_next_epoch_of_a_known_session_is_accepted() {
        let mut cache = SessionCache::new(10);
        created(&mut cache, 7, &[0], 0);
        let error = |cache: &mut SessionCache, request| cache.open(request, 0).err();
        assert_eq!(error(&mut cache, request(8, 1, &[])), Some(SessionError::IdNotFound));
        assert_eq!(error(&mut cache, request(7, 2, &[])), Some(SessionError::InvalidEpoch));
        let by_id = SessionRequest { by_id: true, ..request(7, 1, &[]) };
        assert_eq!(error(&mut cache, by_id), Some(SessionError::TopicIdMismatch));
        let first = incremental(&mut cache, request(7, 1, &[]));
        assert_eq!(error(&mut cache, request(7, 1, &[])), Some(SessionError::InvalidEpoch));
        incremental(&mut cache, request(7, 2, &[]));
        assert_eq!(first.with(|_| ()), Err(SessionError::InvalidEpoch), "overtaken");
    }

    #[test]
    fn a_session_ends_when_asked_and_when_it_is_empty() {
        let mut cache = SessionCache::new(10);
        created(&mut cache, 7, &[0], 0);
        assert!(matches!(cache.open(request(7, -1, &[]), 0), Ok(Opened::Sessionless(_))));
        assert_eq!(cache.len(), 0);
        created(&mut cache, 8, &[0], 0);
        let forget = SessionRequest { forgotten: vec![key(0)], ..request(8, 1, &[]) };
        assert!(matches!(cache.open(forget, 0), Ok(Opened::Sessionless(_))));
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn a_full_cache_makes_room_only_for_the_more_valuable() {
        let mut cache = SessionCache::new(2);
        created(&mut cache, 1, &[0], 0);
        created(&mut cache, 2, &[0, 1, 2], 0);
        assert_eq!(created(&mut cache, 3, &[0, 1], 10), None, "both are young");
        // Both have lived long and are in use: only the smaller one makes room, and not for one smaller still.
        for id in [1, 2] {
            cache.open(request(id, 1, &[]), EVICTION_MS).ok().unwrap();
        }
        assert_eq!(created(&mut cache, 3, &[], EVICTION_MS + 1), None);
        assert_eq!(created(&mut cache, 3, &[0, 1], EVICTION_MS + 1), Some(3));
        assert!(!cache.sessions.contains_key(&1));
        // Now the other is idle: it goes, however large it is.
        assert_eq!(created(&mut cache, 4, &[], 2 * EVICTION_MS + 1), Some(4));
        assert!(!cache.sessions.contains_key(&2));
        assert_eq!(SessionCache::new(0).create(FetchSet::default(), false, 0, || 1).ok(), None);
    }

    #[test]
    fn fewer_slots_keep_the_sessions_that_were_used_last() {
        let mut cache = SessionCache::new(3);
        for (id, now_ms) in [(1, 30), (2, 10), (3, 20)] {
            created(&mut cache, id, &[0], now_ms);
        }
        cache.set_slots(2);
        assert!(cache.len() == 2 && !cache.sessions.contains_key(&2));
        assert_eq!(created(&mut cache, 4, &[0], 40), None);
        cache.set_slots(3);
        assert_eq!(created(&mut cache, 4, &[0], 40), Some(4));
    }

    #[test]
    fn ids_are_positive_and_not_given_twice() {
        let mut cache = SessionCache::new(10);
        created(&mut cache, 7, &[0], 0);
        let mut draws = [0, i32::MIN, 7, -8].into_iter();
        let id = cache.create(FetchSet::default(), false, 0, || draws.next().unwrap()).ok();
        assert_eq!(id, Some(i32::MAX - 7));
    }
}
