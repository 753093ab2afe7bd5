//! A batch with some of its records, as a cleaner writes it.
//!
//! What must always hold: base offset, last offset, producer, sequences, leader epoch, timestamp type and codec are the original's; every
//! record that stays keeps its offset, timestamp, key, value and headers. Records pass through in pieces: none is held whole.
//!
//! Source: Apache Kafka, `MemoryRecords.filterTo`, `DefaultRecordBatch.writeEmptyHeader`; KIP-534 for the delete horizon.

use std::io::Write;

use super::compress::{Codec, Compressor};
use super::{RecordError, RecordPosition, RecordReader, varint};
use crate::batch::{BatchHeader, HEADER_LEN};

/// "No timestamp", in place of the base timestamp of a batch without records.
const NO_TIMESTAMP: i64 = -1;

/// The batch at the front of `batch` with only those of its records whose index (0 is the first) `keep` holds for, and with
/// `delete_horizon_ms`, if there is one. Its CRC is taken to be right.
///
/// # Errors
/// As reading and compressing the records; `TooLarge` when the new batch's length does not fit into 31 bits.
pub fn retain(
    batch: &[u8],
    delete_horizon_ms: Option<i64>,
    keep: impl Fn(usize) -> bool,
) -> Result<Vec<u8>, RecordError> {
    let original = BatchHeader::parse_whole(batch)?;
    let mut retained = Retained::new(original, delete_horizon_ms)?;
    let mut reader = RecordReader::new(batch)?;
    let mut index = 0;
    while let Some(position) = reader.next().transpose()? {
        if keep(index) {
            retained.copy(position, &mut reader)?;
        }
        index += 1;
    }
    retained.finish()
}

/// The batch that stays where all records of the one with the header `original` are gone.
pub fn emptied(original: &BatchHeader) -> [u8; HEADER_LEN] {
    let mut batch = [0; HEADER_LEN];
    let attributes = original.without_codec_and_horizon();
    let _ = BatchHeader { attributes, base_timestamp: NO_TIMESTAMP, record_count: 0, ..*original }.seal(&mut batch);
    batch
}

/// A batch in the making.
struct Retained {
    header: BatchHeader,
    base_timestamp: Option<i64>,
    records: Compressor,
}

impl Retained {
    fn new(original: BatchHeader, delete_horizon_ms: Option<i64>) -> Result<Self, RecordError> {
        let codec = Codec::of_id(original.compression_id())?;
        let header = delete_horizon_ms.map_or(original, |horizon| original.with_delete_horizon(horizon));
        let max_timestamp = if original.is_log_append_time() { original.max_timestamp } else { NO_TIMESTAMP };
        Ok(Self {
            base_timestamp: header.delete_horizon_ms(),
            header: BatchHeader { record_count: 0, max_timestamp, ..header },
            records: Compressor::new(codec, None, vec![0; HEADER_LEN])?,
        })
    }

