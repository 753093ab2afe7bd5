//! The harness of the scenarios: a share partition over a small log.

use std::sync::Arc;

use super::super::*;

pub const RULES: Rules = Rules {
    delivery_count_limit: 5,
    record_locks_max: 2_000,
    lock_duration_ms: 30_000,
    renew_allowed: true,
    dead_letters: false,
};

/// A share partition over a log of given batches, and its stored state.
pub struct Partition {
    pub live: Deliveries,
    pub stored: Stored,
    pub log: Vec<FetchedBatch>,
    pub rules: Rules,
    pub now: u64,
}

pub fn partition(batches: &[(i64, i64)]) -> Partition {
    let stored = Stored::initial(0, 0);
    let log = batches.iter().map(|&(first, last)| FetchedBatch { first, last, visible: true }).collect();
    Partition { live: Deliveries::from_stored(&stored, 0), stored, log, rules: RULES, now: 0 }
}

pub fn ack(first: i64, last: i64, types: &[AckType]) -> AckBatch {
    AckBatch { first, last, types: types.to_vec() }
}

impl Partition {
    pub fn take(&mut self, member: &str, records_max: i64) -> Vec<(i64, i64, i16)> {
        self.take_as(member, Wish { records_max, batch_size: 500, mode: AcquireMode::BatchOptimized })
    }

    pub fn take_as(&mut self, member: &str, wish: Wish) -> Vec<(i64, i64, i16)> {
        let Some(from) = self.live.fetch_from(self.rules.record_locks_max) else { return Vec::new() };
        let batches: Vec<FetchedBatch> = self.log.iter().filter(|batch| batch.last >= from).copied().collect();
        let fetched = Fetched { from, batches: &batches };
        let got = self.live.acquire(&Arc::from(member), fetched, wish, self.now, &self.rules);
        got.iter().map(|range| (range.first, range.last, range.delivery_count)).collect()
    }

    pub fn ack(&mut self, member: &str, first: i64, last: i64, types: &[AckType]) -> Result<Change, AckError> {
        let change = self.live.acknowledge(member, &[ack(first, last, types)], self.now, &self.rules)?;
        Ok(self.happens(change))
    }

    pub fn happens(&mut self, change: Change) -> Change {
        self.stored.merge(-1, &change.update);
        self.live.apply(&change);
        change
    }

    /// So many deliveries of all to `m`, each released.
    pub fn delivered(&mut self, times: usize) {
        for _ in 0..times {
            self.take("m", 1_000);
            let change = self.live.release("m", &self.rules);
            self.happens(change);
        }
    }

    pub fn restart(&mut self) {
        self.live = Deliveries::from_stored(&self.stored, 0);
    }
}
