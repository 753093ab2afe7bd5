//! The old end of a log: records deleted by clients and by retention, files given back, over stops and crashes.

mod common;

use catena_storage::{CleanupPolicy, DeleteRecordsError, LogConfig, ReadError, ReadUpTo};
use common::{Case, T0, batch, config, timed};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Segments of ten batches of a thousand bytes, whose files are removed at once.
fn small() -> LogConfig {
    LogConfig { segment_bytes: 11_000, file_delete_delay_ms: 0, ..config() }
}

fn fill(case: &Case, batches: usize) {
    (0..batches).for_each(|_| {
        case.append(0, &batch(1, 1_000));
    });
}

fn delete(case: &Case, up_to: i64) -> Result<i64, DeleteRecordsError> {
    case.storage.delete_records(&[(case.log(0), up_to)]).pop().unwrap()
}

#[test]
fn deleted_records_are_gone_for_readers_and_stay_gone_over_a_crash_and_a_stop() {
    let mut case = Case::with(small(), 1);
    fill(&case, 35);
    assert_eq!(delete(&case, 12).unwrap(), 12);
    for round in 0..3 {
        let offsets = case.log(0).offsets();
        assert_eq!((offsets.log_start, offsets.log_end), (12, 35), "{round}");
        let below = case.log(0).read(11, 1_000, true, ReadUpTo::HighWatermark);
        assert!(matches!(below, Err(ReadError::OutOfRange { log_start: 12, .. })), "{round}");
        assert_eq!(case.offsets_read_from(0, 12), (12..35).collect::<Vec<_>>(), "{round}");
        case.await_files(3);
        case = if round == 0 { case.crashed() } else { case.stopped() };
    }
}

#[test]
fn offsets_that_make_no_sense_are_refused_and_a_log_start_never_goes_back() {
    let case = Case::with(small(), 1);
    fill(&case, 20);
    for offset in [21, i64::MAX, -2, i64::MIN] {
        let outcome = delete(&case, offset);
        assert!(matches!(outcome, Err(DeleteRecordsError::OutOfRange { high_watermark: 20, .. })), "{offset}");
    }
    for (offset, log_start) in [(0, 0), (7, 7), (3, 7), (7, 7), (-1, 20), (5, 20), (20, 20)] {
        assert_eq!(delete(&case, offset).unwrap(), log_start, "{offset}");
    }
}

#[test]
fn a_log_that_was_emptied_goes_on_at_the_same_offset() {
    let mut case = Case::with(small(), 1);
    for round in 1..5 {
        fill(&case, 25);
        assert_eq!(delete(&case, -1).unwrap(), 25 * round);
        case.await_files(0);
        case = if round % 2 == 0 { case.crashed() } else { case.stopped() };
        let offsets = case.log(0).offsets();
        assert_eq!((offsets.log_start, offsets.log_end), (25 * round, 25 * round));
    }
    assert_eq!(case.append(0, &batch(1, 10)).base_offset, 100);
}

#[test]
fn what_is_only_compacted_is_not_deleted() {
    let case = Case::with(LogConfig { cleanup: CleanupPolicy::COMPACT, retention_ms: Some(0), ..small() }, 1);
    case.append(0, &timed(10, T0));
    assert!(matches!(delete(&case, 5), Err(DeleteRecordsError::Policy)));
    assert_eq!(case.storage.apply_retention(T0 + 999_999).unwrap(), 0);
    assert_eq!(case.log(0).offsets().log_start, 0);
}

#[test]
fn retention_by_time_deletes_segments_whose_newest_record_is_too_old_the_last_one_too() {
    let case = Case::with(LogConfig { retention_ms: Some(1_000), segment_bytes: 3_000, ..small() }, 1);
    for at in 0..3 {
        case.append(0, &timed(20, T0 + at * 10_000));
    }
    let log_start = |now_ms| {
        case.storage.apply_retention(now_ms).unwrap();
        case.log(0).offsets().log_start
    };
    assert_eq!(log_start(T0 + 1_019), 0);
    assert_eq!(log_start(T0 + 1_020), 20);
    assert_eq!(log_start(T0 + 11_020), 40);
    case.await_files(1);
    assert_eq!(log_start(T0 + 99_999), 60);
    case.await_files(0);
    assert_eq!(case.append(0, &timed(1, T0 + 99_999)).base_offset, 60);
    let case = case.crashed();
    assert_eq!((case.log(0).offsets().log_start, case.offsets_read_from(0, 60)), (60, vec![60]));
}

