//! A new chain in the place of the front of one that is written.

use std::collections::BTreeMap;

use bytes::Bytes;
use catena_protocol::records::BatchBuilder;
use crossbeam::channel::bounded;

use super::*;
use crate::config::{CleanerOptions, LogConfig, StorageOptions};
use crate::ids::SegmentId;
use crate::log::AppendOrigin;
use crate::storage::Storage;
use crate::topics::NewTopic;

const T0: i64 = 1_800_000_000_000;

fn batch() -> Bytes {
    BatchBuilder::new().push(T0, Some(b"k"), Some(&[7; 900])).build().unwrap()
}

/// A log with two batches in a segment.
fn open(dir: &std::path::Path) -> (Arc<Storage>, Arc<PartitionLog>) {
    let log_defaults = LogConfig { segment_bytes: 2_100, timestamp_after_max_ms: i64::MAX, ..LogConfig::default() };
    let cleaner = CleanerOptions { enabled: false, ..CleanerOptions::default() };
    let options = StorageOptions { log_defaults, cleaner, ..StorageOptions::default() };
    let (storage, _) = Storage::open(&[dir.to_owned()], options).unwrap();
    let new = NewTopic { name: "t".into(), partitions: 1, configs: BTreeMap::new(), internal: false };
    let topic = storage.create_topics(vec![new]).pop().unwrap().unwrap();
    (storage, topic.partitions[0].clone())
}

fn bases(segments: impl IntoIterator<Item = SegmentId>) -> Vec<i64> {
    segments.into_iter().map(|segment| segment.base_offset).collect()
}

/// A segment was complete, the next one begun, and the round that was to make both durable had not come when a pass put its chain in the place of
/// the front: with it the catalog learned of both. A recovery looks through the last segment only; after a loss of power the one before was
/// taken for whole, and consumers stood before bytes that were no batch.
#[test]
fn with_a_new_front_the_catalog_learns_of_no_segment_that_is_not_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (_storage, log) = open(dir.path());
    let store = log.stores.all()[0].clone();
    for _ in 0..3 {
        let appended = log.append(batch(), AppendOrigin::Client, T0).unwrap();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(appended.commit.durable()).unwrap();
    }
    let ((held, is_held), (go_on, goes_on)) = (bounded::<()>(1), bounded::<()>(1));
    store.commits.run_between(Box::new(move || {
        held.send(()).unwrap();
        let _ = goes_on.recv();
    }));
    is_held.recv().unwrap();
    (0..4).for_each(|_| drop(log.append(batch(), AppendOrigin::Client, T0).unwrap()));
    let segments = log.segments();
    assert_eq!(bases(segments.iter().map(|segment| segment.id)), [0, 2, 4, 6]);
    let chain = log.stores.next_chain(&store);
    let front = Arc::new(Segment::create(&store.files, SegmentId { chain, base_offset: 0 }).unwrap());
    let compacted =
        Compacted { segments: vec![front], replaced: 1, chain_end: 2, cleaned_to: 2, stats: Default::default() };
    log.swap_in(&Swap { store: store.clone(), chain, old: segments[..1].to_vec(), compacted }).unwrap();
    let known = || store.catalog.row(&RowKey::Chain(log.id(), segments[1].id.chain)).unwrap();
    let Some(Row::Chain(row)) = known() else { panic!("the rest of the chain is there") };
    assert_eq!((row.start, bases(row.segment_ids())), (2, vec![2]));
    drop(go_on);
    let appended = log.append(batch(), AppendOrigin::Client, T0).unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(appended.commit.durable()).unwrap();
    let Some(Row::Chain(row)) = known() else { panic!("the rest of the chain is there") };
    assert_eq!((row.start, bases(row.segment_ids())), (2, vec![2, 4, 6]));
}
