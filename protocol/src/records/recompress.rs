//! Looking into every record of a batch, and writing the batch anew with another codec.
//!
//! What must always hold:
//! - Records come out as they went in: keys, values, headers and timestamps; offsets are dense from the batch's first.
//! - Memory is a constant and the new batch, which is given up as soon as it is larger than `batch_bytes_max`; what the old one
//!   unpacks to is never held.
//! - A batch that is written anew can be read: every length in it was followed.
//!
//! Source: Apache Kafka, `LogValidator.validateMessagesAndAssignOffsetsCompressed`, `MemoryRecordsBuilder`.

use std::io::{BufRead, Read, Take, Write};

use super::compress::{Codec, Compressor};
use super::decompress::Source;
use super::reader::{NEGATIVE_LENGTH, RecordReader};
use super::{RecordError, varint};
use crate::batch::{BatchHeader, CRC_START, HEADER_LEN, LENGTH_PREFIX_LEN};

/// Bytes gathered before they go to the compressor.
const GATHERED: usize = 16 * 1024;
/// "No timestamp" on the wire: the least that a batch says of its largest.
const NO_TIMESTAMP: i64 = -1;
/// The part of the attributes that the records decide: codec and timestamp type.
const REWRITTEN_ATTRIBUTES: i16 = 0x0f;

/// What the rules of an append ask of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordFacts {
    /// Its place in the batch, from 0.
    pub index: i32,
    /// Its offset as the producer counts: from 0 in a new batch.
    pub offset: i64,
    /// Its timestamp, milliseconds since 1970; in a batch with LogAppendTime the batch's.
    pub timestamp: i64,
    /// Whether it has a key.
    pub has_key: bool,
}

/// How a batch is to be written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite {
    /// The codec.
    pub codec: Codec,
    /// Its level, or its own default.
    pub level: Option<i32>,
    /// Bytes the new batch may have.
    pub batch_bytes_max: usize,
}

/// Shows `look` every record of a batch, whose CRC is taken to be right. Records of a compressed batch may have
/// `record_bytes_max` bytes (`max.decompressed.message.bytes`).
///
/// # Errors
/// As reading the records.
pub fn inspect(batch: &[u8], record_bytes_max: u64, mut look: impl FnMut(&RecordFacts)) -> Result<(), RecordError> {
    let mut reader = RecordReader::new(batch)?.bounded(record_bytes_max);
    while let Some((facts, _)) = next_facts(&mut reader)? {
        look(&facts);
    }
    Ok(())
}

/// The batch in another codec, after `look` was shown every record, as `inspect` does. Its timestamps are CreateTime.
///
/// # Errors
/// As reading the records; `TooLarge` with the size at which it was given up.
pub fn recompress(
    batch: &[u8],
    rewrite: &Rewrite,
    record_bytes_max: u64,
    mut look: impl FnMut(&RecordFacts),
) -> Result<Vec<u8>, RecordError> {
    let mut reader = RecordReader::new(batch)?.bounded(record_bytes_max);
    let mut writer = Writer::new(batch, rewrite)?;
    while let Some((facts, key_length)) = next_facts(&mut reader)? {
        look(&facts);
        writer.push(&facts, key_length, &mut reader.rest_of_body())?;
        reader.body_is_read();
    }
    writer.finish(&reader.header())
}

fn next_facts(reader: &mut RecordReader<'_>) -> Result<Option<(RecordFacts, i32)>, RecordError> {
    let Some(position) = reader.next().transpose()? else { return Ok(None) };
    let key_length = reader.read_length()?;
    let facts = RecordFacts {
        index: reader.index(),
        offset: position.offset,
        timestamp: position.timestamp,
        has_key: key_length >= 0,
    };
    Ok(Some((facts, key_length)))
}

/// The new batch as far as it is written.
struct Writer {
    compressor: Compressor,
    gathered: Vec<u8>,
    codec: Codec,
    batch_bytes_max: usize,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    count: i32,
}

