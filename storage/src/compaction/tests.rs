//! Passes over random logs, against a model that knows records and nothing else.
//!
//! The model keeps for each record whether it is there, and for each batch the time until which its tombstones stay. Two things
//! are compared after every pass: what is there, record by record; and what a reader of the whole log ends up with.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};

use bytes::Bytes;
use catena_protocol::batch::{BatchHeader, HEADER_LEN, crc_matches};
use catena_protocol::records::{BatchBuilder, Codec, Compressor, RecordReader, records};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::filter::{Counted, FilterError, Filtered, Rules, filter, gather};
use super::offset_map::OffsetMap;

const DELETE_RETENTION_MS: i64 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: usize,
}

/// A batch of the model: what of it is there.
#[derive(Debug, Clone)]
struct ModelBatch {
    header: BatchHeader,
    rows: Vec<Row>,
    horizon: Option<i64>,
    /// Whether there is a batch at all.
    there: bool,
}

fn codec(random: &mut StdRng) -> Codec {
    Codec::ALL[random.random_range(0..Codec::ALL.len())]
}

fn compressed(plain: &[u8], codec: Codec, base_offset: i64) -> Vec<u8> {
    let header = BatchHeader::parse_whole(plain).unwrap();
    let mut records = Compressor::new(codec, None, vec![0; HEADER_LEN]).unwrap();
    records.write_all(&plain[HEADER_LEN..]).unwrap();
    let mut batch = records.finish().unwrap();
    BatchHeader { base_offset, partition_leader_epoch: 3, attributes: codec as i16, ..header }
        .seal(&mut batch)
        .unwrap();
    batch
}

fn uncompressed(batch: &[u8]) -> Bytes {
    let header = BatchHeader::parse_whole(batch).unwrap();
    let mut out = vec![0; HEADER_LEN];
    let payload = &batch[HEADER_LEN..];
    match Codec::of_id(header.compression_id()).unwrap() {
        Codec::None => out.extend_from_slice(payload),
        Codec::Gzip => drop(flate2::read::GzDecoder::new(payload).read_to_end(&mut out).unwrap()),
        Codec::Zstd => out.extend(zstd::decode_all(payload).unwrap()),
        Codec::Lz4 => drop(lz4_flex::frame::FrameDecoder::new(payload).read_to_end(&mut out).unwrap()),
        Codec::Snappy => {
            let mut blocks = &payload[16..];
            while let Some((length, rest)) = blocks.split_first_chunk::<4>() {
                let (block, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
                out.extend(snap::raw::Decoder::new().decompress_vec(block).unwrap());
                blocks = rest;
            }
        }
    }
    BatchHeader { attributes: header.attributes & !7, ..header }.seal(&mut out).unwrap();
    out.into()
}

fn rows_of(batch: &[u8]) -> Vec<Row> {
    let header = BatchHeader::parse_whole(batch).unwrap();
    assert!(crc_matches(batch, &header));
    let row = |record: catena_protocol::records::Record| Row {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers().count(),
    };
    records(&uncompressed(batch)).unwrap().map(|record| row(record.unwrap())).collect()
}

/// A log, and what the model thinks of it.
struct Log {
    random: StdRng,
    next_offset: i64,
    sequences: BTreeMap<i64, i32>,
    producers: HashMap<i64, i64>,
    batches: Vec<Vec<u8>>,
    model: Vec<ModelBatch>,
    cleaned_to: i64,
}

impl Log {
    fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            next_offset: 0,
            sequences: BTreeMap::new(),
            producers: HashMap::new(),
            batches: Vec::new(),
            model: Vec::new(),
            cleaned_to: 0,
        }
    }

    fn append(&mut self) {
        let random = &mut self.random;
        let count = random.random_range(1..=8);
        let producer = random.random_range(-1..4i64);
        let sequence = self.sequences.entry(producer).or_default();
        let mut builder = match producer {
            -1 => BatchBuilder::new(),
            id => BatchBuilder::new().with_producer(id, 1, *sequence),
        };
        *sequence += count;
        for _ in 0..count {
            let key = random.random_range(0..12).to_string();
            let key = (!random.random_ratio(1, 30)).then_some(key.as_bytes());
            let value = vec![random.random_range(0..=255u8); random.random_range(0..200)];
            let value = (!random.random_ratio(1, 4)).then_some(&value[..]);
            let headers = [("h", Some(&b"v"[..])), ("g", None)];
            let headers = &headers[..random.random_range(0..=2)];
            builder.push_with_headers(random.random_range(1..9_000), key, value, headers);
        }
        let batch = compressed(&builder.build().unwrap(), codec(random), self.next_offset);
        let header = BatchHeader::parse_whole(&batch).unwrap();
        self.next_offset = header.next_offset();
        if producer >= 0 {
            self.producers.insert(producer, header.last_offset());
        }
        self.model.push(ModelBatch { header, rows: rows_of(&batch), horizon: None, there: true });
        self.batches.push(batch);
    }

    /// A pass up to `end_max`, with room for `keys_max` keys, as a cleaner does it.
    fn pass(&mut self, end_max: i64, keys_max: u64, now_ms: i64) {
        let mut map = OffsetMap::new(keys_max * 24 + 24, 1.0, u64::MAX, [1; 16]);
        let end = self.gather(end_max, &mut map);
        let rules = Rules {
            map: &map,
            end,
            end_max,
            producers: &self.producers,
            now_ms,
            delete_retention_ms: DELETE_RETENTION_MS,
        };
        let mut counted = Counted::default();
        let mut after = Vec::new();
        for batch in &self.batches {
            match filter(batch, &rules, &mut counted).unwrap() {
                Filtered::Whole => after.push(batch.clone()),
                Filtered::Rewritten(batch) => after.push(batch),
                Filtered::Emptied(batch) => after.push(batch.to_vec()),
                Filtered::Dropped => {}
            }
        }
        self.batches = after;
        self.model_pass(end, end_max, now_ms);
        self.cleaned_to = end;
    }

    fn gather(&self, end_max: i64, map: &mut OffsetMap) -> i64 {
        let header = |batch: &Vec<u8>| BatchHeader::parse_whole(batch).unwrap();
        let below = self.batches.iter().filter(|batch| header(batch).base_offset < end_max);
        below.map(|batch| gather(batch, self.cleaned_to, map).unwrap()).find_map(|full| full).unwrap_or(end_max)
    }

    fn model_pass(&mut self, end: i64, end_max: i64, now_ms: i64) {
        let mut last = HashMap::new();
        for row in self.model.iter().flat_map(|batch| &batch.rows).filter(|row| row.offset < end) {
            last.insert(row.key.clone(), row.offset);
        }
        for batch in self.model.iter_mut().filter(|batch| batch.there && batch.header.base_offset < end) {
            let expired = batch.horizon.is_some_and(|horizon| now_ms >= horizon);
            batch.rows.retain(|row| {
                row.offset >= end
                    || (row.key.is_some() && last[&row.key] == row.offset && (row.value.is_some() || !expired))
            });
            if batch.horizon.is_none() && batch.rows.iter().any(|row| row.value.is_none() && row.offset < end) {
                batch.horizon = Some(now_ms + DELETE_RETENTION_MS);
            }
            let of_producer = self.producers.get(&batch.header.producer_id) == Some(&batch.header.last_offset());
            batch.there = !batch.rows.is_empty() || of_producer || batch.header.next_offset() == end_max;
        }
    }

    fn check(&self) {
        let expected = self.model.iter().filter(|batch| batch.there).collect::<Vec<_>>();
        assert_eq!(self.batches.len(), expected.len());
        for (batch, model) in self.batches.iter().zip(expected) {
            let header = BatchHeader::parse_whole(batch).unwrap();
            assert_eq!(rows_of(batch), model.rows);
            let identity = |header: &BatchHeader| {
                let producer = (header.producer_id, header.producer_epoch, header.base_sequence);
                (header.base_offset, header.last_offset(), header.partition_leader_epoch, producer)
            };
            assert_eq!(identity(&header), identity(&model.header));
            if !model.rows.is_empty() {
                assert_eq!(header.delete_horizon_ms(), model.horizon);
                assert_eq!(header.compression_id(), model.header.compression_id());
                let untouched = model.horizon.is_none() && model.rows.len() as i32 == model.header.record_count;
                assert!(!untouched || header == model.header, "what loses nothing is not touched");
            }
            assert!(RecordReader::new(batch).unwrap().all(|record| record.is_ok()));
        }
    }

    /// What a reader of the whole log ends up with.
    fn table(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut table = BTreeMap::new();
        for row in self.batches.iter().flat_map(|batch| rows_of(batch)) {
            match (row.key, row.value) {
                (Some(key), Some(value)) => drop(table.insert(key, value)),
                (Some(key), None) => drop(table.remove(&key)),
                (None, _) => {}
            }
        }
        table
    }

    /// Some end of a batch above what was compacted.
    fn some_end(&mut self) -> i64 {
        let ends: Vec<i64> = self.model.iter().map(|batch| batch.header.next_offset()).collect();
        let ends: Vec<i64> = ends.into_iter().filter(|end| *end >= self.cleaned_to).collect();
        ends[self.random.random_range(0..ends.len())]
    }
}

