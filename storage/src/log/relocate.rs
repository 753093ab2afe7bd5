//! Leaving the open chain for a new one in another store, because its store has failed or is full.
//!
//! 1. Stop listening to commits of the old chain; from now on the high watermark stands still.
//! 2. Read back what is above it: batches that nobody was promised.
//! 3. Write them to a new chain in another store, at the same offsets; the chain begins at the high watermark.
//! 4. Show readers the old chain up to the high watermark and the new one behind it; join the other store's next commit.
//!
//! What must always hold: nothing below the high watermark is touched; a batch keeps its offset and its bytes; what cannot be read back is
//! lost, was never promised, and those who wait are told. The writer's lock is held: to producers the move is a pause.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::PartitionLog;
use super::acknowledge::Unflushed;
use super::chain::{OpenChain, Pending, Writer};
use crate::batches::{Batches, Found};
use crate::commit;
use crate::error::StoreError;
use crate::ids::{ChainId, SegmentId};
use crate::segment::Segment;
use crate::store::Store;

/// Makes durable what was acknowledged in memory, if the store still works: nothing may be lost in front of what comes elsewhere.
fn flush_acknowledged(old: &OpenChain) {
    let unflushed = |segment: &&Arc<Segment>| segment.durable_len() < segment.committed_len();
    for segment in old.segments.iter().filter(unflushed).filter(|_| old.store.check_alive().is_ok()) {
        if let Err(error) = segment.sync() {
            old.store.write_failed("a flush", &error);
        }
    }
}

/// What a segment of the old chain holds above the high watermark.
struct Left {
    segment: Arc<Segment>,
    /// Bytes below the high watermark.
    keep: u64,
    /// The batches above it.
    rest: Vec<u8>,
}

impl PartitionLog {
    /// The store to append to: the open chain's, or another one if that can take nothing. A log whose open chain must be left has left it
    /// when this returns.
    ///
    /// # Errors
    /// When there is no store that takes appends.
    pub(super) fn place(self: &Arc<Self>, writer: &mut Writer) -> Result<Arc<Store>, StoreError> {
        let Some(open) = &writer.open else {
            return self.stores.choose(writer.home);
        };
        let here = open.store.clone();
        if here.has_room() {
            return Ok(here);
        }
        match self.stores.choose_instead_of(&here) {
            Some(other) => {
                self.relocate(writer, &other)?;
                Ok(other)
            }
            // Full, and nobody else has room: the append itself finds out whether there is some by now.
            None => here.check_appendable().map(|()| here),
        }
    }

    /// After a commit that failed: goes on in another store if there is one; else what was taken is kept for another try, and those who
    /// wait are told. Returns whether it is to be tried again.
    pub(crate) fn commit_failed(self: &Arc<Self>, pending: Pending, why: &StoreError) -> bool {
        let mut writer = self.writer();
        let Some(here) = writer.open.as_ref().filter(|open| open.id == pending.chain).map(|open| open.store.clone())
        else {
            return false;
        };
        let end = pending.end;
        self.put_back(&mut writer, pending);
        let moved =
            self.stores.choose_instead_of(&here).is_some_and(|other| self.relocate(&mut writer, &other).is_ok());
        match (moved, why.may_pass()) {
            (true, _) => false,
            (false, true) => {
                self.promises.refuse(end);
                true
            }
            (false, false) => {
                self.promises.strand(Some(why.clone()));
                false
            }
        }
    }

    /// Leaves a store that has failed, also when nobody writes. If there is no other one, whoever waits is told. After this the log does
    /// not join a commit of the store any more.
    pub(crate) fn leave_failed(self: &Arc<Self>) {
        let mut writer = self.writer();
        let Some(open) = writer.open.as_ref().filter(|open| open.store.check_alive().is_err()) else { return };
        match self.stores.choose_instead_of(&open.store.clone()) {
            Some(other) => drop(self.relocate(&mut writer, &other)),
            None => self.promises.strand(open.store.check_alive().err()),
        }
    }

    /// Whether the chain that is written is in `store`.
    pub(crate) fn is_written_in(&self, store: &Store) -> bool {
        self.writer().open.as_ref().is_some_and(|open| std::ptr::eq(&*open.store, store))
    }

    /// Where chains that are not open for writing end at the latest: nothing behind that was promised to anybody, or it is in the open
    /// chain.
    pub(crate) fn sealed_end(&self, returned: ChainId) -> i64 {
        let writer = self.writer();
        let open = writer.open.as_ref().filter(|open| open.id != returned);
        open.map_or_else(|| self.high_watermark.load(Ordering::Acquire), |open| open.start)
    }

