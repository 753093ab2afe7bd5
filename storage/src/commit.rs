//! The queue between logs and the committer of their store.
//!
//! 1. An append marks its log as dirty, once; or says when that is to happen, if its records need not be durable at once.
//! 2. The committer takes all dirty logs, makes durable what each has, and tells each log, which answers those who wait.
//!
//! Chains that were left for another store stand in the queue too: they are to be made durable in place, as the journal counts for open
//! chains only, and the catalog is to be told where they end. So does work that must not
//! run beside a round.
//!
//! What must always hold: a log that has something to commit for which somebody waits stands in the queue of the store of its open chain,
//! or is in the hands of that store's committer.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::catalog::ChainRecord;
use crate::segment::Segment;

/// Something to be done between two rounds.
pub type Between = Box<dyn FnOnce() + Send>;

/// A chain that was left for another store.
pub struct Left {
    /// The chain, with its end.
    pub chain: ChainRecord,
    /// Its segments; some of their bytes may be in the journal only.
    pub segments: Vec<Arc<Segment>>,
}

/// What is gathered for the next commit.
struct Gathering<L> {
    dirty: Vec<L>,
    /// Logs that are to be committed at the latest then, in the order of their times.
    later: BTreeMap<(Instant, u64), L>,
    /// Tells apart what is to happen at one time.
    ordered: u64,
    left: Vec<Left>,
    between: Vec<Between>,
    /// Whether the committer is to look at what it has waited for.
    woken: bool,
    stopping: bool,
    /// Whether there is no committer any more.
    ended: bool,
}

impl<L> Gathering<L> {
    fn has_work(&self) -> bool {
        !self.dirty.is_empty() || !self.left.is_empty() || !self.between.is_empty() || self.woken || self.stopping
    }

    /// Takes over what is due; how long it is until the next one.
    fn take_due(&mut self, now: Instant) -> Option<Duration> {
        while let Some(first) = self.later.first_entry() {
            let at = first.key().0;
            if at > now {
                return Some(at - now);
            }
            self.dirty.push(first.remove());
        }
        None
    }
}

/// The queue of a store.
pub struct Commits<L> {
    gathering: Mutex<Gathering<L>>,
    wake: Condvar,
}

/// What the committer took.
pub struct Gathered<L> {
    /// Logs with new records.
    pub dirty: Vec<L>,
    /// Chains that were left, with their ends.
    pub left: Vec<Left>,
    /// To be done first.
    pub between: Vec<Between>,
    /// Whether this is the last one.
    pub stopping: bool,
}

impl<L> Commits<L> {
    /// An empty queue.
    pub fn new() -> Self {
        let gathering = Gathering {
            dirty: Vec::new(),
            later: BTreeMap::new(),
            ordered: 0,
            left: Vec::new(),
            between: Vec::new(),
            woken: false,
            stopping: false,
            ended: false,
        };
        Self { gathering: Mutex::new(gathering), wake: Condvar::new() }
    }

    /// Adds a log that is not in the queue.
    pub fn mark_dirty(&self, log: L) {
        let mut gathering = self.lock();
        if gathering.ended {
            return;
        }
        gathering.dirty.push(log);
        if gathering.dirty.len() == 1 {
            self.wake.notify_one();
        }
    }

    /// Adds a chain that goes on in another store.
    pub fn seal(&self, left: Left) {
        let mut gathering = self.lock();
        if gathering.ended {
            return;
        }
        gathering.left.push(left);
        self.wake.notify_one();
    }

    /// Has the committer do `work` between two rounds; it is dropped when there is no round any more.
    pub fn run_between(&self, work: Between) {
        let mut gathering = self.lock();
        if !gathering.stopping {
            gathering.between.push(work);
            self.wake.notify_one();
        }
    }

    /// Adds a log when `after` has passed. It may stand in the queue by then: who takes it finds nothing the second time.
    pub fn mark_dirty_after(&self, log: L, after: Duration) {
        // A time that no clock can tell never comes.
        let Some(at) = Instant::now().checked_add(after) else { return };
        let mut gathering = self.lock();
        if gathering.stopping {
            drop(gathering);
            return self.mark_dirty(log);
        }
        gathering.ordered += 1;
        let key = (at, gathering.ordered);
        gathering.later.insert(key, log);
        if gathering.later.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.wake.notify_one();
        }
    }

    /// Waits until there is something to commit, or the store stops.
    pub fn take(&self) -> Gathered<L> {
        let mut gathering = self.lock();
        loop {
            let wait = gathering.take_due(Instant::now());
            if gathering.has_work() {
                break;
            }
            gathering = match wait {
                Some(wait) => self.wake.wait_timeout(gathering, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(gathering).unwrap_or_else(PoisonError::into_inner),
            };
        }
        gathering.woken = false;
        Gathered {
            dirty: std::mem::take(&mut gathering.dirty),
            left: std::mem::take(&mut gathering.left),
            between: std::mem::take(&mut gathering.between),
            stopping: gathering.stopping,
        }
    }

    /// Has the committer go on, though there may be nothing to commit: something else that it waits for has happened.
    pub fn wake(&self) {
        self.lock().woken = true;
        self.wake.notify_one();
    }

    /// Asks for the last commit.
    pub fn stop(&self) {
        let mut gathering = self.lock();
        gathering.stopping = true;
        let later = std::mem::take(&mut gathering.later);
        gathering.dirty.extend(later.into_values());
        drop(gathering);
        self.wake.notify_all();
    }

    /// Takes nothing in from now on, and lets go of what it has: there is no committer any more, and logs and their store would hold each
    /// other for ever.
    pub fn end(&self) {
        let mut gathering = self.lock();
        (gathering.stopping, gathering.ended) = (true, true);
        let (dirty, later) = (std::mem::take(&mut gathering.dirty), std::mem::take(&mut gathering.later));
        let (left, between) = (std::mem::take(&mut gathering.left), std::mem::take(&mut gathering.between));
        drop(gathering);
        drop((dirty, later, left, between));
    }

    fn lock(&self) -> MutexGuard<'_, Gathering<L>> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
