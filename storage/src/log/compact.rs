//! Compaction, as a log sees it: what of it can be compacted, and a new chain in the place of old segments.
//!
//! The swap, by the committer of the store that has the new chain, between two of its rounds:
//! 1. Look whether the log still begins with the segments that were read.
//! 2. One transaction in the catalog: the new chain, tombstones for those that it replaces, and, where it takes only the front of a
//!    chain, that chain's row without its front; and how far the log is compacted.
//! 3. Show readers the new segments; retire the old ones.
//!
//! What must always hold: a crash leaves the old or the new chain; the row of a chain that is written has one author, its committer, which is
//! why this runs there; the writer's lock is held, so that no segment is begun and no chain left meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::PartitionLog;
use super::chain::Writer;
use super::trim::file_delete_delay;
use crate::catalog::{ChainRecord, PartitionRecord, Row, RowKey};
use crate::compaction::{Compacted, LogFacts, SegmentFacts};
use crate::error::StoreError;
use crate::ids::ChainId;
use crate::segment::Segment;
use crate::store::Store;

/// What of a log can be compacted.
pub(crate) struct Cleanable {
    /// Its segments that are not written any more, in order.
    pub segments: Vec<Arc<Segment>>,
    log_start: i64,
    cleaned_to: i64,
    last_stable: i64,
    active_from: i64,
}

/// A new chain for old segments.
pub(crate) struct Swap {
    /// The store that has it.
    pub store: Arc<Store>,
    /// Its name.
    pub chain: ChainId,
    /// The segments whose place it takes.
    pub old: Vec<Arc<Segment>>,
    /// The new segments.
    pub compacted: Compacted,
}

/// Why a chain was not put in its place. The log is as it was.
#[derive(Debug)]
pub(crate) enum SwapError {
    /// The log has changed since.
    Changed,
    /// The store cannot write it down.
    Store(StoreError),
}

impl SwapError {
    /// Whether the catalog surely does not have the chain.
    pub fn left_no_trace(&self) -> bool {
        match self {
            Self::Changed => true,
            Self::Store(error) => error.may_pass(),
        }
    }
}

impl Cleanable {
    /// What decides about it; `facts` are those of its segments.
    pub fn facts<'a>(&self, facts: &'a [SegmentFacts]) -> LogFacts<'a> {
        LogFacts {
            log_start: self.log_start,
            cleaned_to: self.cleaned_to,
            last_stable: self.last_stable,
            active_from: self.active_from,
            segments: facts,
        }
    }
}

impl PartitionLog {
    /// What can be compacted now.
    pub(crate) fn cleanable(&self) -> Cleanable {
        let writer = self.writer();
        let offsets = self.offsets();
        let tail = writer.open.as_ref().and_then(|open| open.segments.last());
        let active_from = tail.map_or(writer.next_offset, |tail| tail.id.base_offset);
        let mut segments = self.segments().to_vec();
        segments.truncate(segments.partition_point(|segment| segment.id.base_offset < active_from));
        Cleanable {
            segments,
            log_start: offsets.log_start,
            cleaned_to: self.cleaned_to.load(Ordering::Acquire),
            // A record that a loss of power may take replaces none that is durable.
            last_stable: offsets.last_stable.min(self.durable_end.load(Ordering::Acquire)),
            active_from,
        }
    }

    /// Takes note of how far the log was compacted before this start.
    pub(crate) fn was_cleaned_to(&self, offset: i64) {
        self.cleaned_to.store(offset, Ordering::Release);
    }

