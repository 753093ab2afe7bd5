//! A partition's log: its chains, its offsets, and the one writer of its open chain.
//!
//! What must always hold:
//! - `log start <= last stable = high watermark <= log end`. The high watermark is the durable end, or with
//!   `catena.acks.all=memory` what is acknowledged (`acknowledge`).
//! - Offsets are dense over the chains; the chain open now was opened by this start of the broker.
//! - Appends take `writer`, readers never do: they see what is published in `offsets` and `segments`.
//! - The high watermark moves before `committed_len` of the segments does, so that whoever sees the bytes sees the number.
//! - Only commits of the chain named in `published` move it, so that a chain can be left for one in another store at any moment.

mod acknowledge;
mod append;
mod chain;
mod compact;
mod epochs;
mod gap;
#[cfg(test)]
mod held;
mod lookup;
mod moving;
mod producers;
mod read;
mod relocate;
mod roll;
mod ticket;
mod trim;
mod waiters;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::catalog::ChainRecord;
use crate::config::LogConfig;
use crate::files::ChainFiles;
use crate::ids::{ChainId, PartitionId, StoreId};
use crate::lineage::Lineage;
use crate::segment::{NO_TIMESTAMP, Segment, SegmentSummary};
use crate::stores::Stores;

pub use append::{AppendOrigin, Appended};
pub use chain::{Pending, Unsynced};
pub(crate) use compact::{Cleanable, Swap, SwapError};
pub use epochs::EpochEnd;
pub use lookup::TimestampOffset;
pub(crate) use moving::{MovedChain, Share};
pub(crate) use producers::{SnapshotState, TakenSnapshot};
pub use read::{ReadSlice, ReadUpTo};
pub use ticket::CommitTicket;
pub(crate) use trim::Trim;

use chain::{Published, Writer};
use epochs::EpochStart;
use producers::Producers;
use ticket::Promises;
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
    stores: Arc<Stores>,
    id: PartitionId,
    config: RwLock<Arc<LogConfig>>,
    writer: Mutex<Writer>,
    published: Mutex<Published>,
    promises: Promises,
    /// All segments in order of offsets, the tail last.
    segments: RwLock<Arc<Vec<Arc<Segment>>>>,
    /// Where each leader epoch began, in order; this start's is the last.
    epochs: Vec<EpochStart>,
    log_start: AtomicI64,
    cleaned_to: AtomicI64,
    high_watermark: AtomicI64,
    /// After the last record that a commit of this start, or a clean stop before it, made durable.
    durable_end: AtomicI64,
    log_end: AtomicI64,
    waiters: Waiters,
    producers: Producers,
    deleted: AtomicBool,
}

/// A chain and where it is.
pub struct PlacedChain {
    /// The files of the store that holds it; it may be away.
    pub files: Arc<ChainFiles>,
    /// The chain, sealed.
    pub record: ChainRecord,
}

impl PartitionLog {
    /// The log of partition `id`, whose chains so far are sealed and given in order, without what is below the log start; the next record
    /// gets the offset at which `offsets` end.
    pub fn new(
        stores: Arc<Stores>,
        id: PartitionId,
        config: Arc<LogConfig>,
        chains: &[PlacedChain],
        offsets: Range<i64>,
    ) -> Self {
        let Range { start, end } = offsets;
        let records = chains.iter().map(|chain| &chain.record);
        let home = chains.last().map(|chain| chain.record.id.store).and_then(|home| stores.with_id(home));
        home.iter().for_each(|home| home.add_partition());
        Self {
            id,
            config: RwLock::new(config),
            writer: Mutex::new(Writer::new(end, home.map(|home| home.id))),
            published: Mutex::new(Published::default()),
            promises: Promises::default(),
            segments: RwLock::new(Arc::new(chains.iter().flat_map(PlacedChain::segments).collect())),
            epochs: EpochStart::of_chains(records, stores.epoch, end),
            log_start: AtomicI64::new(start),
            cleaned_to: AtomicI64::new(0),
            high_watermark: AtomicI64::new(end),
            durable_end: AtomicI64::new(end),
            log_end: AtomicI64::new(end),
            waiters: Waiters::default(),
            producers: Producers::new(end),
            deleted: AtomicBool::new(false),
            stores,
        }
    }

