//! Reading what is not in memory, and what the disk gave back changed.

mod common;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::Bytes;
use catena_protocol::batch::{BatchHeader, CRC_START};
use catena_storage::{LogConfig, ReadError, ReadUpTo};
use common::{Case, batch, config, timed};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::fs::Advice;

const MAX: usize = 1 << 20;

fn read_now(case: &Case, offset: i64) -> Option<Bytes> {
    let now = case.log(0).read_now(offset, MAX, true, ReadUpTo::HighWatermark).unwrap();
    now.map(|slice| slice.bytes)
}

fn try_read(case: &Case, offset: i64) -> Result<Bytes, ReadError> {
    case.log(0).read(offset, MAX, true, ReadUpTo::HighWatermark).map(|slice| slice.bytes)
}

/// A stopped and started case with so many batches of ten records, about 2 KiB each.
fn sealed(batches: usize) -> Case {
    let case = Case::new(1);
    (0..batches).for_each(|_| {
        case.append(0, &batch(10, 2_000));
    });
    case.stopped()
}

fn the_log(case: &Case) -> PathBuf {
    case.files("log").pop().unwrap()
}

fn drop_from_memory(path: &PathBuf) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).unwrap();
}

fn flip(path: &PathBuf, position: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], position).unwrap();
}

/// Where each batch of the file begins, and its header.
fn batches(path: &PathBuf) -> Vec<(usize, BatchHeader)> {
    let bytes = std::fs::read(path).unwrap();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Ok(header) = BatchHeader::parse_whole(&bytes[at..]) {
        found.push((at, header));
        at += header.size();
    }
    found
}

#[test]
fn what_this_start_has_appended_is_there_at_once() {
    let case = Case::new(1);
    (0..100).for_each(|_| {
        case.append(0, &batch(10, 2_000));
    });
    for offset in [0, 5, 500, 999] {
        assert_eq!(read_now(&case, offset).unwrap(), case.read(0, offset));
    }
    assert_eq!(case.storage.stats()[0].reads.cold_reads, 0);
}

#[test]
fn after_a_start_the_first_reader_waits_and_checks_and_the_next_does_not_wait() {
    let case = sealed(100);
    assert!(read_now(&case, 505).is_none());
    let read = try_read(&case, 505).unwrap();
    assert_eq!(BatchHeader::parse(&read).unwrap().base_offset, 500);
    assert_eq!(read_now(&case, 505).unwrap(), read);
    assert!(read_now(&case, 0).is_none(), "nobody has checked what lies before");
    assert_eq!(case.storage.stats()[0].reads.cold_reads, 1);
    assert_eq!(case.storage.stats()[0].reads.cold_bytes, read.len() as u64);
}

#[test]
fn a_reader_that_goes_through_a_cold_log_gets_every_batch() {
    let case = Case::with(LogConfig { segment_bytes: 300_000, ..config() }, 1);
    (0..400).for_each(|_| {
        case.append(0, &batch(10, 2_000));
    });
    let case = case.stopped();
    case.files("log").iter().chain(&case.files("index")).for_each(drop_from_memory);
    assert_eq!(case.offsets_read(0), (0..400).map(|at| at * 10).collect::<Vec<_>>());
    assert!(case.storage.stats()[0].reads.cold_reads >= 3, "a read for each segment");
    let cold = case.storage.stats()[0].reads.cold_reads;
    assert_eq!(case.offsets_read(0).len(), 400);
    assert_eq!(case.storage.stats()[0].reads.cold_reads, cold, "the second time it is in memory and was checked");
}

#[test]
fn a_batch_larger_than_a_read_is_given_whole() {
    let case = Case::with(LogConfig { max_message_bytes: 8 << 20, ..config() }, 1);
    [2_000, 3 << 20, 2_000].into_iter().for_each(|bytes| {
        case.append(0, &batch(10, bytes));
    });
    let before = case.read(0, 10);
    let case = case.stopped();
    let read = try_read(&case, 15).unwrap();
    assert_eq!(read.len(), BatchHeader::parse(&read).unwrap().size());
    assert_eq!(before[..read.len()], read);
    let few = case.log(0).read(15, 100, false, ReadUpTo::HighWatermark).unwrap();
    assert!(few.bytes.is_empty(), "no batch fits");
}

