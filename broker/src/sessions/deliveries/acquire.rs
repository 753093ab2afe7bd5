//! Handing out: which of the records that were read from the log a member gets.
//!
//! What must always hold:
//! - Only memory changes. After a restart these records are available again, and this delivery was not counted.
//! - A record goes to one member at a time.
//! - No record is looked at: the offsets in batch headers are enough. Offsets between them hold no record, so the start
//!   offset need not wait for them.
//!
//! How a read is handed out (`SharePartition.acquire`), batch by batch:
//! 1. Offsets that the batches skip are marked absent where they are available.
//! 2. What is available in the batch is taken, in the order of the offsets; beyond `end` all is available.
//! 3. `portions` says how much of it.

use std::sync::Arc;

use super::portions::Portions;
use super::runs::length;
use super::{Deliveries, Delivery, Lock, OFFSET_MAX, Rules, Run, State};

/// How exact the number of records has to be (KIP-1206).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcquireMode {
    /// Whole batches of the log, so it may be more.
    BatchOptimized,
    /// Not one more than asked for.
    RecordLimit,
}

/// What a member asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// How many records.
    pub records_max: i64,
    /// How many records should share one range of the answer; batches of the log are not cut for that.
    pub batch_size: i64,
    /// How exact that is.
    pub mode: AcquireMode,
}

/// A record batch that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchedBatch {
    /// Its base offset.
    pub first: i64,
    /// Its last offset.
    pub last: i64,
    /// Members may see its records. `false`: it belongs to an aborted transaction, and they read committed.
    pub visible: bool,
}

/// One read of the log: all its batches in order, none left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched<'a> {
    /// The offset that was asked for. The first batch may begin below.
    pub from: i64,
    /// What was found.
    pub batches: &'a [FetchedBatch],
}

/// Records that the member has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acquired {
    /// The first offset.
    pub first: i64,
    /// The last offset, inclusive.
    pub last: i64,
    /// The how-manieth delivery this is.
    pub delivery_count: i16,
}

impl Deliveries {
    /// Hands records of this read out to a member.
    pub fn acquire(
        &mut self,
        member: &Arc<str>,
        fetched: Fetched<'_>,
        wish: Wish,
        now_ms: u64,
        rules: &Rules,
    ) -> Vec<Acquired> {
        let Some(allowance) = self.allowance(fetched, wish, rules) else { return Vec::new() };
        let mut portions = Portions::new(rules.delivery_count_limit, wish.mode, allowance.records, self.end);
        portions.suspects = self.suspects(fetched, portions.suspect_from()).min(wish.batch_size);
        let until_ms = now_ms.saturating_add(rules.lock_duration_ms);
        let mut acquiring = Acquiring {
            lock: Lock { member: member.clone(), until_ms },
            last: allowance.last,
            portions,
            ranges: vec![],
        };
        self.acquire_batches(&mut acquiring, fetched, wish.mode);
        self.advance();
        match wish.mode {
            AcquireMode::BatchOptimized => split(&acquiring.ranges, fetched.batches, wish.batch_size),
            AcquireMode::RecordLimit => acquiring.ranges,
        }
    }

    fn acquire_batches(&mut self, acquiring: &mut Acquiring, fetched: Fetched<'_>, mode: AcquireMode) {
        let new_from = self.end;
        let mut next = fetched.from.max(self.start);
        for batch in fetched.batches {
            if acquiring.portions.is_done() || batch.first > acquiring.last {
                return;
            }
            self.mark_absent(next, batch.first.saturating_sub(1));
            self.acquire_batch(acquiring, batch);
            if mode == AcquireMode::RecordLimit && self.end > batch.first.max(new_from) {
                // As in Kafka a batch of which a part is new is known as a whole.
                self.extend_to(batch.last.min(acquiring.last) + 1, Delivery::NEVER);
            }
            if self.end <= batch.last {
                return;
            }
            next = batch.last + 1;
        }
    }

