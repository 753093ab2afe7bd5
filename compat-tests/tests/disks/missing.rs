//! A broker is killed, and one of its disks is not there when it starts again.

use compat_tests::Broker;
use compat_tests::tools::Tools;
use compat_tests::tools::class::LOG_DIRS;
use serde_json::{Value, json};

use crate::clients::{self, Load, await_more};
use crate::machine::Machine;
use crate::{STORAGE_ERROR, ledger};

const DISK_BYTES: u64 = 128 << 20;
const PARTITIONS: i32 = 4;
const LOAD: Load = Load { record_bytes: 200, per_second: 200 };
const RECORDS: usize = 30;

#[test]
fn a_broker_starts_without_a_disk_and_takes_it_back_when_it_is_there() {
    let Some(mut machine) = Machine::start(&[DISK_BYTES; 3]) else { return };
    let topic = machine.create("missing", PARTITIONS, &[]);
    let producers = clients::producers(&machine.broker, &topic, LOAD);
    await_more(&producers, RECORDS, &topic);
    let there = machine.describe(&topic)[0].partitions.clone();
    assert!(!there.is_empty());

    machine.broker.kill();
    machine.disks[0].detach();
    machine.broker.restart();
    await_more(&producers, RECORDS, &topic);
    let described = machine.describe(&topic);
    assert_eq!((described[0].error_code, described[0].partitions.len()), (STORAGE_ERROR, 0));
    assert!(described[1..].iter().all(|dir| dir.error_code == 0));
    assert_eq!(shown_by_the_tool(&machine), [Some("KafkaStorageException"), None, None]);
    let contents = ledger::read_first(&machine.broker, &topic);
    for partition in topic.all() {
        assert_eq!(contents[partition as usize] == STORAGE_ERROR, there.contains(&partition), "partition {partition}");
    }

    let consumers = clients::consumers(&machine.broker, &topic);
    machine.disks[0].attach();
    machine.await_described(0, 0, &topic);
    await_more(&producers, RECORDS, &topic);
    assert_eq!(shown_by_the_tool(&machine), [None, None, None]);
    let told = producers.map(|producer| (producer.name, producer.finish()));
    let contents = ledger::read(&machine.broker, &topic);
    // A batch that was durable on the missing disk, and not acknowledged yet, is sent again and taken: the numbers of its producer are on
    // that disk too. The disk brings the first of the two back.
    told.iter().for_each(|(name, acknowledged)| ledger::check_but_for(&there, &contents, name, acknowledged));
    let all = ledger::as_received(&contents);
    consumers.into_iter().for_each(|consumer| consumer.expect(&all));
}

/// The error that `kafka-log-dirs` shows for each disk.
fn shown_by_the_tool(machine: &Machine) -> Vec<Option<&'static str>> {
    let answer = Tools::start().call(LOG_DIRS, &["--bootstrap-server", &machine.broker.bootstrap(), "--describe"], "");
    let line = answer.success().lines().find(|line| line.starts_with('{')).expect("JSON").to_owned();
    let all: Value = serde_json::from_str(&line).unwrap();
    let dirs = all["brokers"][0]["logDirs"].as_array().unwrap();
    let error_of = |disk: usize| {
        let path = json!(machine.dir(disk).display().to_string());
        let dir = dirs.iter().find(|dir| dir["logDir"] == path).unwrap_or_else(|| panic!("{path} is not in {all}"));
        let error = dir["error"].as_str()?;
        assert!(error.contains("KafkaStorageException"), "{error}");
        Some("KafkaStorageException")
    };
    (0..machine.disks.len()).map(error_of).collect()
}
