//! Idempotent producers through the storage's own calls: how much memory they take, when they are forgotten, and what is known
//! of them after a crash.

mod common;

use std::sync::Arc;

use catena_protocol::records::BatchBuilder;
use catena_storage::{AppendError, AppendOrigin, LogConfig, ProducerLimits, ProducerTurn, ProducerUpkeep};
use common::{Case, T0, config, idempotent};

const MIB: usize = 1 << 20;
const LIMITS: ProducerLimits = ProducerLimits { check_interval_ms: 600_000, held_max: 2_000_000 };

/// Bytes of anonymous memory that the process holds: neither files nor their mappings.
fn anonymous_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn append_at(case: &Case, producer: i64, sequence: i32, now_ms: i64) -> Result<bool, AppendError> {
    let batch = idempotent(producer, 0, sequence, 1);
    case.log(0).append(batch, AppendOrigin::Client, now_ms).map(|appended| appended.duplicate)
}

/// A batch of a megabyte of one producer.
fn large(case: &Case, producer: i64, sequence: i32) {
    let mut builder = BatchBuilder::new().with_producer(producer, 0, sequence);
    builder.push(T0, None, Some(&vec![b'v'; MIB - 200]));
    case.append(0, &builder.build().unwrap());
}

fn turn(case: &Case, upkeep: &mut ProducerUpkeep, limits: &ProducerLimits, now_ms: i64) -> ProducerTurn {
    upkeep.turn(&case.storage, limits, now_ms).unwrap()
}

#[test]
fn a_million_producers_take_little_memory_and_the_longest_idle_go_when_there_are_too_many() {
    const MILLION: i64 = 1_000_000;
    let case = Case::new(1);
    let log = case.log(0);
    let before = anonymous_bytes();
    for producer in 0..MILLION {
        // A thousand of them in each second.
        let now_ms = T0 + producer;
        let batch = idempotent(producer, 0, 0, 1);
        log.append(batch, AppendOrigin::Client, now_ms).unwrap();
    }
    assert_eq!(log.producers_held(), MILLION as usize);
    let bytes_each = anonymous_bytes().saturating_sub(before) / MILLION as usize;
    println!("{bytes_each} bytes for each producer, the room for more and the journal's buffers included");
    assert!(bytes_each < 200, "{bytes_each} bytes for each producer");

    let limits = ProducerLimits { held_max: 500_000, ..LIMITS };
    let mut upkeep = ProducerUpkeep::default();
    let done = turn(&case, &mut upkeep, &limits, T0 + MILLION);
    assert_eq!((done.held, done.evicted), (450_000, 550_000));
    assert_eq!(log.producers_held(), 450_000);
    // Producer 900,000 is known, producer 5 begins anew at any sequence.
    assert!(append_at(&case, 900_000, 0, T0).unwrap());
    assert!(append_at(&case, 900_000, 7, T0).is_err());
    assert!(!append_at(&case, 5, 7, T0).unwrap());
}

#[test]
fn silent_producers_are_forgotten_by_the_clock() {
    let case = Case::with(LogConfig { producer_id_expiration_ms: 10_000, ..config() }, 1);
    let mut upkeep = ProducerUpkeep::default();
    let limits = ProducerLimits { check_interval_ms: 1_000, ..LIMITS };
    append_at(&case, 1, 0, T0).unwrap();
    append_at(&case, 2, 0, T0 + 8_000).unwrap();
    assert_eq!(turn(&case, &mut upkeep, &limits, T0 + 8_000).expired, 0);
    assert_eq!(turn(&case, &mut upkeep, &limits, T0 + 8_900).expired, 0, "not yet time to look");
    let done = turn(&case, &mut upkeep, &limits, T0 + 10_000);
    assert_eq!((done.expired, done.held), (1, 1));
    assert!(append_at(&case, 2, 5, T0 + 10_000).is_err(), "still known");
    assert!(!append_at(&case, 1, 5, T0 + 10_000).unwrap());
}

