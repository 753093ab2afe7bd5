//! ConsumerGroupHeartbeat, ShareGroupHeartbeat and their describes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::GroupError;

/// A heartbeat of a member of a consumer or share group. What is `None` (or -1) is as it was.
#[derive(Debug, Clone)]
pub struct Beat {
    /// The group.
    pub group_id: String,
    /// The member; may be empty in the first heartbeat of older clients.
    pub member_id: String,
    /// The epoch it has reached; 0 joins, -1 leaves, -2 leaves for a while.
    pub member_epoch: i32,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
    /// Rack.
    pub rack_id: Option<String>,
    /// How long it may take to give partitions up, milliseconds; -1: as it was.
    pub rebalance_timeout_ms: i32,
    /// The names it wants.
    pub topics: Option<Vec<String>>,
    /// The regular expression it wants.
    pub regex: Option<String>,
    /// The assignor it prefers.
    pub assignor: Option<String>,
    /// What it holds.
    pub owned: Option<BTreeMap<Uuid, BTreeSet<i32>>>,
    /// The request's client id.
    pub client_id: Arc<str>,
    /// The peer, as `/127.0.0.1`.
    pub client_host: Arc<str>,
}

impl Beat {
    /// Everything is said, as after an error: the answer brings the assignment.
    pub fn is_full(&self) -> bool {
        self.rebalance_timeout_ms != -1 && (self.topics.is_some() || self.regex.is_some()) && self.owned.is_some()
    }
}

/// What a member is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beaten {
    /// Its id.
    pub member_id: String,
    /// The epoch it has reached.
    pub member_epoch: i32,
    /// When to come back, milliseconds.
    pub heartbeat_interval_ms: i32,
    /// What it may consume; `None`: as it was.
    pub assignment: Option<BTreeMap<Uuid, BTreeSet<i32>>>,
}

/// Why a member is refused, with the words Kafka has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The error.
    pub error: GroupError,
    /// For the client's log.
    pub message: String,
}

impl From<GroupError> for Refused {
    fn from(error: GroupError) -> Self {
        Self { error, message: error.to_string() }
    }
}

/// Answer to ConsumerGroupHeartbeat and ShareGroupHeartbeat.
pub type BeatReply = Result<Beaten, Refused>;

/// Answer to ConsumerGroupDescribe and ShareGroupDescribe for one group.
pub type DescribeModernReply = Result<DescribedModern, Refused>;

/// The state of a consumer or share group (Kafka's `ConsumerGroupState`, `ShareGroupState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModernState {
    /// No members; possibly committed offsets.
    Empty,
    /// A new target is to be computed. Not of share groups.
    Assigning,
    /// Members are on their way to their target. Not of share groups.
    Reconciling,
    /// Every member holds what it shall.
    Stable,
}

impl ModernState {
    /// Kafka's name, as the describes and ListGroups spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// A group, as its describe shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedModern {
    /// State.
    pub state: ModernState,
    /// The group's epoch.
    pub epoch: i32,
    /// The epoch of its target.
    pub target_epoch: i32,
    /// Who assigns.
    pub assignor: &'static str,
    /// Members.
    pub members: Vec<DescribedModernMember>,
}

/// A member, as the describe of its group shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedModernMember {
    /// Id.
    pub member_id: String,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
    /// Rack.
    pub rack_id: Option<String>,
    /// The epoch it has reached.
    pub epoch: i32,
    /// Client id.
    pub client_id: String,
    /// The peer, as `/127.0.0.1`.
    pub client_host: String,
    /// The names it wants.
    pub topics: Vec<String>,
    /// The regular expression it wants.
    pub regex: Option<String>,
    /// What it holds.
    pub assigned: Vec<NamedPartitions>,
    /// What it shall hold.
    pub target: Vec<NamedPartitions>,
    /// It speaks the classic protocol.
    pub is_classic: bool,
}

/// Partitions of a topic, with both its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPartitions {
    /// Id.
    pub topic_id: Uuid,
    /// Name.
    pub name: String,
    /// Indexes.
    pub partitions: Vec<i32>,
}
