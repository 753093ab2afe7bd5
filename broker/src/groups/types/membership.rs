//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use std::sync::Arc;

use bytes::Bytes;

use super::GroupError;

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
