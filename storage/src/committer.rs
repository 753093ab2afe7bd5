//! The committer: one thread that makes what was appended durable, for all partitions together.
//!
//! A round:
//! 1. Take the dirty logs, and from each the bytes that no round has taken yet.
//! 2. Share them out by what each partition asks for (`catena.commit.strategy`): the journal, its segments by themselves, or, without a
//!    wish, what was cheaper lately (`choice`). What goes through the journal is one slot: one write, one `fdatasync`, however many segments.
//!    Who asks for a sync of its segments gets that beside the rounds (`flight`); the others wait for it no longer than one disk makes them.
//! 3. Make one share durable after the other, the slot first; after each, do for it:
//! 4. Sync in place the chains that were left for another store; tell the catalog of their ends, and of new chains and segments, all in one
//!    transaction.
//! 5. Where there are other stores: have them set offsets aside, so that a start without this one uses none of its offsets.
//! 6. Publish: high watermarks, the readers' limits.
//!
//! What must always hold: the order of 3 to 6. A share that fails hands its logs to another store. Where there is none, want of space is
//! tried again with the next round and the bytes stay where they are; any other failure ends the store, and its committer stays only
//! to send away those who come too late.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam::channel::unbounded;

use crate::catalog::Row;
use crate::checkpointer::{Checkpointer, RETRY};
use crate::choice::{Load, Way};
use crate::commit::{Gathered, Left};
use crate::config::CommitStrategy;
use crate::durable::{Durable, load, unsynced};
use crate::error::StoreError;
use crate::flight::Flight;
use crate::journal::Journal;
use crate::log::{PartitionLog, Pending};
use crate::store::{Store, journal_dir};
use crate::stores::Stores;
use crate::syncing::sync_behind;

/// The threads that serve a store.
pub struct Committer {
    committing: JoinHandle<()>,
    checkpointing: JoinHandle<()>,
}

struct Rounds {
    store: Arc<Store>,
    stores: Arc<Stores>,
    durable: Durable,
    flight: Option<Flight>,
    /// Dirty logs that wait for the flight to land.
    held: Vec<Arc<PartitionLog>>,
}

/// What goes one way together.
struct Share {
    way: Way,
    pending: Vec<Pending>,
    /// For how much the way was chosen, so that what it costs now is to be known.
    chosen: Option<Load>,
}

impl Committer {
    /// Starts the threads of `store`, one of `stores`, with journal files of `journal_bytes`.
    ///
    /// # Errors
    /// When the system refuses threads.
    pub fn start(store: &Arc<Store>, stores: &Arc<Stores>, journal_bytes: u64) -> io::Result<Self> {
        let (to_check, checks) = unbounded();
        let (done, checked) = unbounded();
        let journal = Journal::new(store.fs.clone(), journal_dir(&store.dir), stores.epoch, journal_bytes);
        let durable = Durable::new(store.clone(), journal, to_check, checked);
        let mut rounds =
            Rounds { store: store.clone(), stores: stores.clone(), durable, flight: None, held: Vec::new() };
        let committing = std::thread::Builder::new().name("commit".into()).spawn(move || rounds.run())?;
        let store = store.clone();
        let checkpointing = std::thread::Builder::new().name("checkpoint".into());
        let checkpointing = checkpointing.spawn(move || Checkpointer::new(store, checks, done).run())?;
        Ok(Self { committing, checkpointing })
    }

    /// Waits for the last round after `Commits::stop`.
    pub fn join(self) {
        for thread in [self.committing, self.checkpointing] {
            if thread.join().is_err() {
                tracing::error!("a thread of the store has panicked");
            }
        }
    }
}

impl Rounds {
    fn run(&mut self) {
        loop {
            let mut gathered = self.store.commits.take();
            let stopping = gathered.stopping;
            let mut again = self.land(stopping || !gathered.between.is_empty() || !gathered.left.is_empty());
            gathered.between.drain(..).for_each(|work| work());
            again |= self.round(gathered);
            if stopping {
                break;
            }
            // What is to be tried again stands in the queue already.
            if again {
                std::thread::sleep(RETRY);
            }
        }
    }

    /// Publishes what has flown, once it has landed; whether it has to be tried again.
    fn land(&mut self, wait: bool) -> bool {
        match self.flight.take().map(|flight| flight.land(wait)) {
            None => false,
            Some(Err(flight)) => {
                self.flight = Some(flight);
                false
            }
            Some(Ok(landed)) => {
                let ranges: Vec<_> = unsynced(&landed.pending).collect();
                let outcome = landed.outcome.map_err(|error| StoreError::of_write(&error));
                let outcome = outcome.inspect(|()| self.durable.note_synced(&ranges));
                let outcome = self.store.check_alive().and(outcome);
                self.conclude(landed.pending, Vec::new(), outcome)
            }
        }
    }

