//! What a topic holds, offset by offset, against what producers were told.

use std::collections::{BTreeMap, BTreeSet};

use compat_tests::Broker;
use compat_tests::wire::batch::BatchView;
use compat_tests::wire::{Connection, FetchPlan, Topic};

use crate::STORAGE_ERROR;
use crate::clients::{Acknowledged, Received};

/// What a partition gives to somebody who asks for every offset from the first on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The records: who sent it, and its number.
    pub records: BTreeMap<i64, String>,
    /// Offsets that give KAFKA_STORAGE_ERROR.
    pub unavailable: BTreeSet<i64>,
    /// The offset of the next record.
    pub end: i64,
}

/// Reads all partitions.
pub fn read(broker: &dyn Broker, topic: &Topic) -> Vec<Contents> {
    let mut connection = Connection::to(broker).unwrap();
    topic.all().into_iter().map(|partition| read_partition(&mut connection, topic, partition)).collect()
}

/// The error code of each partition for somebody who asks for its first offset.
pub fn read_first(broker: &dyn Broker, topic: &Topic) -> Vec<i16> {
    let mut connection = Connection::to(broker).unwrap();
    let mut first = |partition| {
        connection.send_fetch(&FetchPlan::new(topic, &[partition])).unwrap();
        connection.receive_fetch().unwrap().partitions[0].error_code
    };
    topic.all().into_iter().map(&mut first).collect()
}

fn read_partition(connection: &mut Connection, topic: &Topic, partition: i32) -> Contents {
    let end = connection.end_offsets(topic, &[partition]).unwrap()[0];
    let mut contents = Contents { end, ..Contents::default() };
    let mut plan = FetchPlan::new(topic, &[partition]);
    while plan.positions[0].1 < end {
        let at = plan.positions[0].1;
        connection.send_fetch(&plan).unwrap();
        let fetched = connection.receive_fetch().unwrap();
        let part = &fetched.partitions[0];
        plan.positions[0].1 = match part.error_code {
            0 => contents.add(&part.batches()).expect("an offset before the end"),
            STORAGE_ERROR => {
                contents.unavailable.insert(at);
                at + 1
            }
            other => panic!("partition {partition}, offset {at}: error {other}"),
        };
    }
    // Producers may have gone on.
    contents.records.split_off(&end);
    contents
}

impl Contents {
    /// Takes note of records; gives the offset behind them.
    fn add(&mut self, batches: &[BatchView]) -> Option<i64> {
        for record in batches.iter().flat_map(|batch| batch.records().unwrap()) {
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            let name = value.trim_end_matches('x').trim_end().to_owned();
            assert_eq!(self.records.insert(record.offset, name), None, "offset {} comes twice", record.offset);
        }
        batches.last().map(BatchView::next_offset)
    }

    /// Whether there is something at every offset.
    pub fn is_dense(&self) -> bool {
        self.records.len() + self.unavailable.len() == self.end as usize
    }
}

/// Every record of `sender` that was acknowledged is at its offset, or that is unavailable.
pub fn check_told(contents: &[Contents], sender: &str, acknowledged: &[Acknowledged]) {
    for one in acknowledged {
        let of = &contents[one.partition as usize];
        let there = of.records.get(&one.offset).is_some_and(|value| *value == format!("{sender} {}", one.number));
        assert!(
            there || of.unavailable.contains(&one.offset),
            "{one:?} of {sender}: {:?}",
            of.records.get(&one.offset)
        );
    }
}

/// As `check_told`, and nothing else of `sender` is there: each record once, in the order in which they were sent.
pub fn check(contents: &[Contents], sender: &str, acknowledged: &[Acknowledged]) {
    check_but_for(&[], contents, sender, acknowledged);
}

/// As `check`, but records may be in some partitions twice.
pub fn check_but_for(twice: &[i32], contents: &[Contents], sender: &str, acknowledged: &[Acknowledged]) {
    check_told(contents, sender, acknowledged);
    let once = |(partition, _): &(usize, &Contents)| !twice.contains(&(*partition as i32));
    for (partition, contents) in contents.iter().enumerate().filter(once) {
        let told = acknowledged.iter().filter(|one| one.partition as usize == partition);
        let offsets: Vec<i64> = told.map(|one| one.offset).collect();
        assert!(offsets.is_sorted(), "partition {partition}: records of {sender} are not in their order");
        let is_own = |value: &&String| value.split(' ').next() == Some(sender);
        let found = contents.records.values().filter(is_own).count();
        let available = offsets.iter().filter(|offset| !contents.unavailable.contains(offset)).count();
        assert_eq!(found, available, "partition {partition}: records of {sender}");
    }
}

/// All that is readable, as a consumer gives it.
pub fn as_received(contents: &[Contents]) -> Vec<Received> {
    let of = |(partition, contents): (usize, &Contents)| {
        let received = move |(offset, value): (&i64, &String)| Received {
            partition: partition as i32,
            offset: *offset,
            value: value.clone(),
        };
        contents.records.iter().map(received).collect::<Vec<_>>()
    };
    contents.iter().enumerate().flat_map(of).collect()
}
