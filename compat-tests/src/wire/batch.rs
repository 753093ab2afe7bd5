//! Record batches (magic 2), written and read.
//!
//! What must always hold: a batch that leaves the builder has the right length, record count and CRC, whatever codec
//! it claims; `restamp` keeps the CRC right. Reading never goes beyond the bytes given.
//!
//! Source: Apache Kafka, `org.apache.kafka.common.record.DefaultRecordBatch` and `DefaultRecord`.

use bytes::Bytes;

use super::connection::{Result, invalid};

/// Bytes of the header, from base offset to record count.
pub const HEADER_LEN: usize = 61;
const LENGTH_AT: usize = 8;
const LENGTH_PREFIX: usize = 12;
const CRC_AT: usize = 17;
const CRC_START: usize = 21;
const BASE_TIMESTAMP_AT: usize = 27;
const PRODUCER_AT: usize = 43;

/// Who writes a batch, for idempotence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// Producer id, or -1.
    pub id: i64,
    /// Producer epoch, or -1.
    pub epoch: i16,
}

/// No idempotence.
pub const NO_PRODUCER: Producer = Producer { id: -1, epoch: -1 };

/// Collects records and writes the batch around them.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    base_timestamp: i64,
    max_timestamp: i64,
    records: Vec<u8>,
    count: i32,
    last_value_at: usize,
}

impl BatchBuilder {
    /// An empty batch whose first timestamp (milliseconds since 1970) is `base_timestamp`.
    pub fn new(base_timestamp: i64) -> Self {
        Self { base_timestamp, max_timestamp: base_timestamp, records: Vec::new(), count: 0, last_value_at: 0 }
    }

    /// Adds a record without headers at the base timestamp.
    pub fn push(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> &mut Self {
        self.push_at(self.base_timestamp, key, value)
    }

    /// Adds a record without headers at `timestamp`.
    pub fn push_at(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> &mut Self {
        self.push_with(timestamp, key, value, &[])
    }

    /// Adds a record with headers at `timestamp`.
    pub fn push_with(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> &mut Self {
        let mut body = vec![0u8];
        put_varlong(&mut body, timestamp - self.base_timestamp);
        put_varlong(&mut body, i64::from(self.count));
        put_field(&mut body, key);
        put_field(&mut body, value);
        let value_end = body.len();
        put_varlong(&mut body, headers.len() as i64);
        for (name, value) in headers {
            put_field(&mut body, Some(name.as_bytes()));
            put_field(&mut body, Some(value));
        }
        put_varlong(&mut self.records, body.len() as i64);
        self.last_value_at = self.records.len() + value_end - value.map_or(0, <[u8]>::len);
        self.records.extend_from_slice(&body);
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self
    }

    /// Where the value of the record pushed last begins in the finished, uncompressed batch.
    pub fn last_value_at(&self) -> usize {
        HEADER_LEN + self.last_value_at
    }

    /// The records as they stand in an uncompressed batch.
    pub fn payload(&self) -> &[u8] {
        &self.records
    }

    /// Bytes the finished, uncompressed batch will have.
    pub fn size(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    /// The batch, uncompressed, without a producer.
    pub fn build(&self) -> Vec<u8> {
        self.build_as(0, &self.records, NO_PRODUCER, -1)
    }

    /// The batch, uncompressed, of a producer.
    pub fn build_for(&self, producer: Producer, sequence: i32) -> Vec<u8> {
        self.build_as(0, &self.records, producer, sequence)
    }

    /// The batch with any attributes and any bytes in the place of the records: for codecs and for lies.
    pub fn build_as(&self, attributes: i16, payload: &[u8], producer: Producer, sequence: i32) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN + payload.len());
        out.extend_from_slice(&0i64.to_be_bytes());
        out.extend_from_slice(&((HEADER_LEN - LENGTH_PREFIX + payload.len()) as i32).to_be_bytes());
        out.extend_from_slice(&(-1i32).to_be_bytes());
        out.push(2);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&attributes.to_be_bytes());
        out.extend_from_slice(&(self.count - 1).to_be_bytes());
        out.extend_from_slice(&self.base_timestamp.to_be_bytes());
        out.extend_from_slice(&self.max_timestamp.to_be_bytes());
        out.extend_from_slice(&producer.id.to_be_bytes());
        out.extend_from_slice(&producer.epoch.to_be_bytes());
        out.extend_from_slice(&sequence.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(payload);
        seal(&mut out);
        out
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// Changes producer and sequence of a finished batch and makes its CRC right again.
pub fn restamp(batch: &mut [u8], producer: Producer, sequence: i32) {
    batch[PRODUCER_AT..PRODUCER_AT + 8].copy_from_slice(&producer.id.to_be_bytes());
    batch[PRODUCER_AT + 8..PRODUCER_AT + 10].copy_from_slice(&producer.epoch.to_be_bytes());
    batch[PRODUCER_AT + 10..PRODUCER_AT + 14].copy_from_slice(&sequence.to_be_bytes());
    seal(batch);
}

/// Writes the CRC that belongs to a batch's bytes.
pub fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[CRC_START..]);
    batch[CRC_AT..CRC_START].copy_from_slice(&crc.to_be_bytes());
}

/// One batch as it came out of a fetch.
#[derive(Debug, Clone)]
pub struct BatchView {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Leader epoch under which it was appended.
    pub leader_epoch: i32,
    /// Records the batch claims.
    pub count: i32,
    /// The batch's bytes, header included.
    pub bytes: Bytes,
}

/// A record as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordView {
    /// Offset in the partition.
    pub offset: i64,
    /// Key, or null.
    pub key: Option<Bytes>,
    /// Value, or null.
    pub value: Option<Bytes>,
}

impl BatchView {
    /// Offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.base_offset + i64::from(self.i32_at(23)) + 1
    }