#[test]
fn random_passes_over_random_logs_leave_what_the_model_leaves() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    for round in 0..60 {
        let mut log = Log::new(seed.wrapping_add(round));
        let mut now_ms = 10_000;
        for _ in 0..8 {
            (0..log.random.random_range(1..20)).for_each(|_| log.append());
            let before = log.table();
            let (end, keys) = (log.some_end(), log.random.random_range(1..30));
            log.pass(end, keys, now_ms);
            log.check();
            assert_eq!(log.table(), before, "no reader sees another table");
            now_ms += log.random.random_range(0..2 * DELETE_RETENTION_MS);
        }
        // Everything dirty compacted, and tombstones' time over: one record for each key that has a value.
        for _ in 0..500 {
            log.pass(log.next_offset, 3, now_ms);
            now_ms += DELETE_RETENTION_MS;
        }
        log.check();
        let rows: usize = log.batches.iter().map(|batch| rows_of(batch).len()).sum();
        assert_eq!((rows, log.cleaned_to), (log.table().len(), log.next_offset));
    }
}

#[test]
fn a_batch_with_a_wrong_crc_is_told() {
    let mut log = Log::new(1);
    log.append();
    let last = log.batches[0].len() - 1;
    log.batches[0][last] ^= 1;
    let mut map = OffsetMap::new(1_000, 1.0, 10, [0; 16]);
    assert_eq!(gather(&log.batches[0], 0, &mut map), Err(FilterError::Crc));
    let producers = HashMap::new();
    let rules = Rules { map: &map, end: 10, end_max: 10, producers: &producers, now_ms: 0, delete_retention_ms: 0 };
    assert_eq!(filter(&log.batches[0], &rules, &mut Counted::default()), Err(FilterError::Crc));
}
