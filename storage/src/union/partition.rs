//! The chains of a partition in order: which offsets each has, which can be read, which have to go.
//!
//! 1. A reservation of a store that is away stands for its chain, if that is not known: its first records may be acknowledged.
//! 2. A copy takes the place of the chains it names once its store is there. While that is away they are used, if all of them are known.
//! 3. Chains are ordered by id; a copy counts as the latest chain it replaces. Each ends where the first of the later ones starts,
//!    whatever else is in its file: who opened a later chain knew what was acknowledged, and began behind it. A chain that begins
//!    there or later has nothing.
//! 4. The last one, if its store is away and it is not sealed, ends where its reservation does.
//! 5. What lies below the log start, has no offsets left or is replaced is obsolete.
//!
//! What must always hold: starts and ends grow along `chains`, and no two overlap; the next chain starts behind every offset that
//! any chain may have acknowledged; a sealed chain that has more than is left to it is kept and named, not obsolete.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::catalog::{ChainRecord, PartitionRecord, ReservationRecord};
use crate::ids::{ChainId, StoreId};

/// No store knows how far an open chain got that had no reservation, because no other store was there: more than so many records
/// are in none.
const UNRESERVED: i64 = 1 << 40;

/// What is known of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionView {
    /// Its chains in the order of their offsets. Between two of them there may be a gap without records.
    pub chains: Vec<ChainView>,
    /// The first offset that is kept.
    pub log_start: i64,
    /// The offset up to which the log was compacted.
    pub cleaned_to: i64,
    /// Where the next chain starts; `None` while the last one is open in a store that is here: it is written, or has to be
    /// recovered first.
    pub next_offset: Option<i64>,
    /// Chains that are to be removed: tombstones for them, and their files where the store is here.
    pub obsolete: Vec<ChainId>,
    /// Sealed chains that have records at offsets of another one. An ERROR should say so.
    pub conflicts: Vec<Conflict>,
}

impl Default for PartitionView {
    /// Of an empty partition.
    fn default() -> Self {
        Self {
            chains: Vec::new(),
            log_start: 0,
            cleaned_to: 0,
            next_offset: Some(0),
            obsolete: Vec::new(),
            conflicts: Vec::new(),
        }
    }
}

/// A chain and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainView {
    /// The chain as its store last said.
    pub row: ChainRecord,
    /// The offset after its last. `None`: it is the last one, and open in a store that is here. If only the row has no end, the
    /// chain has to be sealed there.
    pub end: Option<i64>,
    /// Whether its store is here. Else its offsets are known, and its records are not available.
    pub is_here: bool,
}

/// Two stores that were each alone have used the same offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The chain that is not served there.
    pub chain: ChainId,
    /// The offsets.
    pub offsets: Range<i64>,
}

impl PartitionView {
    /// The chain that has the first record at or after `offset`, if there is one; its records may not be available.
    #[cfg(test)]
    pub fn chain_for(&self, offset: i64) -> Option<&ChainView> {
        let at = self.chains.partition_point(|chain| chain.end.is_some_and(|end| end <= offset));
        self.chains.get(at)
    }
}

/// Sorts out the rows of one partition. `reservations` are those for chains that are not known to be sealed or gone; `epoch` is
/// this start's.
pub fn resolve(
    record: Option<PartitionRecord>,
    mut chains: Vec<ChainRecord>,
    reservations: &[ReservationRecord],
    is_here: &dyn Fn(StoreId) -> bool,
    epoch: u32,
) -> PartitionView {
    let mut view = PartitionView { cleaned_to: record.map_or(0, |record| record.cleaned_to), ..Default::default() };
    let reserved: HashMap<ChainId, i64> = reservations.iter().map(|reserved| (reserved.chain, reserved.end)).collect();
    view.obsolete = add_unknown(&mut chains, reservations, is_here, epoch);
    view.obsolete.extend(choose_copies(&mut chains, is_here));
    chains.sort_by_key(|chain| (chain.counts_as, chain.start, chain.id));
    let limits = first_later_starts(&chains);
    view.log_start = record.map_or(0, |record| record.log_start);
    let mut behind_all = Some(view.log_start);
    for (row, limit) in chains.into_iter().zip(limits) {
        let is_here = is_here(row.id.store);
        let end = end_of(&row, limit, is_here, reserved.get(&row.id).copied());
        // Also behind what is not served.
        behind_all = behind_all.zip(end).map(|(behind, end)| behind.max(end).max(row.end.unwrap_or(end)));
        view.place(ChainView { row, end, is_here });
    }
    view.next_offset = behind_all;
    view.log_start = view.chains.first().map_or(view.log_start, |first| view.log_start.max(first.row.start));
    view
}

