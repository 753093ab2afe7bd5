//! A log whose partition is moved to another store: what of it is still elsewhere, and a copy in the place of a chain.
//!
//! What must always hold: the catalog of the other store has the copy before readers see it, and before the original goes; nothing is
//! replaced that has changed since it was copied.

use std::sync::Arc;

use super::chain::OpenChain;
use super::trim::file_delete_delay;
use super::{PartitionLog, SwapError};
use crate::catalog::{ChainRecord, Row};
use crate::error::StoreError;
use crate::ids::{ChainId, StoreId};
use crate::segment::Segment;
use crate::store::Store;

/// A chain that was copied.
pub(crate) struct MovedChain {
    /// The copy's name.
    pub chain: ChainId,
    /// The store that has it.
    pub store: Arc<Store>,
    /// What was copied.
    pub original: Vec<Arc<Segment>>,
    /// The copy.
    pub segments: Vec<Arc<Segment>>,
}

/// What of a log is in one store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Bytes of records.
    pub bytes: u64,
    /// Offsets.
    pub offsets: i64,
}

impl PartitionLog {
    /// From now on records are appended in `target`.
    ///
    /// # Errors
    /// When that cannot take them.
    pub(crate) fn write_in_future(self: &Arc<Self>, target: &Arc<Store>) -> Result<(), StoreError> {
        let mut writer = self.writer();
        if writer.open.as_ref().is_some_and(|open| !Arc::ptr_eq(&open.store, target)) {
            self.relocate(&mut writer, target)?;
        }
        self.settle_in(&mut writer, target);
        Ok(())
    }

    /// The segments of the first chain that is not in `target` and not written any more.
    pub(crate) fn chain_outside(&self, target: &Store) -> Option<Vec<Arc<Segment>>> {
        let writer = self.writer();
        let open = writer.open.as_ref().map(|open| open.id);
        let segments = self.segments();
        let outside = |chain: ChainId| chain.store != target.id && Some(chain) != open;
        let chain = segments.iter().map(|segment| segment.id.chain).find(|chain| outside(*chain))?;
        Some(segments.iter().filter(|segment| segment.id.chain == chain).cloned().collect())
    }

    /// Puts a copy in the place of its original.
    ///
    /// # Errors
    /// When the original has changed, or a catalog cannot be written.
    pub(crate) fn take_copy(
        &self,
        moved: &MovedChain,
        store_of: impl Fn(StoreId) -> Option<Arc<Store>>,
    ) -> Result<(), SwapError> {
        let writer = self.writer();
        let first = moved.original.first().ok_or(SwapError::Changed)?;
        let home = store_of(first.id.chain.store).ok_or(SwapError::Changed)?;
        let present = self.segments();
        let at = present.iter().position(|segment| Arc::ptr_eq(segment, first)).ok_or(SwapError::Changed)?;
        let here = present.iter().filter(|segment| segment.id.chain == first.id.chain);
        let is_open = writer.open.as_ref().is_some_and(|open: &OpenChain| open.id == first.id.chain);
        if !here.eq_by_ptr(&moved.original) || is_open || self.is_deleted() {
            return Err(SwapError::Changed);
        }
        let original = self.sealed_row(&home, first.id.chain)?;
        let end = original.end.unwrap_or(original.start);
        let record = ChainRecord {
            id: moved.chain,
            segments: moved.segments.iter().map(|segment| segment.summary()).collect(),
            replaces: vec![original.id],
            leader_epochs: self.leader_epochs(original.start..end),
            ..original
        };
        let failed = |store: &Store, error| SwapError::Store(store.catalog_failed(error));
        moved.store.catalog.apply(&[Row::Chain(record)]).map_err(|error| failed(&moved.store, error))?;
        self.change_segments(|segments| {
            segments.splice(at..at + moved.original.len(), moved.segments.iter().cloned());
        });
        // If this fails the original goes at the next start, when both are seen.
        let gone = Row::ChainGone(self.id, first.id.chain);
        home.catalog.apply(&[gone]).map_err(|error| failed(&home, error))?;
        let delay = file_delete_delay(&self.config());
        moved.original.iter().for_each(|segment| segment.retire(delay));
        Ok(())
    }

    /// What of the log is in each store, by store.
    pub fn shares(&self) -> Vec<(StoreId, Share)> {
        let segments = self.segments();
        let ends = segments.iter().skip(1).map(|segment| segment.id.base_offset).chain([self.offsets().log_end]);
        let mut shares: Vec<(StoreId, Share)> = Vec::new();
        for (segment, end) in segments.iter().zip(ends) {
            let store = segment.id.chain.store;
            let at = shares.iter().position(|(known, _)| *known == store).unwrap_or_else(|| {
                shares.push((store, Share::default()));
                shares.len() - 1
            });
            shares[at].1.bytes += segment.len();
            shares[at].1.offsets += end - segment.id.base_offset;
        }
        shares
    }

    /// The store that its records are appended in, if any were.
    pub fn home(&self) -> Option<StoreId> {
        self.writer().home
    }
}

trait EqByPtr {
    fn eq_by_ptr(self, others: &[Arc<Segment>]) -> bool;
}

impl<'a, I: Iterator<Item = &'a Arc<Segment>>> EqByPtr for I {
    fn eq_by_ptr(self, others: &[Arc<Segment>]) -> bool {
        let mut others = others.iter();
        let mut own = self;
        own.all(|one| others.next().is_some_and(|other| Arc::ptr_eq(one, other))) && others.next().is_none()
    }
}
