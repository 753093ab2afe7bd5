//! The two ways to make bytes durable, as the committer goes them: a slot of the journal, or a sync of each segment.
//!
//! What must always hold: when a way has returned without an error, every byte it was given is on the disk; bytes that are in the journal only are
//! known to `journaled`, until a checkpoint or a sync has them in place. Where the journal cannot take them for want of space, they are synced.
//!
//! A full journal file is handed to the checkpointer with the segments whose bytes it holds, and comes back when those are
//! durable themselves.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use crossbeam::channel::{Receiver, Sender};

use crate::checkpointer::{Check, Settled};
use crate::choice::{Choice, Load, Way};
use crate::error::StoreError;
use crate::ids::SegmentId;
use crate::journal::slot::Range;
use crate::journal::{Finished, Journal};
use crate::log::{Pending, Unsynced};
use crate::segment::Segment;
use crate::store::Store;
use crate::syncing::sync_all;

/// Journal files that may wait for the checkpointer before the committer waits for it too.
const UNCHECKED_FILES_MAX: usize = 4;

/// Makes bytes durable.
pub struct Durable {
    store: Arc<Store>,
    journal: Journal,
    /// What each way has cost lately.
    pub choice: Choice,
    /// Segments with bytes in the current journal file that are not durable in place. One that was deleted is not kept: its space would not
    /// come back before the journal file is full, and on a full disk that is never.
    journaled: HashMap<SegmentId, Weak<Segment>>,
    unchecked: usize,
    to_check: Sender<Check>,
    checked: Receiver<Settled>,
}

impl Durable {
    /// Of `store`, with this journal; the checkpointer is at the other ends of the channels.
    pub fn new(store: Arc<Store>, journal: Journal, to_check: Sender<Check>, checked: Receiver<Settled>) -> Self {
        Self { store, journal, choice: Choice::default(), journaled: HashMap::new(), unchecked: 0, to_check, checked }
    }

    /// Makes durable what is pending, that way or the other; tells which.
    ///
    /// # Errors
    /// Of the file system.
    pub fn make(&mut self, way: Way, pending: &[Pending]) -> Result<Way, StoreError> {
        let ranges: Vec<_> = unsynced(pending).collect();
        if ranges.is_empty() {
            return Ok(way);
        }
        if way == Way::Direct || !self.journal.fits(&journal_ranges(&ranges)) {
            return self.sync_in_place(&ranges);
        }
        match self.write_slot(&ranges).map_err(|error| StoreError::of_write(&error)) {
            Ok(()) => Ok(Way::Journal),
            // The segments have their space already.
            Err(error) if error.may_pass() => self.sync_in_place(&ranges),
            Err(error) => Err(error),
        }
    }

    fn sync_in_place(&mut self, ranges: &[&Unsynced]) -> Result<Way, StoreError> {
        let segments: Vec<_> = ranges.iter().map(|unsynced| unsynced.segment.clone()).collect();
        sync_all(&self.store.files, &segments).map_err(|error| StoreError::of_write(&error))?;
        self.note_synced(ranges);
        Ok(Way::Direct)
    }

    /// Takes note that these bytes, and all before them, are durable in place.
    pub fn note_synced(&mut self, ranges: &[&Unsynced]) {
        ranges.iter().for_each(|unsynced| drop(self.journaled.remove(&unsynced.segment.id)));
        let counters = &self.store.counters;
        counters.synced_segments.fetch_add(ranges.len() as u64, Ordering::Relaxed);
        counters.synced_bytes.fetch_add(ranges.iter().map(|range| range.to - range.from).sum(), Ordering::Relaxed);
        counters.direct_commits.fetch_add(1, Ordering::Relaxed);
    }

    fn write_slot(&mut self, ranges: &[&Unsynced]) -> io::Result<()> {
        let (mut only, mut views) = (Vec::with_capacity(ranges.len()), Vec::with_capacity(ranges.len()));
        for unsynced in ranges {
            match unsynced.segment.glance(unsynced.from..unsynced.to) {
                // Nobody asks for it any more.
                Err(_) if unsynced.segment.is_removed() => continue,
                view => views.push(view?),
            }
            only.push(journal_range(unsynced));
        }
        if let Some(finished) = self.journal.finish_for(&only) {
            self.hand_over(finished);
        }
        let payload: Vec<&[u8]> = views.iter().map(|view| &**view).collect();
        let written = self.journal.write(&only, &payload)?;
        self.store.counters.journal_bytes.fetch_add(written, Ordering::Relaxed);
        self.store.counters.journal_commits.fetch_add(1, Ordering::Relaxed);
        let segments = ranges.iter().map(|unsynced| (unsynced.segment.id, Arc::downgrade(&unsynced.segment)));
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

    /// Hands over the segments to which nothing will be appended any more.
    pub fn hand_over_complete(&self, pending: &[Pending]) {
        let segments = pending.iter().flat_map(|pending| &pending.ranges).map(|range| &range.segment);
        for segment in segments.filter(|segment| segment.is_complete()) {
            let _ = self.to_check.send(Check::Complete(segment.clone()));
        }
    }
}

/// What is not durable of what is pending.
pub fn unsynced<'a>(pending: impl IntoIterator<Item = &'a Pending>) -> impl Iterator<Item = &'a Unsynced> {
    pending.into_iter().flat_map(|pending| &pending.ranges).filter(|range| range.to > range.from)
}

/// How much that is.
pub fn load<'a>(pending: impl IntoIterator<Item = &'a Pending>) -> Load {
    let add = |load: Load, range: &Unsynced| Load {
        segments: load.segments + 1,
        bytes: load.bytes + (range.to - range.from),
    };
    unsynced(pending).fold(Load { segments: 0, bytes: 0 }, add)
}

fn journal_ranges(ranges: &[&Unsynced]) -> Vec<Range> {
    ranges.iter().map(|unsynced| journal_range(unsynced)).collect()
}

fn journal_range(unsynced: &Unsynced) -> Range {
    // More than 4 GiB in one round never fits the journal, whatever the length says.
    let len = u32::try_from(unsynced.to - unsynced.from).unwrap_or(u32::MAX);
    Range { segment: unsynced.segment.id, position: unsynced.from, len }
}
