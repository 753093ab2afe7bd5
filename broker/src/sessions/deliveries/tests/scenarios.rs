//! What happens to records, scenario by scenario.

use std::sync::Arc;

use super::super::*;

const RULES: Rules = Rules {
    delivery_count_limit: 5,
    record_locks_max: 2_000,
    lock_duration_ms: 30_000,
    renew_allowed: true,
    dead_letters: false,
};

/// A share partition over a log of given batches, and its stored state.
struct Partition {
    live: Deliveries,
    stored: Stored,
    log: Vec<FetchedBatch>,
    rules: Rules,
    now: u64,
}

fn partition(batches: &[(i64, i64)]) -> Partition {
    let stored = Stored::initial(0, 0);
    let log = batches.iter().map(|&(first, last)| FetchedBatch { first, last, visible: true }).collect();
    Partition { live: Deliveries::from_stored(&stored, 0), stored, log, rules: RULES, now: 0 }
}

fn ack(first: i64, last: i64, types: &[AckType]) -> AckBatch {
    AckBatch { first, last, types: types.to_vec() }
}

impl Partition {
    fn take(&mut self, member: &str, records_max: i64) -> Vec<(i64, i64, i16)> {
        self.take_as(member, Wish { records_max, batch_size: 500, mode: AcquireMode::BatchOptimized })
    }

    fn take_as(&mut self, member: &str, wish: Wish) -> Vec<(i64, i64, i16)> {
        let Some(from) = self.live.fetch_from(self.rules.record_locks_max) else { return Vec::new() };
        let batches: Vec<FetchedBatch> = self.log.iter().filter(|batch| batch.last >= from).copied().collect();
        let fetched = Fetched { from, batches: &batches };
        let got = self.live.acquire(&Arc::from(member), fetched, wish, self.now, &self.rules);
        got.iter().map(|range| (range.first, range.last, range.delivery_count)).collect()
    }

    fn ack(&mut self, member: &str, first: i64, last: i64, types: &[AckType]) -> Result<Change, AckError> {
        let change = self.live.acknowledge(member, &[ack(first, last, types)], self.now, &self.rules)?;
        Ok(self.happens(change))
    }

    fn happens(&mut self, change: Change) -> Change {
        self.stored.merge(-1, &change.update);
        self.live.apply(&change);
        change
    }

    /// So many deliveries of all to `m`, each released.
    fn delivered(&mut self, times: usize) {
        for _ in 0..times {
            self.take("m", 1_000);
            let change = self.live.release("m", &self.rules);
            self.happens(change);
        }
    }

    fn restart(&mut self) {
        self.live = Deliveries::from_stored(&self.stored, 0);
    }
}

#[test]
fn accepted_records_are_behind_the_start_offset() {
    let mut partition = partition(&[(0, 9), (10, 19)]);
    assert_eq!(partition.take("m", 10), [(0, 9, 1)]);
    assert_eq!(partition.take("n", 10), [(10, 19, 1)]);
    partition.ack("n", 10, 19, &[AckType::Accept]).unwrap();
    assert_eq!((partition.live.start(), partition.live.lag(20)), (0, 10), "the first ten are still out");
    let change = partition.ack("m", 0, 9, &[AckType::Accept]).unwrap();
    assert_eq!((change.update.start_offset, change.update.delivery_complete_count), (0, 20));
    assert_eq!((partition.live.start(), partition.live.end(), partition.live.lag(20)), (20, 20, 0));
    partition.restart();
    assert_eq!((partition.live.start(), partition.live.lag(25)), (20, 5));
}

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
fn at_the_limit_a_released_record_is_given_up_and_announced() {
    let mut partition = partition(&[(0, 1)]);
    partition.rules.delivery_count_limit = 2;
    partition.delivered(1);
    partition.take("m", 10);
    let change = partition.ack("m", 0, 1, &[AckType::Release, AckType::Accept]).unwrap();
    let lost = GivenUp {
        first: 0,
        last: 0,
        delivery_count: 2,
        reason: Reason::DeliveryLimit,
        member: Some(Arc::from("m")),
    };
    assert_eq!((change.given_up, change.copies), (vec![lost], vec![]));
    assert_eq!(partition.live.start(), 2);
}

