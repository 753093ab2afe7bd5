//! Syncing segments beside the rounds: those of partitions that ask for it (`catena.commit.strategy=direct`).
//!
//! A round that waited for them would make all partitions of the store as slow as these, and no comparison of the two could tell which way is
//! better. So they fly: a thread of its own syncs them, rounds go on meanwhile, and once they have landed they are published like any round.
//!
//! What must always hold:
//! - There is one flight at a time, and no round takes anything of a log that is aboard: what is acknowledged first is published first.
//! - Of a log that is aboard no row of the catalog is written by anybody but the landing: what must not run beside a round waits for that.
//! - A flight always lands, also when its thread dies.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};

use crate::durable::unsynced;
use crate::ids::PartitionId;
use crate::log::{PartitionLog, Pending};
use crate::segment::Segment;
use crate::store::Store;
use crate::syncing::sync_all;

/// What is being synced.
pub struct Flight {
    pending: Vec<Pending>,
    aboard: HashSet<PartitionId>,
    outcome: Receiver<io::Result<()>>,
}

/// What was aboard, and whether it is durable.
pub struct Landed {
    /// What the logs had.
    pub pending: Vec<Pending>,
    /// Whether its bytes are on the disk.
    pub outcome: io::Result<()>,
}

impl Flight {
    /// Begins to sync what is pending.
    ///
    /// # Errors
    /// What was to fly, when the system refuses a thread.
    pub fn begin(store: &Arc<Store>, pending: Vec<Pending>) -> Result<Self, Vec<Pending>> {
        let segments: Vec<Arc<Segment>> = unsynced(&pending).map(|range| range.segment.clone()).collect();
        let (done, outcome) = bounded(1);
        let under_way = UnderWay::begin(store);
        let thread = std::thread::Builder::new().name("sync-beside".into());
        match thread.spawn(move || sync(&segments, done, under_way)) {
            Ok(_) => {
                let aboard = pending.iter().map(|pending| pending.log.id()).collect();
                Ok(Self { pending, aboard, outcome })
            }
            Err(_) => Err(pending),
        }
    }

    /// Whether something of this log is aboard.
    pub fn has(&self, log: &PartitionLog) -> bool {
        self.aboard.contains(&log.id())
    }

    /// What has landed; before that the flight, unless it is to be waited for.
    pub fn land(self, wait: bool) -> Result<Landed, Self> {
        let outcome =
            if wait { self.outcome.recv().map_err(|_| TryRecvError::Disconnected) } else { self.outcome.try_recv() };
        let died = || Err(io::Error::other("a thread that syncs has panicked"));
        match outcome {
            Err(TryRecvError::Empty) => Err(self),
            outcome => Ok(Landed { pending: self.pending, outcome: outcome.unwrap_or_else(|_| died()) }),
        }
    }
}

fn sync(segments: &[Arc<Segment>], done: Sender<io::Result<()>>, under_way: UnderWay) {
    // Dropped before `under_way` wakes the committer, also by a panic.
    let done = done;
    // Whoever listens is gone only with the store.
    let _ = done.send(sync_all(&under_way.0.files, segments));
}

/// Says to cold reads that a commit is under way, and to the committer when it is not any more.
struct UnderWay(Arc<Store>);

impl UnderWay {
    fn begin(store: &Arc<Store>) -> Self {
        store.files.courtesy.commit(true);
        Self(store.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.files.courtesy.commit(false);
        self.0.commits.wake();
    }
}
