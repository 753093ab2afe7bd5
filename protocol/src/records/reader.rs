//! Offsets and timestamps of a batch's records, whatever the codec; bodies are passed over.

use std::io::{self, BufRead, Read, Take, Write};

use super::decompress::{self, Source};
use super::{RecordError, varint};
use crate::batch::{BatchHeader, HEADER_LEN};

/// Where a record stands in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPosition {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, milliseconds since 1970; in a batch with LogAppendTime the batch's.
    pub timestamp: i64,
}

/// Iterates over the positions of a batch's records; ends at the first error.
pub struct RecordReader<'a> {
    header: BatchHeader,
    source: Source<'a>,
    /// Records to come, as the batch claims.
    records_left: i32,
    /// Bytes of the current record that were not read.
    body_left: u64,
    /// Bytes that a record may have.
    record_bytes_max: u64,
    ended: bool,
}

impl<'a> RecordReader<'a> {
    /// Reads the header of the batch at the front of `bytes`. Its CRC is taken to be right.
    ///
    /// # Errors
    /// `Batch`, `UnknownCodec`, `Invalid` for a negative count, or `Decompression`.
    pub fn new(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let (header, payload) = split(bytes)?;
        let source = decompress::open(header.compression_id(), payload)?;
        Ok(Self {
            header,
            source,
            records_left: header.record_count,
            body_left: 0,
            record_bytes_max: u64::MAX,
            ended: false,
        })
    }

    /// Refuses records of more than `record_bytes_max` bytes, if the batch is compressed: the bytes of one that is not are
    /// there already.
    pub(super) fn bounded(mut self, record_bytes_max: u64) -> Self {
        if self.header.compression_id() != 0 {
            self.record_bytes_max = record_bytes_max;
        }
        self
    }

    /// The batch's header.
    pub(super) fn header(&self) -> BatchHeader {
        self.header
    }

    /// The place of the current record in the batch.
    pub(super) fn index(&self) -> i32 {
        self.header.record_count - self.records_left - 1
    }

    /// What was not read of the current record. Whoever reads all of it says so with `body_is_read`.
    pub(super) fn rest_of_body(&mut self) -> Take<&mut Source<'a>> {
        self.source.by_ref().take(self.body_left)
    }

    /// Nothing is left of the current record.
    pub(super) fn body_is_read(&mut self) {
        self.body_left = 0;
    }

    fn advance(&mut self) -> Result<Option<RecordPosition>, RecordError> {
        self.skip_body()?;
        if self.records_left == 0 {
            return if self.source.fill_buf()?.is_empty() { Ok(None) } else { Err(TRAILING_BYTES) };
        }
        self.records_left -= 1;
        let length = varint::read_int(&mut self.source)?;
        let length = u64::try_from(length).map_err(|_| NEGATIVE_LENGTH)?;
        if length > self.record_bytes_max {
            return Err(RecordError::RecordTooLarge { size: length, max: self.record_bytes_max });
        }
        let mut body = self.source.by_ref().take(length);
        let position = read_position(&self.header, &mut body)?;
        self.body_left = body.limit();
        Ok(Some(position))
    }

    /// Passes the current record's key to `sink`, piece by piece; whether it has one. Must come right after the record's position.
    ///
    /// # Errors
    /// As reading the record.
    pub fn read_key(&mut self, mut sink: impl FnMut(&[u8])) -> Result<bool, RecordError> {
        let length = self.read_length()?;
        let piece = |bytes: &[u8]| {
            sink(bytes);
            Ok(())
        };
        self.pass(u64::try_from(length).unwrap_or(0), piece)?;
        Ok(length >= 0)
    }

    /// Passes the current record's value to `sink`, piece by piece; whether it has one. Must come right after its key.
    ///
    /// # Errors
    /// As reading the record.
    pub fn read_value(&mut self, sink: impl FnMut(&[u8])) -> Result<bool, RecordError> {
        self.read_key(sink)
    }

    /// Whether the current record has a value. Must come right after its key.
    ///
    /// # Errors
    /// As reading the record.
    pub fn read_has_value(&mut self) -> Result<bool, RecordError> {
        Ok(self.read_length()? >= 0)
    }

    /// Bytes of the current record that were not read.
    pub(super) fn body_left(&self) -> u64 {
        self.body_left
    }

    /// Passes what was not read of the current record to `out`.
    pub(super) fn copy_body(&mut self, out: &mut impl Write) -> Result<(), RecordError> {
        self.pass(self.body_left, |bytes| out.write_all(bytes))
    }

    /// The length of a field of the current record, -1 for none.
    pub(super) fn read_length(&mut self) -> Result<i32, RecordError> {
        let mut body = self.source.by_ref().take(self.body_left);
        let length = varint::read_int(&mut body)?;
        self.body_left = body.limit();
        Ok(length)
    }

    fn skip_body(&mut self) -> Result<(), RecordError> {
        self.pass(self.body_left, |_| Ok(()))
    }

    /// Passes the next `count` bytes of the current record to `sink`.
    fn pass(&mut self, count: u64, mut sink: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), RecordError> {
        let mut left = count;
        self.body_left = self.body_left.checked_sub(count).ok_or(RecordError::Truncated)?;
        while left > 0 {
            let available = self.source.fill_buf()?;
            let now = available.len().min(usize::try_from(left).unwrap_or(available.len()));
            if now == 0 {
                return Err(RecordError::Truncated);
            }
            sink(available.get(..now).unwrap_or_default())?;
            self.source.consume(now);
            left -= now as u64;
        }
        Ok(())
    }
}