    /// Adds the record that `reader` stands in, behind its position.
    fn copy(&mut self, position: RecordPosition, reader: &mut RecordReader<'_>) -> Result<(), RecordError> {
        let base_timestamp = *self.base_timestamp.get_or_insert(position.timestamp);
        let timestamp_delta = position.timestamp.wrapping_sub(base_timestamp);
        let offset_delta = position.offset.saturating_sub(self.header.base_offset);
        let length = 1 + varint::len(timestamp_delta) + varint::len(offset_delta) + reader.body_left();
        let mut front = Vec::with_capacity(24);
        varint::put(&mut front, i64::try_from(length).map_err(|_| RecordError::Truncated)?);
        front.push(0);
        varint::put(&mut front, timestamp_delta);
        varint::put(&mut front, offset_delta);
        self.records.write_all(&front)?;
        reader.copy_body(&mut self.records)?;
        self.header.record_count = self.header.record_count.saturating_add(1);
        self.header.max_timestamp = self.header.max_timestamp.max(position.timestamp);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, RecordError> {
        self.header.base_timestamp = self.base_timestamp.unwrap_or(NO_TIMESTAMP);
        let mut batch = self.records.finish()?;
        self.header.seal(&mut batch).ok_or(RecordError::TooLarge(batch.len()))?;
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::crc_matches;
    use crate::records::{BatchBuilder, Record, RecordHeader, records};

    const HEADERS: &[(&str, Option<&[u8]>)] = &[("h", Some(b"1")), ("h", None)];

    /// Four records at offsets 100 to 103, of a producer, under leader epoch 6.
    fn original(codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::new().with_producer(7, 3, 40);
        builder.push_with_headers(1_000, Some(b"a"), Some(&[9; 3_000]), HEADERS).push(1_500, Some(b"b"), None);
        builder.push(900, Some(b"c"), Some(b"v")).push(1_200, None, Some(b"w"));
        let plain = builder.build().unwrap();
        let mut records = Compressor::new(codec, None, vec![0; HEADER_LEN]).unwrap();
        records.write_all(&plain[HEADER_LEN..]).unwrap();
        let mut batch = records.finish().unwrap();
        let header = BatchHeader::parse_whole(&plain).unwrap();
        let header = BatchHeader { base_offset: 100, partition_leader_epoch: 6, attributes: codec as i16, ..header };
        header.seal(&mut batch).unwrap();
        batch
    }

    fn plain(batch: &[u8]) -> Vec<u8> {
        let header = BatchHeader::parse_whole(batch).unwrap();
        assert!(crc_matches(batch, &header));
        let mut out = vec![0; HEADER_LEN];
        let mut source = crate::records::decompress::open(header.compression_id(), &batch[HEADER_LEN..]).unwrap();
        std::io::copy(&mut source, &mut out).unwrap();
        BatchHeader { attributes: header.attributes & !7, ..header }.seal(&mut out).unwrap();
        out
    }

    #[test]
    fn what_stays_is_as_it_was_in_every_codec() {
        for codec in Codec::ALL {
            let before = original(codec);
            let after = retain(&before, None, |index| index == 1 || index == 3).unwrap();
            let (old, new) = (BatchHeader::parse(&before).unwrap(), BatchHeader::parse_whole(&after).unwrap());
            let expected = BatchHeader {
                base_timestamp: 1_500,
                max_timestamp: 1_500,
                record_count: 2,
                batch_length: new.batch_length,
                crc: new.crc,
                ..old
            };
            assert_eq!(new, expected, "{codec:?}");
            let plain = plain(&after);
            let read: Vec<Record> = records(&plain).unwrap().map(Result::unwrap).collect();
            assert_eq!(
                read.iter().map(|record| (record.offset, record.timestamp)).collect::<Vec<_>>(),
                [(101, 1_500), (103, 1_200)]
            );
            assert_eq!((read[0].key, read[0].value), (Some(&b"b"[..]), None));
            assert_eq!((read[1].key, read[1].value), (None, Some(&b"w"[..])));
        }
    }

    #[test]
    fn headers_and_long_values_pass_through() {
        for codec in Codec::ALL {
            let plain = plain(&retain(&original(codec), None, |index| index == 0).unwrap());
            let record = records(&plain).unwrap().next().unwrap().unwrap();
            assert_eq!((record.offset, record.timestamp, record.value), (100, 1_000, Some(&[9; 3_000][..])));
            let headers: Vec<_> = record.headers().map(|RecordHeader { key, value }| (key, value)).collect();
            assert_eq!(headers, [(&b"h"[..], Some(&b"1"[..])), (&b"h"[..], None)]);
        }
    }

    #[test]
    fn a_delete_horizon_takes_the_place_of_the_base_timestamp_and_stays() {
        let once = retain(&original(Codec::Lz4), Some(5_000_000), |_| true).unwrap();
        let again = retain(&once, None, |index| index > 0).unwrap();
        for (batch, first, count) in [(once, 0, 4), (again, 1, 3)] {
            let header = BatchHeader::parse_whole(&batch).unwrap();
            assert_eq!((header.delete_horizon_ms(), header.record_count), (Some(5_000_000), count));
            let plain = plain(&batch);
            let times: Vec<_> = records(&plain).unwrap().map(|record| record.unwrap().timestamp).collect();
            assert_eq!(times, [1_000, 1_500, 900, 1_200][first..]);
        }
    }

    #[test]
    fn with_log_append_time_all_records_have_the_batchs_time() {
        let mut batch = original(Codec::None);
        let header = BatchHeader::parse(&batch).unwrap();
        BatchHeader { attributes: 0x08, max_timestamp: 7_777, ..header }.seal(&mut batch).unwrap();
        let after = retain(&batch, Some(9_000), |index| index == 2).unwrap();
        let header = BatchHeader::parse_whole(&after).unwrap();
        assert_eq!((header.max_timestamp, header.is_log_append_time()), (7_777, true));
        assert_eq!(records(&after).unwrap().next().unwrap().unwrap().timestamp, 7_777);
    }

    #[test]
    fn an_emptied_batch_keeps_offsets_and_sequences() {
        for codec in Codec::ALL {
            let before = BatchHeader::parse(&original(codec)).unwrap();
            let batch = emptied(&before);
            let header = BatchHeader::parse_whole(&batch).unwrap();
            assert!(crc_matches(&batch, &header));
            assert_eq!((header.base_offset, header.last_offset(), header.last_sequence()), (100, 103, 43));
            assert_eq!((header.producer_id, header.producer_epoch, header.partition_leader_epoch), (7, 3, 6));
            assert_eq!((header.max_timestamp, header.base_timestamp, header.record_count), (1_500, -1, 0));
            assert_eq!(RecordReader::new(&batch).unwrap().count(), 0);
        }
    }

    #[test]
    fn damaged_records_are_errors() {
        for codec in Codec::ALL {
            let whole = original(codec);
            for at in HEADER_LEN..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x55;
                // Whatever comes of it, it is no panic, and what comes of it can be read.
                if let Ok(batch) = retain(&damaged, None, |_| true) {
                    assert!(RecordReader::new(&batch).unwrap().all(|record| record.is_ok()), "{codec:?} {at}");
                }
            }
        }
    }
}
