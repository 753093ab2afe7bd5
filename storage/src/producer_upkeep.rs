//! Looking after the idempotent producers of all logs: known in time, forgotten in time, few enough, written down.
//!
//! What must always hold:
//! - The clock is passed in; whoever calls decides how often (once a second is meant).
//! - A snapshot is written at the earliest in the turn after it was taken, and only when its log is durable up to it; none of
//!   this is on the way of a commit.
//! - Beyond `held_max` producers those that were idle for longest are forgotten, wherever they are. Their next batch is taken as
//!   that of a new producer.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::StoreError;
use crate::log::{PartitionLog, SnapshotState, TakenSnapshot};
use crate::storage::Storage;

/// How many producers may be held when some had to go: the rest is room for new ones.
const KEPT_PERCENT: u64 = 90;

/// Limits of producers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerLimits {
    /// Time between two searches for producers that were silent for too long, milliseconds
    /// (`producer.id.expiration.check.interval.ms`).
    pub check_interval_ms: i64,
    /// Producers held in memory, of all logs together; the count is looked at once in a turn.
    pub held_max: u64,
}

/// What one turn did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProducerTurn {
    /// Producers held after it.
    pub held: u64,
    /// Forgotten because they were silent for `producer.id.expiration.ms`.
    pub expired: u64,
    /// Forgotten because there were too many.
    pub evicted: u64,
}

/// What is carried from turn to turn.
#[derive(Default)]
pub struct ProducerUpkeep {
    checked_ms: Option<i64>,
    /// Snapshots that were taken and wait for their logs to be durable.
    taken: Vec<(Arc<PartitionLog>, TakenSnapshot)>,
}

impl ProducerUpkeep {
    /// One turn over all logs. Blocking. `now_ms` is the broker's clock, milliseconds since 1970.
    ///
    /// # Errors
    /// When producers can neither be read back nor written down; the next turn tries again.
    pub fn turn(
        &mut self,
        storage: &Storage,
        limits: &ProducerLimits,
        now_ms: i64,
    ) -> Result<ProducerTurn, StoreError> {
        let logs: Vec<_> = storage.topics().iter().flat_map(|topic| topic.partitions.clone()).collect();
        let expired = if self.is_check_due(limits, now_ms) { expire(&logs, now_ms) } else { 0 };
        let evicted = evict(&logs, limits.held_max);
        let turn = ProducerTurn { held: held(&logs), expired, evicted };
        self.write_down(storage)?;
        logs.iter().filter(|log| log.wants_producers()).try_for_each(|log| log.load_producers(now_ms))?;
        self.taken.extend(logs.iter().filter_map(|log| Some((log.clone(), log.due_snapshot()?))));
        Ok(turn)
    }

    fn is_check_due(&mut self, limits: &ProducerLimits, now_ms: i64) -> bool {
        let since = now_ms.saturating_sub(*self.checked_ms.get_or_insert(now_ms));
        // A clock that was set back must not end the checks.
        let due = !(0..limits.check_interval_ms).contains(&since);
        if due {
            self.checked_ms = Some(now_ms);
        }
        due
    }

    fn write_down(&mut self, storage: &Storage) -> Result<(), StoreError> {
        let mut records = Vec::new();
        for (log, taken) in std::mem::take(&mut self.taken) {
            match log.snapshot_state(&taken) {
                SnapshotState::Holds => records.push(taken.record),
                SnapshotState::Waits => self.taken.push((log, taken)),
                SnapshotState::Void => {}
            }
        }
        if records.is_empty() { Ok(()) } else { storage.put_producers(records) }
    }
}

fn held(logs: &[Arc<PartitionLog>]) -> u64 {
    logs.iter().map(|log| log.producers_held() as u64).sum()
}

fn expire(logs: &[Arc<PartitionLog>], now_ms: i64) -> u64 {
    logs.iter().map(|log| log.expire_producers(now_ms) as u64).sum()
}

/// Forgets the longest idle producers if there are more than `held_max`; how many.
fn evict(logs: &[Arc<PartitionLog>], held_max: u64) -> u64 {
    let held = held(logs);
    if held <= held_max {
        return 0;
    }
    let mut ages = BTreeMap::new();
    logs.iter().for_each(|log| log.count_producers_by_age(&mut ages));
    let too_many = held - held_max.saturating_mul(KEPT_PERCENT) / 100;
    let (second, mut spare) = oldest(&ages, too_many);
    logs.iter().map(|log| log.evict_producers(second, &mut spare) as u64).sum()
}

/// The second in which the last of the oldest `count` was seen, and how many of that second are among them.
fn oldest(ages: &BTreeMap<u32, u64>, count: u64) -> (u32, u64) {
    let mut left = count;
    for (second, there) in ages {
        if *there >= left {
            return (*second, left);
        }
        left -= there;
    }
    (u32::MAX, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_found_second_by_second() {
        let ages = BTreeMap::from([(10, 4), (20, 3), (30, 1)]);
        assert_eq!(oldest(&ages, 1), (10, 1));
        assert_eq!(oldest(&ages, 4), (10, 4));
        assert_eq!(oldest(&ages, 5), (20, 1));
        assert_eq!(oldest(&ages, 8), (30, 1));
    }

    #[test]
    fn checks_are_due_by_the_interval_and_when_the_clock_was_set_back() {
        let mut upkeep = ProducerUpkeep::default();
        let limits = ProducerLimits { check_interval_ms: 100, held_max: 1 };
        let due: Vec<_> = [1_000, 1_099, 1_100, 1_150, 900, 950].map(|now| upkeep.is_check_due(&limits, now)).to_vec();
        assert_eq!(due, [false, false, true, false, true, false]);
    }
}