    /// How much may be handed out. When the locks are exhausted, only what was handed out before.
    fn allowance(&self, fetched: Fetched<'_>, wish: Wish, rules: &Rules) -> Option<Allowance> {
        let last = fetched.batches.last()?.last.min(OFFSET_MAX);
        if wish.records_max <= 0 || last < self.start || fetched.from > self.end {
            return None;
        }
        let room = rules.record_locks_max - (self.end - self.start);
        if room > 0 {
            Some(Allowance { records: wish.records_max.min(room), last })
        } else if fetched.from < self.end {
            let records = wish.records_max.min(self.end.saturating_sub(fetched.from));
            Some(Allowance { records, last: last.min(self.end - 1) })
        } else {
            None
        }
    }

    /// How many of the records that were read and are available had so many deliveries.
    fn suspects(&self, fetched: Fetched<'_>, delivered_min: i16) -> i64 {
        let (Some(first), Some(last)) = (fetched.batches.first(), fetched.batches.last()) else { return 0 };
        let read = self.runs.within(first.first, last.last);
        read.filter(|run| run.value.is_available() && run.value.count >= delivered_min).map(|run| run.len()).sum()
    }

    /// Takes what is available in a batch and within the allowance.
    fn acquire_batch(&mut self, acquiring: &mut Acquiring, batch: &FetchedBatch) {
        let (first, last) = (batch.first.max(self.start), batch.last.min(acquiring.last));
        if !batch.visible {
            return self.mark_absent(first, last);
        }
        let pieces = self.available(first, last);
        if !acquiring.portions.admits(&pieces) {
            return;
        }
        for piece in pieces {
            let records = acquiring.portions.take(&piece, length(batch.first, batch.last));
            if records <= 0 {
                return;
            }
            let (first, last) = (piece.first, piece.first + records - 1);
            let taken = Acquired { first, last, delivery_count: piece.value.saturating_add(1) };
            self.hold(taken, &acquiring.lock);
            acquiring.push(taken);
        }
    }

    /// What is available in `first..=last`, with its delivery counts.
    fn available(&self, first: i64, last: i64) -> Vec<Run<i16>> {
        let before = self.runs.within(first, last).filter(|run| run.value.is_available());
        let mut pieces: Vec<Run<i16>> =
            before.map(|run| Run { first: run.first, last: run.last, value: run.value.count }).collect();
        if last >= self.end {
            pieces.push(Run { first: first.max(self.end), last, value: 0 });
        }
        pieces
    }

    fn hold(&mut self, taken: Acquired, lock: &Lock) {
        let delivery = Delivery { state: State::Acquired(lock.clone()), count: taken.delivery_count };
        self.runs.set(taken.first, taken.last, delivery);
        self.end = self.end.max(taken.last + 1);
    }

    /// The log holds nothing there for anybody. Who holds such an offset will say so.
    fn mark_absent(&mut self, first: i64, last: i64) {
        let first = first.max(self.start);
        if first > last {
            return;
        }
        let available: Vec<(i64, i64)> = self
            .runs
            .within(first, last)
            .filter(|run| run.value.is_available())
            .map(|run| (run.first, run.last))
            .collect();
        for (first, last) in available {
            self.runs.set(first, last, Delivery::ABSENT);
        }
        self.extend_to(last + 1, Delivery::ABSENT);
    }
}

/// How much may be handed out at most.
struct Allowance {
    records: i64,
    last: i64,
}

/// Handing out, under way.
struct Acquiring {
    lock: Lock,
    /// No record after this one.
    last: i64,
    portions: Portions,
    ranges: Vec<Acquired>,
}

impl Acquiring {
    fn push(&mut self, taken: Acquired) {
        match self.ranges.last_mut() {
            Some(range) if range.last + 1 == taken.first && range.delivery_count == taken.delivery_count => {
                range.last = taken.last;
            }
            _ => self.ranges.push(taken),
        }
    }
}

/// Cuts ranges where a batch of the log begins and `batch_size` records are reached, so that a client can acknowledge
/// range by range.
fn split(ranges: &[Acquired], batches: &[FetchedBatch], batch_size: i64) -> Vec<Acquired> {
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let mut part = *range;
        let from = batches.partition_point(|batch| batch.first <= range.first);
        let inside = batches.iter().skip(from).take_while(|batch| batch.first <= range.last);
        for batch in inside.filter(|batch| batch.first > range.first) {
            if batch.first - part.first >= batch_size.max(1) {
                parts.push(Acquired { last: batch.first - 1, ..part });
                part.first = batch.first;
            }
        }
        parts.push(part);
    }
    parts
}
