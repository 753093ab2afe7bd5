//! The group coordinator: classic groups and committed offsets.
//!
//! What must always hold:
//! - A method enqueues its event before it returns; events of one group are handled in that order, by one task.
//! - An answer that depends on records leaves after they are durable, and answers of a group leave in order.
//! - All state is what a replay of the group's partition of `__consumer_offsets` gives, plus who waits and until when.

mod types;

use std::future::Future;
use std::sync::Arc;

use catena_storage::Storage;

use crate::config::GroupConfig;
use crate::lifecycle::Stopping;

pub use types::*;

/// Name of the topic that keeps groups and offsets.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The group coordinator. Every method but `stats` may be called before its answer is awaited: the order of the calls
/// is the order of the events. As long as `__consumer_offsets` does not exist, answers are `NotCoordinator`
/// (FindCoordinator creates it).
pub struct Groups {
    storage: Arc<Storage>,
    config: GroupConfig,
    stopping: Stopping,
}

impl Groups {
    /// The groups of a broker. Must be called within a runtime; costs nothing until groups are used.
    pub fn new(storage: Arc<Storage>, config: GroupConfig, stopping: Stopping) -> Self {
        Self { storage, config, stopping }
    }

    /// The partition of `__consumer_offsets` that keeps a group (Kafka's `partitionFor`).
    pub fn partition_for(group_id: &str, partitions: i32) -> i32 {
        todo!()
    }

    /// JoinGroup: completes when the join phase is over. Checks group id and session timeout.
    pub fn join(&self, event: JoinEvent) -> impl Future<Output = JoinReply> + Send + use<> {
        async { todo!() }
    }

    /// SyncGroup: completes when the leader's assignment is durable.
    pub fn sync(&self, event: SyncEvent) -> impl Future<Output = SyncReply> + Send + use<> {
        async { todo!() }
    }

    /// Heartbeat.
    pub fn heartbeat(&self, event: HeartbeatEvent) -> impl Future<Output = HeartbeatReply> + Send + use<> {
        async { todo!() }
    }

    /// LeaveGroup.
    pub fn leave(&self, event: LeaveEvent) -> impl Future<Output = LeaveReply> + Send + use<> {
        async { todo!() }
    }

    /// OffsetCommit: completes when the offsets are durable.
    pub fn commit_offsets(&self, event: CommitEvent) -> impl Future<Output = CommitReply> + Send + use<> {
        async { todo!() }
    }

    /// OffsetFetch: only durable offsets.
    pub fn fetch_offsets(&self, event: FetchOffsetsEvent) -> impl Future<Output = FetchOffsetsReply> + Send + use<> {
        async { todo!() }
    }

    /// OffsetDelete.
    pub fn delete_offsets(&self, event: DeleteOffsetsEvent) -> impl Future<Output = DeleteOffsetsReply> + Send + use<> {
        async { todo!() }
    }

    /// DescribeGroups, one group.
    pub fn describe(&self, group_id: &str) -> impl Future<Output = DescribeReply> + Send + use<> {
        async { todo!() }
    }

    /// ListGroups: all groups of all partitions.
    pub fn list(&self, filter: ListFilter) -> impl Future<Output = ListReply> + Send + use<> {
        async { todo!() }
    }

    /// DeleteGroups, one group with its offsets.
    pub fn delete_group(&self, group_id: &str) -> impl Future<Output = DeleteGroupReply> + Send + use<> {
        async { todo!() }
    }

    /// Forgets the offsets committed for a topic that was deleted, in all groups.
    pub fn topic_deleted(&self, topic: &str) {
        todo!()
    }

    /// Counters.
    pub fn stats(&self) -> GroupStats {
        todo!()
    }
}
