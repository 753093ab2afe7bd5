//! The writer's side of a log: the open chain, what of it is not committed yet, and the producers.
//!
//! What must always hold: `dirty` is set exactly while the log stands in the commit queue of its open chain's store, if only for later; `touched` holds every
//! segment of the open chain with bytes that no commit has taken yet, or that the catalog does not know; a commit of a chain that is not the
//! open one any more says nothing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::PartitionLog;
use super::acknowledge::Unflushed;
use crate::catalog::{ChainRecord, ProducersRecord, ReservationRecord};
use crate::ids::{ChainId, PartitionId, StoreId};
use crate::producer_state::ProducerTable;
use crate::retention::TailAge;
use crate::segment::Segment;
use crate::store::Store;

/// Offsets that other stores set aside at a time: more than can be written before the next time.
const RESERVED_AHEAD: i64 = 1 << 24;

/// What only the writer may touch.
pub struct Writer {
    /// Offset of the next record.
    pub next_offset: i64,
    /// The chain that is written, once there was an append since the start.
    pub open: Option<OpenChain>,
    /// Since when the tail is written, once there was an append to it.
    pub tail_age: Option<TailAge>,
    /// Segments with something to commit.
    pub touched: Vec<Arc<Segment>>,
    /// Whether the log stands in the commit queue.
    pub dirty: bool,
    /// Producers, once one of them has appended since the start.
    pub producers: Option<ProducerTable>,
    /// What is acknowledged and in no commit.
    pub unflushed: Unflushed,
    /// What is below is not acknowledged before it is durable, whatever comes behind it.
    pub disk_up_to: i64,
    /// The store of the last chain: the next one is opened there, if that is possible.
    pub home: Option<StoreId>,
}

/// The chain that is written.
pub struct OpenChain {
    /// Its name.
    pub id: ChainId,
    /// Where it is.
    pub store: Arc<Store>,
    /// Its first offset.
    pub start: i64,
    /// Its segments, the tail last.
    pub segments: Vec<Arc<Segment>>,
}

/// Bytes of a segment that are to be made durable.
pub struct Unsynced {
    /// The segment.
    pub segment: Arc<Segment>,
    /// First byte.
    pub from: u64,
    /// After the last byte.
    pub to: u64,
}

/// The chain whose commits move the high watermark.
#[derive(Default)]
pub struct Published {
    /// The chain.
    pub chain: Option<ChainId>,
    /// The offset before which every other store has set its offsets aside; only there may records be promised.
    pub reserved: i64,
}

/// The end of a chain at a clean stop.
pub struct Sealed {
    /// The chain, with its end.
    pub chain: ChainRecord,
    /// Its segments.
    pub segments: Vec<Arc<Segment>>,
    /// The producers of the log, if any were seen.
    pub producers: Option<ProducersRecord>,
}

/// What one log contributes to a commit.
pub struct Pending {
    /// Whose it is.
    pub log: Arc<PartitionLog>,
    /// Of which chain.
    pub chain: ChainId,
    /// The bytes.
    pub ranges: Vec<Unsynced>,
    /// The chain, if the catalog does not know it as it is.
    pub record: Option<ChainRecord>,
    /// The offset after the last record taken.
    pub end: i64,
    /// Offsets that the other stores must set aside before this is published.
    pub reservation: Option<ReservationRecord>,
}

impl Writer {
    /// Nothing is open; the next record gets `next_offset`.
    pub fn new(next_offset: i64, home: Option<StoreId>) -> Self {
        Self {
            next_offset,
            open: None,
            tail_age: None,
            touched: Vec::new(),
            dirty: false,
            producers: None,
            unflushed: Unflushed::default(),
            disk_up_to: 0,
            home,
        }
    }
}

impl Writer {
    /// Whether `chain` is the one that is written.
    pub fn has_open(&self, chain: ChainId) -> bool {
        self.open.as_ref().is_some_and(|open| open.id == chain)
    }
}

impl OpenChain {
    /// A chain without segments.
    pub fn new(id: ChainId, store: &Arc<Store>, start: i64) -> Self {
        Self { id, store: store.clone(), start, segments: Vec::new() }
    }

    /// The chain as the catalog may know it now: with those segments that a round has told it of. All but the last of these are durable.
    pub fn registered(&self, partition: PartitionId) -> ChainRecord {
        let segments = self.segments.iter().filter(|segment| segment.is_registered());
        ChainRecord { segments: segments.map(|segment| segment.summary()).collect(), ..self.record(partition, None) }
    }

    /// The chain as the catalog should know it, sealed at `end` if there is one.
    pub fn record(&self, partition: PartitionId, end: Option<i64>) -> ChainRecord {
        let before = |segment: &&Arc<Segment>| end.is_none_or(|end| segment.id.base_offset < end);
        let segments = self.segments.iter().filter(before).map(|segment| segment.summary()).collect();
        ChainRecord {
            partition,
            id: self.id,
            counts_as: self.id,
            version: 0,
            start: self.start,
            end,
            segments,
            replaces: Vec::new(),
            leader_epochs: Vec::new(),
        }
    }
}

impl PartitionLog {
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once no append is under way that began before the call.
    pub(crate) fn await_writer(&self) {
        drop(self.writer());
    }

