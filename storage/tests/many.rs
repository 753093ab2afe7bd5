//! As many partitions as one broker may have, each with a chain that is being written.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catena_storage::{OpenFiles, RecoveryReport, StorageOptions};
use common::{Case, batch, config};

const PARTITIONS: u32 = 10_000;
/// With `ulimit -n 4096`.
const OPEN_FILES_MAX: usize = 2_048;
/// Beyond the segments' files: journal, catalog, lock, and what threads hold at a moment.
const OTHER_FILES: usize = 16;
/// What an open partition may cost in memory, catalog included.
const PARTITION_BYTES_MAX: u64 = 4_000;
/// Much longer than a start takes, much shorter than one that pays for a disk flush per partition.
const START_MAX: Duration = Duration::from_secs(5);

/// Open files and maps of this process below `dir`.
fn open_and_mapped(dir: &Path) -> (usize, usize) {
    let ours = |entry: &std::fs::DirEntry| std::fs::read_link(entry.path()).is_ok_and(|path| path.starts_with(dir));
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten().filter(ours).count();
    let dir = dir.to_str().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    (open, maps.lines().filter(|line| line.contains(dir)).count())
}

/// Memory of this process that is no file's, bytes.
fn own_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn append_to_all(case: &Case, offset: i64) -> Duration {
    let records = batch(1, 100);
    let begun = Instant::now();
    for partition in 0..PARTITIONS as usize - 1 {
        assert_eq!(case.try_append(partition, &records).unwrap().base_offset, offset);
    }
    case.append(PARTITIONS as usize - 1, &records);
    begun.elapsed()
}

fn assert_all_have(case: &Case, offsets: &[i64]) {
    for partition in 0..PARTITIONS as usize {
        assert_eq!(case.offsets_read(partition), offsets);
    }
}

fn assert_bounded(case: &Case, what: &str) {
    let (open, mapped) = open_and_mapped(case.dir());
    println!("{what}: {open} files open, {mapped} mapped, {} KiB of own memory", own_memory() / 1024);
    assert!(open <= OPEN_FILES_MAX + OTHER_FILES && mapped <= OPEN_FILES_MAX, "{what}: {open} open, {mapped} mapped");
}

fn report_of(case: &Case) -> RecoveryReport {
    println!("start: {:?}", case.report);
    case.report.clone()
}

#[test]
fn ten_thousand_open_chains_share_few_files_and_little_memory_and_are_soon_there_after_a_crash() {
    let options = StorageOptions { open_files: Arc::new(OpenFiles::new(OPEN_FILES_MAX)), ..StorageOptions::default() };
    let before = own_memory();
    let case = Case::with_options(config(), options, PARTITIONS);
    for offset in 0..2 {
        println!("a record for each: {:?}", append_to_all(&case, offset));
        assert_bounded(&case, "written");
    }
    let memory = own_memory() - before;
    assert!(memory < u64::from(PARTITIONS) * PARTITION_BYTES_MAX, "{memory} bytes for {PARTITIONS} partitions");
    assert_all_have(&case, &[0, 1]);
    assert_bounded(&case, "read");

    let case = case.crashed();
    let report = report_of(&case);
    assert_eq!((report.open_chains, report.bytes_cut), (u64::from(PARTITIONS), 0));
    assert!(report.elapsed < START_MAX, "{:?}", report.elapsed);
    assert_all_have(&case, &[0, 1]);
    assert_bounded(&case, "read after a crash");
    println!("a record for each: {:?}", append_to_all(&case, 2));
    case.storage.shutdown().unwrap();
}
