//! Reading the partitions of a request until there is enough, an error, or no patience left.
//!
//! What must always hold: whoever waits was registered with every log before it looked at them the last time, so no
//! advance is missed; what a session's client is told is noted in the same step in which it is decided to tell it.

use std::pin::pin;
use std::sync::Arc;

use catena_storage::{EpochEnd, LogOffsets, PartitionLog, ReadSlice, Storage};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::cache::{SessionError, SharedSession};
use super::plan::{Budget, Decision, FetchError, Limits, LogFacts, decide};
use super::session::{Entry, FetchSet, PartitionKey, Told, TopicKey};
use super::{FetchSessions, Opened};
use crate::lifecycle::Stopping;
use crate::metrics::Metrics;

/// A fetch that is begun.
pub struct Poll {
    /// Which partitions.
    pub opened: Opened,
    /// Whether topics are named by id.
    pub by_id: bool,
    /// How much.
    pub limits: Limits,
    /// Until when it may wait.
    pub deadline: Instant,
}

/// What a fetch gives.
pub struct Fetched {
    /// The session of the client's next request; 0 for none.
    pub session_id: i32,
    /// The partitions there is something to say about.
    pub partitions: Vec<PartitionAnswer>,
}

/// What one partition gives.
pub struct PartitionAnswer {
    /// Its name.
    pub key: PartitionKey,
    /// Records, or why not.
    pub result: Result<PartitionRecords, FetchError>,
}

/// A partition's offsets and what was read.
pub struct PartitionRecords {
    /// Its offsets at the time of reading.
    pub offsets: LogOffsets,
    /// Whole batches; None at the end of the log.
    pub records: Option<ReadSlice>,
    /// Where the client's log parts from ours.
    pub diverging: Option<EpochEnd>,
}

impl Poll {
    /// Completes with the answer.
    ///
    /// # Errors
    /// `SessionError` when a later request of the same session was begun meanwhile.
    pub async fn run(
        mut self,
        sessions: &FetchSessions,
        storage: &Storage,
        stopping: Stopping,
        metrics: &Arc<Metrics>,
    ) -> Result<Fetched, SessionError> {
        let pass = self.wait(storage, stopping, metrics).await?;
        let partitions = self.with_set(|set, incremental| conclude(set, pass, incremental))?;
        count(&partitions, metrics);
        let session_id = match self.opened {
            Opened::Sessionless(_) => 0,
            Opened::Full(set) => sessions.create(set, self.by_id).unwrap_or(0),
            Opened::Incremental(session) => session.id,
        };
        Ok(Fetched { session_id, partitions })
    }

    async fn wait(
        &mut self,
        storage: &Storage,
        mut stopping: Stopping,
        metrics: &Arc<Metrics>,
    ) -> Result<Pass, SessionError> {
        let limits = self.limits;
        let first = self.with_set(|set, incremental| read_all(set, storage, limits, incremental))?;
        if first.is_enough(&limits) || self.is_empty()? || Instant::now() >= self.deadline {
            return Ok(first);
        }
        drop(first);
        let _waiting = metrics.fetch_waits();
        loop {
            // A new one each time: logs forget the registrations of one that is gone.
            let waiter = Arc::new(Notify::new());
            let mut advanced = pin!(waiter.notified());
            advanced.as_mut().enable();
            let pass = self.with_set(|set, incremental| {
                set.iter_mut()
                    .filter_map(|(_, entry)| entry.log.as_ref())
                    .for_each(|log| log.notify_on_advance(&waiter));
                read_all(set, storage, limits, incremental)
            })?;
            if pass.is_enough(&limits) {
                return Ok(pass);
            }
            tokio::select! {
                () = advanced => {}
                () = tokio::time::sleep_until(self.deadline) => return Ok(pass),
                () = stopping.wait() => return Ok(pass),
            }
        }
    }

    fn is_empty(&mut self) -> Result<bool, SessionError> {
        self.with_set(|set, _| set.is_empty())
    }

    /// Works on the partitions; the flag says whether only news is told.
    fn with_set<T>(&mut self, work: impl FnOnce(&mut FetchSet, bool) -> T) -> Result<T, SessionError> {
        match &mut self.opened {
            Opened::Sessionless(set) | Opened::Full(set) => Ok(work(set, false)),
            Opened::Incremental(session) => SharedSession::with(session, |set| work(set, true)),
        }
    }
}

/// Everything read in one go over the partitions.
struct Pass {
    found: Vec<(u64, Result<PartitionRecords, FetchError>)>,
    bytes: usize,
    /// Something the client must hear at once: an error or a divergence.
    urgent: bool,
}

