//! A member goes, for good or (a static one) for a while, or is removed because it was not heard of.
//!
//! What must always hold: whoever goes takes its records with it, and the group's epoch counts up; a static member that
//! goes for a while keeps its partitions until its session ends.
//!
//! Source: Apache Kafka, `GroupMetadataManager.consumerGroupLeave`, `consumerGroupFenceMembers`, `shareGroupLeave`.

use std::collections::BTreeSet;

use catena_protocol::group_records::{CurrentAssignment, GroupEpoch, ModernRecord, TargetEpoch};

use super::heartbeat::tombstones;
use super::liveness::Awaited;
use super::member::{Held, LEFT_FOR_NOW, Member};
use super::subscriptions::{Change, metadata_hash};
use super::{Decision, ModernGroup, World};
use crate::groups::types::{Beat, Beaten, GroupError, LeavingMember, Refused};

impl ModernGroup {
    /// Handles a heartbeat that leaves (epoch -1, or -2 for a while).
    ///
    /// # Errors
    /// Why the member is refused.
    pub fn leave(&self, beat: &Beat, world: World) -> Result<Decision<Beaten>, Refused> {
        let reply = Beaten {
            member_id: beat.member_id.clone(),
            member_epoch: beat.member_epoch,
            heartbeat_interval_ms: 0,
            assignment: None,
        };
        let id = beat.member_id.as_str();
        let member = match beat.instance_id.as_deref() {
            None => self.members.get(id).map_or_else(|| self.unknown(id, beat), Ok)?,
            Some(instance) => self.check_instance(id, instance)?,
        };
        let records = if beat.member_epoch == LEFT_FOR_NOW && beat.instance_id.is_some() {
            vec![left_for_now(id, member)]
        } else {
            self.without(&[id], world)
        };
        Ok(Decision { records, reply, resolve: None, rebalance: false })
    }

    /// Who of those that leave by LeaveGroup is a member: its id, or why not.
    pub fn leaving(&self, leaving: &[LeavingMember]) -> Vec<Result<String, GroupError>> {
        let found = |who: &LeavingMember| match &who.group_instance_id {
            None if self.members.contains_key(&who.member_id) => Ok(who.member_id.clone()),
            None => Err(GroupError::UnknownMemberId),
            Some(instance) => {
                let (id, _) = self.static_member(instance).ok_or(GroupError::UnknownMemberId)?;
                // An administrator names the instance alone.
                let is_it = who.member_id.is_empty() || *id == who.member_id;
                if is_it { Ok(id.clone()) } else { Err(GroupError::FencedInstanceId) }
            }
        };
        leaving.iter().map(found).collect()
    }

    /// The records of a group that members are removed from.
    pub fn without(&self, ids: &[&str], world: World) -> Vec<ModernRecord> {
        let mut records: Vec<ModernRecord> = ids.iter().flat_map(|id| tombstones(id)).collect();
        let change = Change { gone: ids, there: None };
        let still: BTreeSet<&str> = self.subscriptions(change).filter_map(|(_, wants)| wants.pattern()).collect();
        let unwanted = self.patterns.keys().filter(|pattern| !still.contains(pattern.as_str()));
        records.extend(unwanted.map(|pattern| ModernRecord::Regex(pattern.clone(), None)));
        let metadata_hash = metadata_hash(&self.wanted_topics(change), world.topics);
        let epoch = self.epoch.saturating_add(1);
        records.push(ModernRecord::Epoch(Some(GroupEpoch { epoch, metadata_hash })));
        if self.subscriptions(change).next().is_none() {
            // Nothing for nobody is the target of a group without members.
            records.push(ModernRecord::TargetEpoch(Some(TargetEpoch { epoch, timestamp_ms: world.now.wall_ms })));
        }
        records
    }

    /// Members whose time is over.
    pub fn overdue(&mut self, now_ms: u64) -> Vec<String> {
        let mut ids: Vec<String> = self.liveness.due(now_ms).into_iter().map(|(id, _)| id).collect();
        ids.dedup();
        ids.retain(|id| self.members.contains_key(id));
        ids
    }

    /// Members that could not be removed are waited for until then.
    pub fn wait_longer(&mut self, ids: &[String], until_ms: u64) {
        ids.iter().for_each(|id| self.liveness.set(id, Awaited::Sign, until_ms));
    }

    /// When somebody's time is over.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.liveness.next_ms()
    }

    /// A decision about a member has been carried out: it was heard of, and the topics it was made with are seen.
    pub fn settled(&mut self, member_id: &str, resolving: bool, world: World) {
        self.topics_seen = Some(world.topics.version());
        self.resolving |= resolving;
        self.heard_of(member_id, world);
    }

    /// A member is alive.
    pub(super) fn heard_of(&mut self, member_id: &str, world: World) {
        let Some(member) = self.members.get(member_id) else { return };
        let own_ms =
            member.wants.classic.as_ref().map(|classic| u64::try_from(classic.session_timeout_ms).unwrap_or(0));
        let session_ms = own_ms.unwrap_or(world.rules.session_timeout_ms);
        self.liveness.set(member_id, Awaited::Sign, world.now.steady_ms.saturating_add(session_ms));
    }

    /// A resolution has come, whatever came of it.
    pub fn resolution_settled(&mut self, version: u64) {
        self.resolving = false;
        self.patterns_seen = Some(version);
    }
}

/// Epochs of a member that comes back begin at 0: what it holds was given to it before.
fn left_for_now(id: &str, member: &Member) -> ModernRecord {
    let anew = |held: &Held| {
        let of_topic =
            |partitions: &std::collections::BTreeMap<i32, i32>| partitions.keys().map(|at| (*at, 0)).collect();
        held.iter().map(|(topic, partitions)| (*topic, of_topic(partitions))).collect::<Held>()
    };
    let mut holds = member.holds.clone();
    holds.epoch = LEFT_FOR_NOW;
    holds.assigned = anew(&holds.assigned);
    holds.revoking = Held::new();
    ModernRecord::Current(id.to_owned(), Some(CurrentAssignment::from(&holds)))
}
