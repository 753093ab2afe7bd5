//! The coordinator and its task on a log in memory that can be slow, refuse, or lose what it took.

mod answers;
mod memory_log;
mod migration;
mod modern;
mod offsets;
mod simulation;
mod task;
mod topics;

use std::sync::Arc;

use tokio::sync::oneshot;

use super::classic::{Limits, Now};
use super::coordinator::{Coordinator, GroupRules, Settings};
use super::message::Message;
use super::stats::Counters;
use super::table::GroupTable;
use super::types::*;

use super::modern::Rules;
use super::modern::assignors::Assignor;
use memory_log::MemoryLog;
use topics::TestTopics;

/// What every committed topic is said to have.
const TOPIC_ID: uuid::Uuid = uuid::Uuid::from_u128(7);

const MINUTE_MS: i64 = 60_000;

fn settings(topics: TestTopics) -> Settings {
    let limits = Limits { members_max: 100, initial_rebalance_delay_ms: 0 };
    let rules = Rules {
        heartbeat_interval_ms: 5_000,
        session_timeout_ms: 45_000,
        assignment_interval_ms: 0,
        members_max: 50,
        assignor: Assignor::Uniform,
        pattern_refresh_ms: 600_000,
        upgrade: true,
        downgrade: true,
        classic_members_max: 100,
    };
    Settings {
        of_group: Box::new(move |_| GroupRules {
            limits,
            consumer: rules.clone(),
            share: rules.clone(),
            retention_ms: 10 * MINUTE_MS,
        }),
        cleanup_interval_ms: Box::new(|| MINUTE_MS as u64),
        topics: Box::new(topics),
        unique: || "u".into(),
        unique_of_modern: || "u".into(),
    }
}

/// A coordinator and a clock set by hand.
struct Scene {
    log: MemoryLog,
    topics: TestTopics,
    coordinator: Coordinator<MemoryLog>,
    counters: Arc<Counters>,
    now: Now,
}

impl Scene {
    fn new() -> Self {
        Self::on(MemoryLog::default(), TestTopics::default(), Now { steady_ms: 0, wall_ms: 1_000_000_000 })
    }

    /// Loads what is in the log.
    fn on(log: MemoryLog, topics: TestTopics, now: Now) -> Self {
        let (settings, counters) = (Arc::new(settings(topics.clone())), Arc::new(Counters::default()));
        let mut table = GroupTable::default();
        log.records().iter().for_each(|record| table.apply(record, now, |id| (settings.of_group)(id)));
        let coordinator = Coordinator::new(log.clone(), table, settings, counters.clone(), now);
        Self { log, topics, coordinator, counters, now }
    }

    fn restarted(self) -> Self {
        Self::on(self.log, self.topics, self.now)
    }

    /// Sends an event; the answer may come later.
    fn send<T>(&mut self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> oneshot::Receiver<T> {
        let (to, reply) = oneshot::channel();
        self.coordinator.handle(message(to), self.now);
        reply
    }

    /// Sends an event that is answered as soon as the log has made everything durable.
    fn ask<T>(&mut self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> T {
        let mut reply = self.send(message);
        self.drain();
        reply.try_recv().expect("an answer")
    }

    fn pass(&mut self, ms: i64) {
        let until_ms = self.now.steady_ms + ms as u64;
        while self.coordinator.next_deadline_ms() <= until_ms {
            let step_ms = self.coordinator.next_deadline_ms().saturating_sub(self.now.steady_ms);
            self.now = Now { steady_ms: self.now.steady_ms + step_ms, wall_ms: self.now.wall_ms + step_ms as i64 };
            self.coordinator.expire(self.now);
            self.drain();
        }
        let rest_ms = until_ms - self.now.steady_ms;
        self.now = Now { steady_ms: until_ms, wall_ms: self.now.wall_ms + rest_ms as i64 };
    }

    /// Releases what can be released.
    fn drain(&mut self) {
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        while self.coordinator.outbox.len() > 0 {
            let mut advance = std::pin::pin!(self.coordinator.outbox.advance());
            if advance.as_mut().poll(&mut context).is_pending() {
                break;
            }
        }
    }

    fn stats(&self) -> GroupStats {
        self.counters.read()
    }

    fn fetch(&mut self, group: &str, topics: Option<Vec<TopicPartitions>>) -> Vec<TopicOffsets> {
        let event = FetchOffsetsEvent { group_id: group.into(), member_id: None, member_epoch: -1, topics };
        self.ask(|to| Message::FetchOffsets(event, to)).expect("offsets")
    }

    /// All offsets of a group, as `topic-partition: offset`.
    fn offsets(&mut self, group: &str) -> Vec<String> {
        let topics = self.fetch(group, None);
        let of_topic = |topic: TopicOffsets| {
            let shown = move |(at, offset): (i32, Option<CommittedOffset>)| {
                format!("{}-{at}: {}", topic.name, offset.map_or(-1, |offset| offset.offset))
            };
            topic.partitions.into_iter().map(shown).collect::<Vec<_>>()
        };
        topics.into_iter().flat_map(of_topic).collect()
    }

    fn groups(&mut self) -> Vec<String> {
        let listed = self.ask(|to| Message::List(ListFilter::default(), to)).expect("a list");
        listed.into_iter().map(|group| group.group_id).collect()
    }
}

fn joining(group: &str) -> JoinEvent {
    JoinEvent {
        group_id: group.into(),
        member_id: String::new(),
        group_instance_id: None,
        protocol_type: "consumer".into(),
        protocols: vec![Protocol { name: "range".into(), metadata: SUBSCRIBED_TO_T.into() }],
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        reason: None,
        requires_known_member_id: false,
        supports_skipping_assignment: true,
    }
}

/// Version 0, one topic `t`, no user data.
const SUBSCRIBED_TO_T: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255];

fn syncing(group: &str, member_id: &str) -> SyncEvent {
    SyncEvent {
        group_id: group.into(),
        member_id: member_id.into(),
        group_instance_id: None,
        generation: 1,
        protocol_type: None,
        protocol_name: None,
        assignments: vec![(member_id.into(), "part".into())],
    }
}

fn heartbeat(group: &str, member_id: &str) -> HeartbeatEvent {
    HeartbeatEvent { group_id: group.into(), member_id: member_id.into(), group_instance_id: None, generation: 1 }
}

/// A commit of a consumer without group management.
fn commit(group: &str, topic: &str, partition: i32, offset: i64) -> CommitEvent {
    let partition = PartitionCommit { partition, offset, leader_epoch: 3, metadata: Some("m".into()) };
    CommitEvent {
        group_id: group.into(),
        member_id: String::new(),
        group_instance_id: None,
        generation: -1,
        retention_time_ms: -1,
        knows_group_id_not_found: true,
        metadata_bytes_max: 5,
        topics: vec![TopicCommit { name: topic.into(), topic_id: TOPIC_ID, partitions: vec![partition] }],
    }
}

/// As of the member of generation 1.
fn commit_of(member_id: &str, event: CommitEvent) -> CommitEvent {
    CommitEvent { member_id: member_id.into(), generation: 1, ..event }
}
