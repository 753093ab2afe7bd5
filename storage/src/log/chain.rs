//! The writer's side of a log: the open chain, what of it is not committed yet, and the producers.
//!
//! What must always hold: `dirty` is set exactly while the log stands in the commit queue; `touched` holds every segment with
//! bytes that no commit has taken yet, or that the catalog does not know.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::PartitionLog;
use crate::catalog::{ChainRecord, ProducersRecord};
use crate::ids::ChainId;
use crate::producer_snapshot::ProducerSnapshot;
use crate::producer_state::ProducerTable;
use crate::segment::Segment;

/// What only the writer may touch.
pub struct Writer {
    /// Offset of the next record.
    pub next_offset: i64,
    /// The chain of this start, once there was an append.
    pub open: Option<OpenChain>,
    /// Segments with something to commit.
    pub touched: Vec<Arc<Segment>>,
    /// Whether the log stands in the commit queue.
    pub dirty: bool,
    /// The generation of the last append.
    pub generation: u64,
    /// Producers, once one of them has appended since the start.
    pub producers: Option<ProducerTable>,
    /// Producers as of the last roll, to be written down with the next commit.
    pub snapshot: Option<ProducerSnapshot>,
}

/// The chain that is written.
pub struct OpenChain {
    /// Its name.
    pub id: ChainId,
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

/// What one log contributes to a commit.
pub struct Pending {
    /// Whose it is.
    pub log: Arc<PartitionLog>,
    /// The bytes.
    pub ranges: Vec<Unsynced>,
    /// The chain, if the catalog does not know it as it is.
    pub chain: Option<ChainRecord>,
    /// Producers to write down.
    pub producers: Option<ProducerSnapshot>,
    /// The offset after the last record taken.
    pub end: i64,
}

impl Writer {
    /// Nothing is open; the next record gets `next_offset`.
    pub fn new(next_offset: i64) -> Self {
        Self {
            next_offset,
            open: None,
            touched: Vec::new(),
            dirty: false,
            generation: 0,
            producers: None,
            snapshot: None,
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

    /// Puts the log into the commit queue, if it is not there; returns the generation its new records belong to.
    pub(super) fn enqueue(self: &Arc<Self>, writer: &mut Writer) -> u64 {
        if !writer.dirty {
            writer.dirty = true;
            writer.generation = self.store.commits.mark_dirty(self.clone());
        }
        writer.generation
    }

    /// Takes what is to be committed. The log has left the queue.
    pub(crate) fn take_pending(self: &Arc<Self>) -> Pending {
        let mut writer = self.writer();
        writer.dirty = false;
        let touched = std::mem::take(&mut writer.touched);
        let unknown = touched.iter().any(|segment| !segment.is_registered());
        let range = |segment: Arc<Segment>| Unsynced { from: segment.committed_len(), to: segment.len(), segment };
        Pending {
            log: self.clone(),
            chain: if unknown { self.open_chain_record(&writer, None) } else { None },
            ranges: touched.into_iter().map(range).collect(),
            producers: writer.snapshot.take(),
            end: writer.next_offset,
        }
    }

    /// Puts back what could not be committed, in front of what was appended meanwhile.
    pub(crate) fn put_back(self: &Arc<Self>, pending: Pending) {
        let mut writer = self.writer();
        let mut touched: Vec<_> = pending.ranges.into_iter().map(|range| range.segment).collect();
        let later = std::mem::take(&mut writer.touched);
        touched.extend(later);
        touched.dedup_by(|a, b| Arc::ptr_eq(a, b));
        writer.touched = touched;
        writer.snapshot = writer.snapshot.take().or(pending.producers);
        self.enqueue(&mut writer);
    }

    /// Publishes what was made durable.
    pub(crate) fn committed(&self, pending: &Pending) {
        self.advance(pending.end);
        for range in &pending.ranges {
            range.segment.set_registered();
            range.segment.set_committed(range.to);
        }
        self.waiters.notify();
    }

    /// The open chain as the catalog should know it, sealed at `end` if there is one.
    fn open_chain_record(&self, writer: &Writer, end: Option<i64>) -> Option<ChainRecord> {
        let open = writer.open.as_ref()?;
        let segments = open.segments.iter().map(|segment| segment.summary()).collect();
        Some(ChainRecord {
            partition: self.id,
            id: open.id,
            version: 0,
            start: open.start,
            end,
            segments,
            replaces: Vec::new(),
            leader_epochs: Vec::new(),
        })
    }

    /// The last words of the log: its chain, sealed, and its producers. Everything is durable, nothing is appended any more.
    pub(crate) fn seal(&self) -> (Option<ChainRecord>, Option<ProducersRecord>) {
        let writer = self.writer();
        let end = self.log_end.load(Ordering::Acquire);
        let chain = self.open_chain_record(&writer, Some(end));
        let snapshot = writer.producers.as_ref().map(|table| self.snapshot_bytes(table, end));
        (chain, snapshot)
    }

    /// The segments of the open chain.
    pub(crate) fn open_segments(&self) -> Vec<Arc<Segment>> {
        self.writer().open.as_ref().map_or(Vec::new(), |open| open.segments.clone())
    }

    fn snapshot_bytes(&self, table: &ProducerTable, next_offset: i64) -> ProducersRecord {
        self.producers_record(&ProducerSnapshot { next_offset, table: table.clone() })
    }

    /// A snapshot as the catalog takes it.
    pub(crate) fn producers_record(&self, snapshot: &ProducerSnapshot) -> ProducersRecord {
        ProducersRecord { partition: self.id, next_offset: snapshot.next_offset, bytes: snapshot.encode() }
    }
}