impl Writer {
    fn new(batch: &[u8], rewrite: &Rewrite) -> Result<Self, RecordError> {
        let header = batch.get(..HEADER_LEN).ok_or(RecordError::Truncated)?.to_vec();
        Ok(Self {
            compressor: Compressor::new(rewrite.codec, rewrite.level, header)?,
            gathered: Vec::with_capacity(GATHERED),
            codec: rewrite.codec,
            batch_bytes_max: rewrite.batch_bytes_max,
            base_timestamp: None,
            max_timestamp: NO_TIMESTAMP,
            count: 0,
        })
    }

    /// Adds a record, of which `body` has what follows the length of the key.
    fn push(&mut self, facts: &RecordFacts, key_length: i32, body: &mut Body<'_, '_>) -> Result<(), RecordError> {
        let base_timestamp = *self.base_timestamp.get_or_insert(facts.timestamp);
        self.max_timestamp = self.max_timestamp.max(facts.timestamp);
        let mut front = vec![0];
        varint::put(&mut front, facts.timestamp.wrapping_sub(base_timestamp));
        varint::put(&mut front, i64::from(self.count));
        varint::put(&mut front, i64::from(key_length));
        let length = front.len() as u64 + body.limit();
        let length = i32::try_from(length).map_err(|_| RecordError::TooLarge(self.compressor.len()))?;
        varint::put(&mut self.gathered, i64::from(length));
        self.gathered.extend_from_slice(&front);
        self.count = self.count.saturating_add(1);
        self.copy_fields(key_length, body)
    }

    /// Copies key, value and headers, following their lengths.
    fn copy_fields(&mut self, key_length: i32, body: &mut Body<'_, '_>) -> Result<(), RecordError> {
        self.copy(key_length, body)?;
        let value_length = self.copy_varint(body)?;
        self.copy(value_length, body)?;
        let headers = self.copy_varint(body)?;
        for _ in 0..u32::try_from(headers).map_err(|_| RecordError::Invalid("a negative number of headers"))? {
            let key_length = self.copy_varint(body)?;
            u32::try_from(key_length).map_err(|_| NEGATIVE_LENGTH)?;
            self.copy(key_length, body)?;
            let value_length = self.copy_varint(body)?;
            self.copy(value_length, body)?;
        }
        if body.limit() == 0 { Ok(()) } else { Err(RecordError::Invalid("bytes after the last header")) }
    }

    /// Copies a varint byte by byte: its length counts in the record's.
    fn copy_varint(&mut self, body: &mut Body<'_, '_>) -> Result<i32, RecordError> {
        let before = self.gathered.len();
        let length = varint::read_int(&mut Copying { body, copy: &mut self.gathered })?;
        debug_assert!(self.gathered.len() > before);
        Ok(length)
    }

    /// Copies a field of `length` bytes; a negative length is null.
    fn copy(&mut self, length: i32, body: &mut Body<'_, '_>) -> Result<(), RecordError> {
        let mut left = usize::try_from(length).unwrap_or(0);
        while left > 0 {
            let available = body.fill_buf()?;
            let taken = available.len().min(left).min(GATHERED);
            if taken == 0 {
                return Err(RecordError::Truncated);
            }
            self.gathered.extend_from_slice(&available[..taken]);
            body.consume(taken);
            left -= taken;
            self.pass_on(GATHERED)?;
        }
        self.pass_on(GATHERED)
    }

    /// Gives what is gathered to the compressor, if it is at least `least` bytes.
    fn pass_on(&mut self, least: usize) -> Result<(), RecordError> {
        if self.gathered.len() >= least {
            self.compressor.write_all(&self.gathered)?;
            self.gathered.clear();
        }
        self.check_size(self.compressor.len())
    }

    fn check_size(&self, size: usize) -> Result<(), RecordError> {
        if size > self.batch_bytes_max { Err(RecordError::TooLarge(size)) } else { Ok(()) }
    }

