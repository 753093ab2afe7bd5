//! The group coordinator: members of all kinds of groups, and committed offsets.
//!
//! What must always hold:
//! - A method enqueues its event before it returns; events of one group are handled in that order, by one task.
//! - An answer that depends on records leaves after they are durable, and answers of a group leave in order.
//! - All state is what a replay of the group's partition of `__consumer_offsets` gives, plus who waits and until when.
//!
//! | file | |
//! |---|---|
//! | `types` | what is asked and answered |
//! | `shards` | which partition and task a group belongs to |
//! | `shard` | the task: loads, serves, stops |
//! | `coordinator` | events to records and answers, without waiting |
//! | `outbox` | answers wait there for the log |
//! | `table`, `offsets`, `membership`, `classic`, `modern` | pure state and decisions |
//! | `log` | records in `__consumer_offsets` |

mod classic;
mod clock;
mod coordinator;
mod log;
mod membership;
mod message;
mod modern;
mod offsets;
mod outbox;
mod shard;
mod shards;
mod stats;
mod table;
mod types;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use catena_protocol::group_records::GroupKind;
use catena_storage::{Storage, Topic, random_id};
use tokio::sync::oneshot;
use tracing::warn;
use uuid::Uuid;

use crate::config::live::Live;
use crate::config::{GroupConfig, ServerAssigned};
use crate::lifecycle::Stopping;

use classic::Limits;
use coordinator::{GroupRules, Settings};
use message::Message;
use modern::assignors::Assignor;
use modern::{Rules, Topics};
use shards::Shards;

pub use shards::{OFFSETS_TOPIC, partition_for};
pub use types::*;

/// How long a resolution of regular expressions lasts at most (Kafka's internal
/// `group.consumer.regex.refresh.interval.ms`).
const PATTERN_REFRESH_MS: i64 = 600_000;

/// The group coordinator. The order of the calls is the order of the events, whenever their answers are awaited. As
/// long as `__consumer_offsets` does not exist, answers are `NotCoordinator` (FindCoordinator creates it).
pub struct Groups {
    shards: Shards,
}

impl Groups {
    /// The groups of a broker, with the settings that run. Costs nothing until groups are used.
    pub fn new(storage: Arc<Storage>, live: &Live, own: OwnSettings, stopping: Stopping) -> Self {
        let settings = settings(storage.clone(), live, own);
        Self { shards: Shards::new(storage, settings, stopping) }
    }

    /// JoinGroup: completes when the join phase is over. Checks group id and session timeout, which `config` bounds.
    pub fn join(&self, event: JoinEvent, config: &GroupConfig) -> impl Future<Output = JoinReply> + Send + use<> {
        let group_id = event.group_id.clone();
        let member_id = event.member_id.clone();
        let checked = check_join(&event, config);
        let asked = checked.and_then(|()| self.ask(&group_id, |to| Message::Join(event, to)));
        async move {
            match asked {
                Ok(_) => reply_of(asked).await,
                Err(error) => Err(JoinRefused { error, member_id }),
            }
        }
    }

    /// SyncGroup: completes when the leader's assignment is durable.
    pub fn sync(&self, event: SyncEvent) -> impl Future<Output = SyncReply> + Send + use<> {
        reply_of(self.ask_named(&event.group_id.clone(), |to| Message::Sync(event, to)))
    }

    /// Heartbeat.
    pub fn heartbeat(&self, event: HeartbeatEvent) -> impl Future<Output = HeartbeatReply> + Send + use<> {
        reply_of(self.ask_named(&event.group_id.clone(), |to| Message::Heartbeat(event, to)))
    }

    /// LeaveGroup.
    pub fn leave(&self, event: LeaveEvent) -> impl Future<Output = LeaveReply> + Send + use<> {
        reply_of(self.ask_named(&event.group_id.clone(), |to| Message::Leave(event, to)))
    }

