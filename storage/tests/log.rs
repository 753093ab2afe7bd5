//! A log from the outside: append, read, look up, stop, crash, start again.

mod common;

use catena_storage::{AppendError, LogConfig, ReadError, ReadUpTo, TimestampType};
use common::{Case, T0, batch, config, idempotent};

#[test]
fn what_is_appended_is_read_back_as_it_was_but_for_offset_and_epoch() {
    let case = Case::new(1);
    let sent = batch(3, 100);
    assert_eq!(case.append(0, &sent).base_offset, 0);
    assert_eq!(case.append(0, &sent).base_offset, 3);
    let read = case.read(0, 0);
    assert_eq!(read.len(), 2 * sent.len());
    let second = &read[sent.len()..];
    assert_eq!(second[..8], 3_i64.to_be_bytes());
    assert_eq!(second[8..12], sent[8..12]);
    assert_eq!(second[12..16], 0_i32.to_be_bytes());
    assert_eq!(second[16..], sent[16..]);
}

#[test]
fn a_read_begins_with_the_batch_that_holds_the_offset_and_keeps_to_whole_batches() {
    let case = Case::new(1);
    let size = batch(10, 1_000).len();
    for _ in 0..50 {
        case.append(0, &batch(10, 1_000));
    }
    let log = case.log(0);
    let read = |offset, max, min_one| log.read(offset, max, min_one, ReadUpTo::HighWatermark).unwrap().bytes;
    let base = |bytes: &[u8]| i64::from_be_bytes(bytes[..8].try_into().unwrap());
    #[rustfmt::skip]
    let cases = [
        ("from the middle of a batch",             (257, usize::MAX, true),      25, 250),
        ("two batches and a bit fit",              (100, 2 * size + 99, true),    2, 100),
        ("exactly one fits",                       (100, size, false),            1, 100),
        ("less than one, and one is demanded",     (109, 1, true),                1, 100),
    ];
    for (what, (offset, max, min_one), batches, first) in cases {
        let bytes = read(offset, max, min_one);
        assert_eq!((bytes.len() / size, base(&bytes)), (batches, first), "{what}");
    }
    assert!(read(100, size - 1, false).is_empty(), "less than one, and none is demanded");
    assert!(read(500, usize::MAX, true).is_empty(), "at the end");
}

#[test]
fn offsets_outside_of_the_log_are_refused() {
    let case = Case::new(1);
    case.append(0, &batch(5, 10));
    for offset in [-1, 6, i64::MAX] {
        let outcome = case.log(0).read(offset, 1_000, true, ReadUpTo::HighWatermark);
        assert!(matches!(outcome, Err(ReadError::OutOfRange { log_start: 0, log_end: 5, .. })), "{offset}");
    }
}

#[test]
fn segments_roll_and_reads_go_on_across_them_after_a_stop_and_after_a_crash() {
    let small = LogConfig { segment_bytes: 10_000, ..config() };
    let mut case = Case::with(small, 1);
    for round in 0..3 {
        for _ in 0..60 {
            case.append(0, &batch(1, 1_000));
        }
        case = if round == 0 { case.stopped() } else { case.crashed() };
        assert_eq!(case.offsets_read(0), (0..60 * (round + 1)).collect::<Vec<i64>>());
    }
    assert_eq!(case.log(0).epoch_at(59), Some(0));
    assert_eq!(case.log(0).epoch_at(60), Some(1));
    assert_eq!(case.log(0).end_offset_for_epoch(1).unwrap().end_offset, 120);
}

#[test]
fn a_restart_without_appends_leaves_no_chain_behind() {
    let mut case = Case::new(3);
    for _ in 0..3 {
        case = case.crashed();
        assert_eq!(case.files("log").len(), 0);
    }
    assert_eq!(case.storage.broker_epoch(), 3);
}

#[test]
fn duplicates_and_gaps_are_noticed_also_after_stop_and_crash() {
    let mut case = Case::new(1);
    for round in 0..4 {
        let next = round * 2;
        let first = case.append(0, &idempotent(9, 0, next, 1));
        let again = case.append(0, &idempotent(9, 0, next, 1));
        assert!(again.duplicate && again.base_offset == first.base_offset, "round {round}");
        case.append(0, &idempotent(9, 0, next + 1, 1));
        let gap = case.try_append(0, &idempotent(9, 0, next + 5, 1)).err();
        assert!(matches!(gap, Some(AppendError::OutOfOrderSequence { .. })), "round {round}: {gap:?}");
        case = if round % 2 == 0 { case.crashed() } else { case.stopped() };
    }
    let old = case.try_append(0, &idempotent(9, -1, 0, 1)).err();
    assert!(matches!(old, Some(AppendError::InvalidRecord(_))));
}

#[test]
fn log_append_time_is_set_and_the_crc_is_right() {
    let case = Case::with(LogConfig { timestamp_type: TimestampType::LogAppendTime, ..config() }, 1);
    let appended = case.append(0, &batch(2, 50));
    assert_eq!(appended.log_append_time_ms, Some(T0 + 7));
    let read = case.read(0, 0);
    let header = catena_protocol::batch::BatchHeader::parse_whole(&read).unwrap();
    assert!(catena_protocol::batch::crc_matches(&read, &header));
    assert_eq!((header.max_timestamp, header.is_log_append_time()), (T0 + 7, true));
}

