//! The task that owns the groups of one partition.
//!
//! What must always hold: events are handled one at a time, in the order they were sent, after the partition was
//! loaded. When an append is lost the state is thrown away and loaded again with the next event. The task ends with
//! the broker, or when nobody can send to it any more, and leaves nobody waiting.
//!
//! 1. The first event makes the task load the partition.
//! 2. Events, deadlines and commits of the log are served until the end, or until an append is lost.
//! 3. After a loss, or when loading fails, events are dropped (`NotCoordinator`) for a moment; then 1.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{error, info};

use super::clock::Clock;
use super::coordinator::{Coordinator, Resolve, Settings};
use super::log::GroupLog;
use super::message::Message;
use super::modern::{self, Resolution};
use super::stats::Counters;
use super::table::GroupTable;
use super::types::GroupError;
use crate::lifecycle::Stopping;

/// Answers that wait for the log; events wait in the queue beyond that.
const OUTBOX_MAX: usize = 10_000;
/// How long events are refused after a loss.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the last appends may take when the broker stops.
const LAST_APPENDS_MAX: Duration = Duration::from_millis(300);

/// A partition and what its task needs.
pub struct Shard<L> {
    /// Index of the partition, for the log.
    pub partition: i32,
    /// Where its groups are kept.
    pub log: L,
    /// Settings of all coordinators.
    pub settings: Arc<Settings>,
    /// Counters of all coordinators.
    pub counters: Arc<Counters>,
    /// The time.
    pub clock: Clock,
    /// Says when the broker stops.
    pub stopping: Stopping,
}

impl<L: GroupLog + Clone> Shard<L> {
    /// Runs the task.
    pub async fn run(mut self, mut messages: Receiver<Message>) {
        while let Some(first) = self.next(&mut messages).await {
            let goes_on = match self.load().await {
                Some(mut coordinator) => {
                    coordinator.handle(first, self.clock.now());
                    self.serve(coordinator, &mut messages).await
                }
                None => ControlFlow::Continue(()),
            };
            if goes_on.is_break() || self.pause(&mut messages).await.is_break() {
                break;
            }
        }
    }

    /// The next event; none at the end.
    async fn next(&mut self, messages: &mut Receiver<Message>) -> Option<Message> {
        tokio::select! {
            biased;
            () = self.stopping.wait() => None,
            message = messages.recv() => message,
        }
    }

    async fn pause(&mut self, messages: &mut Receiver<Message>) -> ControlFlow<()> {
        let until = Instant::now() + PAUSE;
        loop {
            match timeout_at(until, self.next(messages)).await {
                Ok(Some(refused)) => drop(refused),
                Ok(None) => return ControlFlow::Break(()),
                Err(_) => return ControlFlow::Continue(()),
            }
        }
    }

    async fn load(&self) -> Option<Coordinator<L>> {
        let (log, clock, settings) = (self.log.clone(), self.clock, self.settings.clone());
        let began = Instant::now();
        let replay = move || {
            let mut table = GroupTable::default();
            let now = clock.now();
            log.replay(&mut |record| table.apply(&record, now, |id| (settings.of_group)(id))).map(|()| table)
        };
        match tokio::task::spawn_blocking(replay).await {
            Ok(Ok(table)) => {
                info!(partition = self.partition, groups = table.len(), took = ?began.elapsed(), "groups loaded");
                let (settings, counters) = (self.settings.clone(), self.counters.clone());
                Some(Coordinator::new(self.log.clone(), table, settings, counters, self.clock.now()))
            }
            Ok(Err(failed)) => {
                error!(partition = self.partition, "cannot load groups: {failed}");
                None
            }
            Err(failed) => {
                error!(partition = self.partition, "cannot load groups: {failed}");
                None
            }
        }
    }

    /// Serves until the end (`Break`) or until an append is lost.
    async fn serve(&mut self, mut coordinator: Coordinator<L>, messages: &mut Receiver<Message>) -> ControlFlow<()> {
        let mut lost = false;
        let mut resolving = JoinSet::new();
        while !lost {
            for job in coordinator.to_resolve.drain(..) {
                let settings = self.settings.clone();
                resolving.spawn_blocking(move || resolve(&job, &settings));
            }
            let wake_at_ms = coordinator.next_deadline_ms();
            let has_room = coordinator.outbox.len() < OUTBOX_MAX;
            tokio::select! {
                biased;
                () = self.stopping.wait() => break,
                outcome = coordinator.outbox.advance() => lost = outcome.is_err(),
                message = messages.recv(), if has_room => match message {
                    Some(message) => coordinator.handle(message, self.clock.now()),
                    None => break,
                },
                Some(done) = resolving.join_next() => {
                    if let Ok((group_id, found, version)) = done {
                        coordinator.resolved(&group_id, &found, version, self.clock.now());
                    }
                }
                () = sleep_until(self.clock.at(wake_at_ms)) => {}
            }
            if self.clock.now().steady_ms >= wake_at_ms {
                coordinator.expire(self.clock.now());
            }
        }
        self.unload(coordinator, lost).await
    }

    async fn unload(&self, mut coordinator: Coordinator<L>, lost: bool) -> ControlFlow<()> {
        coordinator.unload(GroupError::NotCoordinator, self.clock.now());
        if lost {
            error!(partition = self.partition, "a record of the groups is lost, loading them again");
            coordinator.outbox.fail_all(GroupError::NotCoordinator);
            return ControlFlow::Continue(());
        }
        let drained = async { while coordinator.outbox.len() > 0 && coordinator.outbox.advance().await.is_ok() {} };
        let _ = timeout(LAST_APPENDS_MAX, drained).await;
        coordinator.outbox.fail_all(GroupError::NotCoordinator);
        ControlFlow::Break(())
    }
}

/// What a group's regular expressions match, and the version of the topics.
fn resolve(job: &Resolve, settings: &Settings) -> (String, Vec<Resolution>, u64) {
    let version = settings.topics.version();
    (job.group_id.clone(), modern::resolve(&job.patterns, &settings.topics.names()), version)
}