    /// Puts the log into the commit queue of its open chain's store, if it is not there.
    pub(super) fn enqueue(self: &Arc<Self>, writer: &mut Writer) {
        self.enqueue_after(writer, 0);
    }

    /// As `enqueue`, to be taken from there when `delay_ms` have passed.
    pub(super) fn enqueue_after(self: &Arc<Self>, writer: &mut Writer, delay_ms: u32) {
        if let Some(open) = writer.open.as_ref().filter(|_| !writer.dirty) {
            writer.dirty = true;
            match delay_ms {
                0 => open.store.commits.mark_dirty(self.clone()),
                _ => open.store.commits.mark_dirty_after(self.clone(), Duration::from_millis(delay_ms.into())),
            }
        }
    }

    /// Takes what is to be committed in `store`, whose queue the log has left; nothing when its open chain is elsewhere by now.
    pub(crate) fn take_pending(self: &Arc<Self>, store: &Arc<Store>) -> Option<Pending> {
        let mut writer = self.writer();
        let open = writer.open.as_ref().filter(|open| Arc::ptr_eq(&open.store, store))?;
        let unknown = writer.touched.iter().any(|segment| !segment.is_registered());
        let record = unknown.then(|| open.record(self.id, None));
        let (chain, start) = (open.id, open.start);
        writer.dirty = false;
        writer.unflushed = Unflushed::default();
        let touched = std::mem::take(&mut writer.touched);
        let range = |segment: Arc<Segment>| Unsynced { from: segment.durable_len(), to: segment.len(), segment };
        Some(Pending {
            log: self.clone(),
            chain,
            record,
            ranges: touched.into_iter().map(range).collect(),
            end: writer.next_offset,
            reservation: self.reservation(chain, start, writer.next_offset),
        })
    }

    /// Puts back what could not be committed, in front of what was appended meanwhile.
    pub(super) fn put_back(self: &Arc<Self>, writer: &mut Writer, pending: Pending) {
        if !writer.has_open(pending.chain) {
            return;
        }
        let mut touched: Vec<_> = pending.ranges.into_iter().map(|range| range.segment).collect();
        touched.append(&mut writer.touched);
        touched.dedup_by(|a, b| Arc::ptr_eq(a, b));
        writer.touched = touched;
        self.enqueue(writer);
    }

    /// Publishes what was made durable, unless the chain was left meanwhile.
    pub(crate) fn committed(&self, pending: &Pending) {
        let mut published = self.published();
        if published.chain != Some(pending.chain) {
            return;
        }
        published.reserved = pending.reservation.map_or(published.reserved, |reserved| reserved.end);
        self.durable_end.fetch_max(pending.end, Ordering::AcqRel);
        self.high_watermark.fetch_max(pending.end, Ordering::AcqRel);
        for range in &pending.ranges {
            range.segment.set_registered();
            range.segment.set_durable(range.to);
            range.segment.set_committed(range.to);
        }
        drop(published);
        self.promises.announce();
        self.waiters.notify();
    }

    /// The chain whose commits move the high watermark. The lock is held for a moment only, never across I/O.
    pub(super) fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The partition is written in `store` from now on.
    pub(super) fn settle_in(&self, writer: &mut Writer, store: &Store) {
        if writer.home != Some(store.id) {
            self.leave_home(writer);
            store.add_partition();
            writer.home = Some(store.id);
        }
    }

    /// The partition is not written where it was.
    pub(super) fn leave_home(&self, writer: &mut Writer) {
        let home = writer.home.take().and_then(|home| self.stores.with_id(home));
        home.inspect(|home| home.remove_partition());
    }

    /// From now on commits of `chain` count.
    pub(super) fn publish_from(&self, chain: ChainId) {
        let mut published = self.published();
        if published.chain != Some(chain) {
            *published = Published { chain: Some(chain), reserved: 0 };
        }
    }

    /// The offsets that other stores must set aside for `chain` so that records before `end` may be promised: long before it is necessary.
    fn reservation(&self, chain: ChainId, start: i64, end: i64) -> Option<ReservationRecord> {
        let enough = self.published().reserved >= end.saturating_add(RESERVED_AHEAD / 2);
        let end = end.saturating_add(RESERVED_AHEAD);
        (!enough && self.stores.count() > 1).then_some(ReservationRecord { partition: self.id, chain, start, end })
    }

    /// A reservation for the open chain as it is now, for a store that has none.
    pub(crate) fn reservation_now(&self) -> Option<ReservationRecord> {
        let writer = self.writer();
        let open = writer.open.as_ref()?;
        let end = self.published().reserved.max(writer.next_offset.saturating_add(RESERVED_AHEAD));
        Some(ReservationRecord { partition: self.id, chain: open.id, start: open.start, end })
    }

    /// The last words of the log, if its open chain is in `store`. Nothing is appended any more.
    pub(crate) fn seal(&self, store: &Arc<Store>) -> Option<Sealed> {
        let writer = self.writer();
        let open = writer.open.as_ref().filter(|open| Arc::ptr_eq(&open.store, store))?;
        let end = writer.next_offset;
        let producers = writer.producers.as_ref().map(|table| self.producers_record(end, table));
        Some(Sealed { chain: open.record(self.id, Some(end)), segments: open.segments.clone(), producers })
    }
}
