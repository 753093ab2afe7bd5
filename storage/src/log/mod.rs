//! A partition's log: its chains, its offsets, and the one writer of its open chain.
//!
//! What must always hold:
//! - `log start <= last stable = high watermark <= log end`. The high watermark is the durable end.
//! - Offsets are dense over the chains; the chain open now was opened by this start of the broker.
//! - Appends take `writer`, readers never do: they see what is published in `offsets` and `segments`.
//! - The high watermark moves before `committed_len` of the segments does, so that whoever sees the bytes sees the number.

mod append;
mod chain;
mod epochs;
mod lookup;
mod producers;
mod read;
mod waiters;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::catalog::ChainRecord;
use crate::config::LogConfig;
use crate::ids::PartitionId;
use crate::segment::Segment;
use crate::store::Store;

pub use append::{AppendOrigin, Appended};
pub use chain::{Pending, Unsynced};
pub use epochs::EpochEnd;
pub use lookup::TimestampOffset;
pub use read::{ReadSlice, ReadUpTo};

use chain::Writer;
use epochs::EpochStart;
use waiters::Waiters;

/// The offsets of a log at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOffsets {
    /// The first record kept.
    pub log_start: i64,
    /// Where records of undecided transactions begin; the high watermark if there are none.
    pub last_stable: i64,
    /// After the last durable record.
    pub high_watermark: i64,
    /// After the last record.
    pub log_end: i64,
}

/// The log of one partition.
pub struct PartitionLog {
    store: Arc<Store>,
    id: PartitionId,
    config: RwLock<Arc<LogConfig>>,
    writer: Mutex<Writer>,
    /// All segments in order of offsets, the tail last.
    segments: RwLock<Arc<Vec<Arc<Segment>>>>,
    /// Where each leader epoch began, in order; this start's is the last.
    epochs: Vec<EpochStart>,
    log_start: i64,
    high_watermark: AtomicI64,
    log_end: AtomicI64,
    waiters: Waiters,
    deleted: AtomicBool,
}

impl PartitionLog {
    /// The log of partition `id`, whose chains so far are sealed and given in order.
    pub fn new(store: Arc<Store>, id: PartitionId, config: LogConfig, chains: &[ChainRecord]) -> Self {
        let end = chains.last().and_then(|chain| chain.end).unwrap_or(0);
        let segments = chains.iter().flat_map(|chain| {
            chain.segments.iter().map(|summary| Arc::new(Segment::sealed(&store.files, chain.id, *summary)))
        });
        Self {
            id,
            config: RwLock::new(Arc::new(config)),
            writer: Mutex::new(Writer::new(end)),
            segments: RwLock::new(Arc::new(segments.collect())),
            epochs: EpochStart::of_chains(chains, store.epoch, end),
            log_start: chains.first().map_or(0, |chain| chain.start),
            high_watermark: AtomicI64::new(end),
            log_end: AtomicI64::new(end),
            waiters: Waiters::default(),
            deleted: AtomicBool::new(false),
            store,
        }
    }

    /// Which topic it belongs to.
    pub fn topic_id(&self) -> Uuid {
        self.id.topic
    }

    /// Its index within the topic.
    pub fn index(&self) -> i32 {
        i32::try_from(self.id.index).unwrap_or(i32::MAX)
    }

    /// Its settings now.
    pub fn config(&self) -> Arc<LogConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its offsets now.
    pub fn offsets(&self) -> LogOffsets {
        // In this order: the log end never falls behind the high watermark.
        let high_watermark = self.high_watermark.load(Ordering::Acquire);
        let log_end = self.log_end.load(Ordering::Acquire);
        LogOffsets { log_start: self.log_start, last_stable: high_watermark, high_watermark, log_end }
    }

    /// The epoch under which this broker appends now: its broker epoch.
    pub fn leader_epoch(&self) -> i32 {
        i32::try_from(self.store.epoch).unwrap_or(i32::MAX)
    }

    /// Bytes of records kept.
    pub fn size_bytes(&self) -> u64 {
        self.segments().iter().map(|segment| segment.len()).sum()
    }

    /// Notifies once when the high watermark next moves or the log is deleted. Drop the `Notify` to unregister.
    pub fn notify_on_advance(&self, waiter: &Arc<Notify>) {
        self.waiters.add(waiter);
    }

    /// Whether the topic was deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Takes note that the topic was deleted, and removes the files.
    pub(crate) fn delete(&self) {
        self.deleted.store(true, Ordering::Release);
        self.waiters.notify();
        self.segments().iter().for_each(|segment| segment.remove_files());
    }

    fn segments(&self) -> Arc<Vec<Arc<Segment>>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add_segment(&self, segment: Arc<Segment>) {
        let mut held = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let mut segments = Vec::with_capacity(held.len() + 1);
        segments.extend(held.iter().cloned());
        segments.push(segment);
        *held = Arc::new(segments);
    }

    /// Publishes that everything below `end` is durable.
    fn advance(&self, end: i64) {
        self.high_watermark.fetch_max(end, Ordering::AcqRel);
    }
}
