//! Many partitions, each with a chain that is being written, over few open files. `CATENA_MANY_PARTITIONS=10000` measures what a large
//! broker has (removing the files takes longest).

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catena_storage::{OpenFiles, StorageOptions};
use common::{Case, batch, config};

const PARTITIONS: u32 = 2_000;
/// Open files for so many partitions: with `ulimit -n 4096` and 10,000 partitions.
const PARTITIONS_PER_FILE: u32 = 5;
/// Beyond the segments' files: journal, catalog, lock, and what threads hold at a moment.
const OTHER_FILES: usize = 16;
/// What an open partition may cost in memory, catalog included.
const PARTITION_BYTES_MAX: u64 = 4_000;
/// And what a store costs that has none, bytes: buffers of its threads and its catalog.
const OTHER_BYTES: u64 = 16 << 20;
/// Much longer than a start takes, much shorter than one that pays for a disk flush per partition.
const START_MAX: Duration = Duration::from_secs(15);

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

/// Time on a core of this process.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Does `what` and says how long it took.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (begun, cpu) = (Instant::now(), cpu_time());
    let done = work();
    println!("{what}: {:?}, {:?} of them on a core", begun.elapsed(), cpu_time() - cpu);
    done
}

fn append_to_all(case: &Case, offset: i64) {
    let records = batch(1, 100);
    let last = case.topic().partitions.len() - 1;
    timed("a record for each", || {
        for partition in 0..last {
            assert_eq!(case.try_append(partition, &records).unwrap().base_offset, offset);
        }
        case.append(last, &records);
    });
}

fn assert_all_have(case: &Case, offsets: &[i64]) {
    let partitions = case.topic().partitions.len();
    timed("read", || (0..partitions).for_each(|partition| assert_eq!(case.offsets_read(partition), offsets)));
}

fn assert_bounded(case: &Case, files: usize) {
    let (open, mapped) = open_and_mapped(case.dir());
    println!("{open} files open, {mapped} mapped, {} KiB of own memory", own_memory() / 1024);
    assert!(open <= files + OTHER_FILES && mapped <= files, "{open} open, {mapped} mapped");
}

#[test]
fn many_open_chains_share_few_files_and_little_memory_and_are_soon_there_after_a_crash() {
    let asked = std::env::var("CATENA_MANY_PARTITIONS").ok().map(|asked| asked.parse().unwrap());
    let partitions: u32 = asked.unwrap_or(PARTITIONS);
    let files = (partitions / PARTITIONS_PER_FILE) as usize;
    let options = StorageOptions { open_files: Arc::new(OpenFiles::new(files)), ..StorageOptions::default() };
    let before = own_memory();
    let case = Case::with_options(config(), options, partitions);
    for offset in 0..2 {
        append_to_all(&case, offset);
        assert_bounded(&case, files);
    }
    let memory = own_memory() - before;
    assert!(memory < u64::from(partitions) * PARTITION_BYTES_MAX + OTHER_BYTES, "{memory} bytes of memory");
    assert_all_have(&case, &[0, 1]);
    assert_bounded(&case, files);

    let case = timed("crash and start", || case.crashed());
    let report = &case.report;
    println!("{report:?}");
    assert_eq!((report.open_chains, report.bytes_cut), (u64::from(partitions), 0));
    assert!(report.elapsed < START_MAX, "{:?}", report.elapsed);
    assert_all_have(&case, &[0, 1]);
    assert_bounded(&case, files);
    append_to_all(&case, 2);
    timed("stop", || case.storage.shutdown().unwrap());
}
