//! The words of the group coordinator: what is asked of it and what it answers. No wire types.
//!
//! What must always hold: an answer lists topics, partitions and members in the order in which they were asked for.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use uuid::Uuid;

/// Why the coordinator says no. One value per Kafka error code that groups answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The members must join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// The group does not know the member.
    #[error("unknown member")]
    UnknownMemberId,
    /// The generation is not the current one.
    #[error("illegal generation")]
    IllegalGeneration,
    /// The member shall join again with the id it was given (KIP-394).
    #[error("the group member needs a member id before it can join")]
    MemberIdRequired,
    /// Another member took over the `group.instance.id` (KIP-345).
    #[error("the static member was fenced by a newer one")]
    FencedInstanceId,
    /// Protocol type or protocols do not fit those of the group.
    #[error("inconsistent group protocol")]
    InconsistentGroupProtocol,
    /// Outside of `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.
    #[error("invalid session timeout")]
    InvalidSessionTimeout,
    /// `group.max.size`.
    #[error("the group has reached its maximum size")]
    GroupMaxSizeReached,
    /// Retry later, after looking for the coordinator.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
    /// Retry later.
    #[error("the coordinator is loading or overloaded")]
    CoordinatorLoadInProgress,
    /// This broker does not coordinate the group (or the broker stops).
    #[error("not the coordinator")]
    NotCoordinator,
    /// The empty group id, where Kafka does not allow it.
    #[error("invalid group id")]
    InvalidGroupId,
    /// No such group.
    #[error("the group id does not exist")]
    GroupIdNotFound,
    /// Only an empty group can be deleted.
    #[error("the group is not empty")]
    NonEmptyGroup,
    /// Offsets of a topic the group consumes cannot be deleted.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    /// `offset.metadata.max.bytes`.
    #[error("the metadata of the offset commit is too large")]
    OffsetMetadataTooLarge,
    /// A record of the group does not fit into a batch of `__consumer_offsets`. Kafka: `UNKNOWN_SERVER_ERROR`.
    #[error("the group is too large to be stored")]
    RecordTooLarge,
}

/// The state of a classic group (Kafka's `ClassicGroupState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupState {
    /// No members; possibly committed offsets.
    Empty,
    /// Waits for members to join.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    /// Every member has an assignment.
    Stable,
    /// Removed.
    Dead,
}

impl GroupState {
    /// Kafka's name, as DescribeGroups and ListGroups spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// Kafka's name of the one group type there is, as ListGroups spells it.
pub const GROUP_TYPE_CLASSIC: &str = "classic";

/// One protocol (assignor) a member supports, with the member's metadata for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol {
    /// Name, for example `range`.
    pub name: String,
    /// For the leader; the coordinator looks into it only for the topics of protocol type `consumer`.
    pub metadata: Bytes,
}

/// JoinGroup.
#[derive(Debug, Clone)]
pub struct JoinEvent {
    /// The group.
    pub group_id: String,
    /// The member; empty when it has no id yet.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<String>,
    /// For example `consumer`.
    pub protocol_type: String,
    /// In order of preference.
    pub protocols: Vec<Protocol>,
    /// Silence after which the member is removed.
    pub session_timeout_ms: i32,
    /// How long others wait for this member to join again. Version 0 has none: the session timeout.
    pub rebalance_timeout_ms: i32,
    /// The request's client id.
    pub client_id: Arc<str>,
    /// The peer, as `/127.0.0.1`.
    pub client_host: Arc<str>,
    /// What the client says for the log.
    pub reason: Option<String>,
    /// Version 4 and newer: a new dynamic member is first given an id (KIP-394).
    pub requires_known_member_id: bool,
    /// Version 9 and newer (KIP-814).
    pub supports_skipping_assignment: bool,
}

/// What a member is told when the join phase is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The member's id.
    pub member_id: String,
    /// The generation it is a member of.
    pub generation: i32,
    /// Type of the protocol.
    pub protocol_type: Option<String>,
    /// The protocol the group chose.
    pub protocol_name: Option<String>,
    /// The leader's member id.
    pub leader: String,
    /// The leader shall not compute an assignment (KIP-814).
    pub skip_assignment: bool,
    /// All members, for the leader; empty for the others.
    pub members: Vec<JoinedMember>,
}

/// A member, as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedMember {
    /// Id.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// The member's metadata for the chosen protocol.
    pub metadata: Bytes,
}

/// A join that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRefused {
    /// Why.
    pub error: GroupError,
    /// The id to answer with; for `MemberIdRequired` the one to join with. May be empty.
    pub member_id: String,
}

impl From<GroupError> for JoinRefused {
    fn from(error: GroupError) -> Self {
        Self { error, member_id: String::new() }
    }
}

/// Answer to JoinGroup.
pub type JoinReply = Result<Joined, JoinRefused>;

/// SyncGroup.
#[derive(Debug, Clone)]
pub struct SyncEvent {
    /// The group.
    pub group_id: String,
    /// The member.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// The generation the member joined.
    pub generation: i32,
    /// Since version 5; must be the group's when given.
    pub protocol_type: Option<String>,
    /// Since version 5; must be the group's when given.
    pub protocol_name: Option<String>,
    /// Member ids and their assignments, from the leader.
    pub assignments: Vec<(String, Bytes)>,
}

/// What a member got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// Type of the protocol.
    pub protocol_type: Option<String>,
    /// The protocol of this generation.
    pub protocol_name: Option<String>,
    /// The member's assignment.
    pub assignment: Bytes,
}

/// Answer to SyncGroup.
pub type SyncReply = Result<Synced, GroupError>;

/// Heartbeat.
#[derive(Debug, Clone)]
pub struct HeartbeatEvent {
    /// The group.
    pub group_id: String,
    /// The member.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// The generation the member believes in.
    pub generation: i32,
}