    /// Whether the CRC is right.
    pub fn crc_matches(&self) -> bool {
        self.i32_at(CRC_AT) as u32 == crc32c::crc32c(&self.bytes[CRC_START..])
    }

    /// Timestamp of the first record, or when the batch was appended.
    pub fn base_timestamp(&self) -> i64 {
        i64_at(&self.bytes, BASE_TIMESTAMP_AT)
    }

    /// The codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub fn codec(&self) -> usize {
        usize::from(self.bytes[22] & 0x07)
    }

    /// Producer id and first sequence number.
    pub fn producer(&self) -> (i64, i32) {
        (i64_at(&self.bytes, PRODUCER_AT), self.i32_at(PRODUCER_AT + 10))
    }

    /// The records of an uncompressed batch.
    ///
    /// # Errors
    /// `InvalidData` when the bytes are not the records the header promises.
    pub fn records(&self) -> Result<Vec<RecordView>> {
        let mut cursor = Cursor { bytes: &self.bytes, at: HEADER_LEN };
        (0..self.count).map(|_| cursor.record(self.base_offset)).collect()
    }

    fn i32_at(&self, at: usize) -> i32 {
        i32_at(&self.bytes, at)
    }
}

/// The whole batches in the records field of a fetch; a cut-off last batch is left out, as clients do.
pub fn batches(records: &Bytes) -> Vec<BatchView> {
    let mut found = Vec::new();
    let mut at = 0;
    while records.len() - at >= HEADER_LEN {
        let size = LENGTH_PREFIX + i32_at(records, at + LENGTH_AT).max(0) as usize;
        if size < HEADER_LEN || records.len() - at < size {
            break;
        }
        let bytes = records.slice(at..at + size);
        found.push(BatchView {
            base_offset: i64_at(&bytes, 0),
            leader_epoch: i32_at(&bytes, 12),
            count: i32_at(&bytes, 57),
            bytes,
        });
        at += size;
    }
    found
}

struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Cursor<'_> {
    fn record(&mut self, base_offset: i64) -> Result<RecordView> {
        let length = self.varlong()?;
        let end = self.at + usize::try_from(length).map_err(|_| invalid("negative record length"))?;
        self.at += 1;
        self.varlong()?;
        let offset = base_offset + self.varlong()?;
        let key = self.field()?;
        let value = self.field()?;
        self.at = end;
        Ok(RecordView { offset, key, value })
    }

    fn field(&mut self) -> Result<Option<Bytes>> {
        let Ok(length) = usize::try_from(self.varlong()?) else { return Ok(None) };
        let end = self.at + length;
        if end > self.bytes.len() {
            return Err(invalid("a record field runs out of its batch"));
        }
        let field = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(Some(field))
    }

    fn varlong(&mut self) -> Result<i64> {
        let mut raw = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or_else(|| invalid("a batch ends inside a record"))?;
            self.at += 1;
            raw |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((raw >> 1) as i64 ^ -((raw & 1) as i64));
            }
        }
        Err(invalid("a varint of more than ten bytes"))
    }
}

fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    put_varlong(out, field.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(field.unwrap_or_default());
}

fn put_varlong(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Writes an unsigned varint.
pub(super) fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(array(bytes, at))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(array(bytes, at))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::records::RecordBatchDecoder;

    #[test]
    fn what_the_builder_writes_another_decoder_reads() {
        let mut builder = BatchBuilder::new(1_700_000_000_000);
        builder.push(Some(b"k"), Some(b"v1")).push_at(1_700_000_000_300, None, None);
        let mut bytes = Bytes::from(builder.build_for(Producer { id: 7, epoch: 1 }, 40));
        let set = RecordBatchDecoder::decode(&mut bytes).expect("a batch");
        assert_eq!(set.records.len(), 2);
        assert_eq!((set.records[0].producer_id, set.records[0].sequence), (7, 40));
        assert_eq!(set.records[0].value.as_deref(), Some(&b"v1"[..]));
        assert_eq!(set.records[1].timestamp, 1_700_000_000_300);
        assert_eq!((&set.records[1].key, &set.records[1].value), (&None, &None));
    }

    #[test]
    fn views_read_what_the_builder_wrote_and_skip_a_cut_off_batch() {
        let mut builder = BatchBuilder::new(5);
        builder.push(None, Some(&[7; 300])).push(Some(b"key"), Some(b""));
        let mut bytes = builder.build();
        restamp(&mut bytes, Producer { id: 3, epoch: 0 }, 9);
        let whole = bytes.len();
        bytes.extend_from_slice(&bytes.clone()[..whole - 1]);
        let found = batches(&Bytes::from(bytes));
        assert_eq!(found.len(), 1);
        assert!(found[0].crc_matches());
        assert_eq!(found[0].producer(), (3, 9));
        let records = found[0].records().expect("records");
        assert_eq!(records[1], RecordView { offset: 1, key: Some(Bytes::from("key")), value: Some(Bytes::new()) });
    }

    #[test]
    fn the_value_is_where_the_builder_says() {
        let mut builder = BatchBuilder::new(5);
        builder.push(None, Some(b"first")).push(Some(b"key"), Some(b"second"));
        let at = builder.last_value_at();
        assert_eq!(&builder.build()[at..at + 6], b"second");
    }
}