impl PartitionView {
    fn place(&mut self, chain: ChainView) {
        let left = chain.end.unwrap_or(i64::MAX);
        let from = left.max(self.log_start).max(chain.row.start);
        let beyond = chain.row.end.map(|own| from..own).filter(|offsets| !offsets.is_empty());
        let is_served = left > chain.row.start && left > self.log_start;
        // One that is open where nobody can look is left alone, unless it is too old anyhow.
        let is_known = chain.is_here || chain.row.end.is_some() || left <= self.log_start;
        let id = chain.row.id;
        if is_served {
            self.chains.push(chain);
        }
        match beyond {
            Some(offsets) => self.conflicts.push(Conflict { chain: id, offsets }),
            None if !is_served && is_known => self.obsolete.push(id),
            None => {}
        }
    }
}

/// For each chain the smallest start of those after it.
fn first_later_starts(chains: &[ChainRecord]) -> Vec<Option<i64>> {
    let mut limit = None;
    let before = |chain: &ChainRecord| {
        let later = limit;
        limit = Some(limit.map_or(chain.start, |limit: i64| limit.min(chain.start)));
        later
    };
    let mut limits: Vec<Option<i64>> = chains.iter().rev().map(before).collect();
    limits.reverse();
    limits
}

/// Where a chain ends: at the start of a later one or where it was sealed, whichever comes first.
fn end_of(chain: &ChainRecord, next: Option<i64>, is_here: bool, reserved: Option<i64>) -> Option<i64> {
    match (chain.end, next) {
        (Some(own), Some(next)) => Some(own.min(next)),
        (own, next) if own.is_some() || next.is_some() => own.or(next),
        _ if is_here => None,
        _ => Some(reserved.unwrap_or_else(|| last_known(chain).saturating_add(UNRESERVED))),
    }
}

fn last_known(chain: &ChainRecord) -> i64 {
    chain.segments.last().map_or(chain.start, |segment| segment.base_offset.max(chain.start))
}

/// Adds the chains of which only a reservation is known; returns those that were never acknowledged.
fn add_unknown(
    chains: &mut Vec<ChainRecord>,
    reservations: &[ReservationRecord],
    is_here: &dyn Fn(StoreId) -> bool,
    epoch: u32,
) -> Vec<ChainId> {
    let known: HashSet<ChainId> = chains.iter().map(|chain| chain.id).collect();
    let (here, away): (Vec<&ReservationRecord>, Vec<_>) = reservations
        .iter()
        .filter(|reserved| !known.contains(&reserved.chain))
        .partition(|reserved| is_here(reserved.chain.store));
    chains.extend(away.into_iter().map(|reserved| ChainRecord {
        partition: reserved.partition,
        id: reserved.chain,
        counts_as: reserved.chain,
        version: 0,
        start: reserved.start,
        end: None,
        segments: Vec::new(),
        replaces: Vec::new(),
        leader_epochs: Vec::new(),
    }));
    here.into_iter().map(|reserved| reserved.chain).filter(|chain| chain.epoch < epoch).collect()
}

/// Takes out copies or what they replace; returns what is replaced for good.
fn choose_copies(chains: &mut Vec<ChainRecord>, is_here: &dyn Fn(StoreId) -> bool) -> Vec<ChainId> {
    let known: HashSet<ChainId> = chains.iter().map(|chain| chain.id).collect();
    let (mut unused, mut obsolete) = (HashSet::new(), Vec::new());
    for copy in chains.iter().filter(|chain| chain.end.is_some() && !chain.replaces.is_empty()) {
        if is_here(copy.id.store) {
            obsolete.extend(copy.replaces.iter().filter(|id| known.contains(id)));
            unused.extend(&copy.replaces);
        } else if copy.replaces.iter().all(|id| known.contains(id)) {
            unused.insert(copy.id);
        } else {
            unused.extend(&copy.replaces);
        }
    }
    chains.retain(|chain| !unused.contains(&chain.id));
    obsolete.sort();
    obsolete.dedup();
    obsolete
}