/// Answer to Heartbeat.
pub type HeartbeatReply = Result<(), GroupError>;

/// LeaveGroup, for one or several members.
#[derive(Debug, Clone)]
pub struct LeaveEvent {
    /// The group.
    pub group_id: String,
    /// Who leaves.
    pub members: Vec<LeavingMember>,
}

/// Who leaves: by member id, or, with an empty member id, by `group.instance.id` (an administrator's removal).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeavingMember {
    /// Id, may be empty.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// What the client says for the log.
    pub reason: Option<String>,
}

/// Answer to LeaveGroup: one result per member, in order.
pub type LeaveReply = Result<Vec<Result<(), GroupError>>, GroupError>;

/// OffsetCommit. Topics must exist; the handler has checked that.
#[derive(Debug, Clone)]
pub struct CommitEvent {
    /// The group; may be empty.
    pub group_id: String,
    /// The member; empty for a consumer without group management.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// The member's generation; negative for a consumer without group management.
    pub generation: i32,
    /// `retention_time_ms` of versions 2 to 4; -1 when not given.
    pub retention_time_ms: i64,
    /// Version 9 and newer know `GroupIdNotFound`; older clients get `IllegalGeneration` instead.
    pub knows_group_id_not_found: bool,
    /// What to commit.
    pub topics: Vec<TopicCommit>,
}

/// Commits of one topic.
#[derive(Debug, Clone)]
pub struct TopicCommit {
    /// Name.
    pub name: String,
    /// Its id, kept with the offsets: those of a topic that is made anew under the same name are told from them.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<PartitionCommit>,
}

/// Commit of one partition.
#[derive(Debug, Clone)]
pub struct PartitionCommit {
    /// Index.
    pub partition: i32,
    /// The next offset to be consumed.
    pub offset: i64,
    /// Leader epoch of the last consumed record; -1 when unknown.
    pub leader_epoch: i32,
    /// Anything; null counts as empty.
    pub metadata: Option<String>,
}

/// Answer per topic and partition, in the order asked.
pub type PartitionResults = Vec<TopicResults>;

/// Answers of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicResults {
    /// Name.
    pub name: String,
    /// Partition index and its result.
    pub partitions: Vec<(i32, Result<(), GroupError>)>,
}

/// Answer to OffsetCommit; an error is that of every partition.
pub type CommitReply = Result<PartitionResults, GroupError>;

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPartitions {
    /// Name.
    pub name: String,
    /// Indexes.
    pub partitions: Vec<i32>,
}

/// OffsetFetch for one group.
#[derive(Debug, Clone)]
pub struct FetchOffsetsEvent {
    /// The group; may be empty.
    pub group_id: String,
    /// What to look up; `None` is everything the group has.
    pub topics: Option<Vec<TopicPartitions>>,
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to be consumed.
    pub offset: i64,
    /// -1 when unknown.
    pub leader_epoch: i32,
    /// Never null.
    pub metadata: String,
    /// Id of the topic when it was committed; nil where the record does not say.
    pub topic_id: Uuid,
}

/// Offsets of one topic, in the order asked for; `None` where nothing is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicOffsets {
    /// Name.
    pub name: String,
    /// Index and offset.
    pub partitions: Vec<(i32, Option<CommittedOffset>)>,
}

/// Answer to OffsetFetch for one group. A group that does not exist has no offsets.
pub type FetchOffsetsReply = Result<Vec<TopicOffsets>, GroupError>;

/// OffsetDelete.
#[derive(Debug, Clone)]
pub struct DeleteOffsetsEvent {
    /// The group.
    pub group_id: String,
    /// What to forget.
    pub topics: Vec<TopicPartitions>,
}

/// Answer to OffsetDelete.
pub type DeleteOffsetsReply = Result<PartitionResults, GroupError>;

/// A group, as DescribeGroups shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// State.
    pub state: GroupState,
    /// Empty when the group never had members.
    pub protocol_type: String,
    /// The chosen protocol while stable, otherwise empty.
    pub protocol: String,
    /// Members; metadata and assignment only while stable.
    pub members: Vec<DescribedMember>,
}

/// A member, as DescribeGroups shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedMember {
    /// Id.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// Client id.
    pub client_id: String,
    /// The peer, as `/127.0.0.1`.
    pub client_host: String,
    /// For the chosen protocol.
    pub metadata: Bytes,
    /// The leader's decision.
    pub assignment: Bytes,
}

/// Answer to DescribeGroups for one group. `GroupIdNotFound` is for the handler to show as `Dead`.
pub type DescribeReply = Result<DescribedGroup, GroupError>;

/// What ListGroups wants to see; names in any case, an empty list lets all pass.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Names of states.
    pub states: Vec<String>,
    /// Names of group types.
    pub types: Vec<String>,
}

/// A group, as ListGroups shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// Id.
    pub group_id: String,
    /// Empty when the group never had members.
    pub protocol_type: String,
    /// State.
    pub state: GroupState,
}

/// Answer to ListGroups.
pub type ListReply = Result<Vec<ListedGroup>, GroupError>;

/// Answer to DeleteGroups for one group.
pub type DeleteGroupReply = Result<(), GroupError>;

/// Counters of all groups; totals since the start, but `groups` and `members`, which are of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupStats {
    /// Groups in memory.
    pub groups: u64,
    /// Members of them.
    pub members: u64,
    /// Completed rebalances.
    pub rebalances: u64,
    /// Committed offsets (partitions).
    pub commits: u64,
    /// Members that were removed because they were silent.
    pub expired_members: u64,
    /// Offsets that were removed because they were old.
    pub expired_offsets: u64,
}
