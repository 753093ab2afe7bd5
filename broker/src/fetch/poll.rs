//! Reading the partitions of a request until there is enough, an error, or no patience left.
//!
//! What must always hold: whoever waits was registered with every log before it looked at them the last time, so no
//! advance is missed; what a session's client is told is noted in the same step in which it is decided to tell it.

use std::pin::pin;
use std::sync::Arc;

use catena_storage::Storage;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::cache::{SessionError, SharedSession};
use super::cold::ColdReads;
use super::pass::{Awaited, PartitionRecords, Pass, bytes_of, read_all, told_by};
use super::plan::{FetchError, Limits};
use super::session::{FetchSet, PartitionKey};
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

/// Where records are read.
#[derive(Clone, Copy)]
pub struct Reads<'a> {
    /// The topics and their logs.
    pub storage: &'a Storage,
    /// For what is not in memory.
    pub cold: &'a ColdReads,
}

/// What a fetch gives.
pub struct Fetched {
    /// The session of the client's next request; 0 for none.
    pub session_id: i32,
    /// The partitions there is something to say about.
    pub partitions: Vec<PartitionAnswer>,
    /// Whether it was waited for, as the client asked.
    pub waited: bool,
}

/// What one partition gives.
pub struct PartitionAnswer {
    /// Its name.
    pub key: PartitionKey,
    /// Records, or why not.
    pub result: Result<PartitionRecords, FetchError>,
}

impl Poll {
    /// Completes with the answer.
    ///
    /// # Errors
    /// `SessionError` when a later request of the same session was begun meanwhile.
    pub async fn run(
        mut self,
        sessions: &FetchSessions,
        reads: Reads<'_>,
        stopping: Stopping,
        metrics: &Arc<Metrics>,
    ) -> Result<Fetched, SessionError> {
        let (pass, waited) = self.wait(reads, stopping, metrics).await?;
        let partitions = self.with_set(|set, incremental| conclude(set, pass, incremental))?;
        count(&partitions, metrics);
        let session_id = match self.opened {
            Opened::Sessionless(_) => 0,
            Opened::Full(set) => sessions.create(set, self.by_id).unwrap_or(0),
            Opened::Incremental(session) => session.id,
        };
        Ok(Fetched { session_id, partitions, waited })
    }

    async fn wait(
        &mut self,
        reads: Reads<'_>,
        mut stopping: Stopping,
        metrics: &Arc<Metrics>,
    ) -> Result<(Pass, bool), SessionError> {
        let limits = self.limits;
        let first = self.look(reads, None).await?;
        if first.is_enough(&limits) || self.is_empty()? || Instant::now() >= self.deadline {
            return Ok((first, false));
        }
        drop(first);
        let _waiting = metrics.fetch_waits();
        loop {
            // A new one each time: logs forget the registrations of one that is gone.
            let waiter = Arc::new(Notify::new());
            let mut advanced = pin!(waiter.notified());
            advanced.as_mut().enable();
            let pass = self.look(reads, Some(&waiter)).await?;
            if pass.is_enough(&limits) {
                return Ok((pass, true));
            }
            tokio::select! {
                () = advanced => {}
                () = tokio::time::sleep_until(self.deadline) => return Ok((pass, true)),
                () = stopping.wait() => return Ok((pass, true)),
            }
        }
    }

    /// One look at all partitions; while they give nothing without it, waits for the disk. Registers `waiter` with the logs before.
    async fn look(&mut self, reads: Reads<'_>, waiter: Option<&Arc<Notify>>) -> Result<Pass, SessionError> {
        let limits = self.limits;
        let mut awaited = Awaited::default();
        if let Some(waiter) = waiter {
            self.with_set(|set, _| register(set, waiter))?;
        }
        loop {
            let mut pass =
                self.with_set(|set, incremental| read_all(set, reads.storage, limits, incremental, &awaited))?;
            let Some(read) = pass.cold.take() else { return Ok(pass) };
            if awaited.is_enough() || pass.has_something() && pass.is_enough(&limits) {
                // Its turn comes with the next request.
                reads.cold.read_early(read);
                return Ok(pass);
            }
            match reads.cold.read(read.clone()).await {
                Some(outcome) => awaited.add(read, outcome),
                None => return Ok(pass),
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

fn register(set: &mut FetchSet, waiter: &Arc<Notify>) {
    set.iter_mut().filter_map(|(_, entry)| entry.log.as_ref()).for_each(|log| log.notify_on_advance(waiter));
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
