//! Groups whose members are given partitions by the server, epoch by epoch: consumer groups (KIP-848) and share groups
//! (KIP-932). One state machine; `Policy` says what differs.
//!
//! What must always hold:
//! - Decisions (`heartbeat`, `leave`, `resolved`, …) read the group and return records; only `apply` changes what lasts,
//!   at a replay and after an append alike.
//! - The group's epoch grows with every change of members, subscriptions or topics. The target is of one epoch, and
//!   never newer than the group's. A member's epoch is that of the target it has reached.
//! - A partition of a consumer group has one holder (`holders`); a target names one owner.
//!
//! | file | |
//! |---|---|
//! | `member` | what a member wants and holds |
//! | `apply` | records to state |
//! | `heartbeat` | a member speaks: join, go on |
//! | `leave` | a member goes, or is removed |
//! | `subscriptions`, `patterns` | which topics are wanted, by name and by regular expression |
//! | `target` | who shall hold what, by an assignor |
//! | `reconcile` | one step of a member towards its target |
//! | `liveness` | until when members are waited for |
//! | `classic_members`, `migration` | members of the classic protocol, and the way from one to the other |
//! | `checks`, `view` | commits and deletions; what describe shows |
//!
//! Source: Apache Kafka 4.3, `GroupMetadataManager`, `ConsumerGroup`, `ShareGroup`, `ModernGroup`.

mod apply;
pub mod assignors;
mod checks;
mod classic_members;
mod heartbeat;
mod leave;
mod liveness;
mod member;
mod migration;
mod patterns;
mod reconcile;
mod subscriptions;
mod target;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use catena_protocol::group_records::{GroupKind, ModernRecord, ResolvedRegex};
use uuid::Uuid;

use super::classic::Now;
use super::types::ModernState;
pub use super::types::Refused;

pub use apply::Life;
pub use member::{LEFT, LEFT_FOR_NOW};
pub use patterns::{Resolution, resolve};

use assignors::Assignor;
use liveness::Liveness;
use member::Member;

/// Partitions by topic id.
pub type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// The epoch of a group nobody has joined, and of the target it begins with: nothing for nobody.
const FIRST_EPOCH: i32 = 1;
/// The target is gone.
const NO_EPOCH: i32 = -1;

/// What applies to a group of this kind now.
#[derive(Debug, Clone)]
pub struct Rules {
    /// `*.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `*.session.timeout.ms`.
    pub session_timeout_ms: u64,
    /// `*.assignment.interval.ms`: the least time between two targets.
    pub assignment_interval_ms: i64,
    /// `group.consumer.max.size`, `group.share.max.size`.
    pub members_max: usize,
    /// Who assigns if no member says so: the first of `group.consumer.assignors`.
    pub assignor: Assignor,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub pattern_refresh_ms: i64,
    /// A classic group becomes one of this kind when a member of it joins (`group.consumer.migration.policy`).
    pub upgrade: bool,
    /// The group becomes a classic one when the last member of its own protocol goes.
    pub downgrade: bool,
    /// `group.max.size`: the greatest classic group.
    pub classic_members_max: usize,
}

/// The topics there are.
pub trait Topics {
    /// Id and number of partitions.
    fn named(&self, name: &str) -> Option<(Uuid, u32)>;
    /// Name and number of partitions.
    fn with_id(&self, id: Uuid) -> Option<(String, u32)>;
    /// All names.
    fn names(&self) -> Vec<String>;
    /// Another number after every change of the topics.
    fn version(&self) -> u64;
}

/// What a decision needs of the world.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// When.
    pub now: Now,
    /// What applies to the group.
    pub rules: &'a Rules,
    /// The topics.
    pub topics: &'a dyn Topics,
    /// Makes a member id, should one be given.
    pub unique: &'a str,
}

/// What an event comes to.
#[derive(Debug)]
pub struct Decision<T> {
    /// To be appended in one piece and then applied.
    pub records: Vec<ModernRecord>,
    /// The answer, once the records are durable.
    pub reply: T,
    /// Regular expressions to resolve in the background; the answer goes to `resolved`.
    pub resolve: Option<Vec<String>>,
    /// The group's epoch was counted up.
    pub rebalance: bool,
}

impl<T> Decision<T> {
    fn nothing(reply: T) -> Self {
        Self { records: Vec::new(), reply, resolve: None, rebalance: false }
    }
}

/// A group of the newer kinds.
#[derive(Debug)]
pub struct ModernGroup {
    kind: GroupKind,
    epoch: i32,
    metadata_hash: i64,
    target_epoch: i32,
    /// When the target was computed, milliseconds since 1970; 0: not known.
    target_at_ms: i64,
    members: BTreeMap<String, Member>,
    /// `group.instance.id` to member id.
    static_members: HashMap<String, String>,
    target: HashMap<String, Partitions>,
    /// Who holds a partition now, given up or not.
    holders: HashMap<(Uuid, i32), String>,
    patterns: BTreeMap<String, ResolvedRegex>,
    /// A record of Kafka before 4.1 that is to be removed.
    has_partition_metadata: bool,
    liveness: Liveness,
    /// The topics' version that the metadata hash is of; unknown after a load.
    topics_seen: Option<u64>,
    /// The topics' version that the patterns were resolved with; unknown after a load.
    patterns_seen: Option<u64>,
    /// Patterns are being resolved.
    resolving: bool,
}

impl ModernGroup {
    /// A group nobody has joined yet.
    pub fn new(kind: GroupKind) -> Self {
        Self {
            kind,
            epoch: FIRST_EPOCH,
            metadata_hash: 0,
            target_epoch: FIRST_EPOCH,
            target_at_ms: 0,
            members: BTreeMap::new(),
            static_members: HashMap::new(),
            target: HashMap::new(),
            holders: HashMap::new(),
            patterns: BTreeMap::new(),
            has_partition_metadata: false,
            liveness: Liveness::default(),
            topics_seen: None,
            patterns_seen: None,
            resolving: false,
        }
    }

    /// The group's epoch.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Its kind.
    pub fn kind(&self) -> GroupKind {
        self.kind
    }

    /// Number of members.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Where the group stands (Kafka's `ConsumerGroupState`, `ShareGroupState`).
    pub fn state(&self) -> ModernState {
        if self.members.is_empty() {
            return ModernState::Empty;
        }
        match self.kind {
            GroupKind::Share => ModernState::Stable,
            GroupKind::Consumer if self.epoch > self.target_epoch => ModernState::Assigning,
            GroupKind::Consumer if self.members.values().all(|member| member.is_reconciled_to(self.target_epoch)) => {
                ModernState::Stable
            }
            GroupKind::Consumer => ModernState::Reconciling,
        }
    }

    fn static_member(&self, instance_id: &str) -> Option<(&String, &Member)> {
        self.members.get_key_value(self.static_members.get(instance_id)?)
    }

    fn is_held(&self, topic: Uuid, partition: i32) -> bool {
        self.holders.contains_key(&(topic, partition))
    }
}