    /// Which partition it is.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// The store `returned` is there again: shows readers its chains among `chains`, all of which are sealed, in place of what is known of
    /// them.
    pub(crate) fn see(&self, returned: StoreId, chains: &[PlacedChain]) {
        let writer = self.writer();
        let open = writer.open.as_ref().map(|open| open.id);
        let concerns = |chain: ChainId| chain.store == returned && Some(chain) != open;
        self.change_segments(|segments| {
            segments.retain(|segment| !concerns(segment.id.chain));
            segments.extend(chains.iter().filter(|chain| concerns(chain.record.id)).flat_map(PlacedChain::segments));
            segments.sort_by_key(|segment| (segment.id.base_offset, segment.id.chain));
            drop(segments.drain(..self.count_below(segments, self.log_start())));
        });
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

    /// Gives it other settings, from the next append and the next look of retention on.
    pub fn set_config(self: &Arc<Self>, config: LogConfig) {
        self.refresh_config(|| Arc::new(config));
    }

    /// Gives it the settings that `config` says, which is asked while nobody else gives it any.
    pub(crate) fn refresh_config(self: &Arc<Self>, config: impl FnOnce() -> Arc<LogConfig>) {
        let mut held = self.config.write().unwrap_or_else(PoisonError::into_inner);
        let new = config();
        if **held == *new {
            return;
        }
        let old = std::mem::replace(&mut *held, new.clone());
        drop(held);
        self.flush_by(&new, &old);
    }

    /// Its offsets now.
    pub fn offsets(&self) -> LogOffsets {
        // In this order: none of them falls behind the one before.
        let log_start = self.log_start();
        let high_watermark = self.high_watermark.load(Ordering::Acquire);
        let log_end = self.log_end.load(Ordering::Acquire);
        LogOffsets { log_start, last_stable: high_watermark, high_watermark, log_end }
    }

    fn log_start(&self) -> i64 {
        self.log_start.load(Ordering::Acquire)
    }

    /// The epoch under which this broker appends now: its broker epoch.
    pub fn leader_epoch(&self) -> i32 {
        i32::try_from(self.stores.epoch).unwrap_or(i32::MAX)
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

    /// Takes note that the topic was deleted, and has the files removed after `file.delete.delay.ms`.
    pub(crate) fn delete(&self) {
        self.deleted.store(true, Ordering::Release);
        self.leave_home(&mut self.writer());
        self.waiters.notify();
        // An append under way may still make a segment.
        self.await_writer();
        let delay = trim::file_delete_delay(&self.config());
        self.segments().iter().for_each(|segment| segment.retire(delay));
    }

    fn segments(&self) -> Arc<Vec<Arc<Segment>>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what readers see, at once.
    fn change_segments(&self, change: impl FnOnce(&mut Vec<Arc<Segment>>)) {
        let mut held = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let mut segments = held.to_vec();
        change(&mut segments);
        *held = Arc::new(segments);
    }
}

impl PlacedChain {
    fn segments(&self) -> impl Iterator<Item = Arc<Segment>> {
        // Of a chain that is away nothing but its start may be known.
        let unknown = SegmentSummary { base_offset: self.record.start, len: 0, max_timestamp: NO_TIMESTAMP };
        let unknown = self.record.segments.is_empty().then_some(unknown);
        let ends = self.record.segments.iter().skip(1).map(|next| next.base_offset);
        let ends = ends.chain(std::iter::repeat(self.record.end.unwrap_or(i64::MAX)));
        let sealed = |(summary, end)| {
            let segment = Segment::sealed(&self.files, self.record.id, summary);
            Arc::new(segment.with_lineage(Lineage::of(&self.record, end)))
        };
        self.record.segments.iter().copied().chain(unknown).zip(ends).map(sealed)
    }
}
