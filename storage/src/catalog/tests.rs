//! The catalog keeps what it is told, over reopening, and nothing of topics that are gone.

use super::*;

fn topic(name: &str) -> TopicRecord {
    let configs = [("cleanup.policy".to_owned(), "compact".to_owned()), ("empty".to_owned(), String::new())];
    TopicRecord {
        id: Uuid::new_v4(),
        name: name.into(),
        partitions: 3,
        internal: name.starts_with('_'),
        configs: configs.into(),
    }
}

fn chain(topic: &TopicRecord, index: u32, epoch: u32, start: i64, end: Option<i64>) -> ChainRecord {
    let segments = [start, start + 5].map(|base_offset| SegmentSummary { base_offset, len: 100, max_timestamp: 7 });
    let partition = PartitionId { topic: topic.id, index };
    ChainRecord { partition, id: ChainId { epoch, sequence: index }, start, end, segments: segments.into() }
}

struct Case {
    dir: tempfile::TempDir,
    catalog: Catalog,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(dir.path().join("catalog.redb")).unwrap();
        Self { dir, catalog }
    }

    fn reopened(self) -> Self {
        drop(self.catalog);
        let catalog = Catalog::open(self.dir.path().join("catalog.redb")).unwrap();
        Self { catalog, dir: self.dir }
    }
}

#[test]
fn what_is_written_is_read_after_reopening_in_order() {
    let case = Case::new();
    let (a, b) = (topic("a"), topic("__b"));
    case.catalog.put_topics(&[a.clone(), b.clone()]).unwrap();
    let chains = [chain(&a, 0, 0, 0, Some(10)), chain(&a, 0, 1, 10, None), chain(&a, 1, 1, 0, None)];
    case.catalog.put_chains(&[chains[2].clone(), chains[1].clone(), chains[0].clone()], &[]).unwrap();
    let producers = (chains[0].partition, b"producers".to_vec());
    case.catalog.put_chains(&[], std::slice::from_ref(&producers)).unwrap();
    let case = case.reopened();
    let mut topics = case.catalog.topics().unwrap();
    topics.sort_by_key(|topic| std::cmp::Reverse(topic.name.len()));
    assert_eq!(topics, [b, a]);
    assert_eq!(case.catalog.chains().unwrap(), chains);
    assert_eq!(case.catalog.producers(producers.0).unwrap(), Some(producers.1));
}

#[test]
fn epochs_and_producer_ids_are_never_given_twice() {
    let case = Case::new();
    assert_eq!(case.catalog.next_broker_epoch().unwrap(), 0);
    assert_eq!(case.catalog.take_producer_ids(1_000).unwrap(), 0);
    let case = case.reopened();
    assert_eq!(case.catalog.next_broker_epoch().unwrap(), 1);
    assert_eq!(case.catalog.take_producer_ids(1_000).unwrap(), 1_000);
}

#[test]
fn a_deleted_topic_takes_its_chains_with_it_and_gets_no_new_ones() {
    let case = Case::new();
    let (gone, kept) = (topic("gone"), topic("kept"));
    case.catalog.put_topics(&[gone.clone(), kept.clone()]).unwrap();
    let both = [chain(&gone, 0, 0, 0, None), chain(&kept, 0, 0, 0, None)];
    case.catalog.put_chains(&both, &[(both[0].partition, vec![1])]).unwrap();
    case.catalog.remove_topics(&[gone.id]).unwrap();
    case.catalog.put_chains(&[chain(&gone, 1, 0, 0, None)], &[(both[0].partition, vec![1])]).unwrap();
    assert_eq!(case.catalog.chains().unwrap(), both[1..]);
    assert_eq!(case.catalog.producers(both[0].partition).unwrap(), None);
    assert_eq!(case.catalog.topics().unwrap(), [kept]);
}

#[test]
fn an_empty_sealed_chain_is_forgotten() {
    let case = Case::new();
    let a = topic("a");
    case.catalog.put_topics(std::slice::from_ref(&a)).unwrap();
    case.catalog.put_chains(&[chain(&a, 0, 0, 5, None)], &[]).unwrap();
    case.catalog.put_chains(&[chain(&a, 0, 0, 5, Some(5))], &[]).unwrap();
    assert_eq!(case.catalog.chains().unwrap(), []);
}
