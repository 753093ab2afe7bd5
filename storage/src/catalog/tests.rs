//! The catalog keeps what it is told, over reopening, and nothing of topics that are gone; the stores that follow it learn the same.

mod faults;
mod following;
mod rows;

use std::sync::Arc;

use super::*;
use crate::fs::RealFileSystem;
use crate::ids::{ChainId, new_topic_id};
use crate::segment::SegmentSummary;

fn store(number: u32) -> StoreId {
    StoreId::new(number).unwrap()
}

fn topic(name: &str) -> TopicRecord {
    let configs = [("cleanup.policy".to_owned(), "compact".to_owned()), ("empty".to_owned(), String::new())];
    TopicRecord {
        id: new_topic_id(store(1)),
        version: 1,
        created_epoch: 4,
        name: name.into(),
        partitions: 3,
        internal: name.starts_with('_'),
        configs: configs.into(),
    }
}

fn chain(topic: &TopicRecord, index: u32, epoch: u32, start: i64, end: Option<i64>) -> ChainRecord {
    let segments = [start, start + 5].map(|base_offset| SegmentSummary { base_offset, len: 100, max_timestamp: 7 });
    ChainRecord {
        partition: PartitionId { topic: topic.id, index },
        id: ChainId { epoch, sequence: index, store: store(1) },
        counts_as: ChainId { epoch, sequence: index, store: store(1) },
        version: 0,
        start,
        end,
        segments: segments.into(),
        replaces: Vec::new(),
        leader_epochs: Vec::new(),
    }
}

fn reservation(chain: &ChainRecord, end: i64) -> Row {
    Row::Reservation(ReservationRecord { partition: chain.partition, chain: chain.id, start: chain.start, end })
}

fn producers(chain: &ChainRecord, next_offset: i64) -> Row {
    Row::Producers(ProducersRecord { partition: chain.partition, next_offset, bytes: b"producers".to_vec() })
}

fn other_store(number: u32) -> Row {
    Row::Store(StoreRecord { id: store(number), version: 1, dir: "/data".into(), is_mount_point: true })
}

struct Case {
    dir: tempfile::TempDir,
    catalog: Catalog,
}

impl Case {
    fn new() -> Self {
        Self::of(1)
    }

    fn of(number: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Self::open(dir.path(), store(number));
        Self { dir, catalog }
    }

    fn open(dir: &std::path::Path, store: StoreId) -> Catalog {
        Catalog::open(Arc::new(RealFileSystem), dir.join("catalog.redb"), store).unwrap()
    }

    fn reopened(self) -> Self {
        let store = self.catalog.store();
        drop(self.catalog);
        Self { catalog: Self::open(self.dir.path(), store), dir: self.dir }
    }

    fn apply(&self, rows: &[Row]) {
        self.catalog.apply(rows).unwrap();
    }

    fn keys(&self) -> Vec<RowKey> {
        self.catalog.rows().unwrap().iter().map(Row::key).collect()
    }

    /// Numbers and keys of the events after `after`.
    fn events(&self, after: u64) -> Option<Vec<(u64, RowKey)>> {
        let events = self.catalog.events(after, 100).unwrap();
        events.map(|events| events.iter().map(|(number, row)| (*number, row.key())).collect())
    }
}

#[test]
fn what_is_written_is_read_after_reopening_in_order() {
    let case = Case::new();
    let (a, b) = (topic("a"), topic("__b"));
    let chains = [chain(&a, 0, 0, 0, Some(10)), chain(&a, 0, 1, 10, None), chain(&a, 1, 1, 0, None)];
    // Chains come before their topics here, and are put all the same.
    let mut rows: Vec<Row> = chains.iter().rev().cloned().map(Row::Chain).collect();
    rows.extend([Row::Topic(a.clone()), Row::Topic(b.clone()), producers(&chains[0], 7)]);
    case.apply(&rows);
    let case = case.reopened();
    let mut topics = case.catalog.topics().unwrap();
    topics.sort_by_key(|topic| std::cmp::Reverse(topic.name.len()));
    assert_eq!(topics, [b, a]);
    let read: Vec<_> =
        case.catalog.own_chains().unwrap().into_iter().map(|read| ChainRecord { version: 0, ..read }).collect();
    assert_eq!(read, chains);
    assert_eq!(case.catalog.producers(chains[0].partition).unwrap().map(|read| read.next_offset), Some(7));
}

