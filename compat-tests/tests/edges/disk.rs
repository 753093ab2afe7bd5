//! A full disk: a small file system of the test's own, made full and given space again.

use std::fs;
use std::time::{Duration, Instant};

use compat_tests::Catena;
use compat_tests::catena::Options;
use compat_tests::mount::Mount;
use compat_tests::wire::batch::{BatchBuilder, Producer, now_ms};
use compat_tests::wire::{Connection, FetchPlan, Topic};

const KAFKA_STORAGE_ERROR: i16 = 56;
const DISK_BYTES: u64 = 96 << 20;
const BALLAST_BYTES: u64 = 32 << 20;
const JOURNAL_SEGMENT_BYTES: u32 = 4 << 20;
const RECORD_BYTES: usize = 100_000;
const POLL: Duration = Duration::from_millis(20);
const RECOVERS_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_full_tmpfs_refuses_producers_and_serves_everything_else() {
    exercise(Mount::tmpfs(DISK_BYTES));
}

#[test]
fn a_full_ext4_refuses_producers_and_serves_everything_else() {
    exercise(Mount::ext4(DISK_BYTES));
}

fn exercise(mount: Option<Mount>) {
    let Some(mount) = mount else { return };
    let ballast = mount.folder().join("ballast");
    fs::write(&ballast, vec![1; BALLAST_BYTES as usize]).unwrap();
    let options = Options::new().data(&mount.folder().join("data"));
    let mut broker = Catena::start(options.set("catena.journal.segment.bytes", JOURNAL_SEGMENT_BYTES));
    let mut client = Client::new(&broker);

    let kept = client.fill();
    assert!(kept > 20, "only {kept} records of {RECORD_BYTES} bytes went in");
    assert_eq!(client.produce(kept), Err(KAFKA_STORAGE_ERROR), "full is full");
    // The refused record may have been appended and become durable later: it is not promised, and never there twice.
    assert!([kept, kept + 1].contains(&client.read_all()));
    client.reconnect(&broker);
    assert!([kept, kept + 1].contains(&client.read_all()), "a new connection reads as well");

    broker.kill();
    broker.restart();
    client.reconnect(&broker);
    assert!([kept, kept + 1].contains(&client.read_all()), "a start on a full disk reads as well");

    fs::remove_file(&ballast).unwrap();
    let more = client.go_on(kept);
    assert_eq!(client.read_all(), more);

    broker.kill();
    broker.restart();
    client.reconnect(&broker);
    assert_eq!(client.read_all(), more);
    assert_eq!(client.produce(more), Ok(()));
    drop(broker);
}

/// An idempotent producer, so that a record that was refused and is sent again cannot be there twice; and a consumer.
struct Client {
    connection: Connection,
    topic: Topic,
    producer: Producer,
}

impl Client {
    fn new(broker: &Catena) -> Self {
        let mut connection = Connection::to(broker).unwrap();
        let topic = connection.create_topic("full", 2, &[]).unwrap();
        let producer = connection.init_producer().unwrap();
        Self { connection, topic, producer }
    }

    fn reconnect(&mut self, broker: &Catena) {
        self.connection = Connection::to(broker).unwrap();
    }

    /// Produces until the first refusal, which must be the right one; gives how many records went in.
    fn fill(&mut self) -> u32 {
        let most = (DISK_BYTES / RECORD_BYTES as u64) as u32;
        for number in 0..most {
            if let Err(code) = self.produce(number) {
                assert_eq!(code, KAFKA_STORAGE_ERROR);
                return number;
            }
        }
        panic!("{most} records of {RECORD_BYTES} bytes fit into {DISK_BYTES} bytes")
    }

    /// Produces ten more as soon as the broker takes them; gives how many are there then.
    fn go_on(&mut self, kept: u32) -> u32 {
        let deadline = Instant::now() + RECOVERS_WITHIN;
        for number in kept..kept + 10 {
            while let Err(code) = self.produce(number) {
                assert!(Instant::now() < deadline, "error {code}, {RECOVERS_WITHIN:?} after there is space again");
                std::thread::sleep(POLL);
            }
        }
        kept + 10
    }

    /// Record `number` goes to partition 0 or 1 in turn.
    fn produce(&mut self, number: u32) -> Result<(), i16> {
        let mut value = number.to_be_bytes().to_vec();
        value.resize(RECORD_BYTES, number as u8);
        let (partition, sequence) = ((number % 2) as i32, (number / 2) as i32);
        let batch = BatchBuilder::new(now_ms()).push(None, Some(&value)).build_for(self.producer, sequence);
        let answer = self.connection.try_produce(&self.topic, partition, &batch).unwrap();
        if answer.error_code != 0 {
            return Err(answer.error_code);
        }
        assert_eq!(answer.base_offset, i64::from(sequence));
        Ok(())
    }

    /// Reads both partitions from the start and gives how many records are there; each must be the one that was sent.
    fn read_all(&mut self) -> u32 {
        let ends = self.connection.end_offsets(&self.topic, &[0, 1]).unwrap();
        let mut plan = FetchPlan::new(&self.topic, &[0, 1]);
        let mut count = 0;
        while plan.positions.iter().zip(&ends).any(|((_, at), end)| at < end) {
            for part in self.connection.fetch(&mut plan).unwrap().partitions {
                for record in part.batches().iter().flat_map(|batch| batch.records().unwrap()) {
                    let number = record.offset as u32 * 2 + part.partition as u32;
                    let value = record.value.unwrap();
                    assert_eq!((&value[..4], value.len()), (&number.to_be_bytes()[..], RECORD_BYTES));
                    assert!(value[4..].iter().all(|byte| *byte == number as u8));
                    count += 1;
                }
            }
        }
        count
    }
}