#[test]
fn locks_run_out_member_by_member_and_counts_stay() {
    let mut partition = partition(&[(0, 4), (5, 9)]);
    partition.take("m", 5);
    partition.now = 10_000;
    partition.take("n", 5);
    assert_eq!(partition.live.next_deadline_ms(), Some(30_000));
    assert!(partition.live.expire(29_999, &RULES).is_empty());
    let change = partition.live.expire(30_000, &RULES);
    partition.happens(change);
    assert_eq!(partition.live.next_deadline_ms(), Some(40_000));
    assert_eq!(partition.take("n", 5), [(0, 4, 2)]);
    let change = partition.live.release("n", &RULES);
    partition.happens(change);
    partition.restart();
    assert_eq!(partition.take("m", 1), [(0, 4, 3)]);
}

#[test]
fn a_renewed_lock_lasts_longer_and_nothing_is_stored() {
    let mut partition = partition(&[(0, 9)]);
    partition.take("m", 10);
    partition.now = 20_000;
    let change = partition.ack("m", 4, 6, &[AckType::Renew, AckType::Renew, AckType::Accept]).unwrap();
    assert_eq!(change.renewals, [Renewal { first: 4, last: 5, until_ms: 50_000 }]);
    assert_eq!(change.update.batches.len(), 1);
    let deadlines: Vec<(i64, i64, u64)> =
        partition.live.in_flight().map(|held| (held.first, held.last, held.until_ms)).collect();
    assert_eq!(deadlines, [(0, 3, 30_000), (4, 5, 50_000), (7, 9, 30_000)]);
    let only_renewed = partition.ack("m", 0, 0, &[AckType::Renew]).unwrap();
    assert!(!only_renewed.is_durable() && !only_renewed.is_empty());
}

#[test]
fn acknowledgements_that_do_not_hold_are_refused_as_kafka_refuses_them() {
    let mut partition = partition(&[(0, 9), (10, 19)]);
    assert!(matches!(partition.ack("m", 0, 0, &[AckType::Accept]), Err(AckError::NotHeld(_))), "nothing is out");
    partition.take("m", 10);
    partition.take("n", 10);
    partition.ack("m", 0, 1, &[AckType::Accept]).unwrap();
    partition.ack("m", 5, 5, &[AckType::Release]).unwrap();
    partition.rules.renew_allowed = false;
    let cases = [
        ("of somebody else", 10, 10, AckType::Accept, "Member is not the owner of batch record"),
        ("in part of somebody else", 9, 10, AckType::Accept, "Member is not the owner of batch record"),
        ("released already", 5, 5, AckType::Accept, "The batch cannot be acknowledged. The batch is not in the acquired state."),
        ("renewed, not allowed", 3, 3, AckType::Renew, "Renewing acquisition locks is not enabled for the group."),
    ];
    for (case, first, last, ack_type, text) in cases {
        assert_eq!(partition.ack("m", first, last, &[ack_type]), Err(AckError::NotHeld(text)), "{case}");
    }
    let first_past = "Batch record not found. The first offset in request is past acquired records.";
    let last_past = "Batch record not found. The last offset in request is past acquired records.";
    assert_eq!(partition.ack("m", 20, 20, &[AckType::Accept]), Err(AckError::PastTheEnd(first_past)));
    assert_eq!(partition.ack("m", 9, 20, &[AckType::Accept]), Err(AckError::PastTheEnd(last_past)));
    let ignored = partition.ack("m", 0, 1, &[AckType::Reject]).unwrap();
    assert!(ignored.is_empty(), "below the start offset nothing is decided any more");
}

