//! A member of a modern group: what it wants (subscription) and what it holds (current assignment).
//!
//! What must always hold: a partition is in `assigned` or in `revoking`, never in both; the epoch kept with it is the one
//! in which it was given to the member. Both parts are one record each.
//!
//! Source: Apache Kafka, `ConsumerGroupMember`, `ShareGroupMember`, `MemberState`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catena_protocol::group_records::{ClassicMember, CurrentAssignment, EpochPartitions, MemberSubscription};
use uuid::Uuid;

use super::Partitions;
use crate::groups::types::{Beat, GroupError, Protocol};

/// The member epoch of a static member that left and may come back (KIP-848).
pub const LEFT_FOR_NOW: i32 = -2;
/// The member epoch of who leaves.
pub const LEFT: i32 = -1;
/// "Not said", for times.
const NOT_SAID: i32 = -1;

/// Partitions with the epoch in which each was given to its owner.
pub type Held = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// How far a member is on its way to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemberState {
    /// It holds what it shall hold at its epoch.
    #[default]
    Stable,
    /// It must give partitions up first.
    Unrevoked,
    /// It waits for partitions that others have not given up.
    Unreleased,
    /// Written by a coordinator of another time.
    Unknown,
}

impl MemberState {
    fn from_record(state: i8) -> Self {
        match state {
            0 => Self::Stable,
            1 => Self::Unrevoked,
            2 => Self::Unreleased,
            _ => Self::Unknown,
        }
    }

    fn to_record(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::Unrevoked => 1,
            Self::Unreleased => 2,
            Self::Unknown => 127,
        }
    }
}

/// What a member told of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// Rack, if given.
    pub rack_id: Option<String>,
    /// Client id.
    pub client_id: String,
    /// The peer, as `/127.0.0.1`.
    pub client_host: String,
    /// Names it wants.
    pub topics: BTreeSet<String>,
    /// Names it wants, as a regular expression; empty means none.
    pub regex: Option<String>,
    /// How long it may take to give partitions up, milliseconds; -1: not said.
    pub rebalance_timeout_ms: i32,
    /// The assignor it prefers.
    pub assignor: Option<String>,
    /// What it needs if it speaks the classic protocol.
    pub classic: Option<ClassicPart>,
}

/// What is kept of a member that speaks the classic protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicPart {
    /// Silence after which it is removed, milliseconds.
    pub session_timeout_ms: i32,
    /// Its protocols, in order of preference.
    pub protocols: Vec<Protocol>,
}

/// What a member holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Current {
    /// The epoch of the last answer.
    pub epoch: i32,
    /// The epoch of the answer before: the last one may be lost.
    pub previous_epoch: i32,
    /// On its way to the target.
    pub state: MemberState,
    /// What it may consume.
    pub assigned: Held,
    /// What it shall give up and may still consume.
    pub revoking: Held,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// What it wants.
    pub wants: Subscription,
    /// What it holds.
    pub holds: Current,
}

impl Member {
    /// Whether it speaks the classic protocol.
    pub fn is_classic(&self) -> bool {
        self.wants.classic.is_some()
    }

    /// Whether it holds what it shall hold in that epoch.
    pub fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.holds.state == MemberState::Stable && self.holds.epoch == target_epoch
    }

    /// The epoch in which a partition was given to it, if it is its owner.
    pub fn given_in(&self, topic: Uuid, partition: i32) -> Option<i32> {
        let of = |held: &Held| held.get(&topic)?.get(&partition).copied();
        of(&self.holds.assigned).or_else(|| of(&self.holds.revoking))
    }
}

impl Subscription {
    /// A member nobody has heard of.
    pub fn unknown() -> Self {
        Self { regex: Some(String::new()), rebalance_timeout_ms: NOT_SAID, ..Self::default() }
    }

    /// The regular expression, if there is one.
    pub fn pattern(&self) -> Option<&str> {
        self.regex.as_deref().filter(|regex| !regex.is_empty())
    }

    /// What it wants after a heartbeat: what that does not mention stays.
    pub fn updated(&self, beat: &Beat) -> Self {
        Self {
            instance_id: beat.instance_id.clone().or_else(|| self.instance_id.clone()),
            rack_id: beat.rack_id.clone().or_else(|| self.rack_id.clone()),
            client_id: beat.client_id.to_string(),
            client_host: beat.client_host.to_string(),
            topics: beat.topics.as_ref().map_or_else(|| self.topics.clone(), |names| names.iter().cloned().collect()),
            regex: beat.regex.clone().or_else(|| self.regex.clone()),
            rebalance_timeout_ms: if beat.rebalance_timeout_ms == NOT_SAID {
                self.rebalance_timeout_ms
            } else {
                beat.rebalance_timeout_ms
            },
            assignor: beat.assignor.clone().or_else(|| self.assignor.clone()),
            classic: None,
        }
    }

