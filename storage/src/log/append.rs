//! Appending a batch.
//!
//! 1. Check header and CRC, outside of any lock.
//! 2. As the only writer: has the producer sent it before? is there a tail with room, in a store that takes it?
//! 3. Write the bytes behind the tail with base offset and leader epoch (and, for LogAppendTime, times and CRC) set in a
//!    copy of the header; nothing else is copied or changed.
//! 4. Publish the log end, join the group commit that is being gathered.
//!
//! What must always hold: an error leaves the log as it was. The write goes to the page cache under the writer's lock: the
//! lock is what makes positions and offsets agree, and no reader takes it.
//!
//! Source: Apache Kafka, `UnifiedLog.append`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use catena_protocol::batch::{BatchHeader, CRC_START, HEADER_LEN};

use super::PartitionLog;
use super::chain::{OpenChain, Writer};
use super::roll::Incoming;
use super::ticket::CommitTicket;
use crate::append_check::check_append;
use crate::config::{LogConfig, TimestampType};
use crate::error::{AppendError, StoreError};
use crate::ids::SegmentId;
use crate::lineage::Lineage;
use crate::producer_state::ProducerBatch;
use crate::segment::Segment;
use crate::store::Store;

/// Who appends: clients go through all checks, the coordinators write their own records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A Produce request.
    Client,
    /// A coordinator of this broker.
    Coordinator,
}

/// What became of a batch.
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Set when the topic uses LogAppendTime, and for a duplicate, of which it is the original's largest timestamp; milliseconds
    /// since 1970.
    pub log_append_time_ms: Option<i64>,
    /// First offset of the log.
    pub log_start: i64,
    /// The batch was appended before; offsets are the original's.
    pub duplicate: bool,
    /// Whether the record already survives the death of this process. Not so for the first records of a chain, which the
    /// catalog learns of with their commit: even `acks=1` must wait for those.
    pub crash_safe: bool,
    /// When it is durable.
    pub commit: CommitTicket,
}

/// Attribute bit: the timestamps are the broker's.
const LOG_APPEND_TIME_BIT: i16 = 0x08;

impl PartitionLog {
    /// Validates and appends the one batch in `records` (a Produce request's bytes for this partition). Does not wait for the
    /// disk beyond a write into the page cache. `now_ms` is the broker's clock, milliseconds since 1970.
    ///
    /// # Errors
    /// A rule that the batch breaks, a producer out of step, or a store that cannot take it.
    pub fn append(
        self: &Arc<Self>,
        records: Bytes,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        let config = self.config();
        let (records, header) = check_append(records, origin, &config, now_ms)?;
        if header.has_producer_id() {
            // Of a log that is being deleted the files may be gone.
            let loaded = self.load_producers(now_ms);
            loaded.map_err(|error| if self.is_deleted() { AppendError::Deleted } else { error.into() })?;
        }
        let mut writer = self.writer();
        self.check_open()?;
        if let Some(original) = self.check_producer(&writer, &header)? {
            return Ok(self.duplicate(&original));
        }
        let batch = Stamped::new(&header, &records, writer.next_offset, self.leader_epoch(), &config, now_ms);
        let segment = self.write(&mut writer, &[batch.header], batch.parts(), &config, now_ms)?;
        self.remember_producer(&mut writer, &batch.header, now_ms);
        Ok(self.appended(&mut writer, &[batch.header], &segment, &config, now_ms))
    }

    /// Appends the batches in `records`, one after the other, all or none: a coordinator's records may need several.
    ///
    /// # Errors
    /// As `append`.
    pub fn append_run(self: &Arc<Self>, records: &[Bytes], now_ms: i64) -> Result<Appended, AppendError> {
        self.append_run_where(records, now_ms, |_| true)
    }

    /// The same, if the log ends at `end`: what is written follows from what stands before it, all of it.
    ///
    /// # Errors
    /// `Overtaken`, or as `append`.
    pub fn append_run_at(self: &Arc<Self>, end: i64, records: &[Bytes], now_ms: i64) -> Result<Appended, AppendError> {
        self.append_run_where(records, now_ms, |found| found == end)
    }