impl Pass {
    fn is_enough(&self, limits: &Limits) -> bool {
        self.urgent || self.bytes >= limits.bytes_min
    }
}

fn read_all(set: &mut FetchSet, storage: &Storage, limits: Limits, incremental: bool) -> Pass {
    let mut budget = Budget::new(limits.bytes_max);
    let mut pass = Pass { found: Vec::new(), bytes: 0, urgent: false };
    for (turn, entry) in set.iter_mut() {
        let result = read_one(entry, storage, &limits, &mut budget);
        pass.bytes += bytes_of(&result);
        pass.urgent |= result.as_ref().map_or(true, |read| read.diverging.is_some());
        if !incremental || is_news(&result, entry.told) {
            pass.found.push((turn, result));
        }
    }
    pass
}

fn read_one(
    entry: &mut Entry,
    storage: &Storage,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<PartitionRecords, FetchError> {
    let log = find_log(entry, storage)?;
    let facts = LogFacts { leader_epoch: log.leader_epoch(), offsets: log.offsets() };
    let nothing = PartitionRecords { offsets: facts.offsets, records: None, diverging: None };
    match decide(&entry.want, &facts, limits.up_to, |epoch| log.end_offset_for_epoch(epoch)) {
        Decision::Refuse(error) => Err(error),
        Decision::AtEnd => Ok(nothing),
        Decision::Diverging(end) => Ok(PartitionRecords { diverging: Some(end), ..nothing }),
        Decision::Read => {
            let Some(allowance) = budget.allow(entry.want.bytes_max) else { return Ok(nothing) };
            let offset = entry.want.fetch_offset;
            let slice = log.read(offset, allowance.bytes_max, allowance.min_one_batch, limits.up_to)?;
            budget.spend(slice.bytes.len());
            Ok(PartitionRecords { offsets: slice.offsets, records: Some(slice), diverging: None })
        }
    }
}

/// The partition's log: the one found before, unless its topic was deleted since.
fn find_log(entry: &mut Entry, storage: &Storage) -> Result<Arc<PartitionLog>, FetchError> {
    if let Some(log) = entry.log.as_ref().filter(|log| !log.is_deleted()) {
        return Ok(log.clone());
    }
    entry.log = None;
    let topic = match &entry.key.topic {
        TopicKey::Name(name) => storage.topic(name).ok_or(FetchError::UnknownTopicOrPartition),
        TopicKey::Id(id) => storage.topic_by_id(*id).ok_or(FetchError::UnknownTopicId),
    }?;
    let index = usize::try_from(entry.key.partition).map_err(|_| FetchError::UnknownTopicOrPartition)?;
    let log = topic.partitions.get(index).ok_or(FetchError::UnknownTopicOrPartition)?;
    Ok(entry.log.insert(log.clone()).clone())
}

fn bytes_of(result: &Result<PartitionRecords, FetchError>) -> usize {
    result.as_ref().ok().and_then(|read| read.records.as_ref()).map_or(0, |slice| slice.bytes.len())
}

fn told_by(result: &Result<PartitionRecords, FetchError>, before: Told) -> Told {
    match result {
        Ok(read) => Told { high_watermark: read.offsets.high_watermark, log_start: read.offsets.log_start },
        Err(_) => Told { high_watermark: -1, ..before },
    }
}

fn is_news(result: &Result<PartitionRecords, FetchError>, told: Told) -> bool {
    match result {
        Ok(read) => read.diverging.is_some() || bytes_of(result) > 0 || told_by(result, told) != told,
        Err(_) => true,
    }
}

fn count(partitions: &[PartitionAnswer], metrics: &Metrics) {
    for bytes in partitions.iter().map(|answer| bytes_of(&answer.result)).filter(|bytes| *bytes > 0) {
        metrics.fetched_slices.one();
        metrics.fetched_bytes.add(bytes);
    }
}

/// Notes what is told and who goes to the end of the line.
fn conclude(set: &mut FetchSet, pass: Pass, incremental: bool) -> Vec<PartitionAnswer> {
    let mut answers = Vec::with_capacity(pass.found.len());
    for (turn, result) in pass.found {
        let Some(entry) = set.get_mut(turn) else { continue };
        entry.told = told_by(&result, entry.told);
        let key = entry.key.clone();
        if incremental && bytes_of(&result) > 0 {
            set.move_to_end(turn);
        }
        answers.push(PartitionAnswer { key, result });
    }
    answers
}