#[test]
fn epochs_and_producer_ids_are_never_given_twice_whichever_store_counts_on() {
    let (a, b) = (Case::new(), Case::of(2));
    assert_eq!(a.catalog.next_broker_epoch(0).unwrap(), 0);
    assert_eq!(a.catalog.take_producer_ids(0, 1_000).unwrap(), 0);
    let a = a.reopened();
    let counters = a.catalog.counters().unwrap();
    assert_eq!(counters, Counters { next_broker_epoch: 1, next_producer_id: 1_000 });
    for case in [&a, &b] {
        assert_eq!(case.catalog.next_broker_epoch(counters.next_broker_epoch).unwrap(), 1);
        assert_eq!(case.catalog.take_producer_ids(counters.next_producer_id, 1_000).unwrap(), 1_000);
    }
    assert_eq!(b.catalog.counters().unwrap(), a.catalog.counters().unwrap());
    assert_eq!(b.catalog.next_broker_epoch(0).unwrap(), 2);
}

#[test]
fn a_deleted_topic_takes_everything_with_it_and_gets_nothing_new() {
    let case = Case::new();
    let (gone, kept) = (topic("gone"), topic("kept"));
    let rows = |topic: &TopicRecord| {
        let of_topic = chain(topic, 0, 0, 0, None);
        let partition = Row::Partition(PartitionRecord { id: of_topic.partition, log_start: 1, cleaned_to: 2 });
        [partition, reservation(&of_topic, 50), producers(&of_topic, 3), Row::Chain(of_topic)]
    };
    case.apply(&[Row::Topic(gone.clone()), Row::Topic(kept.clone())]);
    case.apply(&[rows(&gone), rows(&kept)].concat());
    let of_kept: Vec<RowKey> = case.keys().into_iter().filter(|key| key.owner() != Some(gone.id)).collect();
    case.apply(&[Row::TopicGone(gone.id)]);
    case.apply(&rows(&gone));
    let without_topic: Vec<RowKey> = of_kept.into_iter().filter(|key| *key != RowKey::Topic(gone.id)).collect();
    assert_eq!(case.keys(), without_topic);
    assert_eq!(without_topic.len(), 4);
    for (topic, expected) in [(&gone, false), (&kept, true)] {
        let id = PartitionId { topic: topic.id, index: 0 };
        assert_eq!(case.catalog.producers(id).unwrap().is_some(), expected, "{}", topic.name);
    }
}

#[test]
fn a_tombstone_is_kept_while_another_store_is_known_and_until_it_is_forgotten() {
    let case = Case::new();
    let a = topic("a");
    case.apply(&[other_store(2), Row::Topic(a.clone())]);
    case.apply(&[Row::TopicGone(a.id)]);
    case.apply(&[Row::Topic(TopicRecord { version: 9, ..a.clone() })]);
    assert_eq!(case.catalog.row(&RowKey::Topic(a.id)).unwrap(), Some(Row::TopicGone(a.id)));
    case.catalog.forget(&[RowKey::Topic(a.id), RowKey::Store(store(2))]).unwrap();
    assert_eq!(case.keys(), [RowKey::Store(store(2))]);
}

#[test]
fn a_chain_that_was_never_written_is_forgotten() {
    let case = Case::new();
    let a = topic("a");
    case.apply(&[Row::Topic(a.clone()), Row::Chain(chain(&a, 0, 0, 5, None))]);
    case.apply(&[Row::Chain(chain(&a, 0, 0, 5, Some(5)))]);
    assert_eq!(case.catalog.own_chains().unwrap(), []);
    assert_eq!(case.keys(), [RowKey::Topic(a.id)]);
}

#[test]
fn a_reservation_goes_with_the_seal_of_its_chain() {
    let case = Case::new();
    let a = topic("a");
    let open = chain(&a, 0, 0, 0, None);
    case.apply(&[Row::Topic(a.clone()), reservation(&open, 100), Row::Chain(open.clone()), reservation(&open, 50)]);
    let key = RowKey::Reservation(open.partition, open.id);
    assert_eq!(case.catalog.row(&key).unwrap(), Some(reservation(&open, 100)));
    case.apply(&[Row::Chain(chain(&a, 0, 0, 0, Some(10)))]);
    case.apply(&[reservation(&open, 200)]);
    assert_eq!(case.catalog.row(&key).unwrap(), None);
}

#[test]
fn partitions_only_grow() {
    let case = Case::new();
    let a = topic("a");
    let id = PartitionId { topic: a.id, index: 0 };
    let row = |log_start, cleaned_to| Row::Partition(PartitionRecord { id, log_start, cleaned_to });
    case.apply(&[Row::Topic(a), row(5, 0), row(3, 9), row(1, 1)]);
    assert_eq!(case.catalog.row(&RowKey::Partition(id)).unwrap(), Some(row(5, 9)));
}