#[test]
fn a_request_is_taken_as_a_whole_or_not_at_all() {
    let mut partition = partition(&[(0, 9)]);
    partition.take("m", 10);
    let before = partition.live.clone();
    let twice = [ack(0, 4, &[AckType::Accept]), ack(4, 9, &[AckType::Accept])];
    assert_eq!(check(&twice, false), Ok(()), "Kafka lets one offset overlap here");
    assert!(matches!(partition.live.acknowledge("m", &twice, 0, &RULES), Err(AckError::NotHeld(_))));
    assert_eq!(partition.live, before);
}

#[test]
fn ranges_that_make_no_sense_are_malformed() {
    use AckType::{Accept, Renew};
    let cases: [(&str, &[AckBatch], bool); 9] = [
        ("reversed", &[ack(5, 4, &[Accept])], false),
        ("out of order", &[ack(5, 9, &[Accept]), ack(0, 4, &[Accept])], false),
        ("overlapping", &[ack(0, 5, &[Accept]), ack(4, 9, &[Accept])], false),
        ("without types", &[ack(0, 5, &[])], false),
        ("too few types", &[ack(0, 5, &[Accept, Accept])], false),
        ("too many types", &[ack(0, 0, &[Accept, Accept])], false),
        ("reversed to the extreme", &[ack(i64::MAX, i64::MIN, &[Accept, Accept])], false),
        ("negative", &[ack(-2, 0, &[Accept])], false),
        ("renewed without a word", &[ack(0, 5, &[Renew])], false),
    ];
    for (case, batches, may_renew) in cases {
        assert_eq!(check(batches, may_renew), Err(AckError::Malformed), "{case}");
    }
    assert_eq!(check(&[ack(0, 5, &[Renew]), ack(6, 7, &[Accept, Renew])], true), Ok(()));
}

#[test]
fn with_a_dead_letter_topic_a_rejected_record_is_finished_when_it_is_copied() {
    let mut partition = partition(&[(0, 2)]);
    partition.rules.dead_letters = true;
    partition.take("m", 10);
    let change = partition.ack("m", 0, 2, &[AckType::Reject, AckType::Gap, AckType::Reject]).unwrap();
    assert_eq!(change.copies.iter().map(|copy| copy.first).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(change.given_up.iter().map(|gap| (gap.first, gap.reason)).collect::<Vec<_>>(), [(1, Reason::Gap)]);
    assert_eq!((change.update.delivery_complete_count, partition.live.start()), (1, 0));

    partition.restart();
    let resumed = partition.live.copies_to_resume(&partition.rules);
    assert_eq!(resumed.iter().map(|copy| (copy.first, copy.reason)).collect::<Vec<_>>(), [
        (0, Reason::Rejected),
        (2, Reason::Rejected)
    ]);
    let change = partition.live.copied(&resumed[0], true);
    assert!(partition.happens(change).given_up.is_empty());
    assert_eq!(partition.live.start(), 2);
    let change = partition.live.copied(&resumed[1], false);
    assert_eq!(partition.happens(change).given_up, [resumed[1].clone()], "it went nowhere");
    assert!(partition.live.copied(&resumed[1], false).is_empty(), "nobody hears it twice");
    assert_eq!(partition.live.start(), 3);
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
fn records_that_are_deleted_unfinished_are_announced_whoever_holds_them() {
    let mut partition = partition(&[(0, 4), (5, 9)]);
    partition.take("m", 5);
    partition.ack("m", 1, 1, &[AckType::Accept]).unwrap();
    assert!(partition.live.log_start_moved(0).is_empty());
    let change = partition.live.log_start_moved(7);
    let lost: Vec<(i64, i64, i16, bool)> =
        change.given_up.iter().map(|run| (run.first, run.last, run.delivery_count, run.member.is_some())).collect();
    assert_eq!(lost, [(0, 0, 1, true), (2, 4, 1, true), (5, 6, 0, false)]);
    assert!(change.is_durable());
    partition.happens(change);
    assert_eq!((partition.live.start(), partition.live.end(), partition.stored.start_offset()), (7, 7, 7));
    assert!(partition.ack("m", 0, 4, &[AckType::Accept]).unwrap().is_empty(), "a late answer is not an error");
    assert!(partition.live.release("m", &RULES).is_empty());
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
