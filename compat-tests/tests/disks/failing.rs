//! A disk fails under producers, and comes back while broker and clients run.

use std::collections::BTreeSet;

use compat_tests::wire::Topic;

use crate::STORAGE_ERROR;
use crate::clients::{self, Load, Steady, await_more};
use crate::ledger::{self, Contents};
use crate::machine::Machine;

const DISK_BYTES: u64 = 128 << 20;
const PARTITIONS: i32 = 4;
const LOAD: Load = Load { record_bytes: 200, per_second: 400 };
/// Records of each producer to each partition before, while and after a disk is away.
const RECORDS: usize = 50;

#[test]
fn producers_do_not_notice_a_disk_that_fails_and_returns_and_then_the_other_one() {
    let Some(machine) = Machine::start(&[DISK_BYTES; 2]) else { return };
    let topic = machine.create("failing", PARTITIONS, &[]);
    let producers = clients::producers(&machine.broker, &topic, LOAD);
    await_more(&producers, RECORDS, &topic);
    let before = machine.describe(&topic);
    assert!(before.iter().all(|dir| dir.error_code == 0 && !dir.partitions.is_empty()), "{before:?}");

    let lost = fail(&machine, &topic, &producers, 0);
    for (partition, contents) in (0..).zip(&lost) {
        let was_there = before[0].partitions.contains(&partition);
        assert_eq!(!contents.unavailable.is_empty(), was_there, "partition {partition}");
    }
    let consumers = clients::consumers(&machine.broker, &topic);
    bring_back(&machine, &topic, &producers, 0);
    fail(&machine, &topic, &producers, 1);
    bring_back(&machine, &topic, &producers, 1);

    let told = producers.map(|producer| (producer.name, producer.finish()));
    let contents = ledger::read(&machine.broker, &topic);
    assert!(contents.iter().all(|contents| contents.is_dense() && contents.unavailable.is_empty()));
    told.iter().for_each(|(name, acknowledged)| ledger::check(&contents, name, acknowledged));
    let all = ledger::as_received(&contents);
    assert_eq!(
        all.len(),
        told.iter().map(|(_, acknowledged)| acknowledged.len()).sum::<usize>(),
        "nothing else is there"
    );
    consumers.into_iter().for_each(|consumer| consumer.expect(&all));
}

/// A disk fails, all go on; what is there now.
fn fail(machine: &Machine, topic: &Topic, producers: &[Steady; 2], disk: usize) -> Vec<Contents> {
    machine.disks[disk].cut_power();
    await_more(producers, RECORDS, topic);
    let described = machine.await_described(disk, STORAGE_ERROR, topic);
    assert_eq!(described[1 - disk].partitions, topic.all(), "all are written on the other disk");

    let told = producers.each_ref().map(|producer| (producer.name, producer.acknowledged()));
    let contents = ledger::read(&machine.broker, topic);
    for contents in &contents {
        assert!(contents.is_dense(), "an offset is neither a record nor unavailable");
        assert!(is_one_range(&contents.unavailable), "{:?}", contents.unavailable);
    }
    for (name, told) in &told {
        ledger::check_told(&contents, name, told);
        let last = |partition| told.iter().rfind(|one| one.partition == partition).unwrap().offset;
        let is_lost = |partition: &i32| contents[*partition as usize].unavailable.contains(&last(*partition));
        assert_eq!(
            topic.all().iter().find(|partition| is_lost(partition)),
            None,
            "goes on, but on the disk that failed"
        );
    }
    contents
}

fn is_one_range(offsets: &BTreeSet<i64>) -> bool {
    let ends = offsets.first().zip(offsets.last());
    ends.is_none_or(|(first, last)| last - first + 1 == offsets.len() as i64)
}

/// The disk comes back; the producers go on.
fn bring_back(machine: &Machine, topic: &Topic, producers: &[Steady; 2], disk: usize) {
    machine.disks[disk].restore_power();
    machine.await_described(disk, 0, topic);
    await_more(producers, RECORDS, topic);
}
