//! The stored state: how updates merge, whom epochs fence, what nonsense does.

use super::super::*;

fn batch(first: i64, last: i64, fate: Fate, delivery_count: i16) -> StateBatch {
    Run { first, last, value: Mark { delivery_count, fate } }
}

fn update(start_offset: i64, batches: &[StateBatch]) -> Update {
    Update { start_offset, delivery_complete_count: 0, batches: batches.to_vec() }
}

fn merged(start: i64, updates: &[&[StateBatch]]) -> Vec<StateBatch> {
    let mut stored = Stored::initial(0, start);
    updates.iter().for_each(|batches| stored.merge(-1, &update(-1, batches)));
    stored.batches().collect()
}

use Fate::{Acknowledged, Archived, Available};

/// First, last, state, deliveries.
type Listed = (i64, i64, Fate, i16);

/// What is stored, what comes in, what is stored then (`PersisterStateBatchCombinerTest`).
const COMBINED: [(&str, Listed, Listed, &[Listed]); 11] = [
    ("the same", (0, 9, Available, 1), (0, 9, Available, 1), &[(0, 9, Available, 1)]),
    ("more deliveries", (0, 9, Available, 1), (0, 9, Available, 2), &[(0, 9, Available, 2)]),
    ("further state", (0, 9, Available, 1), (0, 9, Acknowledged, 1), &[(0, 9, Acknowledged, 1)]),
    ("fewer deliveries", (0, 9, Available, 3), (0, 9, Acknowledged, 1), &[(0, 9, Available, 3)]),
    ("its start", (0, 9, Available, 1), (0, 5, Archived, 1), &[(0, 5, Archived, 1), (6, 9, Available, 1)]),
    (
        "its middle",
        (0, 9, Available, 1),
        (3, 5, Acknowledged, 1),
        &[(0, 2, Available, 1), (3, 5, Acknowledged, 1), (6, 9, Available, 1)],
    ),
    ("its middle, but weaker", (0, 9, Archived, 2), (3, 5, Available, 1), &[(0, 9, Archived, 2)]),
    ("its end", (0, 9, Available, 1), (5, 9, Available, 2), &[(0, 4, Available, 1), (5, 9, Available, 2)]),
    ("beyond it", (0, 9, Available, 1), (5, 15, Available, 2), &[(0, 4, Available, 1), (5, 15, Available, 2)]),
    (
        "beyond it, but weaker",
        (0, 9, Available, 3),
        (5, 15, Available, 2),
        &[(0, 9, Available, 3), (10, 15, Available, 2)],
    ),
    ("next to it, alike", (0, 9, Available, 1), (10, 15, Available, 1), &[(0, 15, Available, 1)]),
];

#[test]
fn batches_combine_as_kafka_combines_them() {
    let batch = |&(first, last, fate, count): &Listed| batch(first, last, fate, count);
    for (case, so_far, new, expected) in &COMBINED {
        let expected: Vec<StateBatch> = expected.iter().map(batch).collect();
        assert_eq!(merged(0, &[&[batch(so_far)], &[batch(new)]]), expected, "{case}");
        assert_eq!(merged(0, &[&[batch(new)], &[batch(so_far)]]), expected, "{case}, the other way round");
    }
}

#[test]
fn a_start_offset_cuts_what_is_below() {
    let mut stored = Stored::initial(0, 100);
    stored.merge(-1, &update(-1, &[batch(90, 110, Available, 1), batch(50, 60, Acknowledged, 1)]));
    assert_eq!(stored.batches().collect::<Vec<_>>(), [batch(100, 110, Available, 1)], "what comes in");
    stored.merge(-1, &update(105, &[]));
    assert_eq!(stored.batches().collect::<Vec<_>>(), [batch(105, 110, Available, 1)], "what is there");
    stored.merge(-1, &update(-1, &[]));
    assert_eq!(stored.start_offset(), 105, "-1 leaves it");
    assert_eq!(Stored::from_snapshot(0, 0, &stored.snapshot()), stored);
}

