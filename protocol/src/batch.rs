//! The header of a record batch (magic 2), read in place.
//!
//! What must always hold: a `BatchHeader` is only ever made from at least 61 bytes with a length field that covers
//! at least the header; whoever holds one may compute `size()` without overflow. Nothing here looks at a record.
//!
//! Source: Apache Kafka, `org.apache.kafka.common.record.DefaultRecordBatch`.

use thiserror::Error;

/// Bytes of the header, from base offset to record count.
pub const HEADER_LEN: usize = 61;
/// Bytes before the part that the length field counts: base offset and the length itself.
pub const LENGTH_PREFIX_LEN: usize = 12;
/// Where the part covered by the CRC begins: everything from the attributes on.
pub const CRC_START: usize = 21;
/// The only record format that is stored.
pub const MAGIC: i8 = 2;
/// "No producer id": the batch is not idempotent.
pub const NO_PRODUCER_ID: i64 = -1;

const COMPRESSION_MASK: i16 = 0x07;
const TIMESTAMP_TYPE_BIT: i16 = 0x08;
const TRANSACTIONAL_BIT: i16 = 0x10;
const CONTROL_BIT: i16 = 0x20;
const DELETE_HORIZON_BIT: i16 = 0x40;

/// Why bytes are not a record batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Fewer bytes than a header, or than the header's length field promises.
    #[error("a record batch needs {needed} bytes, {present} are there")]
    Truncated {
        /// Bytes the batch needs, as far as known.
        needed: usize,
        /// Bytes given.
        present: usize,
    },
    /// The length field is smaller than the header or negative.
    #[error("record batch length {0} is less than its header")]
    BadLength(i32),
    /// A record format other than magic 2.
    #[error("record format magic {0}, only 2 is supported")]
    UnsupportedMagic(i8),
}

/// A batch's header, decoded; field names are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes that follow the length field.
    pub batch_length: i32,
    /// Leader epoch under which the batch was appended (outside the CRC).
    pub partition_leader_epoch: i32,
    /// CRC32C over everything from the attributes on.
    pub crc: u32,
    /// Compression, timestamp type, transactional and control flags.
    pub attributes: i16,
    /// Offset of the last record relative to the first.
    pub last_offset_delta: i32,
    /// Timestamp of the first record, milliseconds since 1970.
    pub base_timestamp: i64,
    /// Largest timestamp in the batch, milliseconds since 1970.
    pub max_timestamp: i64,
    /// Producer id, or -1.
    pub producer_id: i64,
    /// Producer epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Records in the batch, as it claims.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the rest of the batch need not be there.
    ///
    /// # Errors
    /// `Truncated`, `BadLength` or `UnsupportedMagic`.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(BatchError::Truncated { needed: HEADER_LEN, present: bytes.len() });
        };
        let magic = header[16] as i8;
        if magic != MAGIC {
            return Err(BatchError::UnsupportedMagic(magic));
        }
        let batch_length = i32::from_be_bytes(array(header, 8));
        if batch_length < (HEADER_LEN - LENGTH_PREFIX_LEN) as i32 {
            return Err(BatchError::BadLength(batch_length));
        }
        Ok(Self {
            base_offset: i64::from_be_bytes(array(header, 0)),
            batch_length,
            partition_leader_epoch: i32::from_be_bytes(array(header, 12)),
            crc: u32::from_be_bytes(array(header, 17)),
            attributes: i16::from_be_bytes(array(header, 21)),
            last_offset_delta: i32::from_be_bytes(array(header, 23)),
            base_timestamp: i64::from_be_bytes(array(header, 27)),
            max_timestamp: i64::from_be_bytes(array(header, 35)),
            producer_id: i64::from_be_bytes(array(header, 43)),
            producer_epoch: i16::from_be_bytes(array(header, 51)),
            base_sequence: i32::from_be_bytes(array(header, 53)),
            record_count: i32::from_be_bytes(array(header, 57)),
        })
    }

    /// Reads the header and checks that the whole batch is in `bytes`.
    ///
    /// # Errors
    /// As `parse`, and `Truncated` when the batch is longer than `bytes`.
    pub fn parse_whole(bytes: &[u8]) -> Result<Self, BatchError> {
        let header = Self::parse(bytes)?;
        if header.size() > bytes.len() {
            return Err(BatchError::Truncated { needed: header.size(), present: bytes.len() });
        }
        Ok(header)
    }

    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        out[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        out[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        out[16] = MAGIC as u8;
        out[17..21].copy_from_slice(&self.crc.to_be_bytes());
        out[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        out[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        out[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        out[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        out[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        out[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        out[57..61].copy_from_slice(&self.record_count.to_be_bytes());
        out
    }

    /// Puts the header into the first `HEADER_LEN` bytes of `batch`, whose records stand behind them, with the length and the CRC that
    /// they have together. `None` when the batch is too short for a header or its length does not fit into 31 bits.
    pub fn seal(mut self, batch: &mut [u8]) -> Option<Self> {
        self.batch_length = i32::try_from(batch.len().checked_sub(LENGTH_PREFIX_LEN)?).ok()?;
        let (head, records) = batch.split_first_chunk_mut::<HEADER_LEN>()?;
        *head = self.encode();
        self.crc = crc32c::crc32c_append(crc32c::crc32c(&head[CRC_START..]), records);
        *head = self.encode();
        Some(self)
    }

    /// Bytes of the whole batch, header included.
    pub fn size(&self) -> usize {
        LENGTH_PREFIX_LEN + self.batch_length as usize
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Sequence number of the last record; sequences wrap from `i32::MAX` to 0.
    pub fn last_sequence(&self) -> i32 {
        increment_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// The compression codec's id: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 mean nothing yet.
    pub fn compression_id(&self) -> i16 {
        self.attributes & COMPRESSION_MASK
    }

    /// Whether the broker's clock, not the producer's, set the timestamps.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & TIMESTAMP_TYPE_BIT != 0
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Whether the batch is a control batch, which clients must not send.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// When a cleaner may remove the tombstones in it, milliseconds since 1970, if a cleaner has set that (KIP-534). It then stands in
    /// the place of the base timestamp.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON_BIT != 0).then_some(self.base_timestamp)
    }

    /// The attributes of a batch like this one that has no records.
    pub(crate) fn without_codec_and_horizon(&self) -> i16 {
        self.attributes & !(COMPRESSION_MASK | DELETE_HORIZON_BIT)
    }

    /// The same with the tombstones' time of removal set; the records' timestamp deltas must be told from it.
    pub fn with_delete_horizon(self, horizon_ms: i64) -> Self {
        Self { attributes: self.attributes | DELETE_HORIZON_BIT, base_timestamp: horizon_ms, ..self }
    }

    /// Whether the batch carries a producer id.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }
}

/// Adds to a sequence number, wrapping from `i32::MAX` to 0 (`DefaultRecordBatch.incrementSequence`).
pub fn increment_sequence(sequence: i32, increment: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(increment);
    if sum > i64::from(i32::MAX) { (sum - i64::from(i32::MAX) - 1) as i32 } else { sum as i32 }
}

/// Whether the CRC in the header of a whole batch is right.
pub fn crc_matches(batch: &[u8], header: &BatchHeader) -> bool {
    batch.get(CRC_START..header.size()).is_some_and(|covered| crc32c::crc32c(covered) == header.crc)
}

fn array<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&header[at..at + N]);
    out
}
