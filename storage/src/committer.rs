//! The committer: one thread that makes what was appended durable, for all partitions together.
//!
//! A round:
//! 1. Take the dirty logs, and from each the bytes that no round has taken yet.
//! 2. Make the bytes durable: through the journal (one write, one `fdatasync`, however many segments), or by syncing the
//!    segments directly, which saves the second write: what was cheaper lately (`choice`).
//! 3. Sync in place the chains that were left for another store; tell the catalog of their ends, and of new chains and segments, all in one
//!    transaction.
//! 4. Where there are other stores: have them set offsets aside, so that a start without this one uses none of its offsets.
//! 5. Publish: high watermarks, the readers' limits.
//!
//! What must always hold: the order of 2 to 5. A round that fails hands its logs to another store. Where there is none, want of space is
//! tried again with the next round and the bytes stay where they are; any other failure ends the store, and its committer stays only
//! to send away those who come too late.
//!
//! A full journal file is handed to the checkpointer with the segments whose bytes it holds, and comes back when those are
//! durable themselves.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam::channel::{Receiver, Sender, unbounded};

use crate::catalog::Row;
use crate::checkpointer::{Check, Checkpointer, RETRY, Settled};
use crate::choice::{Choice, Load, Way};
use crate::commit::{Gathered, Left};
use crate::error::StoreError;
use crate::ids::SegmentId;
use crate::journal::slot::Range;
use crate::journal::{Finished, Journal};
use crate::log::{PartitionLog, Pending, Unsynced};
use crate::segment::Segment;
use crate::store::{Store, journal_dir};
use crate::stores::Stores;
use crate::syncing::{sync_all, sync_behind};

/// Journal files that may wait for the checkpointer before the committer waits for it too.
const UNCHECKED_FILES_MAX: usize = 4;

/// The threads that serve a store.
pub struct Committer {
    committing: JoinHandle<()>,
    checkpointing: JoinHandle<()>,
}

