//! A new chain in the place of the front of one that is written.

use bytes::Bytes;
use catena_protocol::records::BatchBuilder;

use super::*;
use crate::config::LogConfig;
use crate::ids::SegmentId;
use crate::log::AppendOrigin;
use crate::log::held::{Fixture, wait_for};

const T0: i64 = 1_800_000_000_000;

fn batch() -> Bytes {
    BatchBuilder::new().push(T0, Some(b"k"), Some(&[7; 900])).build().unwrap()
}

fn bases(segments: impl IntoIterator<Item = SegmentId>) -> Vec<i64> {
    segments.into_iter().map(|segment| segment.base_offset).collect()
}

/// A segment was complete, the next one begun, and the round that was to make both durable had not come when a pass put its chain in the place of
/// the front: with it the catalog learned of both. A recovery looks through the last segment only; after a loss of power the one before was
/// taken for whole, and consumers stood before bytes that were no batch.
#[test]
fn with_a_new_front_the_catalog_learns_of_no_segment_that_is_not_durable() {
    // Two batches in a segment.
    let fixture = Fixture::new(LogConfig { segment_bytes: 2_100, ..LogConfig::default() });
    let (log, store) = (&fixture.log, &fixture.store);
    (0..3).for_each(|_| wait_for(log.append(batch(), AppendOrigin::Client, T0).unwrap()));
    let go_on = fixture.hold();
    (0..4).for_each(|_| drop(log.append(batch(), AppendOrigin::Client, T0).unwrap()));
    let segments = log.segments();
    assert_eq!(bases(segments.iter().map(|segment| segment.id)), [0, 2, 4, 6]);
    let chain = log.stores.next_chain(store);
    let front = Arc::new(Segment::create(&store.files, SegmentId { chain, base_offset: 0 }).unwrap());
    let compacted =
        Compacted { segments: vec![front], replaced: 1, chain_end: 2, cleaned_to: 2, stats: Default::default() };
    log.swap_in(&Swap { store: store.clone(), chain, old: segments[..1].to_vec(), compacted }).unwrap();
    let known = || store.catalog.row(&RowKey::Chain(log.id(), segments[1].id.chain)).unwrap();
    let Some(Row::Chain(row)) = known() else { panic!("the rest of the chain is there") };
    assert_eq!((row.start, bases(row.segment_ids())), (2, vec![2]));
    drop(go_on);
    wait_for(log.append(batch(), AppendOrigin::Client, T0).unwrap());
    let Some(Row::Chain(row)) = known() else { panic!("the rest of the chain is there") };
    assert_eq!((row.start, bases(row.segment_ids())), (2, vec![2, 4, 6]));
}