    /// ConsumerGroupHeartbeat, ShareGroupHeartbeat: completes when what it changed is durable.
    pub fn beat(&self, kind: GroupKind, beat: Beat) -> impl Future<Output = BeatReply> + Send + use<> {
        reply_of(self.ask(&beat.group_id.clone(), |to| Message::Beat(kind, beat, to)))
    }

    /// ConsumerGroupDescribe, ShareGroupDescribe, one group.
    pub fn describe_modern(
        &self,
        kind: GroupKind,
        group_id: &str,
    ) -> impl Future<Output = DescribeModernReply> + Send + use<> {
        reply_of(self.ask(group_id, |to| Message::DescribeModern(kind, group_id.to_owned(), to)))
    }

    /// OffsetCommit: completes when the offsets are durable. The empty group id is a group like others, as in Kafka.
    pub fn commit_offsets(&self, event: CommitEvent) -> impl Future<Output = CommitReply> + Send + use<> {
        reply_of(self.ask(&event.group_id.clone(), |to| Message::Commit(event, to)))
    }

    /// OffsetFetch: only durable offsets.
    pub fn fetch_offsets(&self, event: FetchOffsetsEvent) -> impl Future<Output = FetchOffsetsReply> + Send + use<> {
        reply_of(self.ask(&event.group_id.clone(), |to| Message::FetchOffsets(event, to)))
    }

    /// OffsetDelete.
    pub fn delete_offsets(&self, event: DeleteOffsetsEvent) -> impl Future<Output = DeleteOffsetsReply> + Send + use<> {
        reply_of(self.ask_named(&event.group_id.clone(), |to| Message::DeleteOffsets(event, to)))
    }

    /// DescribeGroups, one group.
    pub fn describe(&self, group_id: &str) -> impl Future<Output = DescribeReply> + Send + use<> {
        reply_of(self.ask(group_id, |to| Message::Describe(group_id.to_owned(), to)))
    }