    fn finish(mut self, old: &BatchHeader) -> Result<Vec<u8>, RecordError> {
        self.pass_on(1)?;
        let (codec, count, max_timestamp) = (self.codec as i16, self.count, self.max_timestamp);
        let (base_timestamp, size_max) = (self.base_timestamp.unwrap_or(old.base_timestamp), self.batch_bytes_max);
        let mut out = self.compressor.finish()?;
        let length = i32::try_from(out.len() - LENGTH_PREFIX_LEN).map_err(|_| RecordError::TooLarge(out.len()))?;
        if out.len() > size_max {
            return Err(RecordError::TooLarge(out.len()));
        }
        let attributes = (old.attributes & !REWRITTEN_ATTRIBUTES) | codec;
        out[8..12].copy_from_slice(&length.to_be_bytes());
        out[21..23].copy_from_slice(&attributes.to_be_bytes());
        out[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        out[27..35].copy_from_slice(&base_timestamp.to_be_bytes());
        out[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
        out[57..61].copy_from_slice(&count.to_be_bytes());
        let crc = crc32c::crc32c(&out[CRC_START..]);
        out[17..CRC_START].copy_from_slice(&crc.to_be_bytes());
        Ok(out)
    }
}

/// What is left of a record.
type Body<'s, 'b> = Take<&'s mut Source<'b>>;

/// Reads a body and keeps a copy of what was read.
struct Copying<'c, 's, 'b> {
    body: &'c mut Body<'s, 'b>,
    copy: &'c mut Vec<u8>,
}

impl Read for Copying<'_, '_, '_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.body.read(out)?;
        self.copy.extend_from_slice(out.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::crc_matches;
    use crate::records::{BatchBuilder, Record, records};

    const ANY: u64 = u64::MAX;

    fn rewrite(codec: Codec) -> Rewrite {
        Rewrite { codec, level: None, batch_bytes_max: 1 << 20 }
    }

    fn sample() -> Vec<u8> {
        let mut builder = BatchBuilder::new().with_producer(7, 3, 40);
        builder.push(1_000, Some(b"k"), None).push(1_500, None, Some(&[9; 40_000]));
        builder.push_with_headers(900, Some(b""), Some(b"v"), &[("h", Some(b"1")), ("h", None), ("", Some(b""))]);
        builder.build().unwrap().to_vec()
    }

    fn again(batch: &[u8], codec: Codec) -> Vec<u8> {
        recompress(batch, &rewrite(codec), ANY, |_| ()).unwrap()
    }

    fn put<const N: usize>(batch: &mut [u8], at: usize, value: [u8; N]) {
        batch[at..at + N].copy_from_slice(&value);
    }

    #[test]
    fn through_all_codecs_and_back_the_batch_is_the_same() {
        let original = sample();
        for codec in Codec::ALL {
            let compressed = again(&original, codec);
            let header = BatchHeader::parse_whole(&compressed).unwrap();
            assert_eq!((header.compression_id(), header.size()), (codec as i16, compressed.len()));
            assert!(crc_matches(&compressed, &header));
            assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 3, 40));
            assert_eq!((header.base_timestamp, header.max_timestamp, header.record_count), (1_000, 1_500, 3));
            let other = again(&compressed, Codec::Gzip);
            assert_eq!(again(&other, Codec::None), original, "{codec:?}");
        }
    }

    #[test]
    fn every_record_is_looked_at_in_order() {
        let mut seen = Vec::new();
        let compressed = recompress(&sample(), &rewrite(Codec::Zstd), ANY, |facts| seen.push(*facts)).unwrap();
        let facts =
            |index: i32, timestamp, has_key| RecordFacts { index, offset: i64::from(index), timestamp, has_key };
        let expected = [facts(0, 1_000, true), facts(1, 1_500, false), facts(2, 900, true)];
        assert_eq!(seen, expected);
        seen.clear();
        inspect(&compressed, ANY, |facts| seen.push(*facts)).unwrap();
        assert_eq!(seen, expected);
    }

    #[test]
    fn timestamps_are_written_against_the_first_records_and_the_largest_is_found() {
        let mut lying = sample();
        put(&mut lying, 27, 400_i64.to_be_bytes());
        put(&mut lying, 35, 9_999_i64.to_be_bytes());
        let rewritten = again(&lying, Codec::None);
        let header = BatchHeader::parse_whole(&rewritten).unwrap();
        assert_eq!((header.base_timestamp, header.max_timestamp), (400, 900));
        let times: Vec<i64> =
            records(&rewritten).unwrap().map(|record: Result<Record, _>| record.unwrap().timestamp).collect();
        assert_eq!(times, [400, 900, 300]);
    }

    #[test]
    fn a_batch_of_the_brokers_time_gets_that_time_in_every_record() {
        let mut stamped = sample();
        stamped[22] |= 0x08;
        put(&mut stamped, 35, 5_000_i64.to_be_bytes());
        let rewritten = again(&stamped, Codec::None);
        assert!(!BatchHeader::parse_whole(&rewritten).unwrap().is_log_append_time());
        assert!(records(&rewritten).unwrap().all(|record| record.unwrap().timestamp == 5_000));
    }

    #[test]
    fn what_grows_too_large_is_given_up() {
        let small = again(&sample(), Codec::Zstd);
        let limits = Rewrite { batch_bytes_max: 30_000, ..rewrite(Codec::None) };
        let refused = recompress(&small, &limits, ANY, |_| ());
        assert!(matches!(refused, Err(RecordError::TooLarge(30_001..60_000))), "{refused:?}");
    }

    #[test]
    fn a_compressed_record_beyond_its_limit_is_refused_and_an_uncompressed_one_is_not() {
        let compressed = again(&sample(), Codec::Lz4);
        assert_eq!(inspect(&compressed, 40_010, |_| ()), Ok(()));
        assert_eq!(
            inspect(&compressed, 40_000, |_| ()),
            Err(RecordError::RecordTooLarge { size: 40_009, max: 40_000 })
        );
        assert_eq!(inspect(&sample(), 40_000, |_| ()), Ok(()));
    }

    #[test]
    fn a_record_whose_lengths_do_not_fit_is_not_written() {
        let mut builder = BatchBuilder::new();
        builder.push(0, Some(b"k"), Some(b"value"));
        let good = builder.build().unwrap().to_vec();
        assert!(recompress(&good, &rewrite(Codec::Zstd), ANY, |_| ()).is_ok());
        // After length, attributes, timestamp, offset, key length and key: the value's length; the last byte counts headers.
        for (at, byte, what) in
            [(67, 8, "a shorter value"), (67, 40, "a longer value"), (73, 2, "a header"), (73, 1, "-1 headers")]
        {
            let mut bad = good.clone();
            bad[at] = byte;
            assert!(recompress(&bad, &rewrite(Codec::Zstd), ANY, |_| ()).is_err(), "{what}");
        }
    }

    #[test]
    fn varints_longer_than_they_must_be_are_kept() {
        let mut body = vec![0, 0, 0, 2, b'k'];
        body.extend_from_slice(&[0x82, 0x00, b'v', 0]);
        let mut batch = BatchBuilder::new().push(5, Some(b"k"), None).build().unwrap()[..HEADER_LEN].to_vec();
        batch.push(2 * body.len() as u8);
        batch.extend_from_slice(&body);
        let length = (batch.len() - LENGTH_PREFIX_LEN) as i32;
        put(&mut batch, 8, length.to_be_bytes());
        let rewritten = again(&again(&batch, Codec::Snappy), Codec::None);
        assert_eq!(rewritten[HEADER_LEN..], batch[HEADER_LEN..]);
    }
}
