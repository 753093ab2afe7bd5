//! Which partition of `__consumer_offsets` keeps a group, and the tasks of the partitions.
//!
//! What must always hold: a partition has at most one task; a task begins with the first event for its partition. When
//! the topic is replaced, the old tasks end. When it grows, groups stay where they are until the next start, as in Kafka.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use catena_storage::{PartitionLog, Storage, Topic};
use tokio::sync::mpsc::{self, Sender, error::TrySendError};

use super::clock::Clock;
use super::coordinator::Settings;
use super::message::Message;
use super::shard::Shard;
use super::stats::Counters;
use super::types::GroupError;
use crate::lifecycle::Stopping;

/// Name of the topic that keeps groups and offsets.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Events that may wait for one task; beyond, clients are told to come back.
const QUEUE_MAX: usize = 4_096;

/// The tasks of all partitions.
pub struct Shards {
    storage: Arc<Storage>,
    settings: Arc<Settings>,
    stopping: Stopping,
    clock: Clock,
    /// Counters of all tasks.
    pub counters: Arc<Counters>,
    current: RwLock<Option<Arc<Tasks>>>,
}

/// The tasks of one topic as it is now.
struct Tasks {
    topic: Arc<Topic>,
    senders: Vec<OnceLock<Sender<Message>>>,
}

impl Shards {
    /// No tasks yet.
    pub fn new(storage: Arc<Storage>, settings: Settings, stopping: Stopping) -> Self {
        Self {
            storage,
            settings: Arc::new(settings),
            stopping,
            clock: Clock::start(),
            counters: Arc::default(),
            current: RwLock::new(None),
        }
    }

    /// Sends an event to the task of a group.
    ///
    /// # Errors
    /// `NotCoordinator` without a topic or at the end, `CoordinatorLoadInProgress` when too many events wait.
    pub fn send(&self, group_id: &str, message: Message) -> Result<(), GroupError> {
        let tasks = self.tasks().ok_or(GroupError::NotCoordinator)?;
        let count = i32::try_from(tasks.senders.len()).unwrap_or(i32::MAX);
        let partition = usize::try_from(partition_for(group_id, count)).unwrap_or(0);
        self.send_to(&tasks, partition, message)
    }

    /// Sends an event to the task of every partition that holds anything.
    pub fn send_all<T>(&self, mut make: impl FnMut() -> (Message, T)) -> Vec<Result<T, GroupError>> {
        let Some(tasks) = self.tasks() else { return Vec::new() };
        let mut sent = Vec::new();
        for (at, log) in tasks.topic.partitions.iter().enumerate() {
            let offsets = log.offsets();
            if offsets.log_end > offsets.log_start {
                let (message, handle) = make();
                sent.push(self.send_to(&tasks, at, message).map(|()| handle));
            }
        }
        sent
    }

    fn send_to(&self, tasks: &Tasks, partition: usize, message: Message) -> Result<(), GroupError> {
        let sender = tasks.senders.get(partition).zip(tasks.topic.partitions.get(partition));
        let (sender, log) = sender.ok_or(GroupError::NotCoordinator)?;
        let sender = sender.get_or_init(|| self.spawn(log));
        sender.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => GroupError::CoordinatorLoadInProgress,
            TrySendError::Closed(_) => GroupError::NotCoordinator,
        })
    }

    fn spawn(&self, log: &Arc<PartitionLog>) -> Sender<Message> {
        let (sender, messages) = mpsc::channel(QUEUE_MAX);
        let shard = Shard {
            partition: log.index(),
            log: log.clone(),
            settings: self.settings.clone(),
            counters: self.counters.clone(),
            clock: self.clock,
            stopping: self.stopping.clone(),
        };
        tokio::spawn(shard.run(messages));
        sender
    }

    /// The tasks of the topic as it is now.
    fn tasks(&self) -> Option<Arc<Tasks>> {
        let topic = self.storage.topic(OFFSETS_TOPIC)?;
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(tasks) = current.filter(|tasks| tasks.are_of(&topic)) {
            return Some(tasks);
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if !current.as_ref().is_some_and(|tasks| tasks.are_of(&topic)) {
            let senders = topic.partitions.iter().map(|_| OnceLock::new()).collect();
            *current = Some(Arc::new(Tasks { topic, senders }));
        }
        current.clone()
    }
}

impl Tasks {
    fn are_of(&self, topic: &Topic) -> bool {
        self.topic.id == topic.id
    }
}

/// The partition of `__consumer_offsets` that keeps a group: Java's `Utils.abs(groupId.hashCode()) % partitions`.
pub fn partition_for(group_id: &str, partitions: i32) -> i32 {
    let hash = group_id.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Java's Utils.abs: the smallest integer becomes 0.
    let positive = hash.checked_abs().unwrap_or(0);
    positive.checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::partition_for;

    #[test]
    fn groups_are_kept_where_kafka_keeps_them() {
        let of_50 = [
            ("", 0),                   // hashCode 0
            ("test", 48),              // hashCode 3556498
            ("my-group", 12),          // hashCode -1906497762
            ("polygenelubricants", 0), // hashCode -2147483648
            ("grüße-😀", 27),          // hashCode 347391577
        ];
        for (group, partition) in of_50 {
            assert_eq!(partition_for(group, 50), partition, "{group:?}");
        }
    }
}