    fn append_run_where(
        self: &Arc<Self>,
        records: &[Bytes],
        now_ms: i64,
        may_follow: impl Fn(i64) -> bool,
    ) -> Result<Appended, AppendError> {
        let config = self.config();
        let check = |batch: &Bytes| Ok(check_append(batch.clone(), AppendOrigin::Coordinator, &config, now_ms)?.1);
        let mut headers = records.iter().map(check).collect::<Result<Vec<_>, AppendError>>()?;
        let mut writer = self.writer();
        self.check_open()?;
        if !may_follow(writer.next_offset) {
            return Err(AppendError::Overtaken { end: writer.next_offset });
        }
        let mut bytes = Vec::with_capacity(records.iter().map(Bytes::len).sum());
        let mut next_offset = writer.next_offset;
        for (header, batch) in headers.iter_mut().zip(records) {
            let stamped = Stamped::new(header, batch, next_offset, self.leader_epoch(), &config, now_ms);
            stamped.parts().iter().for_each(|part| bytes.extend_from_slice(part));
            *header = stamped.header;
            next_offset = header.next_offset();
        }
        let segment = self.write(&mut writer, &headers, [&bytes, &[]], &config, now_ms)?;
        headers.iter().for_each(|header| self.remember_producer(&mut writer, header, now_ms));
        Ok(self.appended(&mut writer, &headers, &segment, &config, now_ms))
    }

    fn check_open(&self) -> Result<(), AppendError> {
        self.stores.check_open()?;
        if self.is_deleted() { Err(AppendError::Deleted) } else { Ok(()) }
    }

    /// Moves the log end behind batches that are written, and joins the commit.
    pub(super) fn appended(
        self: &Arc<Self>,
        writer: &mut Writer,
        headers: &[BatchHeader],
        segment: &Segment,
        config: &LogConfig,
        now_ms: i64,
    ) -> Appended {
        let base_offset = writer.next_offset;
        writer.next_offset = headers.last().map_or(base_offset, BatchHeader::next_offset);
        self.log_end.store(writer.next_offset, Ordering::Release);
        self.acknowledge(writer, headers, segment, config);
        Appended {
            base_offset,
            last_offset: writer.next_offset - 1,
            log_append_time_ms: (config.timestamp_type == TimestampType::LogAppendTime).then_some(now_ms),
            log_start: self.log_start(),
            duplicate: false,
            crash_safe: segment.is_registered(),
            commit: self.ticket(writer.next_offset),
        }
    }

