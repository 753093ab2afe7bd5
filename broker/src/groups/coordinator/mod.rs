//! The coordinator of one partition of `__consumer_offsets`: takes events, appends records, answers.
//!
//! What must always hold:
//! - Records are in the log before they are applied; what the log refused was never applied.
//! - Whoever waits (`waiting`) waits in a member of a group; both forget it together.
//! - Nothing here waits: time comes in, answers go to the outbox, `next_deadline_ms` says when to come back.

mod events;
mod migration;
mod modern;
mod upkeep;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use catena_protocol::group_records::{GroupKind, Record};
use tokio::sync::oneshot::Sender;
use tracing::info;

use super::classic::{ClassicGroup, Effects, Limits, Now, Persist, Reply, RequestId, Turn};
use super::log::GroupLog;
use super::message::{Message, answer};
use super::modern::{Rules, Topics};
use super::outbox::Outbox;
use super::stats::{Counters, Gauge};
use super::table::GroupTable;
use super::types::{GroupError, JoinReply, SyncReply};

/// What all coordinators of a broker are told, each time they ask.
pub struct Settings {
    /// What applies to a group.
    pub of_group: Box<dyn Fn(&str) -> GroupRules + Send + Sync>,
    /// `offsets.retention.check.interval.ms`.
    pub cleanup_interval_ms: Box<dyn Fn() -> u64 + Send + Sync>,
    /// The topics there are.
    pub topics: Box<dyn Topics + Send + Sync>,
    /// Makes member ids unique.
    pub unique: fn() -> String,
    /// The same in the form that Kafka has for the newer kinds of groups.
    pub unique_of_modern: fn() -> String,
}

/// What applies to a group.
#[derive(Debug, Clone)]
pub struct GroupRules {
    /// What it is bounded by, if it is a classic one.
    pub limits: Limits,
    /// What applies to it, if it is a consumer group.
    pub consumer: Rules,
    /// What applies to it, if it is a share group.
    pub share: Rules,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
}

impl GroupRules {
    /// What applies to a group of this kind.
    pub fn of_kind(self, kind: GroupKind) -> Rules {
        match kind {
            GroupKind::Consumer => self.consumer,
            GroupKind::Share => self.share,
        }
    }
}

/// Regular expressions to be resolved away from the task.
#[derive(Debug)]
pub struct Resolve {
    /// For this group.
    pub group_id: String,
    /// The expressions.
    pub patterns: Vec<String>,
}

impl Settings {
    /// What a group is bounded by now.
    pub fn limits(&self, id: &str) -> Limits {
        (self.of_group)(id).limits
    }
}

enum Waiting {
    Join(Sender<JoinReply>),
    Sync(Sender<SyncReply>),
}

/// The groups of one partition, loaded.
pub struct Coordinator<L> {
    log: L,
    pub(super) table: GroupTable,
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    groups_gauge: Gauge,
    members_gauge: Gauge,
    /// Members of all groups.
    members: usize,
    /// Groups that want to be woken; entries of groups that changed their mind do no harm.
    deadlines: BTreeSet<(u64, String)>,
    cleaned_up_at_ms: u64,
    waiting: HashMap<RequestId, Waiting>,
    last_request: RequestId,
    /// Work that is not for the task; its results come back by `resolved`.
    pub to_resolve: Vec<Resolve>,
    /// Answers on their way.
    pub outbox: Outbox,
}

impl<L: GroupLog> Coordinator<L> {
    /// Begins with what was loaded. Members get a fresh session.
    pub fn new(log: L, table: GroupTable, settings: Arc<Settings>, counters: Arc<Counters>, now: Now) -> Self {
        let mut coordinator = Self {
            groups_gauge: Gauge::of(&counters.groups),
            members_gauge: Gauge::of(&counters.members),
            members: table.iter().map(|(_, group)| group.members.count()).sum(),
            cleaned_up_at_ms: now.steady_ms,
            log,
            table,
            settings,
            counters,
            deadlines: BTreeSet::new(),
            waiting: HashMap::new(),
            last_request: 0,
            to_resolve: Vec::new(),
            outbox: Outbox::default(),
        };
        coordinator.begin_sessions(now);
        coordinator
    }

