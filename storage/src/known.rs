//! What all stores know together, and what a start or a return has found out beyond that.
//!
//! What must always hold: a chain that was open has the end that it was sealed with; a chain whose store is away is known and cannot be used.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::catalog::{ChainRecord, Row, RowKey, TopicRecord};
use crate::files::ChainFiles;
use crate::fs::FileSystem;
use crate::ids::{ChainId, PartitionId, StoreId};
use crate::kept::keep_above;
use crate::log::PlacedChain;
use crate::stores::Stores;
use crate::union::{ChainView, Union};

/// What all stores know, and the chains that were sealed since.
pub struct Known {
    united: Union,
    sealed: HashMap<ChainId, ChainRecord>,
    limits: HashMap<ChainId, i64>,
}

impl Known {
    /// Nothing is sealed yet.
    pub fn new(united: Union) -> Self {
        Self { united, sealed: HashMap::new(), limits: HashMap::new() }
    }

    /// A chain ends there at the latest.
    pub fn limit(&mut self, chain: ChainId, end: i64) {
        self.limits.insert(chain, end);
    }

    /// Takes note of chains that were open.
    pub fn seal(&mut self, chains: Vec<ChainRecord>) {
        self.sealed.extend(chains.into_iter().map(|chain| (chain.id, chain)));
    }

    /// All topics.
    pub fn topics(&self) -> impl Iterator<Item = &TopicRecord> {
        self.united.topics.values()
    }

    /// How far a partition's log was compacted.
    pub fn cleaned_to(&self, id: PartitionId) -> i64 {
        self.united.partitions.get(&id).map_or(0, |view| view.cleaned_to)
    }

    /// The chains of a partition with their places, without what is below the log start; the log start, and the offset of the next record.
    /// `None` for a partition without rows.
    pub fn partition(&self, id: PartitionId, places: &Places) -> Option<(Vec<PlacedChain>, Range<i64>)> {
        let view = self.united.partitions.get(&id)?;
        let kept = |chain: &ChainRecord| chain.end.is_none_or(|end| end > view.log_start);
        let chains = view.chains.iter().map(|chain| self.chain(chain)).filter(kept);
        let chains: Vec<_> = chains.map(|chain| places.placed(keep_above(view.log_start, chain))).collect();
        let end = view.next_offset.or(chains.last().and_then(|chain| chain.record.end));
        let end = end.map_or(view.log_start, |end| end.max(view.log_start));
        Some((chains, view.log_start..end))
    }

    /// Whether nobody here knows how many of the offsets before the next one were used.
    pub fn ends_in_gap(&self, id: PartitionId) -> bool {
        let last = self.united.partitions.get(&id).and_then(|view| view.chains.last());
        last.is_some_and(|last| !last.is_here && last.row.end.is_none())
    }

    fn chain(&self, view: &ChainView) -> ChainRecord {
        let sealed = self.sealed.get(&view.row.id).cloned();
        sealed.unwrap_or_else(|| ChainRecord { end: view.end, ..view.row.clone() })
    }

    /// Where a chain ends that is open; `None`: behind its last record.
    pub fn end_of(&self, chain: &ChainRecord) -> Option<i64> {
        let view = self.united.partitions.get(&chain.partition);
        let known = view.and_then(|view| view.chains.iter().find(|known| known.row.id == chain.id));
        // One that does not count has no offsets.
        let end = known.map_or(Some(chain.start), |known| known.end);
        end.into_iter().chain(self.limits.get(&chain.id).copied()).min()
    }

    /// The rows that `store` lacks.
    pub fn lacking(&self, store: StoreId) -> &[Row] {
        self.united.missing.get(&store).map_or(&[], Vec::as_slice)
    }

    /// Tombstones that have done their work.
    pub fn forgettable(&self) -> &[RowKey] {
        &self.united.forgettable
    }

    /// Tombstones of the chains of `store` that do not count any more.
    pub fn obsolete(&self, store: StoreId) -> impl Iterator<Item = Row> {
        self.united.partitions.iter().flat_map(move |(id, view)| {
            let own = view.obsolete.iter().filter(move |chain| chain.store == store);
            own.map(|chain| Row::ChainGone(*id, *chain))
        })
    }
}

/// Where the files of each store are; those of one that is away cannot be used.
pub struct Places {
    files: HashMap<StoreId, Arc<ChainFiles>>,
    away: Arc<ChainFiles>,
}

impl Places {
    /// Of the stores that are there.
    pub fn of(stores: &Stores, fs: &Arc<dyn FileSystem>) -> Self {
        let files = stores.all().iter().map(|store| (store.id, store.files.clone())).collect();
        let away = Arc::new(ChainFiles::new(fs.clone(), PathBuf::new()));
        away.fail(&"the store is away".into());
        Self { files, away }
    }

    fn placed(&self, record: ChainRecord) -> PlacedChain {
        PlacedChain { files: self.files.get(&record.id.store).unwrap_or(&self.away).clone(), record }
    }
}
