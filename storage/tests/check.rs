//! What a look at a data directory finds: nothing in a whole one, each kind of damage by its name, and it never writes.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use catena_storage::OpenError;
use catena_storage::check::{Summary, check};
use catena_storage::fs::{FileSystem, RealFileSystem};
use common::{Case, batch, config, files, remove_journal};

/// What was found in these directories, a line each.
fn look(dirs: &[&Path]) -> (Summary, Vec<String>) {
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let dirs: Vec<PathBuf> = dirs.iter().map(|dir| dir.to_path_buf()).collect();
    let mut lines = Vec::new();
    let summary = check(&fs, &dirs, &mut |finding| lines.push(finding.to_string())).unwrap();
    assert_eq!(
        summary.problems,
        lines.iter().filter(|line| line.starts_with("problem: ")).count() as u64,
        "{lines:#?}"
    );
    (summary, lines)
}

/// A directory with a sealed chain of three segments with index entries, and the files of the longest of them.
fn sealed() -> (Case, PathBuf, PathBuf) {
    let case = Case::with(catena_storage::LogConfig { segment_bytes: 40_000, ..config() }, 1);
    for _ in 0..100 {
        case.append(0, &batch(2, 1_000));
    }
    case.storage.shutdown().unwrap();
    let mut logs = files(case.dir(), "log");
    logs.sort();
    let index = logs[0].with_extension("index");
    (case, logs[0].clone(), index)
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

fn everything(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let kinds = ["log", "index", "journal", "redb", "store"];
    let paths = kinds.into_iter().flat_map(|kind| files(dir, kind));
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[track_caller]
fn assert_only_problem(dir: &Path, parts: &[&str]) {
    let (_, lines) = look(&[dir]);
    let problems: Vec<_> = lines.iter().filter(|line| line.starts_with("problem: ")).collect();
    let [problem] = problems[..] else { panic!("{lines:#?}") };
    for part in parts {
        assert!(problem.contains(part), "no '{part}' in: {problem}");
    }
}

#[test]
fn a_directory_that_is_written_and_one_that_was_left_are_whole_and_stay_as_they_are() {
    let case = Case::new(3);
    for at in 0..60 {
        case.append(at % 3, &batch(2, 500));
    }
    let (summary, lines) = look(&[case.dir()]);
    assert!(lines.len() == 1 && lines[0].contains("a broker is at work here"), "{lines:#?}");
    let case = case.stopped();
    for at in 0..60 {
        case.append(at % 3, &batch(2, 500));
    }
    let Case { storage, .. } = &case;
    storage.shutdown().unwrap();
    let before = everything(case.dir());
    let (after, lines) = look(&[case.dir()]);
    assert_eq!(
        (after.problems, after.topics, after.partitions, after.chains, after.batches, after.records),
        (0, 1, 3, 6, 120, 240)
    );
    assert_eq!((summary.chains, summary.batches, summary.records), (3, 60, 120), "{lines:#?}");
    assert!(everything(case.dir()) == before);
}

#[test]
fn damaged_segments_are_named() {
    let size = batch(2, 1_000).len();
    let flip = |at: usize| move |bytes: &mut Vec<u8>| bytes[at] ^= 1;
    type Damage = Box<dyn FnOnce(&mut Vec<u8>)>;
    let position = format!("position {}", 3 * size);
    let cases: [(Damage, Vec<&str>); 6] = [
        (Box::new(flip(3 * size + 100)), vec!["partition t-0", ", chain ", ".log", &position, "offset 6", "the CRC"]),
        (Box::new(flip(3 * size + 16)), vec![&position, "offset 6", "no batch"]),
        (Box::new(flip(3 * size + 15)), vec![&position, "leader epoch 1", "the chain of 0"]),
        (Box::new(|bytes: &mut Vec<u8>| bytes.truncate(10)), vec!["position 10", "the file ends here"]),
        (Box::new(flip(3 * size + 8)), vec![&position, "no batch", "are not looked at"]),
        (Box::new(move |bytes: &mut Vec<u8>| drop(bytes.drain(..size))), vec!["position 0", "offset 2"]),
    ];
    for (damage, parts) in cases {
        let (case, log, _) = sealed();
        change(&log, damage);
        let (summary, lines) = look(&[case.dir()]);
        let named =
            lines.iter().any(|line| line.starts_with("problem: ") && parts.iter().all(|part| line.contains(part)));
        assert!(named && summary.problems > 0, "{parts:?}: {lines:#?}");
    }
    let (case, log, _) = sealed();
    std::fs::remove_file(&log).unwrap();
    assert_only_problem(case.dir(), &["partition t-0", ".log", "the file is not there"]);
}

#[test]
fn what_lies_behind_a_batch_without_a_length_is_found_again_by_the_index() {
    let (case, log, _) = sealed();
    let (whole, _) = look(&[case.dir()]);
    let size = batch(2, 1_000).len();
    change(&log, |bytes| {
        bytes[3 * size + 16] ^= 1;
        bytes[15 * size + 10] ^= 0x10;
        bytes[25 * size + 100] ^= 1;
    });
    let (summary, lines) = look(&[case.dir()]);
    for at in [3, 15, 25] {
        let place = format!("position {}, offset {}: ", at * size, at * 2);
        assert!(lines.iter().any(|line| line.contains(&place)), "{place}: {lines:#?}");
    }
    assert!(whole.batches - summary.batches < 12 && summary.problems == 3, "{summary}: {lines:#?}");
}

#[test]
fn index_entries_that_do_not_agree_with_the_log_are_named() {
    let (case, _, index) = sealed();
    assert!(std::fs::metadata(&index).unwrap().len() > 64, "no entries to damage");
    change(&index, |bytes| bytes[0..32].copy_from_slice(&entry(1, 77)));
    assert_only_problem(case.dir(), &[".index", "position 77", "where no batch begins"]);
    let (case, _, index) = sealed();
    let at = |bytes: &[u8]| u32::from_be_bytes(bytes[24..28].try_into().unwrap());
    change(&index, |bytes| {
        let position = at(bytes);
        bytes[0..32].copy_from_slice(&entry(1, position));
    });
    assert_only_problem(case.dir(), &[".index", "offset 1", "a wrong offset"]);
    let (case, _, index) = sealed();
    change(&index, |bytes| bytes[3] ^= 1);
    assert_only_problem(case.dir(), &[".index", "position 0", "an entry of the index is damaged"]);
}

/// An entry of an index with a right checksum.
fn entry(offset: i64, position: u32) -> [u8; 32] {
    let mut out = [0; 32];
    out[..8].copy_from_slice(&offset.to_be_bytes());
    out[24..28].copy_from_slice(&position.to_be_bytes());
    let crc = crc32c::crc32c(&out[..28]);
    out[28..].copy_from_slice(&crc.to_be_bytes());
    out
}

#[test]
fn what_follows_an_open_chain_is_what_the_next_start_cuts() {
    let case = Case::new(1);
    for _ in 0..5 {
        case.append(0, &batch(1, 500));
    }
    let size = batch(1, 500).len();
    let log = files(case.dir(), "log").pop().unwrap();
    let journal = everything(case.dir());
    change(&log, |bytes| bytes[5 * size..5 * size + 10].fill(9));
    let (summary, lines) = look(&[case.dir()]);
    let cut = format!("position {}, offset 5: the next start cuts 10 bytes", 5 * size);
    assert!(summary.problems == 0 && lines.iter().any(|line| line.contains(&cut)), "{lines:#?}");
    change(&log, |bytes| bytes[4 * size..5 * size + 10].fill(0));
    let (summary, lines) = look(&[case.dir()]);
    let mended = lines.iter().any(|line| line.contains(".journal") && line.contains("the next start writes them"));
    assert_eq!((summary.problems, summary.batches, summary.slots > 0), (0, 4, true), "{lines:#?}");
    assert!(mended && !journal.is_empty(), "{lines:#?}");
}

#[test]
fn damaged_journals_and_catalogs_are_named() {
    let case = Case::new(1);
    for _ in 0..5 {
        case.append(0, &batch(1, 500));
    }
    let journal = files(case.dir(), "journal").pop().unwrap();
    change(&journal, |bytes| bytes[4096 + 100] ^= 1);
    assert_only_problem(case.dir(), &[".journal", "position 4096", "a slot is damaged"]);
    remove_journal(case.dir());
    let (case, _, _) = sealed();
    let catalog = files(case.dir(), "redb").pop().unwrap();
    change(&catalog, |bytes| bytes.truncate(1_000));
    assert_only_problem(case.dir(), &["the catalog"]);
    std::fs::remove_file(&catalog).unwrap();
    assert_only_problem(case.dir(), &["the catalog is missing"]);
}

#[test]
fn files_without_a_chain_are_named_and_no_problem() {
    let (case, log, _) = sealed();
    let name = log.file_name().unwrap().to_str().unwrap();
    let stray =
        log.with_file_name(format!("{}.log", name.replace(".00000000000000000000.log", ".00000000000000009999")));
    std::fs::write(&stray, b"1234").unwrap();
    std::fs::write(log.with_file_name("notes.txt"), b"mine").unwrap();
    let (summary, lines) = look(&[case.dir()]);
    assert_eq!((summary.problems, lines.len()), (0, 2), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("9999.log: no chain has this file, 4 bytes")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("notes.txt: this is no file of ours")), "{lines:#?}");
}

#[test]
fn two_stores_are_looked_at_together_and_one_alone_says_what_is_away() {
    let (root, one) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dirs = [root.path().join("a"), root.path().join("b")];
    let options = catena_storage::StorageOptions { log_config: config().into(), ..Default::default() };
    let (storage, _) = catena_storage::Storage::open(&dirs, options).unwrap();
    let new =
        catena_storage::NewTopic { name: "t".into(), partitions: 4, configs: Default::default(), internal: false };
    storage.create_topics(vec![new]).pop().unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for log in &storage.topic("t").unwrap().partitions {
        let appended = log.append(batch(1, 100), catena_storage::AppendOrigin::Client, common::T0).unwrap();
        runtime.block_on(appended.commit.durable()).unwrap();
    }
    storage.shutdown().unwrap();
    let (both, lines) = look(&[&dirs[0], &dirs[1]]);
    assert_eq!((both.chains, both.batches, lines.len()), (4, 4, 0), "{lines:#?}");
    let (alone, lines) = look(&[&dirs[0]]);
    assert_eq!((alone.problems, alone.chains, alone.batches, lines.len()), (0, 4, 2, 2), "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("is away, and with it offsets 0 to ")), "{lines:#?}");
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let other = check(&fs, &[one.path().to_owned()], &mut |_| ()).unwrap_err();
    assert!(matches!(other, OpenError::Foreign { .. }), "{other}");
    let twice = look(&[&dirs[0], &dirs[0]]).1;
    assert!(twice.iter().any(|line| line.starts_with("problem: ") && line.contains("it is store")), "{twice:#?}");
}
