//! Who gets which records, scenario by scenario.

use std::sync::Arc;

use super::super::*;
use super::partition::{RULES, partition};

#[test]
fn released_records_come_first_and_count_on() {
    let mut partition = partition(&[(0, 9), (10, 19)]);
    partition.take("m", 10);
    partition.ack("m", 3, 5, &[AckType::Release]).unwrap();
    assert_eq!(partition.live.fetch_from(2_000), Some(3));
    assert_eq!(partition.take("n", 1), [(3, 5, 2)]);
    assert_eq!(partition.live.fetch_from(2_000), Some(10));
}

#[test]
fn whole_batches_are_handed_out_unless_the_number_is_a_limit() {
    let wish = |mode| Wish { records_max: 12, batch_size: 500, mode };
    let mut whole = partition(&[(0, 9), (10, 19), (20, 29)]);
    assert_eq!(whole.take_as("m", wish(AcquireMode::BatchOptimized)), [(0, 19, 1)]);
    let mut exact = partition(&[(0, 9), (10, 19), (20, 29)]);
    assert_eq!(exact.take_as("m", wish(AcquireMode::RecordLimit)), [(0, 11, 1)]);
    assert_eq!((exact.live.end(), exact.live.fetch_from(2_000)), (20, Some(12)), "the batch is known as a whole");
    assert_eq!(exact.take_as("m", wish(AcquireMode::RecordLimit)), [(12, 23, 1)]);
}

#[test]
fn ranges_are_cut_at_batches_of_the_log_and_not_inside() {
    let mut partition = partition(&[(0, 2), (3, 5), (6, 8), (9, 30), (31, 31)]);
    let wish = Wish { records_max: 100, batch_size: 5, mode: AcquireMode::BatchOptimized };
    assert_eq!(partition.take_as("m", wish), [(0, 5, 1), (6, 30, 1), (31, 31, 1)]);
    let change = partition.live.release("m", &RULES);
    partition.happens(change);
    let exact = Wish { mode: AcquireMode::RecordLimit, ..wish };
    assert_eq!(partition.take_as("m", exact), [(0, 31, 2)], "a record limit has one range");
}

#[test]
fn with_all_locks_taken_only_released_records_are_handed_out() {
    let mut partition = partition(&[(0, 9), (10, 19), (20, 29)]);
    partition.rules.record_locks_max = 15;
    assert_eq!(partition.take("m", 100), [(0, 19, 1)], "the batch is not cut");
    assert_eq!((partition.live.fetch_from(15), partition.take("m", 100)), (None, vec![]));
    partition.ack("m", 5, 6, &[AckType::Release]).unwrap();
    assert_eq!(partition.take("n", 100), [(5, 6, 2)]);
    partition.ack("m", 0, 4, &[AckType::Accept]).unwrap();
    assert_eq!(partition.live.fetch_from(15), None, "15 offsets are still in flight");
    partition.ack("n", 5, 5, &[AckType::Accept]).unwrap();
    assert_eq!(partition.take("n", 100), [(20, 29, 1)]);
}

#[test]
fn near_the_limit_fewer_records_go_together_and_the_last_time_one_alone() {
    let mut partition = partition(&[(0, 499)]);
    partition.rules.delivery_count_limit = 10;
    partition.delivered(5);
    let mut sizes = Vec::new();
    for _ in 5..10 {
        let got = partition.take("m", 500);
        sizes.push((got.len(), got[0]));
        let change = partition.live.release("m", &partition.rules);
        partition.happens(change);
    }
    let expected = [(0, 249, 6), (0, 124, 7), (0, 61, 8), (0, 30, 9), (0, 0, 10)];
    assert_eq!(sizes, expected.map(|range| (1, range)));
    assert_eq!(partition.take("m", 500), [(1, 1, 10)], "the first is given up, the second is alone");
}

#[test]
fn a_record_near_its_limit_waits_until_it_can_be_first() {
    let mut partition = partition(&[(0, 4), (5, 9)]);
    partition.delivered(2);
    partition.take("m", 1_000);
    partition.ack("m", 5, 9, &[AckType::Release]).unwrap();
    partition.ack("m", 0, 4, &[AckType::Accept]).unwrap();
    partition.log.push(FetchedBatch { first: 10, last: 19, visible: true });
    assert_eq!(partition.take("m", 1_000), [(5, 6, 4)], "half of the batch, and nothing new with it");
    assert_eq!(partition.take("n", 1_000), [(7, 8, 4)]);
}

#[test]
fn a_low_limit_hands_all_out_together_to_the_end() {
    let mut partition = partition(&[(0, 9)]);
    partition.rules.delivery_count_limit = 2;
    partition.delivered(1);
    assert_eq!(partition.take("m", 100), [(0, 9, 2)]);
}

#[test]
fn offsets_that_the_log_skips_do_not_hold_the_start_offset() {
    let mut partition = partition(&[(5, 9), (20, 29)]);
    partition.take("m", 5);
    assert_eq!((partition.live.start(), partition.live.end()), (5, 10));
    assert_eq!(partition.take("m", 100), [(20, 29, 1)]);
    partition.ack("m", 5, 9, &[AckType::Accept]).unwrap();
    assert_eq!(partition.live.start(), 20);
    assert_eq!(partition.live.counts(), Counts { acquired: 10, ..Counts::default() });
}

#[test]
fn a_released_batch_that_is_compacted_away_is_passed_over() {
    let mut partition = partition(&[(0, 9), (10, 19), (20, 29)]);
    partition.delivered(1);
    partition.log.remove(0);
    assert_eq!(partition.take("m", 10), [(10, 19, 2)]);
    assert_eq!(partition.live.start(), 10);
    assert_eq!(partition.stored.start_offset(), 0, "the log says it again after a restart");
}

#[test]
fn batches_nobody_may_see_are_passed_over() {
    let mut partition = partition(&[(0, 4), (5, 9), (10, 14)]);
    partition.log[1].visible = false;
    assert_eq!(partition.take("m", 100), [(0, 4, 1), (10, 14, 1)]);
    partition.ack("m", 0, 4, &[AckType::Accept]).unwrap();
    assert_eq!(partition.live.start(), 10);
}

#[test]
fn a_read_from_before_a_reset_hands_nothing_out() {
    let mut partition = partition(&[(0, 9)]);
    let batches = [FetchedBatch { first: 50, last: 59, visible: true }];
    let wish = Wish { records_max: 10, batch_size: 10, mode: AcquireMode::BatchOptimized };
    let fetched = Fetched { from: 50, batches: &batches };
    assert!(partition.live.acquire(&Arc::from("m"), fetched, wish, 0, &RULES).is_empty());
    assert_eq!(partition.live.end(), 0);
}