    /// Handles an event.
    pub fn handle(&mut self, message: Message, now: Now) {
        match message {
            Message::Join(event, to) => self.join(&event, to, now),
            Message::Sync(event, to) => self.sync(&event, to, now),
            Message::Heartbeat(event, to) => {
                let reply = self.heartbeat(&event, now);
                self.outbox.answer(answer(to, reply));
            }
            Message::Leave(event, to) => {
                let reply = self.leave(&event, now);
                self.outbox.answer(answer(to, reply));
            }
            Message::Beat(kind, event, to) => {
                let reply = self.beat(kind, &event, now);
                self.outbox.answer(answer(to, reply));
            }
            Message::Commit(event, to) => {
                let reply = self.commit(&event, now);
                self.outbox.answer(answer(to, reply));
            }
            Message::FetchOffsets(event, to) => self.outbox.answer(answer(to, self.fetch_offsets(&event))),
            Message::DeleteOffsets(event, to) => {
                let reply = self.delete_offsets(&event, now);
                self.outbox.answer(answer(to, reply));
            }
            Message::DescribeModern(kind, id, to) => {
                self.outbox.answer(answer(to, self.describe_modern(kind, &id, now)))
            }
            Message::Describe(id, to) => self.outbox.answer(answer(to, self.describe(&id))),
            Message::List(filter, to) => self.outbox.answer(answer(to, Ok(self.table.list(&filter)))),
            Message::DeleteGroup(id, to) => {
                let reply = self.delete_group(&id, now);
                self.outbox.answer(answer(to, reply));
            }
            Message::TopicDeleted(topic) => self.topic_deleted(&topic, now),
            Message::Load => {}
        }
        self.count();
    }

    fn wait(&mut self, waiting: Waiting) -> RequestId {
        self.last_request += 1;
        self.waiting.insert(self.last_request, waiting);
        self.last_request
    }

    /// Lets a classic group handle an event and does what that causes.
    fn with_group<T>(
        &mut self,
        id: &str,
        now: Now,
        event: impl FnOnce(&mut ClassicGroup, &mut Turn) -> T,
    ) -> Option<T> {
        let limits = self.limits(id);
        let group = self.table.get_mut(id)?.members.classic_mut()?;
        let before = (group.state(), group.generation(), group.members());
        let mut turn = Turn::new(now, &limits);
        let outcome = event(group, &mut turn);
        self.settle(id, turn.effects, now);
        let group = self.table.get(id)?.members.classic()?;
        self.members = self.members.saturating_sub(before.2) + group.members();
        if before != (group.state(), group.generation(), group.members()) {
            let (state, generation, members) = (group.state().name(), group.generation(), group.members());
            info!(group = id, state, generation, members, "group changed");
        }
        Some(outcome)
    }

    fn settle(&mut self, id: &str, mut effects: Effects, now: Now) {
        loop {
            self.counters.rebalances.add(effects.rebalances);
            self.counters.expired_members.add(effects.expired_members);
            effects.replies.into_iter().for_each(|(request, reply)| self.reply(request, reply));
            self.wake(id, effects.wake_at_ms);
            let Some(persist) = effects.persist else { break };
            effects = self.persist(id, persist, now);
        }
    }

    fn persist(&mut self, id: &str, persist: Persist, now: Now) -> Effects {
        let outcome = self.store(&[Record::Group(id.to_owned(), Some(persist.metadata))], now);
        let limits = self.limits(id);
        let mut turn = Turn::new(now, &limits);
        if let Some(group) = self.table.get_mut(id).and_then(|group| group.members.classic_mut()) {
            group.persisted(persist.then, outcome, &mut turn);
        }
        turn.effects
    }

    fn reply(&mut self, request: RequestId, reply: Reply) {
        match (self.waiting.remove(&request), reply) {
            (Some(Waiting::Join(to)), Reply::Join(reply)) => self.outbox.answer(answer(to, reply)),
            (Some(Waiting::Sync(to)), Reply::Sync(reply)) => self.outbox.answer(answer(to, reply)),
            (Some(_) | None, _) => debug_assert!(false, "request {request} is answered twice or in the wrong way"),
        }
    }

    /// Appends, then applies. Every later answer waits until the records are durable.
    fn store(&mut self, records: &[Record], now: Now) -> Result<(), GroupError> {
        if records.is_empty() {
            return Ok(());
        }
        self.outbox.wait_for(self.log.append(records, now.wall_ms)?);
        for record in records {
            self.table.apply(record, now, |id| (self.settings.of_group)(id));
        }
        Ok(())
    }

    fn limits(&self, id: &str) -> Limits {
        self.settings.limits(id)
    }

    fn wake(&mut self, id: &str, at_ms: Option<u64>) {
        let (Some(at_ms), Some(group)) = (at_ms, self.table.get_mut(id)) else { return };
        match group.wake_at_ms {
            Some(before_ms) if before_ms <= at_ms => return,
            Some(before_ms) => self.deadlines.remove(&(before_ms, id.to_owned())),
            None => true,
        };
        group.wake_at_ms = Some(at_ms);
        self.deadlines.insert((at_ms, id.to_owned()));
    }

    fn count(&mut self) {
        self.groups_gauge.set(self.table.len());
        self.members_gauge.set(self.members);
    }
}
