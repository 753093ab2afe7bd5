//! The partitions of one fetch request or session, in the order in which they are served. Pure.
//!
//! What must always hold: a key is there once; a partition that gave records goes to the end, so that no partition
//! starves behind a busy one; an incremental answer leaves out exactly the partitions about which it would say
//! nothing new.
//!
//! Source: Apache Kafka, `FetchSession.CachedPartition`, `FetchSession.update`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catena_storage::PartitionLog;
use uuid::Uuid;

/// A topic as the client calls it: by name before version 13, by id since.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TopicKey {
    /// By name.
    Name(Arc<str>),
    /// By id.
    Id(Uuid),
}

/// A partition as the client calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionKey {
    /// Its topic.
    pub topic: TopicKey,
    /// Its number.
    pub partition: i32,
}

/// What a client asks of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// First offset wanted.
    pub fetch_offset: i64,
    /// The leader epoch the client knows; -1 if none.
    pub current_leader_epoch: i32,
    /// The epoch of the last record it has; -1 if none.
    pub last_fetched_epoch: i32,
    /// Bytes this partition may give.
    pub bytes_max: usize,
}

/// What the client was told last about a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// High watermark; -1 after an error, so that the next answer is news.
    pub high_watermark: i64,
    /// Log start offset.
    pub log_start: i64,
}

const NOTHING_TOLD: Told = Told { high_watermark: -1, log_start: -1 };

/// One partition of a set.
pub struct Entry {
    /// Its name.
    pub key: PartitionKey,
    /// What is asked.
    pub want: Want,
    /// What was told.
    pub told: Told,
    /// Its log, once found.
    pub log: Option<Arc<PartitionLog>>,
}

/// Partitions in serving order.
#[derive(Default)]
pub struct FetchSet {
    entries: BTreeMap<u64, Entry>,
    by_key: HashMap<PartitionKey, u64>,
    next_turn: u64,
}

impl FetchSet {
    /// Adds a partition at the end, or changes what is asked of one that is there.
    pub fn put(&mut self, key: PartitionKey, want: Want) {
        if let Some(entry) = self.by_key.get(&key).and_then(|turn| self.entries.get_mut(turn)) {
            entry.want = want;
            return;
        }
        let entry = Entry { key: key.clone(), want, told: NOTHING_TOLD, log: None };
        self.by_key.insert(key, self.next_turn);
        self.entries.insert(self.next_turn, entry);
        self.next_turn += 1;
    }

    /// Takes a partition out.
    pub fn forget(&mut self, key: &PartitionKey) {
        if let Some(turn) = self.by_key.remove(key) {
            self.entries.remove(&turn);
        }
    }

    /// The partitions in serving order, with their turns.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut Entry)> {
        self.entries.iter_mut().map(|(turn, entry)| (*turn, entry))
    }

    /// The partition whose turn it is.
    pub fn get_mut(&mut self, turn: u64) -> Option<&mut Entry> {
        self.entries.get_mut(&turn)
    }

    /// Moves a partition to the end.
    pub fn move_to_end(&mut self, turn: u64) {
        let Some(entry) = self.entries.remove(&turn) else { return };
        self.by_key.insert(entry.key.clone(), self.next_turn);
        self.entries.insert(self.next_turn, entry);
        self.next_turn += 1;
    }

    /// Partitions in the set.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> PartitionKey {
        PartitionKey { topic: TopicKey::Name("t".into()), partition }
    }

    fn want(fetch_offset: i64) -> Want {
        Want { fetch_offset, current_leader_epoch: -1, last_fetched_epoch: -1, bytes_max: 1 }
    }

    fn listed(set: &mut FetchSet) -> Vec<(i32, i64)> {
        set.iter_mut().map(|(_, entry)| (entry.key.partition, entry.want.fetch_offset)).collect()
    }

    #[test]
    fn partitions_keep_their_order_until_one_is_moved_to_the_end() {
        let mut set = FetchSet::default();
        (0..3).for_each(|partition| set.put(key(partition), want(0)));
        set.put(key(1), want(7));
        assert_eq!(listed(&mut set), [(0, 0), (1, 7), (2, 0)]);
        set.move_to_end(0);
        set.put(key(0), want(9));
        assert_eq!(listed(&mut set), [(1, 7), (2, 0), (0, 9)]);
        set.forget(&key(0));
        set.forget(&key(5));
        assert_eq!(listed(&mut set), [(1, 7), (2, 0)]);
    }
}
