//! The rows of a catalog, and which of two versions of a row is the later one.
//!
//! What must always hold: `supersedes` is decided by the two rows alone and gives the same answer everywhere, so that stores that
//! exchange their rows in whatever order end up with the same ones. Ids of topics and chains are never used again, so a tombstone
//! is final and needs no version.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::ids::{ChainId, PartitionId, SegmentId, StoreId};
use crate::segment::SegmentSummary;

/// A store as the others know it. Written by the store itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRecord {
    /// Its id.
    pub id: StoreId,
    /// Larger at each change.
    pub version: u64,
    /// Its directory when it was last open.
    pub dir: String,
    /// Whether a file system was mounted there.
    pub is_mount_point: bool,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its id.
    pub id: Uuid,
    /// Larger at each change.
    pub version: u64,
    /// The broker epoch that made it: of two topics with one name the one of the later epoch gives way.
    pub created_epoch: u32,
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// Whether it is one of the coordinators' own.
    pub internal: bool,
    /// Settings by name, as they were given.
    pub configs: BTreeMap<String, String>,
}

/// What only grows in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionRecord {
    /// Which partition.
    pub id: PartitionId,
    /// The first offset that is kept.
    pub log_start: i64,
    /// The offset up to which the log was compacted.
    pub cleaned_to: i64,
}

/// Where a leader epoch begins in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderEpoch {
    /// The epoch.
    pub epoch: u32,
    /// Offset of its first record.
    pub start: i64,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRecord {
    /// Whose chain.
    pub partition: PartitionId,
    /// Its name.
    pub id: ChainId,
    /// The chain in whose place it is in the order of the partition's chains: itself; of a copy, the latest of those it replaces.
    pub counts_as: ChainId,
    /// The number of the event with which its own store last wrote it; set by that catalog, which is the only one to write it.
    pub version: u64,
    /// Its first offset.
    pub start: i64,
    /// The offset after its last, once it is sealed.
    pub end: Option<i64>,
    /// Its segments in order.
    pub segments: Vec<SegmentSummary>,
    /// A copy's: the chains whose place it takes.
    pub replaces: Vec<ChainId>,
    /// A copy's: the leader epochs of its batches, in order. Empty: the id's own, from the start on.
    pub leader_epochs: Vec<LeaderEpoch>,
}

/// A range of offsets that an open chain of another store may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationRecord {
    /// Whose chain.
    pub partition: PartitionId,
    /// The chain.
    pub chain: ChainId,
    /// The chain's first offset: its own row may not have been followed yet.
    pub start: i64,
    /// The offset after the last one that may be used.
    pub end: i64,
}

/// The producers of a partition as of some offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducersRecord {
    /// Which partition.
    pub partition: PartitionId,
    /// Every batch before this offset is accounted for.
    pub next_offset: i64,
    /// The table, encoded (`producer_snapshot`).
    pub bytes: Vec<u8>,
}

/// A row of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A store.
    Store(StoreRecord),
    /// A topic.
    Topic(TopicRecord),
    /// A topic that was deleted.
    TopicGone(Uuid),
    /// What only grows in a partition.
    Partition(PartitionRecord),
    /// A chain.
    Chain(ChainRecord),
    /// A chain that was removed.
    ChainGone(PartitionId, ChainId),
    /// Offsets set aside for a chain.
    Reservation(ReservationRecord),
    /// The producers of a partition.
    Producers(ProducersRecord),
}

/// Which row; a tombstone has the key of what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    /// Of a store.
    Store(StoreId),
    /// Of a topic.
    Topic(Uuid),
    /// Of a partition.
    Partition(PartitionId),
    /// Of a chain.
    Chain(PartitionId, ChainId),
    /// Of a reservation.
    Reservation(PartitionId, ChainId),
    /// Of the producers of a partition.
    Producers(PartitionId),
}

impl ChainRecord {
    /// The names of its segments.
    pub fn segment_ids(&self) -> impl Iterator<Item = SegmentId> {
        self.segments.iter().map(|segment| SegmentId { chain: self.id, base_offset: segment.base_offset })
    }

    /// Whether it is sealed and has no offsets: it was never written.
    pub fn is_empty(&self) -> bool {
        self.end == Some(self.start)
    }
}

impl RowKey {
    /// The topic it belongs to, unless it is about a store or about the topic itself.
    pub fn owner(&self) -> Option<Uuid> {
        match self {
            Self::Store(_) | Self::Topic(_) => None,
            Self::Partition(id) | Self::Producers(id) | Self::Chain(id, _) | Self::Reservation(id, _) => Some(id.topic),
        }
    }
}

impl Row {
    /// Which row it is.
    pub fn key(&self) -> RowKey {
        match self {
            Self::Store(store) => RowKey::Store(store.id),
            Self::Topic(topic) => RowKey::Topic(topic.id),
            Self::TopicGone(id) => RowKey::Topic(*id),
            Self::Partition(partition) => RowKey::Partition(partition.id),
            Self::Chain(chain) => RowKey::Chain(chain.partition, chain.id),
            Self::ChainGone(partition, chain) => RowKey::Chain(*partition, *chain),
            Self::Reservation(reserved) => RowKey::Reservation(reserved.partition, reserved.chain),
            Self::Producers(producers) => RowKey::Producers(producers.partition),
        }
    }

    /// Whether it says that something is no more.
    pub fn is_tombstone(&self) -> bool {
        matches!(self, Self::TopicGone(_) | Self::ChainGone(..))
    }

    /// Whether the other stores are told by an event. Reservations are written into every other store by whoever makes
    /// them, and producers are found again in the log.
    pub fn is_announced(&self) -> bool {
        !matches!(self, Self::Reservation(_) | Self::Producers(_))
    }

    /// Whether this row knows something that `other`, of the same key, does not.
    pub fn supersedes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::TopicGone(_), Self::Topic(_)) | (Self::ChainGone(..), Self::Chain(_)) => true,
            (Self::Store(a), Self::Store(b)) => later(a.version, b.version, self, other),
            (Self::Topic(a), Self::Topic(b)) => later(a.version, b.version, self, other),
            (Self::Chain(a), Self::Chain(b)) => later(a.version, b.version, self, other),
            (Self::Partition(a), Self::Partition(b)) => a.log_start > b.log_start || a.cleaned_to > b.cleaned_to,
            (Self::Reservation(a), Self::Reservation(b)) => a.end > b.end,
            (Self::Producers(a), Self::Producers(b)) => a.next_offset > b.next_offset,
            _ => false,
        }
    }

    /// This row with what `other`, of the same key, knows beyond it.
    #[must_use]
    pub fn merged(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Partition(a), Self::Partition(b)) => Self::Partition(PartitionRecord {
                id: a.id,
                log_start: a.log_start.max(b.log_start),
                cleaned_to: a.cleaned_to.max(b.cleaned_to),
            }),
            (row, other) if other.supersedes(&row) => other.clone(),
            (row, _) => row,
        }
    }
}

/// By version. Two stores that were each alone may have given out the same one: then the bytes decide, anything that is the same
/// for all.
fn later(a: u64, b: u64, row: &Row, other: &Row) -> bool {
    a > b || (a == b && row != other && row.encode_value() > other.encode_value())
}