impl Iterator for RecordReader<'_> {
    type Item = Result<RecordPosition, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The first record of a batch at or after `min_offset` whose timestamp is at least `timestamp`.
///
/// # Errors
/// As reading the records up to there.
pub fn first_at_or_after(batch: &[u8], timestamp: i64, min_offset: i64) -> Result<Option<RecordPosition>, RecordError> {
    first(batch, |record| record.timestamp >= timestamp && record.offset >= min_offset)
}

/// The first record of a batch that has the batch's largest timestamp.
///
/// # Errors
/// As reading the records up to there.
pub fn first_of_max_timestamp(batch: &[u8]) -> Result<Option<RecordPosition>, RecordError> {
    let max_timestamp = BatchHeader::parse_whole(batch)?.max_timestamp;
    first(batch, |record| record.timestamp == max_timestamp)
}

/// The first record of a batch that has no key.
///
/// # Errors
/// As reading the records up to there.
pub fn first_without_key(batch: &[u8]) -> Result<Option<RecordPosition>, RecordError> {
    let mut reader = RecordReader::new(batch)?;
    while let Some(record) = reader.next().transpose()? {
        if reader.read_length()? < 0 {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

fn first(batch: &[u8], wanted: impl Fn(&RecordPosition) -> bool) -> Result<Option<RecordPosition>, RecordError> {
    RecordReader::new(batch)?.find(|record| record.as_ref().map_or(true, &wanted)).transpose()
}

pub(super) const TRAILING_BYTES: RecordError = RecordError::Invalid("bytes after the last record");
pub(super) const NEGATIVE_LENGTH: RecordError = RecordError::Invalid("a negative length");

/// The header of the batch at the front of `bytes`, and the bytes of its records.
pub(super) fn split(bytes: &[u8]) -> Result<(BatchHeader, &[u8]), RecordError> {
    let header = BatchHeader::parse_whole(bytes)?;
    if header.record_count < 0 {
        return Err(RecordError::Invalid("a negative number of records"));
    }
    Ok((header, bytes.get(HEADER_LEN..header.size()).ok_or(RecordError::Truncated)?))
}

/// Reads the start of a record: attributes, timestamp and offset.
pub(super) fn read_position(header: &BatchHeader, body: &mut impl Read) -> Result<RecordPosition, RecordError> {
    let mut attributes = [0];
    body.read_exact(&mut attributes)?;
    let timestamp_delta = varint::read_long(body)?;
    let offset_delta = varint::read_int(body)?;
    if !(0..=header.last_offset_delta).contains(&offset_delta) {
        return Err(RecordError::Invalid("an offset outside of the batch"));
    }
    let timestamp = match header.is_log_append_time() {
        true => header.max_timestamp,
        false => header.base_timestamp.wrapping_add(timestamp_delta),
    };
    Ok(RecordPosition { offset: header.base_offset.saturating_add(i64::from(offset_delta)), timestamp })
}