#[test]
fn older_epochs_are_fenced_and_unknown_ones_are_not() {
    let mut stored = Stored::initial(5, 0);
    stored.merge(7, &update(0, &[]));
    assert_eq!(stored.fence(6, 5), Err(Fenced::LeaderEpoch));
    assert_eq!(stored.fence(7, 4), Err(Fenced::StateEpoch));
    for (leader_epoch, state_epoch) in [(7, 5), (8, 6), (-1, -1)] {
        assert_eq!(stored.fence(leader_epoch, state_epoch), Ok(()));
    }
}

#[test]
fn what_is_set_up_without_a_start_offset_takes_the_first_one_it_is_given() {
    let stored = Stored::initial(1, -1);
    assert_eq!((stored.start_offset(), stored.delivery_complete_count()), (-1, -1));
    let deliveries = Deliveries::from_stored(&stored, 42);
    assert_eq!((deliveries.start(), deliveries.end(), deliveries.fetch_from(10)), (42, 42, Some(42)));
    let altered = Stored::initial(1, 7);
    assert_eq!((altered.start_offset(), altered.delivery_complete_count()), (7, 0));
}

#[test]
fn holes_between_stored_batches_are_delivered_for_the_first_time() {
    let mut stored = Stored::initial(0, 10);
    stored.merge(-1, &update(10, &[batch(21, 30, Acknowledged, 1), batch(35, 40, Available, 3)]));
    let deliveries = Deliveries::from_stored(&stored, 0);
    assert_eq!((deliveries.start(), deliveries.end(), deliveries.fetch_from(0)), (10, 41, Some(10)));
    let states: Vec<(i64, i64, i16)> =
        deliveries.states(0, 100).map(|run| (run.first, run.last, run.value.count)).collect();
    assert_eq!(states, [(10, 20, 0), (21, 30, 1), (31, 34, 0), (35, 40, 3)]);
}

#[test]
fn a_finished_prefix_is_behind_the_start_offset_after_a_restart() {
    let mut stored = Stored::initial(0, 0);
    stored
        .merge(-1, &update(0, &[batch(0, 4, Acknowledged, 1), batch(5, 9, Archived, 5), batch(10, 12, Available, 1)]));
    let deliveries = Deliveries::from_stored(&stored, 0);
    assert_eq!((deliveries.start(), deliveries.end(), deliveries.lag(20)), (10, 13, 10));
}

#[test]
fn nonsense_is_taken_in_without_harm() {
    let nonsense = [
        batch(9, 3, Available, 1),
        batch(i64::MIN, -1, Archived, 1),
        batch(-3, 2, Acknowledged, -7),
        batch(5, i64::MAX, Available, i16::MIN),
        batch(i64::MAX, i64::MAX, Archived, i16::MAX),
    ];
    let mut stored = Stored::from_snapshot(0, 0, &update(i64::MIN, &nonsense));
    let mut deliveries = Deliveries::from_stored(&stored, i64::MAX);
    assert_eq!((deliveries.start(), deliveries.end()), (OFFSET_MAX, i64::MAX));
    deliveries = Deliveries::from_stored(&stored, 0);
    assert_eq!((deliveries.start(), deliveries.end()), (3, i64::MAX));
    let rules = Rules {
        delivery_count_limit: 5,
        record_locks_max: 10,
        lock_duration_ms: u64::MAX,
        renew_allowed: true,
        dead_letters: false,
    };
    let batches = [FetchedBatch { first: 0, last: i64::MAX, visible: true }];
    let wish = Wish { records_max: i64::MAX, batch_size: i64::MAX, mode: AcquireMode::BatchOptimized };
    let got = deliveries.acquire(&"m".into(), Fetched { from: 3, batches: &batches }, wish, u64::MAX, &rules);
    assert_eq!(got.last().map(|range| range.last), Some(OFFSET_MAX));
    for change in [deliveries.release("m", &rules), deliveries.log_start_moved(i64::MAX)] {
        deliveries.apply(&change);
        stored.merge(-1, &change.update);
    }
    assert_eq!(deliveries.start(), OFFSET_MAX);
    assert_eq!(Fate::from_id(9), None);
}
