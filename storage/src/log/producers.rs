//! The idempotent producers of a log: read back when they are first asked for, kept small, written down now and then.
//!
//! What must always hold:
//! - No batch of a producer is appended before the producers of the log are known. They are read without the writer's lock:
//!   who has a producer id waits, nobody else does. Up to then nothing of a producer has been appended since the start, so what
//!   is to be read ends where the log ended at the start.
//! - What is written down is true for the offset that goes with it; it is only written once the log is durable up to there.
//!
//! Source: Apache Kafka, `ProducerStateManager` (which reads them back at the start, and writes them down when a segment is full).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use catena_protocol::batch::BatchHeader;

use super::chain::Writer;
use super::{AppendOrigin, PartitionLog};
use crate::catalog::ProducersRecord;
use crate::config::LogConfig;
use crate::error::{AppendError, StoreError};
use crate::ids::ChainId;
use crate::producer_snapshot::{self, ProducerSnapshot};
use crate::producer_state::{ProducerBatch, ProducerError, ProducerTable, SequenceCheck};
use crate::reading::{Fault, Headers};
use crate::record_check::reads_records;
use crate::segment::Segment;

/// Bytes appended after which producers are written down: what is read again after a crash.
const SNAPSHOT_BYTES: u64 = 64 << 20;
/// The bytes appended between two snapshots are so many times those of the snapshot at least.
const SNAPSHOT_RATIO: u64 = 4;
/// As if so many bytes had been appended: more than any snapshot waits for.
const SNAPSHOT_AT_ONCE: u64 = 1 << 62;
/// Bytes of one producer in a snapshot, about.
const PRODUCER_BYTES: u64 = 40;
/// Bytes read in one piece when producers are read back.
const STRETCH: u64 = 1 << 20;

/// What is known of the producers without the writer's lock; the table itself is the writer's.
#[derive(Debug)]
pub(super) struct Producers {
    /// Where the log ended at the start.
    opened_at: i64,
    loaded: AtomicBool,
    loading: Mutex<()>,
    held: AtomicUsize,
    bytes_since_snapshot: AtomicU64,
}

/// Producers of one moment.
pub(crate) struct TakenSnapshot {
    /// The chain that was written then.
    chain: ChainId,
    /// They themselves.
    pub record: ProducersRecord,
}

/// What has become of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotState {
    /// The log is not durable up to it.
    Waits,
    /// It may be written down.
    Holds,
    /// The log has gone another way.
    Void,
}

impl Producers {
    /// Of a log that ends at `opened_at`.
    pub(super) fn new(opened_at: i64) -> Self {
        Self {
            opened_at,
            loaded: AtomicBool::new(false),
            loading: Mutex::new(()),
            held: AtomicUsize::new(0),
            bytes_since_snapshot: AtomicU64::new(0),
        }
    }

    /// Asks for a snapshot soon.
    pub(super) fn want_snapshot(&self) {
        self.bytes_since_snapshot.store(SNAPSHOT_AT_ONCE, Ordering::Relaxed);
    }

    fn are_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }
}

impl PartitionLog {
    /// Whether an append of a client's batch may keep its thread busy for long: its records are read, or written anew, or the
    /// log's producers have to be read back first.
    pub fn append_is_heavy(&self, batch: &[u8], now_ms: i64) -> bool {
        let Ok(header) = BatchHeader::parse_whole(batch) else { return false };
        let loads = header.has_producer_id() && !self.producers.are_loaded() && self.producers.opened_at > 0;
        loads || reads_records(&header, AppendOrigin::Client, &self.config(), now_ms)
    }

    /// How many producers are held in memory.
    pub fn producers_held(&self) -> usize {
        self.producers.held.load(Ordering::Relaxed)
    }

