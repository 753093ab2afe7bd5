//! The promise that an append becomes durable, whatever store it ends up in.
//!
//! What must always hold: a ticket is good when the high watermark has passed its records, and these very records are below it: if records
//! were lost before they were durable, the log begins a new era, and tickets of older ones are good only if their records were below the
//! high watermark when their era ended. Nobody waits for ever: want of space and a
//! store that cannot be replaced are answers too.

use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::PartitionLog;
use crate::error::StoreError;

/// A promise that an append becomes durable with a later group commit.
pub struct CommitTicket {
    log: Arc<PartitionLog>,
    era: u32,
    end: i64,
}

/// What a log tells those who hold tickets, beside its high watermark.
#[derive(Default)]
pub struct Promises {
    /// One more each time appended records were lost.
    era: AtomicU32,
    /// The high watermark at the end of each era but the last.
    ends: Mutex<Vec<i64>>,
    /// Records below this that are not durable found no space (they may become durable later).
    refused: AtomicI64,
    /// Why nothing becomes durable any more.
    stranded: Mutex<Option<StoreError>>,
    changed: Notify,
}

impl Promises {
    /// Tells everybody to look again.
    pub fn announce(&self) {
        self.changed.notify_waiters();
    }

    /// There is no space for what is not durable below `end`.
    pub fn refuse(&self, end: i64) {
        self.refused.fetch_max(end, Ordering::AcqRel);
        self.announce();
    }

    /// Nothing becomes durable any more, as long as nobody says otherwise with `None`.
    pub fn strand(&self, why: Option<StoreError>) {
        *self.stranded.lock().unwrap_or_else(PoisonError::into_inner) = why;
        self.announce();
    }

    /// Records that were appended are gone, those above `high_watermark`.
    pub fn break_above(&self, high_watermark: i64) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).push(high_watermark);
        self.era.fetch_add(1, Ordering::AcqRel);
        self.announce();
    }

    /// Whether records that end before `end`, appended in an earlier `era`, were durable before others were lost.
    fn has_kept(&self, era: u32, end: i64) -> bool {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(era).ok().and_then(|era| ends.get(era)).is_some_and(|kept| end <= *kept)
    }

    fn stranded(&self) -> Option<StoreError> {
        self.stranded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl PartitionLog {
    /// The promise for records that end before `end`.
    pub(super) fn ticket(self: &Arc<Self>, end: i64) -> CommitTicket {
        CommitTicket { era: self.promises.era.load(Ordering::Acquire), log: self.clone(), end }
    }
}

impl CommitTicket {
    /// Completes when the append is durable, or cannot be made so.
    ///
    /// # Errors
    /// `Full` when there was no space (the records may still become durable later); `Failed` when the store has failed and no other could
    /// take its place, or the records are lost.
    pub async fn durable(self) -> Result<(), StoreError> {
        loop {
            let mut changed = pin!(self.log.promises.changed.notified());
            changed.as_mut().enable();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            changed.await;
        }
    }

    /// Whether the append is durable already.
    pub fn is_durable(&self) -> bool {
        matches!(self.outcome(), Some(Ok(())))
    }

    fn outcome(&self) -> Option<Result<(), StoreError>> {
        let promises = &self.log.promises;
        // The era after the high watermark: it changes before the watermark passes other records.
        let durable = self.log.high_watermark.load(Ordering::Acquire) >= self.end;
        if promises.era.load(Ordering::Acquire) != self.era {
            if promises.has_kept(self.era, self.end) {
                return Some(Ok(()));
            }
            return Some(Err(StoreError::Failed("the records were lost with their store".into())));
        }
        if durable {
            return Some(Ok(()));
        }
        let refused = promises.refused.load(Ordering::Acquire) >= self.end;
        promises.stranded().or(refused.then_some(StoreError::Full)).map(Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ticket taken before a loss failed, though its records were durable before it: the producer sent again what was there.
    #[test]
    fn a_loss_breaks_no_promise_that_was_kept_before_it() {
        let promises = Promises::default();
        promises.break_above(10);
        promises.break_above(30);
        let kept = |era, ends: [i64; 4]| ends.map(|end| promises.has_kept(era, end));
        assert_eq!(kept(0, [1, 10, 11, 30]), [true, true, false, false], "lost at 11, whatever is there now");
        assert_eq!(kept(1, [11, 30, 31, 99]), [true, true, false, false]);
        assert_eq!(kept(2, [1, 10, 30, 99]), [false; 4], "the last era has not ended");
    }
}
