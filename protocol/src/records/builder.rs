//! Writes an uncompressed batch, as the broker needs it for its own topics.
//!
//! What must always hold: a batch that is built has the right lengths, count, timestamps and CRC, and reads back as what
//! was pushed. Base offset and leader epoch are left to the log.

use bytes::Bytes;

use super::{RecordError, varint};
use crate::batch::{BatchHeader, HEADER_LEN, NO_PRODUCER_ID};

/// Collects records and writes the batch around them.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    records: Vec<u8>,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty batch without a producer.
    pub fn new() -> Self {
        Self {
            records: Vec::new(),
            count: 0,
            base_timestamp: 0,
            max_timestamp: i64::MIN,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: -1,
            base_sequence: -1,
        }
    }

    /// Names the (idempotent) producer and the sequence number of the first record.
    pub fn with_producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        (self.producer_id, self.producer_epoch, self.base_sequence) = (id, epoch, base_sequence);
        self
    }

    /// Adds a record without headers; `timestamp` in milliseconds since 1970.
    pub fn push(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> &mut Self {
        self.push_with_headers(timestamp, key, value, &[])
    }

    /// Adds a record; `timestamp` in milliseconds since 1970.
    pub fn push_with_headers(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> &mut Self {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        let mut body = vec![0u8];
        varint::put(&mut body, timestamp.wrapping_sub(self.base_timestamp));
        varint::put(&mut body, i64::from(self.count));
        put_bytes(&mut body, key);
        put_bytes(&mut body, value);
        varint::put(&mut body, headers.len() as i64);
        for (key, value) in headers {
            put_bytes(&mut body, Some(key.as_bytes()));
            put_bytes(&mut body, *value);
        }
        varint::put(&mut self.records, body.len() as i64);
        self.records.extend_from_slice(&body);
        self.count = self.count.saturating_add(1);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self
    }

    /// Records pushed so far.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes the batch has when built now.
    pub fn size(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    /// The batch.
    ///
    /// # Errors
    /// `Invalid` when it is empty, `TooLarge` when its length does not fit into 31 bits.
    pub fn build(&self) -> Result<Bytes, RecordError> {
        if self.is_empty() {
            return Err(RecordError::Invalid("a batch without records"));
        }
        let header = BatchHeader {
            base_offset: 0,
            batch_length: 0,
            partition_leader_epoch: -1,
            crc: 0,
            attributes: 0,
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            record_count: self.count,
        };
        let mut out = vec![0; HEADER_LEN];
        out.extend_from_slice(&self.records);
        header.seal(&mut out).ok_or(RecordError::TooLarge(self.size()))?;
        Ok(Bytes::from(out))
    }
}

fn put_bytes(out: &mut Vec<u8>, field: Option<&[u8]>) {
    varint::put(out, field.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(field.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::crc_matches;
    use crate::records::{Record, RecordHeader, records};

    #[test]
    fn what_is_pushed_is_read_back() {
        let mut builder = BatchBuilder::new().with_producer(7, 3, 40);
        builder.push(1_000, Some(b"k"), None).push_with_headers(
            900,
            None,
            Some(&[9; 300]),
            &[("h", Some(b"1")), ("h", None), ("", Some(b""))],
        );
        let batch = builder.build().unwrap();
        assert_eq!(batch.len(), builder.size());
        let header = BatchHeader::parse_whole(&batch).unwrap();
        assert!(crc_matches(&batch, &header));
        assert_eq!((header.base_timestamp, header.max_timestamp, header.record_count), (1_000, 1_000, 2));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 3, 40));
        let read: Vec<Record> = records(&batch).unwrap().map(Result::unwrap).collect();
        assert_eq!((read[0].offset, read[0].timestamp, read[0].key, read[0].value), (0, 1_000, Some(&b"k"[..]), None));
        assert_eq!((read[1].offset, read[1].timestamp, read[1].key), (1, 900, None));
        assert_eq!(read[1].value, Some(&[9; 300][..]));
        let headers: Vec<RecordHeader> = read[1].headers().collect();
        assert_eq!(headers[0], RecordHeader { key: b"h", value: Some(b"1") });
        assert_eq!(headers[1], RecordHeader { key: b"h", value: None });
        assert_eq!(headers[2], RecordHeader { key: b"", value: Some(b"") });
    }

    #[test]
    fn an_empty_batch_is_not_built() {
        assert_eq!(BatchBuilder::new().build(), Err(RecordError::Invalid("a batch without records")));
    }
}
