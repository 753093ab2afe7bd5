//! Batches as clients' own codecs write them.
#![allow(dead_code, reason = "each test program uses a part")]

use std::io::Write;

use catena_protocol::batch::{BatchHeader, HEADER_LEN};
use catena_protocol::records::{BatchBuilder, RecordError, RecordPosition, RecordReader};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

pub const NONE: i16 = 0;
pub const GZIP: i16 = 1;
pub const SNAPPY: i16 = 2;
pub const LZ4: i16 = 3;
pub const ZSTD: i16 = 4;
pub const ATTRIBUTES_AT: usize = 21;

/// A batch's payload as some client writes it.
pub type Codec = (&'static str, i16, fn(&[u8]) -> Vec<u8>);

pub const CODECS: [Codec; 9] = [
    ("none", NONE, |bytes| bytes.to_vec()),
    ("gzip", GZIP, gzip),
    ("snappy in Java's frame", SNAPPY, snappy_frame),
    ("raw snappy", SNAPPY, snappy_raw),
    ("lz4 with linked blocks", LZ4, |bytes| lz4(bytes, lz4_flex::frame::BlockMode::Linked)),
    ("lz4 with independent blocks", LZ4, |bytes| lz4(bytes, lz4_flex::frame::BlockMode::Independent)),
    ("zstd level 1", ZSTD, |bytes| zstd::encode_all(bytes, 1).unwrap()),
    ("zstd level 3", ZSTD, |bytes| zstd::encode_all(bytes, 3).unwrap()),
    ("zstd level 19", ZSTD, |bytes| zstd::encode_all(bytes, 19).unwrap()),
];

pub fn positions(batch: &[u8]) -> Result<Vec<RecordPosition>, RecordError> {
    RecordReader::new(batch)?.collect()
}

/// Records of which every seventh has the base timestamp, with values that compress a little.
pub fn sample(count: usize, value_len: usize) -> Vec<u8> {
    let mut random = SmallRng::seed_from_u64(7);
    let mut builder = BatchBuilder::new();
    for index in 0..count {
        let value: Vec<u8> = (0..value_len).map(|at| if at % 50 < 30 { random.random() } else { b'x' }).collect();
        builder.push_with_headers(1_000 + 10 * (index as i64 % 7), Some(b"key"), Some(&value), &[("h", None)]);
    }
    builder.build().unwrap().to_vec()
}

/// `batch` with another codec and payload; the reader does not look at the CRC.
pub fn with_payload(batch: &[u8], codec: i16, payload: &[u8]) -> Vec<u8> {
    let mut batch = [&batch[..HEADER_LEN], payload].concat();
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&codec.to_be_bytes());
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    assert_eq!(BatchHeader::parse_whole(&batch).unwrap().size(), batch.len());
    batch
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn snappy_raw(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

/// As `SnappyOutputStream` of snappy-java: blocks of 32 KiB.
fn snappy_frame(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for block in bytes.chunks(32 * 1024) {
        let block = snappy_raw(block);
        out.extend_from_slice(&(block.len() as i32).to_be_bytes());
        out.extend_from_slice(&block);
    }
    out
}

/// As Java's `Lz4BlockOutputStream` (independent) or librdkafka (linked): blocks of 64 KiB.
fn lz4(bytes: &[u8], mode: lz4_flex::frame::BlockMode) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().block_mode(mode).block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
