//! Handing out: which of the records that were read from the log a member gets.
//!
//! What must always hold:
//! - Only memory changes. After a restart these records are available again, and this delivery was not counted.
//! - A record goes to one member at a time.
//! - No record is looked at: the offsets in batch headers are enough. Offsets between them hold no record, so the start
//!   offset need not wait for them.
//!
//! How a batch of the log is handed out (`SharePartition.acquire`):
//! 1. Offsets that the batches skip are marked absent where they are available.
//! 2. What is available in the batch is taken, in the order of the offsets; beyond `end` all is available.
//! 3. To optimize for batches, whole ones are taken until there are enough records (KIP-932). With a record limit, not one
//!    too many (KIP-1206).
//! 4. A record that has had half of its deliveries is a suspect: it may be what makes members fail. So batches with
//!    suspects are not handed out together with others, and of suspects with each delivery half as many. The last
//!    delivery has the record alone.

use std::sync::Arc;

use super::runs::length;
use super::{Deliveries, Delivery, Lock, OFFSET_MAX, Rules, Run, State};

/// The least number of deliveries that makes a suspect, however low the limit
/// (`SharePartition.MINIMUM_THROTTLE_RECORDS_DELIVERY_LIMIT`).
const SUSPECT_FROM_MIN: i16 = 2;

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
        let until_ms = now_ms.saturating_add(rules.lock_duration_ms);
        let mut acquiring = Acquiring {
            lock: Lock { member: member.clone(), until_ms },
            delivery_count_limit: rules.delivery_count_limit,
            new_from: self.end,
            suspects: 0,
            is_exact: wish.mode == AcquireMode::RecordLimit,
            is_throttled: false,
            left: allowance.records,
            taken: 0,
            ranges: Vec::new(),
        };
        acquiring.suspects = self.suspects(fetched, acquiring.suspect_from()).min(wish.batch_size);
        let mut next = fetched.from.max(self.start);
        for batch in fetched.batches {
            if acquiring.left <= 0 || batch.first > allowance.last {
                break;
            }
            self.mark_absent(next, batch.first.saturating_sub(1));
            self.acquire_batch(&mut acquiring, batch, allowance.last);
            if wish.mode == AcquireMode::RecordLimit && self.end > batch.first.max(acquiring.new_from) {
                self.extend_to(batch.last.min(allowance.last) + 1, Delivery::NEVER);
            }
            if self.end <= batch.last {
                break;
            }
            next = batch.last + 1;
        }
        self.advance();
        match wish.mode {
            AcquireMode::BatchOptimized => split(&acquiring.ranges, fetched.batches, wish.batch_size),
            AcquireMode::RecordLimit => acquiring.ranges,
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
    fn acquire_batch(&mut self, acquiring: &mut Acquiring, batch: &FetchedBatch, last: i64) {
        let (first, last) = (batch.first.max(self.start), batch.last.min(last));
        if !batch.visible {
            return self.mark_absent(first, last);
        }
        let pieces = self.available(first, last);
        if !acquiring.admits(&pieces) {
            acquiring.left = 0;
            return;
        }
        for piece in pieces {
            let records = acquiring.portion(&piece, length(batch.first, batch.last));
            if records <= 0 {
                return;
            }
            let taken = Acquired {
                first: piece.first,
                last: piece.first + records - 1,
                delivery_count: piece.value.saturating_add(1),
            };
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
        let available: Vec<(i64, i64)> = self
            .runs
            .within(first, last)
            .filter(|run| run.value.is_available())
            .map(|run| (run.first, run.last))
            .collect();
        for (first, last) in available {
            self.runs.set(first, last, Delivery::ABSENT);
        }
        if first <= last {
            self.extend_to(last + 1, Delivery::ABSENT);
        }
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
    delivery_count_limit: i16,
    /// From here on nothing was handed out before.
    new_from: i64,
    /// How many suspects there are to take, as far as they would share one range.
    suspects: i64,
    /// Not one record more than are left.
    is_exact: bool,
    /// Suspects were taken.
    is_throttled: bool,
    /// How many more records; may become negative.
    left: i64,
    taken: i64,
    ranges: Vec<Acquired>,
}

impl Acquiring {
    /// Whether the pieces of one batch go with what was taken of others: suspects with suspects.
    fn admits(&self, pieces: &[Run<i16>]) -> bool {
        self.taken == 0 || pieces.iter().all(|piece| (piece.value >= self.suspect_from()) == self.is_throttled)
    }

    /// How many records of a piece to take. 0: none, and none after it either.
    fn portion(&mut self, piece: &Run<i16>, batch_len: i64) -> i64 {
        let delivered = piece.value;
        if self.delivery_count_limit > 2 && delivered >= self.delivery_count_limit - 1 {
            self.left = i64::from(self.taken == 0);
            self.is_exact = true;
        } else if delivered >= self.suspect_from() && !self.is_throttled {
            self.throttle(delivered, batch_len);
        }
        match () {
            () if self.is_throttled && piece.first >= self.new_from => 0,
            () if self.is_exact => piece.len().min(self.left),
            () => piece.len(),
        }
    }

    /// From now on: the more deliveries, the fewer records.
    fn throttle(&mut self, delivered: i16, batch_len: i64) {
        let halvings = u32::try_from(delivered - self.suspect_from() + 1).unwrap_or(0);
        let few = self.suspects.max(batch_len).checked_shr(halvings).unwrap_or(0).max(1) - self.taken;
        self.left = if self.is_exact { self.left.min(few) } else { few };
        self.is_throttled = true;
        self.is_exact = true;
    }

    /// After how many deliveries a record is a suspect: half of those it may have, rounded up
    /// (`SharePartition.throttleRecordsDeliveryLimit`).
    fn suspect_from(&self) -> i16 {
        (self.delivery_count_limit / 2 + self.delivery_count_limit % 2).max(SUSPECT_FROM_MIN)
    }

    fn push(&mut self, taken: Acquired) {
        self.left -= length(taken.first, taken.last);
        self.taken += length(taken.first, taken.last);
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
