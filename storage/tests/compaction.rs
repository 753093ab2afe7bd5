//! Compaction of logs that live: written, read, stopped, crashed, deleted meanwhile.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use catena_protocol::batch::BatchHeader;
use catena_protocol::records::{BatchBuilder, records};
use catena_storage::{CleanupPolicy, LogConfig};
use common::{Case, T0, config, files};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const DEADLINE: Duration = Duration::from_secs(60);

fn compacted() -> LogConfig {
    LogConfig {
        cleanup: CleanupPolicy::COMPACT,
        // Four batches of 25 records.
        segment_bytes: 2_200,
        index_interval_bytes: 100,
        min_cleanable_dirty_ratio: 0.0,
        file_delete_delay_ms: 0,
        ..config()
    }
}

/// A batch of a record for each key.
fn keyed(keys: impl IntoIterator<Item = u32>, value: u64) -> Bytes {
    let mut builder = BatchBuilder::new();
    for key in keys {
        builder.push(T0, Some(&key.to_be_bytes()), Some(&value.to_be_bytes()));
    }
    builder.build().unwrap()
}

/// Offset, key and value of every record there is, read from the beginning to the end.
fn rows(case: &Case, partition: usize) -> Vec<(i64, u32, Option<u64>)> {
    let (mut found, mut next) = (Vec::new(), case.log(partition).offsets().log_start);
    loop {
        let bytes = case.read(partition, next);
        let mut rest = &bytes[..];
        while let Ok(header) = BatchHeader::parse_whole(rest) {
            assert!(header.last_offset() >= next, "{header:?} at {next}");
            for record in records(rest).unwrap().map(Result::unwrap) {
                let key = u32::from_be_bytes(record.key.unwrap().try_into().unwrap());
                let value = record.value.map(|value| u64::from_be_bytes(value.try_into().unwrap()));
                found.push((record.offset, key, value));
            }
            next = header.next_offset();
            rest = &rest[header.size()..];
        }
        if bytes.is_empty() {
            return found;
        }
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "after {DEADLINE:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the log has at most `count` records.
fn wait_for_rows(case: &Case, partition: usize, count: usize) -> Vec<(i64, u32, Option<u64>)> {
    let mut left = Vec::new();
    wait_until(&format!("{count} records"), || {
        left = rows(case, partition);
        left.len() <= count
    });
    left
}

fn offsets(rows: &[(i64, u32, Option<u64>)]) -> Vec<i64> {
    rows.iter().map(|row| row.0).collect()
}

#[test]
fn only_the_last_record_of_each_key_stays_below_the_segment_that_is_written() {
    let mut case = Case::with(compacted(), 1);
    for round in 0..40 {
        case.append(0, &keyed(0..25, round));
    }
    // 900 to 999 are in the segment that is written.
    let expected: Vec<i64> = (875..1_000).collect();
    assert_eq!(offsets(&wait_for_rows(&case, 0, 125)), expected);
    assert_eq!(case.log(0).offsets().log_start, 0);
    for stop in [Case::crashed, Case::stopped] {
        case = stop(case);
        assert_eq!(case.log(0).offsets().log_end, 1_000);
        // The chain that was written is sealed now, so what was not compacted of it can be.
        assert_eq!(offsets(&wait_for_rows(&case, 0, 25)), (975..1_000).collect::<Vec<_>>());
    }
    let durable = case.append(0, &keyed([7], 99));
    assert_eq!(durable.base_offset, 1_000);
    assert_eq!(rows(&case, 0).last(), Some(&(1_000, 7, Some(99))));
}

#[test]
fn the_files_of_what_was_replaced_go() {
    let case = Case::with(compacted(), 1);
    for round in 0..40 {
        case.append(0, &keyed(0..25, round));
    }
    wait_for_rows(&case, 0, 125);
    wait_until("at most three segments on the disk", || case.files("log").len() <= 3);
    let case = case.crashed();
    wait_for_rows(&case, 0, 25);
    wait_until("one segment on the disk", || case.files("log").len() == 1);
}

#[test]
fn what_was_compacted_is_not_compacted_again_after_a_start() {
    let case = Case::with(compacted(), 1);
    for round in 0..40 {
        case.append(0, &keyed(0..25, round));
    }
    let case = case.stopped();
    wait_for_rows(&case, 0, 25);
    let case = case.stopped();
    wait_until("cleaners have looked for work", || case.storage.cleaner_stats().since_last_run.is_some());
    let stats = case.storage.cleaner_stats();
    assert_eq!((stats.passes, stats.dirty_percent_max), (0, 0.0));
}

#[test]
fn leader_epochs_stay_when_chains_become_one() {
    let mut case = Case::with(LogConfig { min_cleanable_dirty_ratio: 1.0, ..compacted() }, 1);
    for start in 0..4u64 {
        for _ in 0..6 {
            case.append(0, &keyed(0..25, start));
        }
        case = if start % 2 == 0 { case.stopped() } else { case.crashed() };
    }
    let ends = |case: &Case| (0..5).map(|epoch| case.log(0).end_offset_for_epoch(epoch)).collect::<Vec<_>>();
    let before = ends(&case);
    assert_eq!(before.iter().map(|end| end.unwrap().end_offset).collect::<Vec<_>>(), [150, 300, 450, 600, 600]);
    case = case.reconfigured(compacted()).crashed();
    wait_for_rows(&case, 0, 25);
    for _ in 0..2 {
        assert_eq!(ends(&case)[..4], before[..4]);
        assert_eq!(case.log(0).epoch_at(460), Some(3));
        case = case.crashed();
    }
}

#[test]
fn a_producer_is_known_by_the_batch_that_is_left_of_it() {
    let batch = |sequence: i32| {
        let mut builder = BatchBuilder::new().with_producer(77, 0, sequence);
        for key in 0..5u32 {
            builder.push(T0, Some(&key.to_be_bytes()), Some(&[0; 8]));
        }
        builder.build().unwrap()
    };
    let mut case = Case::with(compacted(), 1);
    (0..4).for_each(|at| {
        case.append(0, &batch(5 * at));
    });
    for round in 0..40 {
        case.append(0, &keyed(0..25, round));
    }
    for _ in 0..3 {
        wait_for_rows(&case, 0, 125);
        assert_eq!(case.offsets_read(0)[0], 15, "the batch without records is there");
        let again = case.append(0, &batch(15));
        assert_eq!((again.duplicate, again.base_offset), (true, 15));
        assert!(case.try_append(0, &batch(25)).is_err(), "a gap");
        case = case.crashed();
    }
    assert!(!case.append(0, &batch(20)).duplicate);
}

#[test]
fn a_damaged_log_is_left_alone_and_the_others_are_compacted() {
    let case = Case::with(LogConfig { min_cleanable_dirty_ratio: 1.0, ..compacted() }, 2);
    for round in 0..40 {
        case.append(0, &keyed(0..25, round));
        case.append(1, &keyed(0..25, round));
    }
    let case = case.stopped();
    let path = case.files("log").into_iter().find(|path| path.to_string_lossy().contains("00000000100.log")).unwrap();
    let case = case.reconfigured(compacted()).crashed_with(|_| {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    });
    wait_until("one log is compacted and one is not", || {
        let stats = case.storage.cleaner_stats();
        stats.passes > 0 && stats.uncleanable_partitions == 1 && stats.uncleanable_bytes > 0
    });
    let left = [0, 1].map(|partition| case.log(partition).size_bytes());
    assert!(left.iter().any(|size| *size < 3_000) && left.iter().any(|size| *size > 10_000), "{left:?}");
}

#[test]
fn a_topic_can_be_deleted_while_it_is_compacted() {
    for round in 0..10 {
        let case = Case::with(compacted(), 4);
        for at in 0..20 {
            (0..4).for_each(|partition| drop(case.try_append(partition, &keyed(0..25, at))));
        }
        std::thread::sleep(Duration::from_millis(round));
        case.storage.delete_topics(&[case.topic().id]).pop().unwrap().unwrap();
        wait_until("no file is left", || case.files("log").is_empty());
    }
}

/// Writers go on, the broker is killed again and again: the last value of every key that was acknowledged is there, or a later one.
#[test]
fn no_value_is_lost_whenever_it_crashes() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut case = Case::with(compacted(), 1);
    let mut model: BTreeMap<u32, (i64, u64)> = BTreeMap::new();
    for life in 0..25 {
        for value in 0..random.random_range(1..60) {
            let keys: Vec<u32> = (0..random.random_range(1..20)).map(|_| random.random_range(0..50)).collect();
            let first = case.append(0, &keyed(keys.clone(), 1_000 * life + value)).base_offset;
            model.extend(keys.iter().zip(first..).map(|(key, offset)| (*key, (offset, 1_000 * life + value))));
        }
        std::thread::sleep(Duration::from_millis(random.random_range(0..20)));
        case = if random.random_ratio(1, 4) { case.stopped() } else { case.crashed() };
        let left = rows(&case, 0);
        assert!(left.is_sorted_by_key(|row| row.0), "life {life}: offsets rise");
        let found: BTreeMap<u32, (i64, u64)> =
            left.into_iter().map(|(at, key, value)| (key, (at, value.unwrap()))).collect();
        assert_eq!(found, model, "life {life}");
    }
    let last = model.len();
    wait_for_rows(&case, 0, last);
    assert!(files(case.dir(), "log").len() < 30);
}
