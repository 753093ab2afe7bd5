//! Disks fill up under producers, and get room again.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use compat_tests::wire::batch::{BatchBuilder, now_ms};
use compat_tests::wire::{ProduceFrame, ProduceHeader, Topic};
use kafka_protocol::messages::ProduceRequest;

use crate::clients::{self, Load, Steady, await_more};
use crate::machine::Machine;
use crate::{STORAGE_ERROR, await_some, ledger};

const SMALL_DISK_BYTES: u64 = 64 << 20;
const DISK_BYTES: u64 = 512 << 20;
const PARTITIONS: i32 = 2;
/// Fills the small disk within seconds.
const HEAVY: Load = Load { record_bytes: 50_000, per_second: 100 };
const LIGHT: Load = Load { record_bytes: 200, per_second: 200 };
const RECORDS: usize = 30;

#[test]
fn producers_do_not_notice_a_disk_that_fills_up_and_is_used_again_when_a_topic_goes() {
    let Some(machine) = Machine::start(&[SMALL_DISK_BYTES, DISK_BYTES]) else { return };
    let topic = machine.create("filling", PARTITIONS, &[]);
    let producers = clients::producers(&machine.broker, &topic, HEAVY);
    await_more(&producers, 1, &topic);
    assert!(machine.describe(&topic).iter().all(|dir| dir.partitions.len() == 1), "each disk has a partition");
    await_some("a partition that goes on on the other disk", || {
        let there = &machine.describe(&topic)[1];
        (there.partitions == topic.all()).then_some(())
    });
    await_more(&producers, RECORDS, &topic);
    check_all(&machine, &topic, producers);

    machine.connect().delete_topic(&topic.name).unwrap();
    let next = await_used_again(&machine);
    let producers = clients::producers(&machine.broker, &next, LIGHT);
    await_more(&producers, RECORDS, &next);
    assert!(machine.describe(&next).iter().all(|dir| !dir.partitions.is_empty()), "each disk has a partition again");
    check_all(&machine, &next, producers);
}

#[test]
fn producers_wait_for_the_only_disk_to_have_room_again() {
    let Some(machine) = Machine::start(&[SMALL_DISK_BYTES]) else { return };
    let topic = machine.create("full", PARTITIONS, &[]);
    let producers = clients::producers(&machine.broker, &topic, LIGHT);
    await_more(&producers, RECORDS, &topic);

    let ballast = machine.dir(0).join("ballast");
    let refusal = await_some("a refusal", || {
        fill(&ballast);
        refusal(&machine, &topic)
    });
    assert_eq!(refusal, (STORAGE_ERROR, "no space left for the store".to_owned()));
    fs::remove_file(&ballast).unwrap();
    await_more(&producers, RECORDS, &topic);
    check_all(&machine, &topic, producers);
}

/// Every record that was sent is acknowledged, and there once.
fn check_all(machine: &Machine, topic: &Topic, producers: [Steady; 2]) {
    let told = producers.map(|producer| (producer.name, producer.finish()));
    let contents = ledger::read(&machine.broker, topic);
    assert!(contents.iter().all(|contents| contents.is_dense() && contents.unavailable.is_empty()));
    told.iter().for_each(|(name, acknowledged)| ledger::check(&contents, name, acknowledged));
}

/// Makes topics until one of them has a partition on each disk.
fn await_used_again(machine: &Machine) -> Topic {
    let mut count = 0;
    await_some("a topic on both disks", || {
        count += 1;
        let topic = machine.create(&format!("next-{count}"), PARTITIONS, &[]);
        let mut connection = machine.connect();
        for partition in topic.all() {
            let batch = BatchBuilder::new(now_ms()).push(None, Some(b"nobody 0")).build();
            connection.produce(&topic, partition, &batch).unwrap();
        }
        let is_used = machine.describe(&topic).iter().all(|dir| dir.partitions.len() == 1);
        is_used.then_some(topic)
    })
}

/// Leaves no room at all.
fn fill(ballast: &Path) {
    let mut file = File::options().create(true).append(true).open(ballast).unwrap();
    for bytes in [1 << 20, 4096, 1] {
        let full = loop {
            if let Err(error) = file.write_all(&vec![1; bytes]).and_then(|()| file.sync_data()) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }
}

/// What somebody is told who produces once; `None` if that succeeds.
fn refusal(machine: &Machine, topic: &Topic) -> Option<(i16, String)> {
    let batch = BatchBuilder::new(now_ms()).push(None, Some(&[b'x'; 100_000])).build();
    let mut connection = machine.connect();
    ProduceFrame::build(topic, ProduceHeader::default(), &[(0, &batch)]).send(&mut connection).unwrap();
    let answer = connection.receive::<ProduceRequest>(13).unwrap();
    let part = &answer.responses[0].partition_responses[0];
    let text = part.error_message.as_ref().map(ToString::to_string).unwrap_or_default();
    (part.error_code != 0).then_some((part.error_code, text))
}
