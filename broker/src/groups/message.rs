//! What a shard is told.

use catena_protocol::group_records::GroupKind;
use tokio::sync::oneshot::Sender;

use super::outbox::Release;
use super::types::{
    Beat, BeatReply, CommitEvent, CommitReply, DeleteGroupReply, DeleteOffsetsEvent, DeleteOffsetsReply,
    DescribeModernReply, DescribeReply, FetchOffsetsEvent, FetchOffsetsReply, GroupError, HeartbeatEvent,
    HeartbeatReply, JoinEvent, JoinReply, LeaveEvent, LeaveReply, ListFilter, ListReply, SyncEvent, SyncReply,
};

/// An event and where its answer goes. A message that is dropped counts as answered with `NotCoordinator`.
pub enum Message {
    /// JoinGroup.
    Join(JoinEvent, Sender<JoinReply>),
    /// SyncGroup.
    Sync(SyncEvent, Sender<SyncReply>),
    /// Heartbeat.
    Heartbeat(HeartbeatEvent, Sender<HeartbeatReply>),
    /// LeaveGroup.
    Leave(LeaveEvent, Sender<LeaveReply>),
    /// ConsumerGroupHeartbeat, ShareGroupHeartbeat.
    Beat(GroupKind, Beat, Sender<BeatReply>),
    /// OffsetCommit.
    Commit(CommitEvent, Sender<CommitReply>),
    /// OffsetFetch.
    FetchOffsets(FetchOffsetsEvent, Sender<FetchOffsetsReply>),
    /// OffsetDelete.
    DeleteOffsets(DeleteOffsetsEvent, Sender<DeleteOffsetsReply>),
    /// ConsumerGroupDescribe, ShareGroupDescribe.
    DescribeModern(GroupKind, String, Sender<DescribeModernReply>),
    /// DescribeGroups.
    Describe(String, Sender<DescribeReply>),
    /// ListGroups.
    List(ListFilter, Sender<ListReply>),
    /// DeleteGroups.
    DeleteGroup(String, Sender<DeleteGroupReply>),
    /// The topic is no more.
    TopicDeleted(String),
    /// Nothing but being loaded.
    Load,
}

/// An answer on its way. Who does not wait any more does not matter.
pub fn answer<T: Send + 'static, E: From<GroupError> + Send + 'static>(
    to: Sender<Result<T, E>>,
    reply: Result<T, E>,
) -> Release {
    Box::new(move |outcome| {
        let _ = to.send(outcome.map_err(E::from).and(reply));
    })
}