    /// Leaves the open chain for a new one in `target`.
    pub(super) fn relocate(self: &Arc<Self>, writer: &mut Writer, target: &Arc<Store>) -> Result<(), StoreError> {
        let Some(old) = writer.open.take() else { return Ok(()) };
        let start = {
            let mut published = self.published();
            published.chain = None;
            self.high_watermark.load(Ordering::Acquire)
        };
        flush_acknowledged(&old);
        let left = old.segments.iter().map(left_of).collect::<io::Result<Vec<_>>>();
        let left = left.unwrap_or_else(|error| {
            self.lose_unpromised(writer, start, &error);
            old.segments.iter().map(nothing_left_of).collect()
        });
        match self.reopen(target, start, &left) {
            Ok(opened) => {
                self.leave(&old, &left, start, &opened);
                target.counters.chains_received.fetch_add(1, Ordering::Relaxed);
                self.settle_in(writer, target);
                self.go_on(writer, opened);
                Ok(())
            }
            Err(error) => {
                // As before: a later attempt, perhaps in yet another store, begins again.
                self.published().chain = Some(old.id);
                writer.open = Some(old);
                Err(target.write_failed("moving a chain", &error))
            }
        }
    }

    /// A chain in `target` that holds what was left; without records its first segment comes with the next append.
    fn reopen(&self, target: &Arc<Store>, start: i64, left: &[Left]) -> io::Result<OpenChain> {
        let id = self.stores.next_chain(target);
        let mut segments = Vec::new();
        for part in left.iter().filter(|part| !part.rest.is_empty()) {
            let headers: Vec<_> = Batches::new(&part.rest).map(|Found { header, .. }| header).collect();
            let Some(first) = headers.first() else { continue };
            let segment = Segment::create(&target.files, SegmentId { chain: id, base_offset: first.base_offset })?;
            let stamp = self.stores.stamps.next(first.max_timestamp);
            segment.append(&headers, [&part.rest, &[]], stamp, self.config().index_interval_bytes)?;
            segments.push(Arc::new(segment));
        }
        segments.iter().rev().skip(1).for_each(|segment: &Arc<Segment>| segment.set_complete());
        Ok(OpenChain { id, store: target.clone(), start, segments })
    }

    /// What readers see: the old chain up to `start`, then the new one.
    fn leave(&self, old: &OpenChain, left: &[Left], start: i64, opened: &OpenChain) {
        left.iter().for_each(|part| part.segment.cut(part.keep));
        self.change_segments(|segments| {
            segments.retain(|segment| segment.id.chain != old.id || segment.id.base_offset < start);
            segments.extend(opened.segments.iter().cloned());
        });
        if old.start < start {
            old.store
                .commits
                .seal(commit::Left { chain: old.record(self.id, Some(start)), segments: old.segments.clone() });
        }
        tracing::info!("{}: goes on at {start} in chain {} of {}", self.id, opened.id, opened.store.dir.display());
    }

    fn go_on(self: &Arc<Self>, writer: &mut Writer, opened: OpenChain) {
        self.publish_from(opened.id);
        writer.touched = opened.segments.clone();
        writer.dirty = false;
        writer.unflushed = Unflushed::default();
        writer.tail_age = None;
        writer.open = Some(opened);
        // What was behind the last snapshot may be out of reach.
        self.producers.want_snapshot();
        self.promises.strand(None);
        if !writer.touched.is_empty() {
            self.enqueue(writer);
        }
    }

    /// What is above the high watermark cannot be read back.
    fn lose_unpromised(&self, writer: &mut Writer, high_watermark: i64, error: &io::Error) {
        if writer.next_offset == high_watermark {
            return;
        }
        tracing::error!(
            "{}: what was not acknowledged above {high_watermark} is lost with its store: {error}",
            self.id
        );
        self.promises.break_above(high_watermark);
        writer.next_offset = high_watermark;
        self.log_end.store(high_watermark, Ordering::Release);
        if let Some(producers) = &mut writer.producers {
            producers.forget_from(high_watermark);
        }
    }
}

fn left_of(segment: &Arc<Segment>) -> io::Result<Left> {
    let keep = segment.committed_len();
    Ok(Left { segment: segment.clone(), keep, rest: segment.read(keep..segment.len())? })
}

fn nothing_left_of(segment: &Arc<Segment>) -> Left {
    Left { segment: segment.clone(), keep: segment.committed_len(), rest: Vec::new() }
}