    /// Reads the producers back, if that has not been done. Without the writer's lock. Blocking.
    pub(crate) fn load_producers(&self, now_ms: i64) -> Result<(), StoreError> {
        if self.producers.are_loaded() {
            return Ok(());
        }
        let _loading = self.producers.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.producers.are_loaded() {
            let table = self.read_producers(&self.config(), now_ms)?;
            self.change_producers(|held| *held = Some(table));
            self.producers.loaded.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// The producers as the log had them at the start: the last snapshot and every batch behind it.
    fn read_producers(&self, config: &LogConfig, now_ms: i64) -> Result<ProducerTable, StoreError> {
        let end = self.producers.opened_at;
        let written = if end > 0 { self.stores.producers(self.id)? } else { None };
        let snapshot = written.map(|written| ProducerSnapshot::decode(&written.bytes));
        if let Some(Err(error)) = &snapshot {
            tracing::warn!("{:?}: {error}; it is made again from the whole log", self.id);
        }
        let ProducerSnapshot { next_offset, mut table } = snapshot.and_then(Result::ok).unwrap_or_default();
        let segments = self.segments();
        if segments.first().map_or(end, |first| first.id.base_offset.min(end)) > next_offset {
            // Deleted batches lie between the snapshot and the first one kept: producers begin anew.
            table = ProducerTable::default();
        }
        // Only where the end of the log was lost with the power.
        table.forget_from(end);
        // Before the tail is read: what is still in it was there a moment ago, as far as anybody knows.
        table.expire(now_ms, config.producer_id_expiration_ms);
        let first = segments.partition_point(|segment| segment.id.base_offset <= next_offset).saturating_sub(1);
        for segment in segments.iter().skip(first).filter(|segment| segment.id.base_offset < end) {
            let failed = |fault: Fault| StoreError::Failed(format!("cannot rebuild producers: {fault}").into());
            match apply_from(segment, next_offset..end, &mut table, now_ms) {
                // Deleted meanwhile, with its files.
                Err(_) if segment.is_removed() => table = ProducerTable::default(),
                // What lies behind it is lost to readers as well; writers go on.
                Err(fault @ Fault::Damaged(_)) => drop(self.report(segment, next_offset, &fault)),
                // Writers go on, in another store if this one is gone. A producer that is not known may go on with any sequence number,
                // as after retention.
                Err(Fault::Unreadable(position, error)) if !StoreError::of_write(&error).may_pass() => {
                    drop(self.report(segment, next_offset, &Fault::Unreadable(position, error)));
                    table = ProducerTable::default();
                }
                applied => applied.map_err(failed)?,
            }
        }
        Ok(table)
    }

    /// Whether the producer may append the batch; the original if it has done so before. The producers are known.
    pub(super) fn check_producer(
        &self,
        writer: &Writer,
        header: &BatchHeader,
    ) -> Result<Option<ProducerBatch>, AppendError> {
        match writer.producers.as_ref().map(|producers| producers.check(header)) {
            Some(Ok(SequenceCheck::Duplicate(original))) => Ok(Some(original)),
            Some(Err(error)) => Err(append_error(error)),
            Some(Ok(SequenceCheck::Fresh)) | None => Ok(None),
        }
    }

    /// Takes note of a batch that was appended.
    pub(super) fn remember_producer(&self, writer: &mut Writer, header: &BatchHeader, now_ms: i64) {
        self.producers.bytes_since_snapshot.fetch_add(header.size() as u64, Ordering::Relaxed);
        if let Some(producers) = writer.producers.as_mut().filter(|_| header.has_producer_id()) {
            producers.apply(header, now_ms);
            self.producers.held.store(producers.len(), Ordering::Relaxed);
        }
    }

    /// Forgets producers that were not there for `producer.id.expiration.ms`; how many.
    pub(crate) fn expire_producers(&self, now_ms: i64) -> usize {
        let expiration_ms = self.config().producer_id_expiration_ms;
        self.forget_producers(|producers| producers.expire(now_ms, expiration_ms))
    }

    /// Forgets producers that were not seen after `second`, as `ProducerTable::evict`; how many.
    pub(crate) fn evict_producers(&self, second: u32, spare: &mut u64) -> usize {
        self.forget_producers(|producers| producers.evict(second, spare))
    }

    /// Counts producers by the second in which they were last seen.
    pub(crate) fn count_producers_by_age(&self, ages: &mut BTreeMap<u32, u64>) {
        if let Some(producers) = self.writer().producers.as_ref() {
            producers.count_by_age(ages);
        }
    }

    fn forget_producers(&self, forget: impl FnOnce(&mut ProducerTable)) -> usize {
        let before = self.producers_held();
        if before > 0 {
            self.change_producers(|producers| producers.as_mut().map_or((), forget));
        }
        before.saturating_sub(self.producers_held())
    }

    fn change_producers(&self, change: impl FnOnce(&mut Option<ProducerTable>)) {
        let mut writer = self.writer();
        change(&mut writer.producers);
        self.producers.held.store(writer.producers.as_ref().map_or(0, ProducerTable::len), Ordering::Relaxed);
    }

    /// Whether there were appends since the start, and the producers are not known.
    pub(crate) fn wants_producers(&self) -> bool {
        !self.producers.are_loaded() && self.offsets().log_end > self.producers.opened_at
    }

    /// The producers as they are now, if so much was appended that it is time to write them down.
    pub(crate) fn due_snapshot(&self) -> Option<TakenSnapshot> {
        let appended = self.producers.bytes_since_snapshot.load(Ordering::Relaxed);
        let snapshot_bytes = self.producers_held() as u64 * PRODUCER_BYTES;
        if !self.producers.are_loaded() || appended < SNAPSHOT_BYTES.max(SNAPSHOT_RATIO * snapshot_bytes) {
            return None;
        }
        let writer = self.writer();
        let (chain, producers) = (writer.open.as_ref()?.id, writer.producers.as_ref()?);
        self.producers.bytes_since_snapshot.store(0, Ordering::Relaxed);
        Some(TakenSnapshot { chain, record: self.producers_record(writer.next_offset, producers) })
    }

    /// What has become of a snapshot.
    pub(crate) fn snapshot_state(&self, taken: &TakenSnapshot) -> SnapshotState {
        // The offset first: when the chain is still the same afterwards, nothing below it was given up.
        let durable = self.durable_end.load(Ordering::Acquire) >= taken.record.next_offset;
        match self.published().chain {
            _ if self.is_deleted() => SnapshotState::Void,
            Some(chain) if chain == taken.chain && durable => SnapshotState::Holds,
            Some(chain) if chain == taken.chain => SnapshotState::Waits,
            _ => SnapshotState::Void,
        }
    }

    /// Producers as the catalog takes them.
    pub(super) fn producers_record(&self, next_offset: i64, producers: &ProducerTable) -> ProducersRecord {
        let bytes = producer_snapshot::encode(next_offset, producers);
        ProducersRecord { partition: self.id, next_offset, bytes }
    }
}

fn append_error(error: ProducerError) -> AppendError {
    match error {
        ProducerError::OutOfOrderSequence { producer_id, found, expected } => {
            AppendError::OutOfOrderSequence { producer_id, found, expected }
        }
        ProducerError::StaleEpoch { producer_id, found, current } => {
            AppendError::InvalidProducerEpoch { producer_id, found, current }
        }
    }
}

/// Applies the batches of `segment` with base offsets in `offsets`.
fn apply_from(
    segment: &Segment,
    offsets: std::ops::Range<i64>,
    table: &mut ProducerTable,
    now_ms: i64,
) -> Result<(), Fault> {
    let len = segment.len();
    let Some((from, _)) = segment.find_offset(offsets.start.max(segment.id.base_offset), len)? else { return Ok(()) };
    let mut headers = Headers::new(segment, from..len, STRETCH);
    while let Some((_, header)) = headers.next()?.filter(|(_, header)| header.base_offset < offsets.end) {
        table.apply(&header, now_ms);
    }
    Ok(())
}