struct Rounds {
    store: Arc<Store>,
    stores: Arc<Stores>,
    journal: Journal,
    choice: Choice,
    /// Segments with bytes in the current journal file that are not durable in place. One that was deleted is not kept: its space would not
    /// come back before the journal file is full, and on a full disk that is never.
    journaled: HashMap<SegmentId, Weak<Segment>>,
    unchecked: usize,
    to_check: Sender<Check>,
    checked: Receiver<Settled>,
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
        let mut rounds = Rounds {
            store: store.clone(),
            stores: stores.clone(),
            journal,
            choice: Choice::default(),
            journaled: HashMap::new(),
            unchecked: 0,
            to_check,
            checked,
        };
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
            gathered.between.drain(..).for_each(|work| work());
            let stopping = gathered.stopping;
            let again = self.round(gathered);
            if stopping {
                break;
            }
            // What is to be tried again stands in the queue already.
            if again {
                std::thread::sleep(RETRY);
            }
        }
    }

    /// One round; whether it has to be tried again.
    fn round(&mut self, gathered: Gathered<Arc<PartitionLog>>) -> bool {
        let pending = gathered.dirty.iter().filter_map(|log| log.take_pending(&self.store));
        let pending: Vec<Pending> = pending.collect();
        if pending.is_empty() && gathered.left.is_empty() {
            return false;
        }
        self.store.files.courtesy.commit(true);
        let outcome = self.store.check_alive().and_then(|()| self.make_durable(&pending));
        let outcome = outcome.and_then(|()| self.put_in_place(&gathered.left));
        let outcome = outcome.and_then(|()| self.register(&pending, &gathered.left));
        self.store.files.courtesy.commit(false);
        match outcome {
            Ok(()) => {
                let reservations: Vec<_> = pending.iter().filter_map(|pending| pending.reservation).collect();
                self.stores.reserve(&self.store, &reservations);
                self.store.counters.commits.fetch_add(1, Ordering::Relaxed);
                pending.iter().for_each(|pending| pending.log.committed(pending));
                self.hand_over_complete(&pending);
                false
            }
            Err(error) => self.give_up(pending, gathered.left, &error),
        }
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

    fn make_durable(&mut self, pending: &[Pending]) -> Result<(), StoreError> {
        let unsynced = || pending.iter().flat_map(|pending| &pending.ranges).filter(|range| range.to > range.from);
        let segments = unsynced().count();
        let bytes: u64 = unsynced().map(|range| range.to - range.from).sum();
        if segments == 0 {
            return Ok(());
        }
        let ranges: Vec<(Range, &Unsynced)> = unsynced().map(|unsynced| (journal_range(unsynced), unsynced)).collect();
        if !self.journal.fits(&only_ranges(&ranges)) {
            return self.sync_in_place(&ranges);
        }
        let load = Load { segments, bytes };
        let (way, begun) = (self.choice.choose(load), Instant::now());
        match way {
            Way::Direct => self.sync_in_place(&ranges)?,
            Way::Journal => match self.write_slot(&ranges).map_err(|error| StoreError::of_write(&error)) {
                // The segments have their space already.
                Err(error) if error.may_pass() => return self.sync_in_place(&ranges),
                written => written?,
            },
        }
        self.choice.note(load, way, begun.elapsed());
        Ok(())
    }

    /// Of a chain that is sealed nothing may be in the journal only.
    fn put_in_place(&self, left: &[Left]) -> Result<(), StoreError> {
        let segments = left.iter().flat_map(|left| left.segments.iter().cloned());
        sync_behind(&self.store.files, segments).map_err(|error| StoreError::of_write(&error))
    }

    fn sync_in_place(&mut self, ranges: &[(Range, &Unsynced)]) -> Result<(), StoreError> {
        let segments: Vec<_> = ranges.iter().map(|(_, unsynced)| unsynced.segment.clone()).collect();
        sync_all(&self.store.files, &segments).map_err(|error| StoreError::of_write(&error))?;
        ranges.iter().for_each(|(range, _)| drop(self.journaled.remove(&range.segment)));
        self.store.counters.synced_segments.fetch_add(ranges.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn write_slot(&mut self, ranges: &[(Range, &Unsynced)]) -> io::Result<()> {
        let (mut only, mut views) = (Vec::with_capacity(ranges.len()), Vec::with_capacity(ranges.len()));
        for (range, unsynced) in ranges {
            match unsynced.segment.glance(unsynced.from..unsynced.to) {
                // Nobody asks for it any more.
                Err(_) if unsynced.segment.is_removed() => continue,
                view => views.push(view?),
            }
            only.push(*range);
        }
        if let Some(finished) = self.journal.finish_for(&only) {
            self.hand_over(finished);
        }
        let payload: Vec<&[u8]> = views.iter().map(|view| &**view).collect();
        let written = self.journal.write(&only, &payload)?;
        self.store.counters.journal_bytes.fetch_add(written, Ordering::Relaxed);
        let segments = ranges.iter().map(|(range, unsynced)| (range.segment, Arc::downgrade(&unsynced.segment)));
        self.journaled.extend(segments);
        Ok(())
    }

    /// Gives a full journal file to the checkpointer and takes back those that it is done with.
    fn hand_over(&mut self, finished: Finished) {
        let segments = self.journaled.drain().filter_map(|(_, segment)| segment.upgrade()).collect();
        self.unchecked += 1;
        // A checkpointer that is gone has failed the store; the next round finds out.
        let _ = self.to_check.send(Check::File(finished, segments));
        loop {
            let back = if self.unchecked > UNCHECKED_FILES_MAX {
                self.checked.recv().ok()
            } else {
                self.checked.try_recv().ok()
            };
            let Some(settled) = back else { break };
            self.unchecked -= 1;
            self.choice.note_checkpoint(settled.bytes, settled.syncing, settled.since_last);
            self.journal.give_back(settled.file);
        }
    }

    fn hand_over_complete(&self, pending: &[Pending]) {
        let segments = pending.iter().flat_map(|pending| &pending.ranges).map(|range| &range.segment);
        for segment in segments.filter(|segment| segment.is_complete()) {
            let _ = self.to_check.send(Check::Complete(segment.clone()));
        }
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

fn journal_range(unsynced: &Unsynced) -> Range {
    // More than 4 GiB in one round never fits the journal, whatever the length says.
    let len = u32::try_from(unsynced.to - unsynced.from).unwrap_or(u32::MAX);
    Range { segment: unsynced.segment.id, position: unsynced.from, len }
}

fn only_ranges(ranges: &[(Range, &Unsynced)]) -> Vec<Range> {
    ranges.iter().map(|(range, _)| *range).collect()
}
