//! What the broker knows: the rows of all stores that are there, together.
//!
//! 1. Of each row the latest version counts, whichever store has it (`Row::merged`).
//! 2. Rows of topics that are not known, or deleted, are left out.
//! 3. Two topics with one name: the one made in the later broker epoch, then the one with the larger id, gets the name
//!    `<name>.<store id>`, as a new version of its row.
//! 4. Per partition, chains and reservations are put in order (`partition`).
//! 5. What a store lacks is written into it (`missing`); when no known store is away, tombstones have done their work (`forgettable`).
//!
//! What must always hold: the outcome depends on the rows alone, not on the order of stores or rows; applying `missing` and doing
//! it again gives the same topics and partitions, and nothing missing.

mod partition;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use uuid::Uuid;

use crate::catalog::{ChainRecord, PartitionRecord, ReservationRecord, Row, RowKey, StoreRecord, TopicRecord};
use crate::ids::{PartitionId, StoreId};

pub use partition::{ChainView, Conflict, PartitionView};

/// The rows of a store that is there.
#[derive(Debug, Clone)]
pub struct StoreRows {
    /// The store.
    pub store: StoreId,
    /// All its rows (`Catalog::rows`).
    pub rows: Vec<Row>,
}

/// A topic that gave way to another one with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The topic.
    pub id: Uuid,
    /// Its name up to now.
    pub from: String,
    /// Its name from now on.
    pub to: String,
}

/// What the broker knows.
#[derive(Debug, Clone, Default)]
pub struct Union {
    /// Every store that was ever announced, by id, also those that are away.
    pub stores: BTreeMap<StoreId, StoreRecord>,
    /// Every topic, by name; no two have the same.
    pub topics: BTreeMap<String, TopicRecord>,
    /// Every partition of which there is a row; the others are empty.
    pub partitions: HashMap<PartitionId, PartitionView>,
    /// Topics that were renamed just now. An ERROR should say so.
    pub renamed: Vec<Renamed>,
    /// What to write (`Catalog::learn`) into each store that is there and lacks something.
    pub missing: BTreeMap<StoreId, Vec<Row>>,
    /// Tombstones that every store may forget (`Catalog::forget`) once `missing` is written everywhere.
    pub forgettable: Vec<RowKey>,
    /// A broker epoch larger than that of every chain.
    pub next_broker_epoch: u64,
}

impl Union {
    /// The union of `stores`. `epoch` is this start's broker epoch: a chain of an earlier one that its own store does not know was
    /// never acknowledged.
    pub fn of(stores: &[StoreRows], epoch: u32) -> Self {
        let mut rows = merged(stores);
        let renamed = rename_clashing(&mut rows);
        let void: Vec<RowKey> = rows.keys().filter(|key| is_void(key, &rows)).copied().collect();
        void.iter().for_each(|key| drop(rows.remove(key)));
        let all_here = all_here(stores, &rows);
        let (missing, forgettable) = (missing(stores, &rows, all_here), forgettable(&rows, all_here));
        Self { renamed, missing, forgettable, ..sorted_out(rows, stores, epoch) }
    }

    /// What is known of a partition; nothing is known of an empty one.
    #[cfg(test)]
    pub fn partition(&self, id: PartitionId) -> PartitionView {
        self.partitions.get(&id).cloned().unwrap_or_default()
    }

    /// Says what somebody should look at.
    pub fn report(&self) {
        for topic in &self.renamed {
            tracing::error!(
                "two topics were made with the name {}: one of them is {} from now on",
                topic.from,
                topic.to
            );
        }
        for (partition, view) in &self.partitions {
            for Conflict { chain, offsets } in &view.conflicts {
                let Range { start, end } = offsets;
                tracing::error!(
                    "{partition}: offsets {start} to {end} of chain {chain} are another chain's too and are not served"
                );
            }
        }
    }
}

type Rows = HashMap<RowKey, Row>;

fn merged(stores: &[StoreRows]) -> Rows {
    let mut rows = Rows::new();
    for row in stores.iter().flat_map(|store| &store.rows) {
        match rows.entry(row.key()) {
            std::collections::hash_map::Entry::Vacant(free) => drop(free.insert(row.clone())),
            std::collections::hash_map::Entry::Occupied(mut held) => {
                if row.supersedes(held.get()) {
                    let merged = row.clone().merged(held.get());
                    held.insert(merged);
                }
            }
        }
    }
    rows
}

/// Whether a row has no meaning: its topic is not known or deleted, or it is a reservation and its chain sealed or gone.
fn is_void(key: &RowKey, rows: &Rows) -> bool {
    let known = |topic: Uuid| matches!(rows.get(&RowKey::Topic(topic)), Some(Row::Topic(_)));
    let settled = |key: &RowKey| match rows.get(key) {
        Some(Row::Chain(chain)) => chain.end.is_some(),
        other => other.is_some(),
    };
    match key {
        RowKey::Reservation(id, chain) => !known(id.topic) || settled(&RowKey::Chain(*id, *chain)),
        key => !key.owner().is_none_or(known),
    }
}

