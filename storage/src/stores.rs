//! The stores of a broker, as its logs see them: where a chain may be opened, what is announced to all, and what all stores share.
//!
//! What must always hold: chain sequences are given once in a broker epoch, whatever the store, so that of two chains the later one has the
//! larger id; a store without room gets no new chains while another one has some; a change is answered when every store that is alive has it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::catalog::{ProducersRecord, ReservationRecord, Row};
use crate::error::StoreError;
use crate::ids::{ChainId, PartitionId, StoreId};
use crate::placement::{self, StoreView};
use crate::stamp::Stamps;
use crate::store::Store;

/// The stores.
pub struct Stores {
    /// This start's broker epoch.
    pub epoch: u32,
    /// Gives stamps.
    pub stamps: Stamps,
    next_chain: AtomicU32,
    closing: AtomicBool,
    all: RwLock<Arc<Vec<Arc<Store>>>>,
}

impl Stores {
    /// The stores of a broker that starts with this epoch.
    pub fn new(epoch: u32, all: Vec<Arc<Store>>) -> Self {
        Self {
            epoch,
            stamps: Stamps::default(),
            next_chain: AtomicU32::new(0),
            closing: AtomicBool::new(false),
            all: RwLock::new(Arc::new(all)),
        }
    }

    /// All stores, those that have failed too.
    pub fn all(&self) -> Arc<Vec<Arc<Store>>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that have not failed.
    pub fn alive(&self) -> Vec<Arc<Store>> {
        self.all().iter().filter(|store| store.check_alive().is_ok()).cloned().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// Adds a store, in place of one that was in its directory.
    pub fn put(&self, store: Arc<Store>) {
        let mut held = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let others = held.iter().filter(|other| other.dir != store.dir).cloned();
        *held = Arc::new(others.chain([store.clone()]).collect());
    }

    /// The store with this id.
    pub fn with_id(&self, id: StoreId) -> Option<Arc<Store>> {
        self.all().iter().find(|store| store.id == id).cloned()
    }

    /// A name for a new chain in `store`.
    pub fn next_chain(&self, store: &Store) -> ChainId {
        ChainId { store: store.id, epoch: self.epoch, sequence: self.next_chain.fetch_add(1, Ordering::Relaxed) }
    }

    /// Whether appends are taken at all.
    ///
    /// # Errors
    /// `Failed` when the broker stops.
    pub fn check_open(&self) -> Result<(), StoreError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(StoreError::Failed("the stores are being shut down".into()));
        }
        Ok(())
    }

    /// Takes no appends from now on, except those that a writer has begun.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.all().iter().for_each(|store| store.close());
    }

    /// The store for a new object, or for the next chain of a partition whose last one is in `home`.
    ///
    /// # Errors
    /// When no store takes anything.
    pub fn choose(&self, home: Option<StoreId>) -> Result<Arc<Store>, StoreError> {
        let all = self.all();
        // Nothing to choose from: the store itself says what it can take.
        if let [only] = &all[..] {
            return only.check_alive().map(|()| only.clone());
        }
        let views: Vec<StoreView> = all.iter().map(|store| store.view()).collect();
        let chosen = placement::choose(&views, home, 0);
        let found = chosen.and_then(|id| all.iter().find(|store| store.id == id).cloned());
        found.ok_or_else(|| self.why_none(&all))
    }

    /// A store with room, other than `left`; what has come back to the directory of that one is another store.
    pub fn choose_instead_of(&self, left: &Store) -> Option<Arc<Store>> {
        let all = self.all();
        let others = all.iter().filter(|store| !std::ptr::eq(&***store, left));
        let views: Vec<StoreView> = others.map(|store| store.view()).collect();
        // A partition that has lost its store goes to a cordoned one too, before it stops.
        let chosen = placement::choose(&views, Some(left.id), 0)?;
        all.iter().find(|store| store.id == chosen).cloned()
    }

    /// A full store is a better reason than a failed one: it may pass.
    fn why_none(&self, all: &[Arc<Store>]) -> StoreError {
        let alive = all.iter().any(|store| store.check_alive().is_ok());
        let failed = || all.iter().find_map(|store| store.check_alive().err());
        if alive { StoreError::Full } else { failed().unwrap_or(StoreError::Full) }
    }

    /// Writes rows into the catalog of `home`, or of another store if that one is away, and lets all others know before it returns.
    ///
    /// # Errors
    /// When no store can write them; nothing has changed then.
    pub fn announce(&self, home: Option<StoreId>, rows: &[Row]) -> Result<(), StoreError> {
        let mut alive = self.alive();
        alive.sort_by_key(|store| Some(store.id) != home);
        let mut outcome = Err(self.why_none(&self.all()));
        for store in &alive {
            outcome = store.catalog.apply(rows).map_err(|error| store.catalog_failed(error));
            if outcome.is_ok() {
                self.spread(store);
                break;
            }
        }
        outcome
    }

    /// Lets all others know what `from` has announced. One that cannot learn it has failed, or does so later.
    pub fn spread(&self, from: &Store) {
        for store in self.alive().iter().filter(|store| store.id != from.id) {
            if let Err(error) = store.follow(from) {
                store.catalog_failed(error);
            }
        }
    }

    /// Writes reservations for chains of `owner` into the catalogs of all others.
    pub fn reserve(&self, owner: &Store, reservations: &[ReservationRecord]) {
        if reservations.is_empty() {
            return;
        }
        let rows: Vec<Row> = reservations.iter().copied().map(Row::Reservation).collect();
        for store in self.alive().iter().filter(|store| store.id != owner.id) {
            if let Err(error) = store.catalog.learn(&rows) {
                store.catalog_failed(error);
            }
        }
    }

    /// The latest producers of a partition that any store that is alive has written down.
    ///
    /// # Errors
    /// When no store can be read.
    pub fn producers(&self, partition: PartitionId) -> Result<Option<ProducersRecord>, StoreError> {
        let mut latest = Err(self.why_none(&self.all()));
        for store in self.alive() {
            match store.catalog.producers(partition) {
                Ok(found) => {
                    let known = latest.ok().flatten();
                    latest = Ok([known, found].into_iter().flatten().max_by_key(|producers| producers.next_offset));
                }
                Err(error) => drop(store.catalog_failed(error)),
            }
        }
        latest
    }

    /// Takes `count` producer ids that no store has given out; returns the first.
    ///
    /// # Errors
    /// When no store can write that down.
    pub fn take_producer_ids(&self, count: u64) -> Result<u64, StoreError> {
        let alive = self.alive();
        let counters = alive.iter().filter_map(|store| store.catalog.counters().ok());
        let first = counters.map(|counters| counters.next_producer_id).max().unwrap_or(0);
        let mut outcome = Err(self.why_none(&self.all()));
        for store in &alive {
            match store.catalog.take_producer_ids(first, count) {
                Ok(taken) => outcome = outcome.or(Ok(taken)),
                Err(error) => drop(store.catalog_failed(error)),
            }
        }
        outcome
    }
}