    /// Live producers whose last record is below `end`, and its offset.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn last_offsets_of_producers(&self, end: i64, now_ms: i64) -> Result<HashMap<i64, i64>, StoreError> {
        self.load_producers(now_ms)?;
        self.expire_producers(now_ms);
        let writer = self.writer();
        let last = writer.producers.iter().flat_map(|producers| producers.iter());
        Ok(last.map(|(id, entry)| (id, entry.last_offset())).filter(|(_, last)| *last < end).collect())
    }

    /// Whether it still begins with these segments.
    pub(crate) fn begins_with(&self, old: &[Arc<Segment>]) -> bool {
        let present = self.segments();
        let same = present.iter().zip(old).all(|(one, other)| Arc::ptr_eq(one, other));
        same && present.len() >= old.len() && !self.is_deleted()
    }

    /// Puts the new chain in its place. To be called by the committer of its store, between rounds.
    ///
    /// # Errors
    /// When the log has changed, or the catalog cannot be written.
    pub(crate) fn swap_in(&self, swap: &Swap) -> Result<(), SwapError> {
        let mut writer = self.writer();
        let present = self.segments();
        let (old, kept) = present.split_at_checked(swap.old.len()).ok_or(SwapError::Changed)?;
        if !self.begins_with(&swap.old) {
            return Err(SwapError::Changed);
        }
        let split = kept.first().map(|segment| segment.id.chain).filter(|chain| has_segment_of(old, *chain));
        let rows = self.rows_of(swap, &writer, split)?;
        swap.store.catalog.apply(&rows).map_err(|error| SwapError::Store(swap.store.catalog_failed(error)))?;
        forget(&mut writer, swap);
        self.change_segments(|segments| {
            segments.splice(..swap.old.len(), swap.compacted.segments.iter().cloned());
        });
        self.cleaned_to.store(swap.compacted.cleaned_to, Ordering::Release);
        let delay = file_delete_delay(&self.config());
        swap.old.iter().for_each(|segment| segment.retire(delay));
        Ok(())
    }

    /// What the catalog is to know; `split` is the chain of which only the front is replaced.
    fn rows_of(&self, swap: &Swap, writer: &Writer, split: Option<ChainId>) -> Result<Vec<Row>, SwapError> {
        let compacted = &swap.compacted;
        let chains: BTreeSet<ChainId> = swap.old.iter().map(|segment| segment.id.chain).collect();
        let replaces: Vec<ChainId> = chains.into_iter().filter(|chain| Some(*chain) != split).collect();
        let rows = replaces.iter().map(|chain| self.sealed_row(&swap.store, *chain));
        let rest = split.map(|chain| self.without_front(swap, writer, chain)).transpose()?;
        let replaced = rows.collect::<Result<Vec<_>, _>>()?;
        let counts_as = replaced.iter().chain(&rest).map(|row| row.counts_as).max().unwrap_or(swap.chain);
        let start = swap.old.first().map_or(compacted.chain_end, |segment| segment.id.base_offset);
        let record = ChainRecord {
            partition: self.id,
            id: swap.chain,
            counts_as,
            version: 0,
            start,
            end: Some(compacted.chain_end),
            segments: compacted.segments.iter().map(|segment| segment.summary()).collect(),
            leader_epochs: self.leader_epochs(start..compacted.chain_end),
            replaces: replaces.clone(),
        };
        let cleaned_to = compacted.cleaned_to;
        let partition = PartitionRecord { id: self.id, log_start: self.log_start(), cleaned_to };
        let gone = replaces.into_iter().map(|chain| Row::ChainGone(self.id, chain));
        let rows = [Row::Chain(record), Row::Partition(partition)].into_iter();
        Ok(rows.chain(rest.map(Row::Chain)).chain(gone).collect())
    }

    /// The row of a chain whose front is replaced, without the front.
    fn without_front(&self, swap: &Swap, writer: &Writer, chain: ChainId) -> Result<ChainRecord, SwapError> {
        let mut row = match writer.open.as_ref().filter(|open| open.id == chain) {
            // What no round has made durable yet, the catalog does not learn of.
            Some(open) => open.registered(self.id),
            None => self.sealed_row(&swap.store, chain)?,
        };
        row.start = swap.compacted.chain_end;
        row.segments.retain(|segment| segment.base_offset >= swap.compacted.chain_end);
        Ok(row)
    }

    /// What the catalog knows of a chain that is sealed; a chain that was left just now is not, there.
    pub(super) fn sealed_row(&self, store: &Store, chain: ChainId) -> Result<ChainRecord, SwapError> {
        let row = store.catalog.row(&RowKey::Chain(self.id, chain));
        match row.map_err(|error| SwapError::Store(store.catalog_failed(error)))? {
            Some(Row::Chain(row)) if row.end.is_some() => Ok(row),
            _ => Err(SwapError::Changed),
        }
    }
}

fn has_segment_of(segments: &[Arc<Segment>], chain: ChainId) -> bool {
    segments.iter().any(|segment| segment.id.chain == chain)
}

/// The writer must not commit or register what is replaced.
fn forget(writer: &mut Writer, swap: &Swap) {
    let is_old = |segment: &Arc<Segment>| swap.old.iter().any(|old| Arc::ptr_eq(old, segment));
    writer.touched.retain(|segment| !is_old(segment));
    if let Some(open) = writer.open.as_mut().filter(|open| open.segments.first().is_some_and(is_old)) {
        open.segments.retain(|segment| !is_old(segment));
        open.start = swap.compacted.chain_end;
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