#[test]
fn duplicates_are_known_after_a_crash_with_a_snapshot_and_without() {
    for snapshot in [false, true] {
        let case = Case::new(1);
        let mut upkeep = ProducerUpkeep::default();
        (0..70).for_each(|sequence| large(&case, 7, sequence));
        append_at(&case, 8, 0, T0).unwrap();
        if snapshot {
            // Taken in one turn, written in the next one: the log is durable.
            (0..2).for_each(|_| {
                turn(&case, &mut upkeep, &LIMITS, T0);
            });
        }
        large(&case, 7, 70);
        append_at(&case, 9, 0, T0).unwrap();
        wait_until_durable(&case);
        let case = case.crashed();
        (66..=70).for_each(|sequence| large_is_duplicate(&case, 7, sequence));
        for producer in [8, 9] {
            assert!(append_at(&case, producer, 0, T0).unwrap(), "{producer}");
            assert!(append_at(&case, producer, 5, T0).is_err(), "{producer}");
            assert!(!append_at(&case, producer, 1, T0).unwrap(), "{producer}");
        }
    }
}

#[test]
fn after_a_crash_only_what_is_behind_the_snapshot_is_read_again() {
    let case = Case::with(LogConfig { producer_id_expiration_ms: 10_000, ..config() }, 1);
    let limits = ProducerLimits { check_interval_ms: 1, ..LIMITS };
    let mut upkeep = ProducerUpkeep::default();
    append_at(&case, 1, 0, T0).unwrap();
    assert_eq!(turn(&case, &mut upkeep, &limits, T0).expired, 0);
    assert_eq!(turn(&case, &mut upkeep, &limits, T0 + 20_000).expired, 1);
    (0..65).for_each(|sequence| large(&case, 7, sequence));
    (0..2).for_each(|_| {
        turn(&case, &mut upkeep, &limits, T0 + 20_000);
    });
    append_at(&case, 2, 0, T0).unwrap();
    wait_until_durable(&case);
    let case = case.crashed();
    assert!(append_at(&case, 2, 0, T0).unwrap(), "behind the snapshot");
    large_is_duplicate(&case, 7, 64);
    // Its batch stands in the log before the snapshot, which does not know it: who reads the whole log finds a duplicate.
    assert!(!append_at(&case, 1, 0, T0).unwrap());
}

#[test]
fn producers_of_a_log_that_others_write_are_read_back_before_anybody_waits_for_them() {
    let case = Case::new(1);
    append_at(&case, 1, 0, T0).unwrap();
    let case = case.stopped();
    let mut upkeep = ProducerUpkeep::default();
    turn(&case, &mut upkeep, &LIMITS, T0);
    assert_eq!(case.log(0).producers_held(), 0, "nobody writes");
    assert!(case.log(0).append_is_heavy(&idempotent(1, 0, 1, 1), T0));
    case.append(0, &common::batch(1, 10));
    turn(&case, &mut upkeep, &LIMITS, T0);
    assert_eq!(case.log(0).producers_held(), 1);
    assert!(!case.log(0).append_is_heavy(&idempotent(1, 0, 1, 1), T0));
    assert!(append_at(&case, 1, 0, T0).unwrap());
}

#[test]
fn many_who_ask_at_once_for_producers_that_are_not_read_back_get_the_same_answer() {
    let case = Case::new(1);
    (0..50).for_each(|producer| assert!(!append_at(&case, producer, 0, T0).unwrap()));
    let case = Arc::new(case.stopped());
    let ask = |producer| {
        let case = case.clone();
        std::thread::spawn(move || append_at(&case, producer, 0, T0).unwrap())
    };
    let answers: Vec<_> = (0..60).map(ask).collect();
    let duplicates = answers.into_iter().map(|answer| answer.join().unwrap()).filter(|duplicate| *duplicate).count();
    assert_eq!(duplicates, 50);
}

fn large_is_duplicate(case: &Case, producer: i64, sequence: i32) {
    let end = case.log(0).offsets().log_end;
    large(case, producer, sequence);
    assert_eq!(case.log(0).offsets().log_end, end, "sequence {sequence} of producer {producer}");
}

fn wait_until_durable(case: &Case) {
    case.append(0, &common::batch(1, 10));
}
