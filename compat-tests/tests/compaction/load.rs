//! What is written into a compacted topic: the same bytes into every broker.

use compat_tests::wire::batch::{BatchBuilder, NO_PRODUCER, Producer};
use compat_tests::wire::codec::compress;
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Topic};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::rows::Row;

/// Bytes of a record that does not fit into a segment (of 1 MiB) with another one of its kind.
const FILLER: usize = 700_000;

/// Batches of one producer for each partition of a topic.
pub struct Load {
    /// By partition.
    pub batches: Vec<Vec<Vec<u8>>>,
    /// By partition: every record.
    pub rows: Vec<Vec<Row>>,
    records_per_batch: i32,
}

impl Load {
    /// So many batches of so many records for each partition, of random keys (`keys` in each partition), one in ten a tombstone,
    /// some with headers, in all five codecs.
    pub fn random(seed: u64, partitions: usize, batches: usize, records_per_batch: i32, keys: u32) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut load = Self { batches: Vec::new(), rows: Vec::new(), records_per_batch };
        for _ in 0..partitions {
            let (mut made, mut rows) = (Vec::new(), Vec::new());
            for index in 0..batches {
                made.push(batch(&mut random, index, records_per_batch, keys, &mut rows));
            }
            load.batches.push(made);
            load.rows.push(rows);
        }
        load
    }

    /// The offset after the last record of each partition.
    pub fn end(&self) -> i64 {
        self.rows[0].len() as i64
    }

    /// Writes everything as `producer`, from sequence 0 on.
    pub fn write(&self, connection: &mut Connection, topic: &Topic, producer: Producer) {
        for index in 0..self.batches[0].len() {
            let batches = self.batches.iter().enumerate().map(|(partition, made)| (partition as i32, &made[index][..]));
            let batches: Vec<(i32, &[u8])> = batches.collect();
            let mut frame = ProduceFrame::build(topic, ProduceHeader::default(), &batches);
            frame.stamp_all(producer, self.sequence(index));
            frame.send(connection).unwrap();
            let answers = connection.receive_produce().unwrap();
            let expected = index as i64 * i64::from(self.records_per_batch);
            assert!(
                answers.iter().all(|answer| (answer.error_code, answer.base_offset) == (0, expected)),
                "{answers:?}"
            );
        }
    }

    /// The first sequence number of the batch at `index`.
    pub fn sequence(&self, index: usize) -> i32 {
        index as i32 * self.records_per_batch
    }
}

fn batch(random: &mut StdRng, index: usize, records: i32, keys: u32, rows: &mut Vec<Row>) -> Vec<u8> {
    let now = 1_000 * (std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64);
    let mut builder = BatchBuilder::new(now);
    for _ in 0..records {
        let key = format!("key-{}", random.random_range(0..keys));
        let mut value = vec![0; random.random_range(0..40)];
        random.fill_bytes(&mut value);
        let value = (!random.random_ratio(1, 10)).then_some(value);
        let headers: &[(&str, &[u8])] =
            if random.random_ratio(1, 20) { &[("trace", b"1234"), ("span", b""), ("", b"x")] } else { &[] };
        let timestamp = now - random.random_range(0..1_000_000);
        builder.push_with(timestamp, Some(key.as_bytes()), value.as_deref(), headers);
        rows.push(Row {
            offset: rows.len() as i64,
            timestamp,
            key: key.into(),
            value: value.map(Into::into),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
        });
    }
    let codec = index % 5;
    let payload = compress(codec, builder.payload()).unwrap();
    builder.build_as(codec as i16, &payload, NO_PRODUCER, -1)
}

/// Writes two records too large for one segment into each partition, so that everything before them can be compacted.
pub fn fill(connection: &mut Connection, topic: &Topic, name: &str) {
    for partition in topic.all() {
        for number in 0..2 {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
            let mut builder = BatchBuilder::new(now);
            builder.push(Some(format!("filler-{name}-{number}").as_bytes()), Some(&[7; FILLER]));
            connection.produce(topic, partition, &builder.build()).unwrap();
        }
    }
}
