//! Whole records of an uncompressed batch, as slices of its bytes.

use super::reader::{NEGATIVE_LENGTH, TRAILING_BYTES, read_position, split};
use super::{RecordError, RecordPosition, varint};
use crate::batch::BatchHeader;

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, milliseconds since 1970; in a batch with LogAppendTime the batch's.
    pub timestamp: i64,
    /// Its key, or null.
    pub key: Option<&'a [u8]>,
    /// Its value, or null.
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
    header_count: i32,
}

/// A header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// Its key, which need not be unique.
    pub key: &'a [u8],
    /// Its value, or null.
    pub value: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// Its headers, in order.
    pub fn headers(&self) -> Headers<'a> {
        Headers { bytes: self.headers, left: self.header_count }
    }
}

/// Iterates over the records of an uncompressed batch; ends at the first error.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
    left: i32,
    ended: bool,
}

/// The records of the uncompressed batch at the front of `bytes`. Its CRC is taken to be right.
///
/// # Errors
/// `Batch`, `Compressed`, or `Invalid` for a negative count.
pub fn records(bytes: &[u8]) -> Result<Records<'_>, RecordError> {
    let (header, bytes) = split(bytes)?;
    match header.compression_id() {
        0 => Ok(Records { header, bytes, left: header.record_count, ended: false }),
        codec => Err(RecordError::Compressed(codec)),
    }
}

impl<'a> Records<'a> {
    fn advance(&mut self) -> Result<Option<Record<'a>>, RecordError> {
        if self.left == 0 {
            return if self.bytes.is_empty() { Ok(None) } else { Err(TRAILING_BYTES) };
        }
        self.left -= 1;
        let mut body = bytes(&mut self.bytes)?;
        let RecordPosition { offset, timestamp } = read_position(&self.header, &mut body)?;
        let key = nullable_bytes(&mut body)?;
        let value = nullable_bytes(&mut body)?;
        let header_count = varint::read_int(&mut body)?;
        let record = Record { offset, timestamp, key, value, headers: body, header_count };
        record.headers().check()?;
        Ok(Some(record))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Iterates over the headers of a record, which were checked when the record was read.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    left: i32,
}

impl<'a> Headers<'a> {
    fn advance(&mut self) -> Result<RecordHeader<'a>, RecordError> {
        self.left -= 1;
        Ok(RecordHeader { key: bytes(&mut self.bytes)?, value: nullable_bytes(&mut self.bytes)? })
    }

    fn check(mut self) -> Result<(), RecordError> {
        if self.left < 0 {
            return Err(RecordError::Invalid("a negative number of headers"));
        }
        while self.left > 0 {
            self.advance()?;
        }
        if self.bytes.is_empty() { Ok(()) } else { Err(RecordError::Invalid("bytes after the last header")) }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left > 0 { self.advance().ok() } else { None }
    }
}

fn bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], RecordError> {
    nullable_bytes(input)?.ok_or(NEGATIVE_LENGTH)
}

/// Bytes after their length; any negative length is null.
fn nullable_bytes<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordError> {
    let Ok(length) = usize::try_from(varint::read_int(input)?) else { return Ok(None) };
    let (field, rest) = input.split_at_checked(length).ok_or(RecordError::Truncated)?;
    *input = rest;
    Ok(Some(field))
}
