//! `kafka-log-dirs` and `kafka-reassign-partitions` between directories, on a Catena with two of them.

use std::path::{Path, PathBuf};

use compat_tests::catena::Options;
use compat_tests::tools::Tools;
use compat_tests::tools::class::{LOG_DIRS, PRODUCER_PERF, REASSIGN_PARTITIONS};
use compat_tests::{Broker, Catena, java};
use serde_json::{Value, json};

/// What `kafka-log-dirs` says of one directory: the size of the partition there, and whether it is on its way.
fn described(tools: &mut Tools, broker: &Catena, dir: &Path) -> Option<(u64, bool)> {
    let words = ["--bootstrap-server", &broker.bootstrap(), "--describe", "--topic-list", "moved"];
    let answer = tools.call(LOG_DIRS, &words, "");
    let line = answer.success().lines().find(|line| line.starts_with('{')).expect("JSON").to_owned();
    let all: Value = serde_json::from_str(&line).unwrap();
    let dirs = all["brokers"][0]["logDirs"].as_array().unwrap();
    assert_eq!(dirs.len(), 2, "{all}");
    assert!(dirs.iter().all(|dir| dir["error"].is_null()), "{all}");
    let dir = dirs.iter().find(|found| found["logDir"] == json!(dir.display().to_string())).unwrap();
    let partition = &dir["partitions"].as_array().unwrap().first()?;
    Some((partition["size"].as_u64().unwrap(), partition["isFuture"].as_bool().unwrap()))
}

#[test]
fn a_partition_is_moved_to_another_directory() {
    if !java::available() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let dirs: [PathBuf; 2] = ["a", "b"].map(|name| root.path().join(name));
    let list = format!("{},{}", dirs[0].display(), dirs[1].display());
    let broker = Catena::start(Options::new().set("log.dirs", list));
    let bootstrap = broker.bootstrap();
    let mut tools = Tools::start();
    let produce = "--topic moved --num-records 20000 --record-size 500 --throughput -1";
    let produce: Vec<&str> = ["--bootstrap-server", &bootstrap].into_iter().chain(produce.split(' ')).collect();
    tools.call(PRODUCER_PERF, &produce, "").success();

    let from = dirs.iter().position(|dir| described(&mut tools, &broker, dir).is_some()).expect("somewhere");
    let (size, is_future) = described(&mut tools, &broker, &dirs[from]).unwrap();
    assert!(size > 10_000_000 && !is_future, "{size}");
    assert_eq!(described(&mut tools, &broker, &dirs[1 - from]), None);

    let target = dirs[1 - from].display().to_string();
    let plan = json!({"version": 1, "partitions": [
        {"topic": "moved", "partition": 0, "replicas": [1], "log_dirs": [target]},
    ]});
    let file = root.path().join("plan.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    let words = ["--bootstrap-server", &bootstrap, "--reassignment-json-file", file.to_str().unwrap()];
    let call = |action: &'static str| words.into_iter().chain([action, "--preserve-throttles"]).collect::<Vec<_>>();
    let executed = tools.call(REASSIGN_PARTITIONS, &words.into_iter().chain(["--execute"]).collect::<Vec<_>>(), "");
    assert!(executed.success().contains("Successfully started"), "{}", executed.success());
    let complete = "Reassignment of replica moved-0-1 completed successfully.";
    tools.call_until(REASSIGN_PARTITIONS, &call("--verify"), |answer| answer.success().contains(complete));
    assert_eq!(described(&mut tools, &broker, &dirs[from]), None);
    let (moved, is_future) = described(&mut tools, &broker, &dirs[1 - from]).unwrap();
    assert!(moved >= size && !is_future, "{moved}");
}
