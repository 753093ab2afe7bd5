//! What becomes of records that were handed out, scenario by scenario.

use std::sync::Arc;

use super::super::*;
use super::partition::{RULES, ack, partition};

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
fn at_the_limit_a_released_record_is_given_up_and_announced() {
    let mut partition = partition(&[(0, 1)]);
    partition.rules.delivery_count_limit = 2;
    partition.delivered(1);
    partition.take("m", 10);
    let change = partition.ack("m", 0, 1, &[AckType::Release, AckType::Accept]).unwrap();
    let lost =
        GivenUp { first: 0, last: 0, delivery_count: 2, reason: Reason::DeliveryLimit, member: Some(Arc::from("m")) };
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
        (
            "released already",
            5,
            5,
            AckType::Accept,
            "The batch cannot be acknowledged. The batch is not in the acquired state.",
        ),
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
    assert_eq!(
        resumed.iter().map(|copy| (copy.first, copy.reason)).collect::<Vec<_>>(),
        [(0, Reason::Rejected), (2, Reason::Rejected)]
    );
    let change = partition.live.copied(&resumed[0], true);
    assert!(partition.happens(change).given_up.is_empty());
    assert_eq!(partition.live.start(), 2);
    let change = partition.live.copied(&resumed[1], false);
    assert_eq!(partition.happens(change).given_up, [resumed[1].clone()], "it went nowhere");
    assert!(partition.live.copied(&resumed[1], false).is_empty(), "nobody hears it twice");
    assert_eq!(partition.live.start(), 3);
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
