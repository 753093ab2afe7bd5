//! DescribeGroups, ListGroups, DeleteGroups, and counters.

use bytes::Bytes;

use super::{GroupError, GroupState, Protocol, Refused};

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

/// A classic group of consumers, as it is turned into a consumer group.
#[derive(Debug, Clone)]
pub struct ClassicView {
    /// The current generation.
    pub generation: i32,
    /// Members.
    pub members: Vec<ClassicMemberView>,
}

/// A member of it.
#[derive(Debug, Clone)]
pub struct ClassicMemberView {
    /// Id.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// Client id.
    pub client_id: String,
    /// The peer, as `/127.0.0.1`.
    pub client_host: String,
    /// How long it may take to join again, milliseconds.
    pub rebalance_timeout_ms: i32,
    /// Silence after which it is removed, milliseconds.
    pub session_timeout_ms: i32,
    /// What it said for the group's protocol.
    pub metadata: Bytes,
    /// Its protocols, in order of preference.
    pub protocols: Vec<Protocol>,
    /// What it was given.
    pub assignment: Bytes,
}

/// Answer to DescribeGroups for one group. `GroupIdNotFound` is for the handler to show as `Dead`.
pub type DescribeReply = Result<DescribedGroup, Refused>;

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
    /// Kafka's name of its state.
    pub state: &'static str,
    /// Kafka's name of its type.
    pub group_type: &'static str,
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
