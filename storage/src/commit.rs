//! The queue between logs and the committer of their store.
//!
//! 1. An append marks its log as dirty, once.
//! 2. The committer takes all dirty logs, makes durable what each has, and tells each log, which answers those who wait.
//!
//! Chains that were left for another store stand in the queue too: the catalog is to be told where they end. So does work that must not
//! run beside a round.
//!
//! What must always hold: a log that has something to commit stands in the queue of the store of its open chain, or is in the hands of
//! that store's committer.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::catalog::ChainRecord;

/// Something to be done between two rounds.
pub type Between = Box<dyn FnOnce() + Send>;

/// What is gathered for the next commit.
struct Gathering<L> {
    dirty: Vec<L>,
    left: Vec<ChainRecord>,
    between: Vec<Between>,
    stopping: bool,
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
    pub left: Vec<ChainRecord>,
    /// To be done first.
    pub between: Vec<Between>,
    /// Whether this is the last one.
    pub stopping: bool,
}

impl<L> Commits<L> {
    /// An empty queue.
    pub fn new() -> Self {
        let gathering = Gathering { dirty: Vec::new(), left: Vec::new(), between: Vec::new(), stopping: false };
        Self { gathering: Mutex::new(gathering), wake: Condvar::new() }
    }

    /// Adds a log that is not in the queue.
    pub fn mark_dirty(&self, log: L) {
        let mut gathering = self.lock();
        gathering.dirty.push(log);
        if gathering.dirty.len() == 1 {
            self.wake.notify_one();
        }
    }

    /// Adds a chain that goes on in another store.
    pub fn seal(&self, chain: ChainRecord) {
        self.lock().left.push(chain);
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

    /// Waits until there is something to commit, or the store stops.
    pub fn take(&self) -> Gathered<L> {
        let idle = |gathering: &mut Gathering<L>| {
            gathering.dirty.is_empty()
                && gathering.left.is_empty()
                && gathering.between.is_empty()
                && !gathering.stopping
        };
        let mut gathering = self.wake.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        Gathered {
            dirty: std::mem::take(&mut gathering.dirty),
            left: std::mem::take(&mut gathering.left),
            between: std::mem::take(&mut gathering.between),
            stopping: gathering.stopping,
        }
    }

    /// Asks for the last commit.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Gathering<L>> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
