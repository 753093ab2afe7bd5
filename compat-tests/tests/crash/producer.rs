//! An idempotent producer with five requests in flight, as real ones have.
//!
//! What must always hold: sequence numbers count records, and are also in the records; a batch that was sent and not
//! acknowledged is sent again, unchanged and in order, before anything new.

use std::collections::VecDeque;
use std::net::SocketAddr;

use compat_tests::wire::batch::{self, BatchBuilder};
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Result, Topic, kafka_error};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{PARTITIONS, is_cut_off};

/// Batches of one producer that a broker remembers (KIP-98), and so the most a client may have in flight.
const IN_FLIGHT_MAX: usize = 5;
const RECORDS_MAX: u32 = 16;
const PADDING_MAX: usize = 600;
/// Some batches are too large to be worth writing twice, and too large for the journal.
const LARGE_PADDING_MAX: usize = 60_000;
/// Of years ago: the age of events says nothing about whether their producer lives.
const TIMESTAMP: i64 = 1_700_000_000_000;

/// A request: one batch for each partition.
struct Sent {
    frame: ProduceFrame,
    /// Sequence number of the first record, by partition.
    first: [u32; PARTITIONS],
}

/// The broker said that a batch is stored.
pub struct Acknowledged {
    pub partition: usize,
    pub first: u32,
    pub base_offset: i64,
}

/// One producer; lives as long as the test.
pub struct Producer {
    pub index: u8,
    id: batch::Producer,
    topic: Topic,
    with_acks_1: bool,
    random: SmallRng,
    /// Sequence number of the next record, by partition.
    pub next: [u32; PARTITIONS],
    /// Records that are acknowledged, by partition.
    pub acknowledged: [u32; PARTITIONS],
    /// Acknowledgements since they were last checked.
    pub unchecked: Vec<Acknowledged>,
    in_flight: VecDeque<Sent>,
    pub acknowledged_batches: u64,
    pub batches_sent_again: u64,
}

impl Producer {
    pub fn new(index: u8, id: batch::Producer, topic: &Topic, with_acks_1: bool, seed: u64) -> Self {
        Self {
            index,
            id,
            topic: topic.clone(),
            with_acks_1,
            random: SmallRng::seed_from_u64(seed),
            next: [0; PARTITIONS],
            acknowledged: [0; PARTITIONS],
            unchecked: Vec::new(),
            in_flight: VecDeque::new(),
            acknowledged_batches: 0,
            batches_sent_again: 0,
        }
    }

    /// Produces until the connection breaks.
    pub fn run_until_cut_off(&mut self, address: SocketAddr, by_power: bool) {
        let error = self.run(address, true).expect_err("only the end of the broker ends this");
        assert!(is_cut_off(&error, by_power), "producer {}: {error}", self.index);
    }

    /// Sends what was not acknowledged until all of it is.
    pub fn finish(&mut self, address: SocketAddr) {
        self.run(address, false).unwrap_or_else(|error| panic!("producer {}: {error}", self.index));
    }

    fn run(&mut self, address: SocketAddr, new_ones: bool) -> Result<()> {
        let mut connection = Connection::connect(address)?;
        for sent in &mut self.in_flight {
            self.batches_sent_again += PARTITIONS as u64;
            sent.frame.send(&mut connection)?;
        }
        loop {
            while new_ones && self.in_flight.len() < IN_FLIGHT_MAX {
                let mut sent = self.make();
                let result = sent.frame.send(&mut connection);
                // Whatever went wrong, some of it may have arrived.
                self.in_flight.push_back(sent);
                result?;
            }
            if self.in_flight.is_empty() {
                return Ok(());
            }
            self.receive(&mut connection)?;
        }
    }

    fn make(&mut self) -> Sent {
        let first = self.next;
        let batches: Vec<Vec<u8>> = (0..PARTITIONS).map(|partition| self.make_batch(partition)).collect();
        let batches: Vec<(i32, &[u8])> = (0i32..).zip(batches.iter().map(Vec::as_slice)).collect();
        let acks = if self.with_acks_1 && self.random.random_range(0..4) == 0 { 1 } else { -1 };
        let header = ProduceHeader { acks, ..ProduceHeader::default() };
        Sent { frame: ProduceFrame::build(&self.topic, header, &batches), first }
    }

    fn make_batch(&mut self, partition: usize) -> Vec<u8> {
        let first = self.next[partition];
        let mut builder = BatchBuilder::new(TIMESTAMP);
        let padding_max = if self.random.random_range(0..50) == 0 { LARGE_PADDING_MAX } else { PADDING_MAX };
        for sequence in first..first + self.random.random_range(1..=RECORDS_MAX) {
            let mut value = vec![self.index];
            value.extend_from_slice(&sequence.to_be_bytes());
            value.resize(5 + self.random.random_range(0..padding_max), sequence as u8);
            builder.push(None, Some(&value));
            self.next[partition] = sequence + 1;
        }
        builder.build_for(self.id, first as i32)
    }

    fn receive(&mut self, connection: &mut Connection) -> Result<()> {
        let answers = connection.receive_produce()?;
        answers.iter().try_for_each(|answer| kafka_error("Produce", answer.error_code))?;
        let sent = self.in_flight.pop_front().expect("an answer to something");
        let end = self.in_flight.front().map_or(self.next, |next| next.first);
        assert_eq!(answers.len(), PARTITIONS);
        for answer in answers {
            let partition = answer.partition as usize;
            let first = sent.first[partition];
            self.acknowledged[partition] = end[partition];
            self.acknowledged_batches += 1;
            self.unchecked.push(Acknowledged { partition, first, base_offset: answer.base_offset });
        }
        Ok(())
    }
}