    /// Writes the bytes of batches with these headers behind the tail, all or none; in another store when the first one cannot.
    pub(super) fn write(
        self: &Arc<Self>,
        writer: &mut Writer,
        headers: &[BatchHeader],
        bytes: [&[u8]; 2],
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Arc<Segment>, AppendError> {
        let mut attempts = self.stores.count();
        loop {
            let store = self.place(writer)?;
            if headers.first().is_some_and(|first| first.base_offset != writer.next_offset) {
                // The records before these went with their store; their producer sends all of them again.
                return Err(StoreError::Failed("earlier records were lost with their store".into()).into());
            }
            let error = match self.write_in(&store, writer, headers, bytes, config, now_ms) {
                Ok(segment) => return Ok(segment),
                Err(error) => store.write_failed("an append", &error),
            };
            attempts = attempts.saturating_sub(1);
            if attempts == 0 {
                return Err(error.into());
            }
        }
    }

    fn write_in(
        &self,
        store: &Arc<Store>,
        writer: &mut Writer,
        headers: &[BatchHeader],
        bytes: [&[u8]; 2],
        config: &LogConfig,
        now_ms: i64,
    ) -> io::Result<Arc<Segment>> {
        let size = bytes[0].len() + bytes[1].len();
        let segment = self.tail(store, writer, &Incoming::new(headers, size, now_ms), config)?;
        let stamp = self.stores.stamps.next(now_ms);
        segment.append(headers, bytes, stamp, config.index_interval_bytes)?;
        store.counters.bytes_appended.fetch_add(size as u64, Ordering::Relaxed);
        if !writer.touched.last().is_some_and(|last| Arc::ptr_eq(last, &segment)) {
            writer.touched.push(segment.clone());
        }
        Ok(segment)
    }

    /// The segment to append to: the tail if it has room, else a new one; the first append opens the chain.
    fn tail(
        &self,
        store: &Arc<Store>,
        writer: &mut Writer,
        incoming: &Incoming,
        config: &LogConfig,
    ) -> io::Result<Arc<Segment>> {
        if let Some(tail) = writer.tail_for(incoming, config) {
            return Ok(tail);
        }
        let base_offset = writer.next_offset;
        let chain = writer.open.as_ref().map_or_else(|| self.stores.next_chain(store), |open| open.id);
        let segment = Segment::create(&store.files, SegmentId { chain, base_offset })?;
        let segment = Arc::new(segment.with_lineage(Lineage::written(chain)));
        self.settle_in(writer, store);
        let open = writer.open.get_or_insert_with(|| OpenChain::new(chain, store, base_offset));
        self.publish_from(chain);
        if let Some(full) = open.segments.last() {
            full.set_complete();
            writer.touched.retain(|touched| !Arc::ptr_eq(touched, full));
            writer.touched.push(full.clone());
        }
        open.segments.push(segment.clone());
        writer.tail_age = Some(incoming.begin(config));
        self.change_segments(|segments| segments.push(segment.clone()));
        Ok(segment)
    }

    /// The answer to a batch that is in the log already; as durable as everything that was appended up to now.
    fn duplicate(self: &Arc<Self>, original: &ProducerBatch) -> Appended {
        let durable = original.last_offset() < self.high_watermark.load(Ordering::Acquire);
        Appended {
            base_offset: original.base_offset,
            last_offset: original.last_offset(),
            log_append_time_ms: Some(original.timestamp),
            log_start: self.log_start(),
            duplicate: true,
            crash_safe: durable,
            commit: self.ticket(original.last_offset() + 1),
        }
    }
}

/// A batch with the broker's fields set: a header of its own and the producer's bytes behind it.
struct Stamped<'a> {
    header: BatchHeader,
    head: [u8; HEADER_LEN],
    body: &'a [u8],
}

impl<'a> Stamped<'a> {
    /// `records` is the batch that `header` was read from. Its largest timestamp may be mended, and the broker's time is only
    /// set by the broker: Kafka takes a producer's claim for the producer's time.
    fn new(
        header: &BatchHeader,
        records: &'a [u8],
        base_offset: i64,
        leader_epoch: i32,
        config: &LogConfig,
        now_ms: i64,
    ) -> Self {
        let (front, body) = records.split_at(HEADER_LEN.min(records.len()));
        let mut head = [0; HEADER_LEN];
        head[..front.len()].copy_from_slice(front);
        head[..8].copy_from_slice(&base_offset.to_be_bytes());
        head[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
        let mut header = BatchHeader { base_offset, partition_leader_epoch: leader_epoch, ..*header };
        header.attributes &= !LOG_APPEND_TIME_BIT;
        if config.timestamp_type == TimestampType::LogAppendTime {
            header.attributes |= LOG_APPEND_TIME_BIT;
            header.max_timestamp = now_ms;
        }
        let sent = head;
        head[21..23].copy_from_slice(&header.attributes.to_be_bytes());
        head[35..43].copy_from_slice(&header.max_timestamp.to_be_bytes());
        if head[CRC_START..] != sent[CRC_START..] {
            header.crc = crc32c::crc32c_append(crc32c::crc32c(&head[CRC_START..]), body);
            head[17..CRC_START].copy_from_slice(&header.crc.to_be_bytes());
        }
        Self { header, head, body }
    }

    fn parts(&self) -> [&[u8]; 2] {
        [&self.head, self.body]
    }
}
