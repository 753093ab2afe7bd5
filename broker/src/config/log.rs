//! A config topic as a log: records in, records back.
//!
//! What must always hold: what belongs together is one batch, so that a crash leaves all of it or nothing. What is given
//! out is durable, in the order of each partition, each record once. What is written into canary follows from all that
//! stands there: producers write there too, and nothing they said may be written over unread.

use std::sync::Arc;

use bytes::Bytes;
use catena_protocol::records::BatchBuilder;
use catena_storage::{AppendError, Appended, ReadError, ReadUpTo, StoreError, Topic};
use thiserror::Error;
use tokio::sync::Notify;
use tracing::warn;

use crate::config::record::Record;
use crate::config::state::{Changed, Side, State};
use crate::internal_log::{self, Found};

/// The name of the topic.
pub const CONFIG: &str = "__config";

/// Why a change is not kept.
#[derive(Debug, Clone, Error)]
pub enum NotKept {
    /// The topic cannot be made.
    #[error("__config cannot be made: {0}")]
    NoTopic(String),
    /// The records are more than one batch may hold.
    #[error("the change is too large to be kept as one")]
    TooLarge,
    /// There is more in the partition than was read: it may say otherwise.
    #[error("somebody else has written")]
    Overtaken,
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log refuses its owner's records: a mistake of ours.
    #[error("the change was not taken: {0}")]
    Refused(String),
}

/// The log, and how far it was read.
#[derive(Clone)]
pub struct ConfigLog {
    topic: Arc<Topic>,
    next: [i64; 2],
}

impl ConfigLog {
    /// The log in `topic`, to be read from its beginning.
    pub fn new(topic: Arc<Topic>) -> Self {
        let start = |side: Side| topic.partitions.get(side.index()).map_or(0, |log| log.offsets().log_start);
        Self { next: Side::BOTH.map(start), topic }
    }

    /// Which topic it is.
    pub fn topic(&self) -> &Arc<Topic> {
        &self.topic
    }

    /// Wakes `waiter` whenever there is more to read.
    pub fn notify(&self, waiter: &Arc<Notify>) {
        self.topic.partitions.iter().for_each(|log| log.notify_on_advance(waiter));
    }

    /// Appends records that belong together; to canary only if all that stands there was read.
    ///
    /// # Errors
    /// Why nothing was appended.
    pub fn append(&self, side: Side, records: &[Record], now_ms: i64) -> Result<Appended, NotKept> {
        let log = self.topic.partitions.get(side.index()).ok_or(NotKept::NoTopic("it has no partition".to_owned()))?;
        let batch = [batch(records, now_ms)?];
        let appended = match side {
            Side::Control => log.append_run(&batch, now_ms),
            Side::Canary => log.append_run_at(self.next[side.index()], &batch, now_ms),
        };
        appended.map_err(|error| match error {
            AppendError::Overtaken { .. } => NotKept::Overtaken,
            AppendError::TooLarge { .. } | AppendError::LargerThanSegment { .. } => NotKept::TooLarge,
            AppendError::Store(error) => error.into(),
            other => NotKept::Refused(other.to_string()),
        })
    }

    /// Gives what has become durable since the last time. Blocking.
    ///
    /// # Errors
    /// What cannot be read is tried again the next time.
    pub fn read(&mut self, give: &mut dyn FnMut(Side, Found)) -> Result<(), ReadError> {
        for side in Side::BOTH {
            let Some(log) = self.topic.partitions.get(side.index()) else { continue };
            let (offsets, next) = (log.offsets(), &mut self.next[side.index()]);
            *next = (*next).max(offsets.log_start);
            let mut give = |found: Found| give(side, found);
            internal_log::read(log, next, offsets.high_watermark, ReadUpTo::HighWatermark, &mut give)?;
        }
        Ok(())
    }

    /// How many records there are to read in control, at most.
    pub fn unread(&self) -> usize {
        let control = Side::Control.index();
        let end = self.topic.partitions.get(control).map_or(0, |log| log.offsets().high_watermark);
        usize::try_from(end.saturating_sub(self.next[control])).unwrap_or(0)
    }

    /// Leaves out what cannot be read now.
    pub fn skip(&mut self) {
        for side in Side::BOTH {
            self.next[side.index()] =
                self.topic.partitions.get(side.index()).map_or(0, |log| log.offsets().high_watermark);
        }
    }
}

/// Makes one thing that was read part of the state.
pub fn take(state: &mut State, side: Side, found: Found) -> Changed {
    let Found::Record { offset, key, value } = found else { return state.strange() };
    match Record::decode(key, value) {
        Ok(record) => state.apply(side, offset, record),
        Err(why) => {
            warn!(partition = side.index(), offset, "a record of configuration means nothing: {why}");
            state.strange()
        }
    }
}

fn batch(records: &[Record], now_ms: i64) -> Result<Bytes, NotKept> {
    let mut batch = BatchBuilder::new();
    for (key, value) in records.iter().filter_map(Record::encode) {
        batch.push(now_ms, Some(&key), value.as_deref());
    }
    batch.build().map_err(|_| NotKept::TooLarge)
}
