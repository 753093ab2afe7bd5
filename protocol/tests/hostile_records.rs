//! The record reader against bombs, claims and broken bytes: what the process holds at most is read from the kernel.

mod batches;
mod memory;

use std::io::{Read, repeat};
use std::sync::{Mutex, MutexGuard};

use batches::*;
use catena_protocol::batch::HEADER_LEN;
use catena_protocol::records::{Codec, RecordError, RecordReader, Rewrite, recompress, records};
use memory::grown;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// What a reader may hold beside ten times the batch: windows and buffers of fixed size.
const FIXED_MEMORY: usize = 12 << 20;

#[test]
fn a_bomb_costs_neither_memory_nor_minutes() {
    let _alone = alone();
    // A record that claims 1 GiB, and a gigabyte of zeros for it.
    let mut start = vec![0x80, 0x80, 0x80, 0x80, 0x08, 0, 0, 0, 1];
    start.resize(64, 0);
    let zeros = || start.chain(repeat(0).take(1 << 30));
    let zstd = zstd::encode_all(zeros(), 3).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::copy(&mut zeros(), &mut gzip).unwrap();
    for (codec, payload) in [(ZSTD, zstd), (GZIP, gzip.finish().unwrap()), (LZ4, lz4_bomb(&start))] {
        let bomb = with_payload(&sample(2, 0), codec, &payload);
        let (result, held) = grown(|| positions(&bomb));
        assert_eq!(result, Err(RecordError::Truncated), "codec {codec}");
        assert!(held <= 10 * bomb.len() + FIXED_MEMORY, "codec {codec} held {held} bytes for {}", bomb.len());
    }
}

#[test]
fn a_bomb_is_written_anew_without_being_held() {
    let _alone = alone();
    // One record of nearly a gigabyte: its length, attributes, timestamp, offset, no key, and a value of zeros.
    let mut start = vec![0x80, 0x80, 0x80, 0x80, 0x08, 0, 0, 0, 1];
    start.extend_from_slice(&[0xe0, 0xff, 0xff, 0xff, 0x07]);
    let payload = zstd::encode_all(start.chain(repeat(0).take(1 << 30)), 3).unwrap();
    let bomb = with_payload(&sample(2, 0), ZSTD, &payload);
    for codec in [Codec::None, Codec::Lz4, Codec::Snappy, Codec::Zstd] {
        let rewrite = Rewrite { codec, level: None, batch_bytes_max: 1 << 20 };
        let (result, held) = grown(|| recompress(&bomb, &rewrite, u64::MAX, |_| ()));
        assert!(matches!(result, Err(RecordError::TooLarge(_) | RecordError::Truncated)), "{codec:?}: {result:?}");
        assert!(held <= 10 * bomb.len() + rewrite.batch_bytes_max + FIXED_MEMORY, "{codec:?} held {held} bytes");
    }
    let limited =
        recompress(&bomb, &Rewrite { codec: Codec::None, level: None, batch_bytes_max: 1 << 20 }, 1 << 20, |_| ());
    assert_eq!(limited, Err(RecordError::RecordTooLarge { size: 1 << 30, max: 1 << 20 }));
}

#[test]
fn broken_bytes_neither_panic_nor_swell() {
    let _alone = alone();
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    for (name, codec, compress) in CODECS {
        let plain = sample(20, 50);
        let whole = with_payload(&plain, codec, &compress(&plain[HEADER_LEN..]));
        let ((), held) = grown(|| {
            for round in 0..5_000 {
                let batch = damaged(&whole, &mut random);
                std::hint::black_box(count(RecordReader::new(&batch)));
                assert!(count(records(&batch)) < batch.len());
                assert!(is_refused_or_readable(&batch, Codec::ALL[round % 4]), "{name}, SEED={seed}");
            }
        });
        assert!(held <= 10 * whole.len() + FIXED_MEMORY, "{name}, SEED={seed}: held {held}");
    }
}

/// Records read before the end or an error.
fn count<T>(reader: Result<impl Iterator<Item = Result<T, RecordError>>, RecordError>) -> usize {
    reader.map_or(0, |records| records.take_while(Result::is_ok).count())
}

/// What can be written anew can be read.
fn is_refused_or_readable(batch: &[u8], codec: Codec) -> bool {
    let rewrite = Rewrite { codec, level: None, batch_bytes_max: 1 << 20 };
    let Ok(written) = recompress(batch, &rewrite, u64::MAX, |_| ()) else { return true };
    let plain = recompress(&written, &Rewrite { codec: Codec::None, ..rewrite }, u64::MAX, |_| ());
    plain.is_ok_and(|plain| records(&plain).is_ok_and(|mut records| records.all(|record| record.is_ok())))
}

/// Some bytes flipped, inserted, removed or cut off; the length field right again, so that the records are reached.
fn damaged(whole: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let mut batch = whole.to_vec();
    for _ in 0..random.random_range(1..4) {
        let place = random.random_range(ATTRIBUTES_AT..batch.len());
        match random.random_range(0..5) {
            0 => batch[place] = random.random(),
            1 => batch[place] ^= 1 << random.random_range(0..8),
            2 => batch.insert(place, random.random()),
            3 if batch.len() > HEADER_LEN + 1 => drop(batch.remove(place)),
            _ => batch.truncate(place.max(HEADER_LEN + 1)),
        }
    }
    // Half of them claim the codec they have, so that damage reaches its reader.
    if random.random() {
        batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&whole[ATTRIBUTES_AT..ATTRIBUTES_AT + 2]);
    }
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch
}

/// An LZ4 frame of `start` and one match of nearly a gigabyte of zeros.
fn lz4_bomb(start: &[u8]) -> Vec<u8> {
    let mut block = vec![0xff, (start.len() - 15) as u8];
    block.extend_from_slice(start);
    block.extend_from_slice(&[1, 0]);
    block.resize(block.len() + (1 << 30) / 255 - 64, 255);
    block.extend_from_slice(&[0, 0]);
    let mut frame = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0];
    frame.extend_from_slice(&(block.len() as u32).to_le_bytes());
    frame.extend_from_slice(&block);
    frame.extend_from_slice(&[0; 4]);
    frame
}

/// The process is measured, so its tests must not overlap.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner())
}
