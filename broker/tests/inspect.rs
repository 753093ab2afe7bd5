//! `catena check` and `catena dump`: what they print, and their exit codes, for a directory that a broker of the same binary wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use catena_protocol::records::BatchBuilder;
use catena_storage::{AppendOrigin, LogConfig, NewTopic, Storage, StorageOptions};

fn catena(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catena"));
    command.args(arguments).env_remove("CATENA_LOG").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A directory with a topic `orders` of one partition and three batches, after a clean stop.
fn written(dir: &Path) -> PathBuf {
    let defaults = LogConfig { timestamp_after_max_ms: i64::MAX, retention_ms: None, ..LogConfig::default() };
    let options = StorageOptions { log_config: defaults.into(), ..StorageOptions::default() };
    let (storage, _) = Storage::open(&[dir.to_owned()], options).expect("a store");
    let new = NewTopic { name: "orders".into(), partitions: 1, configs: [].into(), internal: false };
    storage.create_topics(vec![new]).pop().expect("an outcome").expect("a topic");
    let log = storage.topic("orders").expect("the topic").partitions[0].clone();
    for at in 0..3_u8 {
        let batch = BatchBuilder::new().push(1, Some(b"apple"), Some(&[b'0' + at; 20])).build().expect("a batch");
        log.append(batch, AppendOrigin::Client, 1).expect("appended");
    }
    drop(log);
    let stopping: Arc<Storage> = storage;
    stopping.shutdown().expect("a clean stop");
    segments(dir).pop().expect("a segment")
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(dir.join("chains")).expect("chains").flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()).expect("a folder").flatten());
    files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|kind| kind == "log")).collect()
}

#[test]
fn check_says_by_its_exit_code_whether_a_directory_is_whole() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("data");
    let segment = written(&dir);
    let name = dir.to_str().expect("a name");
    let whole = catena(&["check", name]);
    let summary = "1 topics, 1 partitions, 1 chains, 1 segments, 3 batches, 3 records, ";
    assert!(stdout(&whole).starts_with(summary) && stdout(&whole).ends_with(", 0 problems\n"), "{whole:?}");
    assert_eq!(whole.status.code(), Some(0));

    let mut bytes = std::fs::read(&segment).expect("its bytes");
    bytes[80] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let damaged = catena(&["check", name]);
    let line = stdout(&damaged).lines().next().unwrap_or_default().to_owned();
    assert!(line.starts_with(&format!("problem: {name}, partition orders-0, chain ")), "{line}");
    assert!(line.ends_with(".log, position 0, offset 0: the CRC of the batch is wrong"), "{line}");
    assert_eq!(damaged.status.code(), Some(1));
}

#[test]
fn a_directory_that_nobody_can_look_at_is_one_line_on_stderr() {
    let root = tempfile::tempdir().expect("a directory");
    let there = root.path().to_str().expect("a name");
    let missing = format!("{there}/missing");
    for (dir, reason) in [(there, "does not hold Catena data: it is no store"), (&missing, "does not exist")] {
        for command in ["check", "dump"] {
            let output = catena(&[command, dir]);
            assert_eq!(String::from_utf8_lossy(&output.stderr), format!("catena: {dir} {reason}\n"));
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        }
    }
    assert!(std::fs::read_dir(there).expect("it is there").next().is_none(), "something was made");
}

#[test]
fn dump_prints_catalog_batches_and_records() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("data");
    let segment = written(&dir);
    let name = dir.to_str().expect("a name");
    let all = stdout(&catena(&["dump", name]));
    for part in [
        "store ",
        "topic orders, id ",
        "chain ",
        " of orders-0, ",
        "event 1: ",
        "offsets 2 to 2, 1 records, none",
        "crc ok",
    ] {
        assert!(all.contains(part), "no '{part}' in:\n{all}");
    }
    assert!(!all.contains("apple") && !all.contains("key 5 bytes"), "{all}");
    let records = stdout(&catena(&["dump", name, "--topic", "orders", "--partition", "0", "--records"]));
    assert!(records.contains("offset 1, timestamp 1, key 5 bytes, value 20 bytes\n"), "{records}");
    assert!(!records.contains("topic orders, id") && !records.contains("apple"), "{records}");
    let file = segment.file_name().and_then(|name| name.to_str()).expect("a name");
    let contents = stdout(&catena(&["dump", name, "--segment", file, "--contents"]));
    assert!(contents.contains("key 5 bytes \"apple\", value 20 bytes \"11111111111111111111\"\n"), "{contents}");
    let other = stdout(&catena(&["dump", name, "--topic", "other"]));
    assert!(!other.contains("orders") && !other.contains("position 0"), "{other}");
    assert_eq!(catena(&["dump", name, "--segment", "missing.log"]).status.code(), Some(2));
}
