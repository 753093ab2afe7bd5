//! Reading a partition from its start to where it ended when the reading began.
//!
//! What must always hold: each answer brings the scan forward, ends it, or is an error; what it keeps is bounded by [`KEPT_MAX`],
//! whatever batches and codecs claim.

use thiserror::Error;

use super::{Fetch, Fetched};
use crate::batch::{BatchError, BatchHeader, crc_matches};
use crate::records::{RecordError, RecordPosition, RecordReader};

/// Bytes of records that a scan reads and keeps.
const KEPT_MAX: usize = 256 << 20;
/// What a record costs beside its key and value.
const RECORD_COST: usize = 64;
/// Bytes asked for at once.
const FETCH_BYTES: i32 = 8 << 20;
/// How long the server may wait for records that it says it has, in milliseconds.
const WAIT_MS: i32 = 500;
/// Empty answers in a row that are believed.
const EMPTY_MAX: u32 = 5;

/// A record with what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; none in a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Why a partition cannot be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScanError {
    /// The records are not records.
    #[error("records at offset {offset} cannot be read: {source}")]
    Records {
        /// Where they are.
        offset: i64,
        /// What is wrong.
        source: RecordError,
    },
    /// The checksum of a batch does not fit.
    #[error("the batch at offset {0} is damaged: its checksum does not fit")]
    Checksum(i64),
    /// The server has records, it says, and does not send them.
    #[error("the server does not send the records at offset {0}")]
    Stuck(i64),
    /// Too much for a command.
    #[error("more than {} MiB of records", KEPT_MAX >> 20)]
    TooMuch,
}

/// A reading in progress.
#[derive(Debug)]
pub struct Scan {
    next: i64,
    end: Option<i64>,
    kept: usize,
    empty: u32,
    records: Vec<StoredRecord>,
}

impl Scan {
    /// From this offset on.
    pub fn from(offset: i64) -> Self {
        Self { next: offset, end: None, kept: 0, empty: 0, records: Vec::new() }
    }

    /// What to ask for next; none when all is read.
    pub fn fetch<'a>(&self, topic: &'a str, partition: i32) -> Option<Fetch<'a>> {
        let more = self.end.is_none_or(|end| self.next < end);
        let fetch = Fetch { topic, partition, offset: self.next, bytes_max: FETCH_BYTES, wait_ms_max: 0 };
        let wait_ms_max = if self.end.is_some() { WAIT_MS } else { 0 };
        more.then_some(Fetch { wait_ms_max, ..fetch })
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// `ScanError` when the partition cannot be read to its end.
    pub fn take(&mut self, fetched: &Fetched) -> Result<(), ScanError> {
        let end = *self.end.get_or_insert(fetched.high_watermark);
        let before = self.next;
        let mut rest = &fetched.batches[..];
        while self.next < end {
            let Some(batch) = whole_batch(&mut rest, self.next)? else { break };
            self.take_batch(batch, end)?;
        }
        self.empty = if self.next > before { 0 } else { self.empty + 1 };
        if self.next < end && self.empty > EMPTY_MAX { Err(ScanError::Stuck(self.next)) } else { Ok(()) }
    }

    /// What was read.
    pub fn into_records(self) -> Vec<StoredRecord> {
        self.records
    }

    fn take_batch(&mut self, batch: &[u8], end: i64) -> Result<(), ScanError> {
        let broken = |source: RecordError| ScanError::Records { offset: self.next, source };
        let header = BatchHeader::parse_whole(batch).map_err(|error| broken(error.into()))?;
        if !crc_matches(batch, &header) {
            return Err(ScanError::Checksum(header.base_offset));
        }
        self.charge(batch.len())?;
        if !header.is_control() {
            self.take_records(batch, end)?;
        }
        self.next = self.next.max(header.next_offset());
        Ok(())
    }

    fn take_records(&mut self, batch: &[u8], end: i64) -> Result<(), ScanError> {
        let offset = self.next;
        let broken = |source| ScanError::Records { offset, source };
        let mut reader = RecordReader::new(batch).map_err(broken)?;
        while let Some(position) = reader.next().transpose().map_err(broken)? {
            let budget = KEPT_MAX.saturating_sub(self.kept);
            let record = stored(position, &mut reader, budget).map_err(broken)?.ok_or(ScanError::TooMuch)?;
            let size = [&record.key, &record.value].into_iter().flatten().map(Vec::len).sum::<usize>();
            self.charge(size + RECORD_COST)?;
            if (offset..end).contains(&record.offset) {
                self.records.push(record);
            }
        }
        Ok(())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), ScanError> {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > KEPT_MAX { Err(ScanError::TooMuch) } else { Ok(()) }
    }
}

/// Takes the batch at the front of `rest`, if all of it is there.
fn whole_batch<'a>(rest: &mut &'a [u8], offset: i64) -> Result<Option<&'a [u8]>, ScanError> {
    let size = match BatchHeader::parse_whole(rest) {
        Ok(header) => header.size(),
        Err(BatchError::Truncated { .. }) => return Ok(None),
        Err(error) => return Err(ScanError::Records { offset, source: error.into() }),
    };
    let (batch, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
    *rest = after;
    Ok(Some(batch))
}

/// The current record; none when it is larger than `budget`.
fn stored(
    position: RecordPosition,
    reader: &mut RecordReader<'_>,
    budget: usize,
) -> Result<Option<StoredRecord>, RecordError> {
    let RecordPosition { offset, timestamp } = position;
    let mut left = budget;
    let mut field = |reader: &mut RecordReader<'_>| {
        let mut kept = Vec::new();
        let is_there = reader.read_key(|piece| {
            let fits = left.checked_sub(piece.len());
            left = fits.unwrap_or(0);
            if fits.is_some() {
                kept.extend_from_slice(piece);
            } else {
                kept.clear();
            }
        })?;
        Ok::<_, RecordError>(is_there.then_some(kept))
    };
    let (key, value) = (field(reader)?, field(reader)?);
    Ok((left > 0).then_some(StoredRecord { offset, timestamp, key, value }))
}