    /// ListGroups: all groups of all partitions.
    pub fn list(&self, filter: ListFilter) -> impl Future<Output = ListReply> + Send + use<> {
        let asked: Vec<_> = self.shards.send_all(|| {
            let (to, reply) = oneshot::channel();
            (Message::List(filter.clone(), to), reply)
        });
        async move {
            let mut groups = Vec::new();
            for sent in asked {
                match reply_of(sent).await {
                    Ok(some) => groups.extend(some),
                    Err(GroupError::NotCoordinator) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(groups)
        }
    }

    /// DeleteGroups, one group with its offsets.
    pub fn delete_group(&self, group_id: &str) -> impl Future<Output = DeleteGroupReply> + Send + use<> {
        reply_of(self.ask(group_id, |to| Message::DeleteGroup(group_id.to_owned(), to)))
    }

    /// Forgets the offsets committed for a topic that was deleted, in all groups.
    pub fn topic_deleted(&self, topic: &str) {
        for sent in self.shards.send_all(|| (Message::TopicDeleted(topic.to_owned()), ())) {
            if let Err(error) = sent {
                warn!(topic, "the offsets of a deleted topic stay: {error}");
            }
        }
    }

    /// Loads what is there, so that members that never come back after a restart are noticed.
    pub fn load(&self) {
        let _ = self.shards.send_all(|| (Message::Load, ()));
    }

    /// Settings have changed: whoever waits for a time looks again until when.
    pub fn settings_changed(&self) {
        // A task that is too busy to be told looks without it.
        self.load();
    }

    /// Counters.
    pub fn stats(&self) -> GroupStats {
        self.shards.counters.read()
    }

    /// As `ask`, for events that need a group id.
    fn ask_named<T>(
        &self,
        group_id: &str,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<oneshot::Receiver<T>, GroupError> {
        check_id(group_id)?;
        self.ask(group_id, message)
    }

    /// Sends an event to the group's task, now.
    fn ask<T>(
        &self,
        group_id: &str,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<oneshot::Receiver<T>, GroupError> {
        let (to, reply) = oneshot::channel();
        self.shards.send(group_id, message(to)).map(|()| reply)
    }
}

async fn reply_of<T, E: From<GroupError>>(sent: Result<oneshot::Receiver<Result<T, E>>, GroupError>) -> Result<T, E> {
    sent?.await.unwrap_or_else(|_| Err(GroupError::NotCoordinator.into()))
}

fn check_join(event: &JoinEvent, config: &GroupConfig) -> Result<(), GroupError> {
    let allowed = millis(config.session_timeout_min)..=millis(config.session_timeout_max);
    check_id(&event.group_id)?;
    if allowed.contains(&i64::from(event.session_timeout_ms)) { Ok(()) } else { Err(GroupError::InvalidSessionTimeout) }
}

fn check_id(group_id: &str) -> Result<(), GroupError> {
    if group_id.is_empty() { Err(GroupError::InvalidGroupId) } else { Ok(()) }
}

/// What groups set themselves, by group id.
pub type OwnSettings = Box<dyn Fn(&str) -> BTreeMap<String, String> + Send + Sync>;

fn settings(storage: Arc<Storage>, live: &Live, own: OwnSettings) -> Settings {
    let (of_groups, of_all) = (live.clone(), live.clone());
    Settings {
        of_group: Box::new(move |id| rules(&of_groups.current().config_of_group(id).groups, &own(id))),
        cleanup_interval_ms: Box::new(move || {
            u64::try_from(millis(of_all.current().config.groups.offsets_retention_check_interval)).unwrap_or(0)
        }),
        topics: Box::new(storage),
        unique: || Uuid::new_v4().to_string(),
        unique_of_modern: random_id,
    }
}

fn rules(config: &GroupConfig, own: &BTreeMap<String, String>) -> GroupRules {
    let initial_rebalance_delay_ms = u64::try_from(millis(config.initial_rebalance_delay)).unwrap_or(0);
    let limits = Limits { members_max: config.members_max, initial_rebalance_delay_ms };
    let assignor = config.consumer_assignors.first().and_then(|name| Assignor::from_name(name));
    let policy = config.migration_policy.as_str();
    GroupRules {
        limits,
        consumer: Rules {
            upgrade: matches!(policy, "upgrade" | "bidirectional"),
            downgrade: matches!(policy, "downgrade" | "bidirectional"),
            classic_members_max: config.members_max,
            ..modern_rules(&config.consumer, assignor.unwrap_or(Assignor::Uniform), own)
        },
        share: modern_rules(&config.share, Assignor::Simple, own),
        retention_ms: millis(config.offsets_retention),
    }
}

fn modern_rules(config: &ServerAssigned, assignor: Assignor, own: &BTreeMap<String, String>) -> Rules {
    Rules {
        heartbeat_interval_ms: i32::try_from(millis(config.heartbeat_interval.of(own))).unwrap_or(i32::MAX),
        session_timeout_ms: u64::try_from(millis(config.session_timeout.of(own))).unwrap_or(u64::MAX),
        assignment_interval_ms: millis(config.assignment_interval.of(own)),
        members_max: config.members_max,
        assignor,
        pattern_refresh_ms: PATTERN_REFRESH_MS,
        upgrade: false,
        downgrade: false,
        classic_members_max: 0,
    }
}

impl Topics for Arc<Storage> {
    fn named(&self, name: &str) -> Option<(Uuid, u32)> {
        self.topic(name).map(|topic| (topic.id, count(&topic)))
    }

    fn with_id(&self, id: Uuid) -> Option<(String, u32)> {
        self.topic_by_id(id).map(|topic| (topic.name.clone(), count(&topic)))
    }

    fn names(&self) -> Vec<String> {
        self.topics().iter().map(|topic| topic.name.clone()).collect()
    }

    fn version(&self) -> u64 {
        self.topics_version()
    }
}

fn count(topic: &Topic) -> u32 {
    u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