    /// One round; whether it has to be tried again.
    fn round(&mut self, gathered: Gathered<Arc<PartitionLog>>) -> bool {
        let pending = self.take_pending(gathered.dirty, gathered.stopping);
        let (mut left, mut again) = (gathered.left, false);
        let mut shares = self.share_out(pending);
        if shares.is_empty() && !left.is_empty() {
            shares.push(Share { way: Way::Journal, pending: Vec::new(), chosen: None });
        }
        for share in shares {
            self.store.files.courtesy.commit(true);
            let outcome = self.store.check_alive().and_then(|()| self.make_durable(&share));
            let left = std::mem::take(&mut left);
            let outcome = outcome.and_then(|()| self.put_in_place(&left));
            again |= self.conclude(share.pending, left, outcome);
            self.store.files.courtesy.commit(false);
        }
        again
    }

    /// Takes from these logs, and from those that were held, what they have, once from each. Sends off what flies; gives what is left, with what its
    /// partition asks for. Before the store stops nothing flies.
    fn take_pending(&mut self, dirty: Vec<Arc<PartitionLog>>, stopping: bool) -> Vec<(CommitStrategy, Pending)> {
        let dirty = std::mem::take(&mut self.held).into_iter().chain(dirty);
        let (mut seen, mut pending, mut flying) = (HashSet::new(), Vec::new(), Vec::new());
        for log in dirty.filter(|log| seen.insert(log.id())) {
            let strategy = log.config().commit_strategy;
            let flies = strategy == CommitStrategy::Direct && !stopping;
            if self.flight.as_ref().is_some_and(|flight| flies || flight.has(&log)) {
                self.held.push(log);
                continue;
            }
            let Some(taken) = log.take_pending(&self.store) else { continue };
            if flies { flying.push(taken) } else { pending.push((strategy, taken)) }
        }
        if !flying.is_empty() {
            match Flight::begin(&self.store, flying) {
                Ok(flight) => self.flight = Some(flight),
                Err(flying) => pending.extend(flying.into_iter().map(|taken| (CommitStrategy::Direct, taken))),
            }
        }
        pending
    }

    /// After a round that failed: its logs go on in other stores, or wait for another try; whether some do.
    fn give_up(&self, pending: Vec<Pending>, left: Vec<Left>, error: &StoreError) -> bool {
        match error {
            StoreError::Failed(reason) => self.store.fail("a commit", reason),
            StoreError::Full | StoreError::NoFiles => self.store.note_want("a commit", error),
        }
        let again = error.may_pass() && !left.is_empty();
        if again {
            left.into_iter().for_each(|left| self.store.commits.seal(left));
        }
        pending.into_iter().fold(again, |again, pending| pending.log.clone().commit_failed(pending, error) || again)
    }

    /// What goes which way, the journal first.
    fn share_out(&mut self, pending: Vec<(CommitStrategy, Pending)>) -> Vec<Share> {
        let is_auto = |(strategy, _): &(CommitStrategy, _)| *strategy == CommitStrategy::Auto;
        let auto = load(pending.iter().filter(|pending| is_auto(pending)).map(|(_, pending)| pending));
        let cheaper = if auto.segments == 0 { Way::Journal } else { self.durable.choice.choose(auto) };
        let mut shares = [Way::Journal, Way::Direct].map(|way| Share {
            way,
            pending: Vec::new(),
            chosen: (way == cheaper && auto.segments > 0).then_some(auto),
        });
        for (strategy, pending) in pending {
            let [journal, direct] = &mut shares;
            let share = if strategy.way(cheaper) == Way::Journal { journal } else { direct };
            share.pending.push(pending);
        }
        shares.into_iter().filter(|share| !share.pending.is_empty()).collect()
    }

    fn make_durable(&mut self, share: &Share) -> Result<(), StoreError> {
        let begun = Instant::now();
        let went = self.durable.make(share.way, &share.pending)?;
        if let Some(load) = share.chosen.filter(|_| went == share.way) {
            self.durable.choice.note(load, went, begun.elapsed());
        }
        Ok(())
    }

    /// Tells the catalog what is durable, and then everybody; or sees to it that it is tried again, and tells whether it has to be here.
    fn conclude(&mut self, pending: Vec<Pending>, left: Vec<Left>, durable: Result<(), StoreError>) -> bool {
        match durable.and_then(|()| self.register(&pending, &left)) {
            Ok(()) => {
                let reservations: Vec<_> = pending.iter().filter_map(|pending| pending.reservation).collect();
                self.stores.reserve(&self.store, &reservations);
                self.store.counters.commits.fetch_add(1, Ordering::Relaxed);
                pending.iter().for_each(|pending| pending.log.committed(pending));
                self.durable.hand_over_complete(&pending);
                false
            }
            Err(error) => self.give_up(pending, left, &error),
        }
    }

    /// Of a chain that is sealed nothing may be in the journal only.
    fn put_in_place(&self, left: &[Left]) -> Result<(), StoreError> {
        let segments = left.iter().flat_map(|left| left.segments.iter().cloned());
        sync_behind(&self.store.files, segments).map_err(|error| StoreError::of_write(&error))
    }

    fn register(&self, pending: &[Pending], left: &[Left]) -> Result<(), StoreError> {
        let chains = pending
            .iter()
            .filter_map(|pending| pending.record.clone())
            .chain(left.iter().map(|left| left.chain.clone()));
        let rows: Vec<Row> = chains.map(Row::Chain).collect();
        self.store.catalog.apply(&rows)
    }
}
