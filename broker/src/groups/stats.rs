//! Counters of groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::types::GroupStats;

/// A number that many tasks count up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts.
    pub fn add(&self, count: impl TryInto<u64>) {
        self.0.fetch_add(count.try_into().unwrap_or(0), Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One shard's part of a number of now; gone with the shard.
#[derive(Debug)]
pub struct Gauge {
    sum: Arc<Counter>,
    part: u64,
}

impl Gauge {
    /// A part of that number, zero for now.
    pub fn of(sum: &Arc<Counter>) -> Self {
        Self { sum: sum.clone(), part: 0 }
    }

    /// Changes the part.
    pub fn set(&mut self, part: usize) {
        let part = part as u64;
        self.sum.0.fetch_add(part.wrapping_sub(self.part), Relaxed);
        self.part = part;
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Counters of all shards.
#[derive(Debug, Default)]
pub struct Counters {
    /// Groups now.
    pub groups: Arc<Counter>,
    /// Members now.
    pub members: Arc<Counter>,
    /// Completed rebalances.
    pub rebalances: Counter,
    /// Committed offsets.
    pub commits: Counter,
    /// Members removed for their silence.
    pub expired_members: Counter,
    /// Offsets removed for their age.
    pub expired_offsets: Counter,
}

impl Counters {
    /// All of them.
    pub fn read(&self) -> GroupStats {
        GroupStats {
            groups: self.groups.get(),
            members: self.members.get(),
            rebalances: self.rebalances.get(),
            commits: self.commits.get(),
            expired_members: self.expired_members.get(),
            expired_offsets: self.expired_offsets.get(),
        }
    }
}