    /// Whether a heartbeat says nothing that is not known.
    pub fn is_known(&self, beat: &Beat) -> bool {
        let same = |said: &Option<String>, known: &Option<String>| said.is_none() || said == known;
        self.classic.is_none()
            && same(&beat.instance_id, &self.instance_id)
            && same(&beat.rack_id, &self.rack_id)
            && same(&beat.regex, &self.regex)
            && same(&beat.assignor, &self.assignor)
            && *beat.client_id == self.client_id
            && *beat.client_host == self.client_host
            && (beat.rebalance_timeout_ms == NOT_SAID || beat.rebalance_timeout_ms == self.rebalance_timeout_ms)
            && beat.topics.as_ref().is_none_or(|names| names.iter().cloned().collect::<BTreeSet<_>>() == self.topics)
    }
}

impl From<&MemberSubscription> for Subscription {
    fn from(stored: &MemberSubscription) -> Self {
        let protocol = |(name, metadata): &(String, Bytes)| Protocol { name: name.clone(), metadata: metadata.clone() };
        let classic = |classic: &ClassicMember| ClassicPart {
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic.protocols.iter().map(protocol).collect(),
        };
        Self {
            instance_id: stored.instance_id.clone(),
            rack_id: stored.rack_id.clone(),
            client_id: stored.client_id.clone(),
            client_host: stored.client_host.clone(),
            topics: stored.topics.iter().cloned().collect(),
            regex: stored.regex.clone(),
            rebalance_timeout_ms: stored.rebalance_timeout_ms,
            assignor: stored.assignor.clone(),
            classic: stored.classic.as_ref().map(classic),
        }
    }
}

impl From<&Subscription> for MemberSubscription {
    fn from(wants: &Subscription) -> Self {
        let protocol = |protocol: &Protocol| (protocol.name.clone(), protocol.metadata.clone());
        let classic = |classic: &ClassicPart| ClassicMember {
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic.protocols.iter().map(protocol).collect(),
        };
        Self {
            instance_id: wants.instance_id.clone(),
            rack_id: wants.rack_id.clone(),
            client_id: wants.client_id.clone(),
            client_host: wants.client_host.clone(),
            topics: wants.topics.iter().cloned().collect(),
            regex: wants.regex.clone(),
            rebalance_timeout_ms: wants.rebalance_timeout_ms,
            assignor: wants.assignor.clone(),
            classic: wants.classic.as_ref().map(classic),
        }
    }
}

impl From<&CurrentAssignment> for Current {
    fn from(stored: &CurrentAssignment) -> Self {
        Self {
            epoch: stored.member_epoch,
            previous_epoch: stored.previous_epoch,
            state: MemberState::from_record(stored.state),
            assigned: held(&stored.assigned, stored.member_epoch),
            revoking: held(&stored.revoking, stored.member_epoch),
        }
    }
}

impl From<&Current> for CurrentAssignment {
    fn from(holds: &Current) -> Self {
        Self {
            member_epoch: holds.epoch,
            previous_epoch: holds.previous_epoch,
            state: holds.state.to_record(),
            assigned: stored(&holds.assigned),
            revoking: stored(&holds.revoking),
        }
    }
}

/// Where a record has no epochs (Kafka before 4.3), the member's own counts.
fn held(stored: &[EpochPartitions], member_epoch: i32) -> Held {
    let of_topic = |topic: &EpochPartitions| {
        let epoch = |at: usize| topic.epochs.get(at).copied().unwrap_or(member_epoch);
        (topic.topic_id, topic.partitions.iter().enumerate().map(|(at, partition)| (*partition, epoch(at))).collect())
    };
    stored.iter().map(of_topic).collect()
}

fn stored(held: &Held) -> Vec<EpochPartitions> {
    let of_topic = |(topic_id, partitions): (&Uuid, &BTreeMap<i32, i32>)| EpochPartitions {
        topic_id: *topic_id,
        partitions: partitions.keys().copied().collect(),
        epochs: partitions.values().copied().collect(),
    };
    held.iter().map(of_topic).collect()
}

/// The same partitions without their epochs.
pub fn partitions(held: &Held) -> Partitions {
    held.iter().map(|(topic, partitions)| (*topic, partitions.keys().copied().collect())).collect()
}

/// Why a member of a consumer group may not commit in an epoch, if it may not.
pub fn stale(member: &Member) -> GroupError {
    if member.is_classic() { GroupError::IllegalGeneration } else { GroupError::StaleMemberEpoch }
}
