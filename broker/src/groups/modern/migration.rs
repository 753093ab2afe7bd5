//! A classic group becomes a consumer group when a member of the consumer protocol joins, and a classic one again when the
//! last such member goes.
//!
//! What must always hold: nobody loses partitions by that. Members go on with what they hold; the generation becomes the
//! epoch, and the other way.
//!
//! Source: Apache Kafka, `ConsumerGroup.fromClassicGroup`, `ClassicGroup.fromConsumerGroup`,
//! `GroupMetadataManager.validateOnlineUpgrade`, `validateOnlineDowngradeWithFencedMembers`.

use std::collections::BTreeMap;

use catena_protocol::group_records::{
    ConsumerAssignment, ConsumerSubscription, CurrentAssignment, GroupEpoch, GroupMetadata, MemberMetadata,
    MemberSubscription, ModernRecord, TargetEpoch,
};

use super::classic_members::{CONSUMER, assignment_of, by_id};
use super::member::{ClassicPart, Current, Held, Member, MemberState, Subscription};
use super::subscriptions::metadata_hash;
use super::target::target_record;
use super::{ModernGroup, Partitions, Topics};
use crate::groups::types::{ClassicMemberView, ClassicView};

impl ModernGroup {
    /// The records of a consumer group with the members of a classic one.
    ///
    /// # Errors
    /// Why it cannot be one, to be told to the member that asked for it.
    pub fn of_classic(group: &ClassicView, topics: &dyn Topics) -> Result<Vec<ModernRecord>, String> {
        let mut members = Vec::with_capacity(group.members.len());
        for member in &group.members {
            members.push((member.member_id.clone(), converted(group.generation, member, topics)?));
        }
        let names = members.iter().flat_map(|(_, (member, _))| member.wants.topics.iter().cloned()).collect();
        let epoch = GroupEpoch { epoch: group.generation, metadata_hash: metadata_hash(&names, topics) };
        let target = TargetEpoch { epoch: group.generation, timestamp_ms: 0 };
        let mut records = Vec::with_capacity(members.len() * 3 + 2);
        let told = |(id, (member, _)): &(String, (Member, Partitions))| {
            ModernRecord::Member(id.clone(), Some(MemberSubscription::from(&member.wants)))
        };
        records.extend(members.iter().map(told));
        records.push(ModernRecord::Epoch(Some(epoch)));
        records.extend(members.iter().map(|(id, (_, assigned))| target_record(id, assigned)));
        records.push(ModernRecord::TargetEpoch(Some(target)));
        let holds = |(id, (member, _)): &(String, (Member, Partitions))| {
            ModernRecord::Current(id.clone(), Some(CurrentAssignment::from(&member.holds)))
        };
        records.extend(members.iter().map(holds));
        Ok(records)
    }

    /// Whether, without these members, nobody is left who needs the consumer protocol, and somebody is left.
    pub fn could_be_classic(&self, without: &[&str]) -> bool {
        let mut left = self.members.iter().filter(|(id, _)| !without.contains(&id.as_str())).peekable();
        left.peek().is_some() && left.all(|(_, member)| member.is_classic())
    }

    /// The record of a classic group with the members but these. They hold what they shall hold.
    pub fn as_classic(&self, without: &[&str], topics: &dyn Topics, now_ms: i64) -> GroupMetadata {
        let staying: Vec<(&String, &Member, &ClassicPart)> = self
            .members
            .iter()
            .filter(|(id, _)| !without.contains(&id.as_str()))
            .filter_map(|(id, member)| Some((id, member, member.wants.classic.as_ref()?)))
            .collect();
        let protocol = selected(&staying.iter().map(|(_, _, classic)| *classic).collect::<Vec<_>>());
        let members =
            staying.iter().map(|(id, member, classic)| self.classic_metadata(id, member, classic, &protocol, topics));
        GroupMetadata {
            protocol_type: CONSUMER.to_owned(),
            generation: self.epoch,
            protocol: Some(protocol.clone()),
            leader: staying.first().map(|(id, ..)| (*id).clone()),
            state_timestamp_ms: now_ms,
            members: members.collect(),
        }
    }

    fn classic_metadata(
        &self,
        id: &str,
        member: &Member,
        classic: &ClassicPart,
        protocol: &str,
        topics: &dyn Topics,
    ) -> MemberMetadata {
        let supported = classic.protocols.iter().find(|each| each.name == protocol);
        let subscription = supported.map(|each| each.metadata.clone()).unwrap_or_default();
        let target = self.target.get(id).cloned().unwrap_or_default();
        let assignment = assignment_of(&given_in(&target, self.target_epoch), &subscription, topics);
        MemberMetadata {
            member_id: id.to_owned(),
            group_instance_id: member.wants.instance_id.clone(),
            client_id: member.wants.client_id.clone(),
            client_host: member.wants.client_host.clone(),
            rebalance_timeout_ms: member.wants.rebalance_timeout_ms,
            session_timeout_ms: classic.session_timeout_ms,
            subscription,
            assignment,
        }
    }
}

/// A member of a classic group as one of a consumer group that has reached its target.
fn converted(generation: i32, member: &ClassicMemberView, topics: &dyn Topics) -> Result<(Member, Partitions), String> {
    let malformed = |_| "the embedded consumer protocol is malformed.".to_owned();
    let said = ConsumerSubscription::decode(&member.metadata).map_err(malformed)?;
    let assignment = ConsumerAssignment::decode(&member.assignment).map_err(malformed)?;
    if assignment.has_user_data {
        return Err("an unsupported custom assignor is in use. Please refer to the documentation or switch to a \
                    default assignor before re-attempting the upgrade."
            .to_owned());
    }
    let assigned = by_id(&assignment.partitions, topics);
    let wants = Subscription {
        instance_id: member.group_instance_id.clone(),
        rack_id: said.rack_id,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        topics: said.topics.into_iter().collect(),
        regex: Some(String::new()),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        assignor: None,
        classic: Some(ClassicPart {
            session_timeout_ms: member.session_timeout_ms,
            protocols: member.protocols.clone(),
        }),
    };
    let holds = Current {
        epoch: generation,
        previous_epoch: generation,
        state: MemberState::Stable,
        assigned: given_in(&assigned, generation),
        revoking: Held::new(),
    };
    Ok((Member { wants, holds }, assigned))
}

fn given_in(partitions: &Partitions, epoch: i32) -> Held {
    let of_topic = |partitions: &std::collections::BTreeSet<i32>| partitions.iter().map(|at| (*at, epoch)).collect();
    partitions.iter().map(|(topic, partitions)| (*topic, of_topic(partitions))).collect()
}

/// Of the protocols that all support, the one that most prefer (of equals, the first by name).
fn selected(members: &[&ClassicPart]) -> String {
    let supports = |member: &ClassicPart, name: &str| member.protocols.iter().any(|each| each.name == name);
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for member in members {
        let common = |name: &str| members.iter().all(|other| supports(other, name));
        if let Some(vote) = member.protocols.iter().find(|each| common(&each.name)) {
            *votes.entry(&vote.name).or_default() += 1;
        }
    }
    let most = votes.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map(|(name, _)| name.to_owned()).unwrap_or_default()
}