#[test]
fn retention_by_bytes_keeps_at_least_what_is_asked_for() {
    let case = Case::with(LogConfig { retention_bytes: Some(15_000), ..small() }, 1);
    fill(&case, 45);
    assert_eq!(case.storage.apply_retention(T0).unwrap(), 1);
    let log = case.log(0);
    assert_eq!(log.offsets().log_start, 30);
    assert!(log.size_bytes() >= 15_000 && log.size_bytes() < 26_000, "{}", log.size_bytes());
    assert_eq!(case.storage.apply_retention(T0).unwrap(), 0);
}

#[test]
fn settings_change_while_the_log_runs() {
    let case = Case::with(small(), 1);
    fill(&case, 45);
    assert_eq!(case.storage.apply_retention(T0 + 999_999).unwrap(), 0);
    case.log(0).set_config(LogConfig { retention_bytes: Some(0), segment_bytes: 2_000, ..small() });
    assert_eq!(case.storage.apply_retention(T0).unwrap(), 1);
    case.await_files(0);
    fill(&case, 4);
    assert_eq!(case.files("log").len(), 4);
}

#[test]
fn segments_are_closed_by_the_distance_of_their_timestamps() {
    let case = Case::with(LogConfig { segment_ms: 1_000, ..config() }, 1);
    for timestamp in [T0, T0 + 1_000, T0 + 500, T0 + 1_001, T0 + 1_500, T0 + 2_002] {
        case.append(0, &timed(1, timestamp));
    }
    assert_eq!(case.files("log").len(), 3);
}

#[test]
fn a_lookup_by_time_finds_nothing_below_the_log_start() {
    let case = Case::with(config(), 1);
    case.append(0, &timed(10, T0));
    delete(&case, 4).unwrap();
    let found = |ms| case.log(0).offset_for_timestamp(ms, ReadUpTo::HighWatermark).unwrap().map(|found| found.offset);
    assert_eq!([T0 - 5, T0 + 2, T0 + 4, T0 + 7, T0 + 10].map(found), [Some(4), Some(4), Some(4), Some(7), None]);
}

#[test]
fn who_holds_records_reads_them_on_after_their_files_are_gone() {
    let case = Case::with(small(), 1);
    fill(&case, 25);
    let held: Vec<_> = [0, 10, 20].map(|offset| case.read(0, offset)).into();
    let copies: Vec<_> = held.iter().map(|bytes| bytes.to_vec()).collect();
    delete(&case, -1).unwrap();
    case.await_files(0);
    fill(&case, 25);
    assert!(held.iter().zip(&copies).all(|(held, copy)| held[..] == copy[..]));
}

#[test]
fn files_of_a_deleted_topic_go_after_the_delay_and_at_once_at_the_next_start() {
    let case = Case::with(LogConfig { file_delete_delay_ms: 3_600_000, ..small() }, 1);
    fill(&case, 25);
    case.storage.delete_topics(&[case.topic().id]).pop().unwrap().unwrap();
    assert_eq!(case.files("log").len(), 3);
    assert_eq!(case.storage.stats()[0].deleted.segments_waiting, 3);
    let case = case.crashed();
    case.await_files(0);
}

#[test]
fn whatever_happens_in_whatever_order_offsets_stay_dense_from_the_log_start_on() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut case = Case::with(LogConfig { retention_bytes: Some(30_000), ..small() }, 1);
    let (mut log_start, mut log_end) = (0, 0);
    for step in 0..120 {
        match rng.random_range(0..10) {
            0 => case = case.crashed(),
            1 => case = case.stopped(),
            2 => {
                let up_to = rng.random_range(log_start..=log_end);
                assert_eq!(delete(&case, up_to).unwrap(), up_to, "step {step}");
                log_start = up_to;
            }
            3 => {
                case.storage.apply_retention(T0).unwrap();
                let now = case.log(0).offsets().log_start;
                assert!(now >= log_start, "step {step}");
                log_start = now;
            }
            4 => log_start = delete(&case, -1).unwrap(),
            _ => {
                let count = rng.random_range(1..15);
                fill(&case, count);
                log_end += count as i64;
            }
        }
        let offsets = case.log(0).offsets();
        assert_eq!((offsets.log_start, offsets.log_end), (log_start, log_end), "step {step}");
        assert_eq!(case.offsets_read_from(0, log_start), (log_start..log_end).collect::<Vec<_>>(), "step {step}");
    }
}
