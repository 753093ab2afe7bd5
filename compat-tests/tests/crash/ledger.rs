//! What the partitions hold, record by record, as a consumer reads it.
//!
//! What must always hold: reading goes on where it ended before the crash. So a record that was readable and is not
//! there any more, or is another one now, breaks the row of offsets or the row of sequence numbers.

use compat_tests::wire::batch::RecordView;
use compat_tests::wire::{Connection, FetchPlan, Topic};

use super::producer::Producer;
use super::{PARTITIONS, PRODUCERS};

/// All records read so far.
#[derive(PartialEq, Eq)]
pub struct Ledger {
    partitions: [Partition; PARTITIONS],
}

#[derive(Default, PartialEq, Eq)]
struct Partition {
    next_offset: i64,
    /// Offsets of each producer's records in the order of their sequence numbers.
    offsets: [Vec<i64>; PRODUCERS],
}

impl Ledger {
    pub fn new() -> Self {
        Self { partitions: std::array::from_fn(|_| Partition::default()) }
    }

    /// Reads from where it stands to the end of each partition.
    pub fn read_on(&mut self, connection: &mut Connection, topic: &Topic) {
        let ends = connection.end_offsets(topic, &topic.all()).unwrap();
        let mut plan = FetchPlan::new(topic, &topic.all());
        plan.positions.iter_mut().for_each(|(index, at)| *at = self.partitions[*index as usize].next_offset);
        while plan.positions.iter().zip(&ends).any(|((_, at), end)| at < end) {
            for part in connection.fetch(&mut plan).unwrap().partitions {
                let partition = &mut self.partitions[part.partition as usize];
                for batch in part.batches() {
                    assert!(batch.crc_matches(), "partition {}: {batch:?}", part.partition);
                    batch.records().unwrap().iter().for_each(|record| partition.add(part.partition, record));
                }
            }
        }
        for (index, (partition, end)) in self.partitions.iter().zip(ends).enumerate() {
            assert!(
                partition.next_offset >= end,
                "partition {index} ends at {end}, and was read to {}",
                partition.next_offset
            );
        }
    }

    /// What `producer` was told since the last time is true; nothing is there that it did not send.
    pub fn check(&self, producer: &mut Producer) {
        for (index, partition) in self.partitions.iter().enumerate() {
            let there = partition.of(producer).len() as u32;
            let (acknowledged, sent) = (producer.acknowledged[index], producer.next[index]);
            assert!(
                (acknowledged..=sent).contains(&there),
                "producer {} has {acknowledged} records acknowledged and {sent} sent, partition {index} holds {there}",
                producer.index
            );
        }
        for told in producer.unchecked.drain(..) {
            let offset = self.partitions[told.partition].offsets[producer.index as usize][told.first as usize];
            assert_eq!(
                offset, told.base_offset,
                "producer {}, partition {}, sequence {}",
                producer.index, told.partition, told.first
            );
        }
    }

    /// Whether every record that `producer` had acknowledged was read.
    pub fn holds_all_acknowledged(&self, producer: &Producer) -> bool {
        let mut pairs = self.partitions.iter().zip(producer.acknowledged);
        pairs.all(|(partition, acknowledged)| partition.of(producer).len() as u32 >= acknowledged)
    }

    /// Everything that was ever sent is there.
    pub fn check_all_is_there(&self, producer: &Producer) {
        let there = std::array::from_fn(|index| self.partitions[index].of(producer).len() as u32);
        assert_eq!(producer.next, there, "producer {}", producer.index);
    }

    pub fn records(&self) -> i64 {
        self.partitions.iter().map(|partition| partition.next_offset).sum()
    }
}

impl Partition {
    fn of(&self, producer: &Producer) -> &[i64] {
        &self.offsets[producer.index as usize]
    }

    fn add(&mut self, index: i32, record: &RecordView) {
        // A fetch may begin inside a batch.
        if record.offset < self.next_offset {
            return;
        }
        assert_eq!(record.offset, self.next_offset, "partition {index}: a gap in the offsets");
        let value = record.value.as_deref().unwrap();
        let sequence = u32::from_be_bytes(value[1..5].try_into().unwrap());
        let offsets = &mut self.offsets[value[0] as usize];
        let expected = offsets.len() as u32;
        assert_eq!(
            sequence, expected,
            "partition {index}, offset {}: lost (if more) or repeated (if less)",
            record.offset
        );
        assert!(value[5..].iter().all(|byte| *byte == sequence as u8), "partition {index}, offset {}", record.offset);
        offsets.push(record.offset);
        self.next_offset += 1;
    }
}