#[test]
fn records_are_found_by_timestamp_exactly() {
    let case = Case::with(LogConfig { segment_bytes: 20_000, ..config() }, 1);
    // Ten records a batch, a millisecond apart.
    for at in 0..100 {
        case.append(0, &common::timed(10, T0 + at * 10));
    }
    let find = |timestamp| case.log(0).offset_for_timestamp(timestamp, ReadUpTo::HighWatermark).unwrap();
    for at in [0, 1, 9, 10, 505, 999] {
        let found = find(T0 + at).unwrap();
        assert_eq!((found.offset, found.timestamp), (at, T0 + at));
    }
    assert_eq!(find(0).unwrap().offset, 0);
    assert_eq!(find(T0 + 1_000), None);
    assert_eq!(case.log(0).max_timestamp().unwrap().unwrap().offset, 999);
}

#[test]
fn a_deleted_topic_is_gone_with_its_files_and_its_name_is_free() {
    let case = Case::with(LogConfig { file_delete_delay_ms: 0, ..config() }, 2);
    case.append(0, &batch(1, 10));
    let slice = case.log(0).read(0, 1_000, true, ReadUpTo::HighWatermark).unwrap();
    let id = case.topic().id;
    assert!(case.storage.delete_topics(&[id])[0].is_ok());
    assert!(case.storage.delete_topics(&[id])[0].is_err());
    case.await_files(0);
    assert_eq!(slice.bytes.len(), batch(1, 10).len(), "a reader keeps what it has");
    case.create_topic(1);
    assert_eq!(case.append(0, &batch(1, 10)).base_offset, 0);
    let case = case.crashed();
    assert_eq!((case.topic().partitions.len(), case.offsets_read(0)), (1, vec![0]));
}

#[test]
fn partitions_are_added_and_stay() {
    let case = Case::new(1);
    case.append(0, &batch(1, 10));
    assert_eq!(case.storage.add_partitions(case.topic().id, 3).unwrap().partitions.len(), 3);
    assert!(case.storage.add_partitions(case.topic().id, 2).is_err());
    case.append(2, &batch(1, 10));
    let case = case.crashed();
    assert_eq!(case.topic().partitions.len(), 3);
    assert_eq!((case.offsets_read(0), case.offsets_read(2)), (vec![0], vec![0]));
}

#[test]
fn a_record_costs_little_disk() {
    let case = Case::new(1);
    case.append(0, &batch(1, 10));
    let bytes: u64 = case.files("log").iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 64 * 1024, "{bytes}");
}

#[test]
fn producer_ids_are_not_given_twice() {
    let case = Case::new(1);
    let first: Vec<i64> = (0..1_500).map(|_| case.storage.next_producer_id().unwrap()).collect();
    assert!(first.is_sorted_by(|a, b| a < b));
    let case = case.crashed();
    assert!(case.storage.next_producer_id().unwrap() > *first.last().unwrap());
}

#[test]
fn waiters_hear_of_a_commit_and_of_a_deletion() {
    let case = Case::new(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let heard = |cause: &dyn Fn()| {
        let waiter = std::sync::Arc::new(tokio::sync::Notify::new());
        case.log(0).notify_on_advance(&waiter);
        cause();
        runtime.block_on(async {
            tokio::time::timeout(std::time::Duration::from_secs(60), waiter.notified()).await.unwrap();
        });
    };
    heard(&|| {
        case.append(0, &batch(1, 10));
    });
    heard(&|| assert!(case.storage.delete_topics(&[case.topic().id])[0].is_ok()));
}

/// The owner of a topic that others write to as well had read up to some offset and wrote what followed from that. It wrote over
/// what had come in between: a rollout that its author took back at once ran all the same.
#[test]
fn what_follows_from_all_that_stands_in_the_log_is_not_written_behind_more() {
    let case = Case::new(1);
    case.append(0, &batch(1, 10));
    case.append(0, &batch(1, 10));
    let append_at = |end: i64| case.log(0).append_run_at(end, &[batch(1, 10)], T0);
    assert!(matches!(append_at(1), Err(AppendError::Overtaken { end: 2 })));
    assert_eq!(append_at(2).unwrap().base_offset, 2);
    case.append(0, &batch(1, 10));
    assert_eq!(case.offsets_read(0), [0, 1, 2, 3]);
}

#[test]
fn a_run_of_batches_is_appended_whole_and_read_as_batches() {
    let case = Case::new(1);
    case.append(0, &batch(1, 10));
    let run = [batch(2, 10), batch(3, 5_000), batch(1, 10)];
    let appended = case.log(0).append_run(&run, T0).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (1, 6));
    let broken = [batch(1, 10), batch(1, 10).slice(..40)];
    assert!(case.log(0).append_run(&broken, T0).is_err());
    case.append(0, &batch(1, 10));
    assert_eq!(case.crashed().offsets_read(0), [0, 1, 3, 6, 7]);
}