fn rename_clashing(rows: &mut Rows) -> Vec<Renamed> {
    let topic = |row: &Row| if let Row::Topic(topic) = row { Some(topic.clone()) } else { None };
    let mut topics: Vec<TopicRecord> = rows.values().filter_map(topic).collect();
    topics.sort_by_key(|topic| (topic.created_epoch, topic.id));
    let mut taken: HashSet<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let (mut seen, mut renamed) = (HashSet::new(), Vec::new());
    for topic in topics {
        if seen.insert(topic.name.clone()) {
            continue;
        }
        let to = free_name(&topic, &taken);
        taken.insert(to.clone());
        renamed.push(Renamed { id: topic.id, from: topic.name.clone(), to: to.clone() });
        let row = Row::Topic(TopicRecord { name: to, version: topic.version + 1, ..topic });
        rows.insert(row.key(), row);
    }
    renamed
}

/// The topic's name and its store; once more, should a topic have that name.
fn free_name(topic: &TopicRecord, taken: &HashSet<String>) -> String {
    let suffix = StoreId::of_topic(topic.id).map_or_else(|| topic.id.simple().to_string(), |store| store.to_string());
    let mut name = topic.name.clone();
    while taken.contains(&name) {
        name = format!("{name}.{suffix}");
    }
    name
}

/// Whether no store that is known is away.
fn all_here(stores: &[StoreRows], rows: &Rows) -> bool {
    let is_here = |id: StoreId| stores.iter().any(|store| store.store == id);
    rows.values().all(|row| !matches!(row, Row::Store(store) if !is_here(store.id)))
}

/// Per store, what it lacks of `rows`: it has an earlier version or none. It needs no tombstone of what it does not have, unless a store
/// is away: that may have it, and come back when those who know better are away.
fn missing(stores: &[StoreRows], rows: &Rows, all_here: bool) -> BTreeMap<StoreId, Vec<Row>> {
    let of_store = |store: &StoreRows| {
        let has: HashMap<RowKey, &Row> = store.rows.iter().map(|row| (row.key(), row)).collect();
        let lacks = |row: &&Row| match has.get(&row.key()) {
            Some(own) => row.supersedes(own),
            None => match row.key() {
                RowKey::Reservation(_, chain) => chain.store != store.store,
                _ if !all_here || !row.is_tombstone() => true,
                RowKey::Chain(id, chain) => has.contains_key(&RowKey::Reservation(id, chain)),
                _ => false,
            },
        };
        let mut lacking: Vec<Row> = rows.values().filter(lacks).cloned().collect();
        lacking.sort_by_key(Row::key);
        (store.store, lacking)
    };
    stores.iter().map(of_store).filter(|(_, rows)| !rows.is_empty()).collect()
}

fn forgettable(rows: &Rows, all_here: bool) -> Vec<RowKey> {
    if !all_here {
        return Vec::new();
    }
    let mut keys: Vec<RowKey> = rows.values().filter(|row| row.is_tombstone()).map(Row::key).collect();
    keys.sort();
    keys
}

/// The rows of one partition.
#[derive(Default)]
struct OfPartition {
    record: Option<PartitionRecord>,
    chains: Vec<ChainRecord>,
    reservations: Vec<ReservationRecord>,
}

fn sorted_out(rows: Rows, stores: &[StoreRows], epoch: u32) -> Union {
    let mut union = Union::default();
    let mut partitions: HashMap<PartitionId, OfPartition> = HashMap::new();
    for row in rows.into_values() {
        if let RowKey::Chain(_, chain) | RowKey::Reservation(_, chain) = row.key() {
            union.next_broker_epoch = union.next_broker_epoch.max(u64::from(chain.epoch) + 1);
        }
        match row {
            Row::Store(store) => drop(union.stores.insert(store.id, store)),
            Row::Topic(topic) => drop(union.topics.insert(topic.name.clone(), topic)),
            Row::Partition(record) => partitions.entry(record.id).or_default().record = Some(record),
            Row::Chain(chain) => partitions.entry(chain.partition).or_default().chains.push(chain),
            Row::Reservation(reserved) => partitions.entry(reserved.partition).or_default().reservations.push(reserved),
            Row::TopicGone(_) | Row::ChainGone(..) | Row::Producers(_) => {}
        }
    }
    let here: HashSet<StoreId> = stores.iter().map(|store| store.store).collect();
    for (id, of) in partitions {
        let view = partition::resolve(of.record, of.chains, &of.reservations, &|store| here.contains(&store), epoch);
        union.partitions.insert(id, view);
    }
    union
}

#[cfg(test)]
mod tests;