#[test]
fn what_was_read_from_the_disk_again_is_checked_again() {
    let case = sealed(100);
    let path = the_log(&case);
    // From the file: pages that are mapped are not dropped when asked for.
    try_read(&case, 0).unwrap();
    let (third, _) = batches(&path)[3];
    flip(&path, third as u64 + 100);
    drop_from_memory(&path);
    assert!(read_now(&case, 0).is_none());
    let good = try_read(&case, 0).unwrap();
    assert_eq!(good.len(), third, "the batches before the damaged one");
    assert!(matches!(try_read(&case, 30), Err(ReadError::Corrupt { offset: 30 })));
}

#[test]
fn a_damaged_batch_is_not_served_and_the_others_are() {
    let case = sealed(100);
    let path = the_log(&case);
    let (at, header) = batches(&path)[50];
    flip(&path, (at + CRC_START + 50) as u64);
    assert_eq!(try_read(&case, 0).unwrap().len(), at);
    for offset in header.base_offset..=header.last_offset() {
        assert!(matches!(try_read(&case, offset), Err(ReadError::Corrupt { offset: named }) if named == offset));
    }
    let after = try_read(&case, header.next_offset()).unwrap();
    assert_eq!(BatchHeader::parse(&after).unwrap().base_offset, header.next_offset());
    assert_eq!(case.storage.stats()[0].reads.damaged, 1, "a place is counted once");
}

#[test]
fn behind_a_damaged_header_the_log_goes_on_where_the_index_knows_a_batch() {
    let case = sealed(100);
    let path = the_log(&case);
    let (at, header) = batches(&path)[50];
    // Its length: where the next one begins is not known any more.
    flip(&path, at as u64 + 9);
    assert_eq!(try_read(&case, 0).unwrap().len(), at);
    assert!(try_read(&case, header.base_offset).is_err());
    let on = (51..60).find_map(|at| try_read(&case, at * 10).ok().map(|bytes| (at * 10, bytes)));
    let (offset, bytes) = on.expect("an entry of the index within a few batches");
    assert_eq!(BatchHeader::parse(&bytes).unwrap().base_offset, offset);
}

#[test]
fn a_timestamp_in_a_damaged_batch_is_an_error_and_not_a_wrong_offset() {
    let case = Case::new(1);
    (0..50).for_each(|at| {
        case.append(0, &timed(10, common::T0 + at * 10));
    });
    let case = case.stopped();
    let path = the_log(&case);
    let (at, _) = batches(&path)[20];
    flip(&path, at as u64 + 300);
    let look = |timestamp| case.log(0).offset_for_timestamp(common::T0 + timestamp, ReadUpTo::HighWatermark);
    assert_eq!(look(199).unwrap().unwrap().offset, 199);
    assert!(matches!(look(200), Err(ReadError::Corrupt { .. })));
    assert_eq!(look(210).unwrap().unwrap().offset, 210);
}

/// Bytes outside of the checksum that no reader checks: the epoch, and the lower half of the base offset.
fn is_checked(within_batch: usize) -> bool {
    !(0..8).contains(&within_batch) && !(12..16).contains(&within_batch)
}

#[test]
fn wherever_a_bit_flips_no_wrong_byte_is_served() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut case = sealed(40);
    let path = the_log(&case);
    let good = std::fs::read(&path).unwrap();
    let known = batches(&path);
    for _ in 0..60 {
        let (at, header) = known[random.random_range(0..known.len())];
        let within = random.random_range(0..header.size());
        if !is_checked(within) {
            continue;
        }
        case = case.crashed_with(|_| flip(&path, (at + within) as u64));
        for (start, header) in &known {
            match try_read(&case, header.base_offset) {
                Ok(bytes) => assert!(good[*start..].starts_with(&bytes), "byte {within} of the batch at {at}"),
                Err(error) => assert!(matches!(error, ReadError::Corrupt { .. }), "{error}"),
            }
        }
        assert!(try_read(&case, header.base_offset).is_err(), "byte {within} of the batch at {at}");
        std::fs::write(&path, &good).unwrap();
    }
}
