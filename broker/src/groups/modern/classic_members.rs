//! Members of a consumer group that speak the classic protocol: while a group moves from one protocol to the other, member
//! by member.
//!
//! What must always hold: to the group they are members like others (a JoinGroup is a full heartbeat, the generation is the
//! member epoch), only that they give partitions up by joining again, which is why they are told to.
//!
//! | request | as a heartbeat |
//! |---|---|
//! | JoinGroup | says everything; brings a step towards the target |
//! | SyncGroup | asks what is held after that |
//! | Heartbeat | says nothing; hears that it must join again when there is a step to take |
//!
//! Source: Apache Kafka, `GroupMetadataManager.classicGroupJoinToConsumerGroup`, `classicGroupSyncToConsumerGroup`,
//! `classicGroupHeartbeatToConsumerGroup`.

use bytes::Bytes;
use catena_protocol::group_records::{ConsumerAssignment, ConsumerSubscription, NamedPartitions};
use uuid::Uuid;

use super::heartbeat::{Speaker, new_member};
use super::liveness::Awaited;
use super::member::{ClassicPart, Held, Member, MemberState, Subscription};
use super::{Decision, ModernGroup, Partitions, Topics, World};
use crate::groups::types::{GroupError, HeartbeatEvent, JoinEvent, JoinRefused, Joined, Protocol, SyncEvent, Synced};

/// Protocol type of Kafka's consumers.
pub const CONSUMER: &str = "consumer";

impl ModernGroup {
    /// JoinGroup.
    ///
    /// # Errors
    /// Why the member is refused; nothing changes then.
    pub fn join(&self, event: &JoinEvent, world: World) -> Result<Decision<Joined>, JoinRefused> {
        let refuse = |error| JoinRefused { error, member_id: event.member_id.clone() };
        if !world.rules.upgrade && !world.rules.downgrade {
            return Err(refuse(GroupError::InconsistentGroupProtocol));
        }
        let id = if event.member_id.is_empty() { world.unique } else { &event.member_id };
        if self.members.len() >= world.rules.members_max && !self.members.contains_key(id) {
            return Err(JoinRefused { error: GroupError::GroupMaxSizeReached, member_id: String::new() });
        }
        if !self.supports(&event.protocol_type, &event.protocols) {
            return Err(refuse(GroupError::InconsistentGroupProtocol));
        }
        if event.member_id.is_empty() && event.group_instance_id.is_none() && event.requires_known_member_id {
            return Err(JoinRefused { error: GroupError::MemberIdRequired, member_id: id.to_owned() });
        }
        self.join_as(id, event, world).map_err(refuse)
    }

    fn join_as(&self, id: &str, event: &JoinEvent, world: World) -> Result<Decision<Joined>, GroupError> {
        let speaker = self.classic_speaker(id, event)?;
        let first = event.protocols.first().ok_or(GroupError::InconsistentGroupProtocol)?;
        let said = ConsumerSubscription::decode(&first.metadata).map_err(|_| GroupError::InconsistentGroupProtocol)?;
        let owned = by_id(&said.owned, world.topics);
        let wants = joined_wants(&speaker.member.wants, event, said);
        let spoken = self.spoken(speaker, &wants, Some(&owned), world).map_err(|refused| refused.error)?;
        let reply = Joined {
            member_id: spoken.reply.id,
            generation: spoken.reply.holds.epoch,
            protocol_type: Some(CONSUMER.to_owned()),
            protocol_name: Some(first.name.clone()),
            leader: String::new(),
            skip_assignment: false,
            members: Vec::new(),
        };
        Ok(Decision { records: spoken.records, reply, resolve: spoken.resolve, rebalance: spoken.rebalance })
    }

    /// A static member may take the place of one of the other protocol before that has left.
    fn classic_speaker(&self, id: &str, event: &JoinEvent) -> Result<Speaker, GroupError> {
        let known = || self.members.get(id).cloned().unwrap_or_else(new_member);
        let Some(instance) = event.group_instance_id.as_deref() else { return Ok(Speaker::same(id, known())) };
        match self.static_member(instance) {
            Some((old_id, old)) if event.member_id.is_empty() => Ok(self.successor(old_id, old, id)),
            Some((old_id, old)) if old_id == id => Ok(Speaker::same(id, old.clone())),
            Some(_) => Err(GroupError::FencedInstanceId),
            None if event.member_id.is_empty() => Ok(Speaker::same(id, known())),
            None => Err(GroupError::UnknownMemberId),
        }
    }

    /// Whether a member with these protocols can understand the others that speak the classic protocol.
    fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        let classic = || self.members.values().filter_map(|member| member.wants.classic.as_ref());
        let common = |each: &Protocol| {
            classic().all(|member| member.protocols.iter().any(|protocol| protocol.name == each.name))
        };
        protocol_type == CONSUMER && protocols.iter().any(common)
    }

    /// SyncGroup: what the member holds.
    ///
    /// # Errors
    /// `RebalanceInProgress` when there is a newer target: it must join again first.
    pub fn sync(&mut self, event: &SyncEvent, world: World) -> Result<Synced, GroupError> {
        let instance = event.group_instance_id.as_deref();
        let (member, classic) = self.classic_member(&event.member_id, instance, event.generation)?;
        let first = classic.protocols.first();
        let differs = |said: &Option<String>, is: Option<&str>| said.as_deref().is_some_and(|said| Some(said) != is);
        if differs(&event.protocol_type, Some(CONSUMER))
            || differs(&event.protocol_name, first.map(|protocol| protocol.name.as_str()))
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        if self.target_epoch > member.holds.epoch && member.holds.state != MemberState::Unrevoked {
            let until_ms = world.now.steady_ms.saturating_add(rebalance_timeout_ms(member));
            self.liveness.set_if_absent(&event.member_id, Awaited::Join, until_ms);
            return Err(GroupError::RebalanceInProgress);
        }
        let metadata = first.map(|protocol| protocol.metadata.clone()).unwrap_or_default();
        let assignment = assignment_of(&member.holds.assigned, &metadata, world.topics);
        self.liveness.cancel(&event.member_id, Awaited::Sync);
        self.heard_of(&event.member_id, world);
        let (protocol_type, protocol_name) = (event.protocol_type.clone(), event.protocol_name.clone());
        Ok(Synced { protocol_type, protocol_name, assignment })
    }

    /// Heartbeat.
    ///
    /// # Errors
    /// `RebalanceInProgress` when the member has a step to take (and counts as heard of).
    pub fn classic_heartbeat(&mut self, event: &HeartbeatEvent, world: World) -> Result<(), GroupError> {
        let instance = event.group_instance_id.as_deref();
        let (member, _) = self.classic_member(&event.member_id, instance, event.generation)?;
        let must_join = member.holds.epoch < self.target_epoch
            || member.holds.state == MemberState::Unrevoked
            || (member.holds.state == MemberState::Unreleased && !self.waits_for_others(&event.member_id, member));
        let until_ms = world.now.steady_ms.saturating_add(rebalance_timeout_ms(member));
        self.heard_of(&event.member_id, world);
        if must_join {
            self.liveness.set_if_absent(&event.member_id, Awaited::Join, until_ms);
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    fn classic_member(
        &self,
        id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<(&Member, &ClassicPart), GroupError> {
        let member = match instance {
            None => self.members.get(id).ok_or(GroupError::UnknownMemberId)?,
            Some(instance) => self.check_instance(id, instance).map_err(|refused| refused.error)?,
        };
        let classic = member.wants.classic.as_ref().ok_or(GroupError::UnknownMemberId)?;
        if member.holds.epoch == generation { Ok((member, classic)) } else { Err(GroupError::IllegalGeneration) }
    }

    /// Whether something it shall get is still another's.
    fn waits_for_others(&self, id: &str, member: &Member) -> bool {
        let target = self.target.get(id).into_iter().flatten();
        let mut places = target.flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)));
        places.any(|(topic, partition)| {
            let held = member.holds.assigned.get(&topic).is_some_and(|held| held.contains_key(&partition));
            !held && self.is_held(topic, partition)
        })
    }

    /// A member that speaks the classic protocol has joined: it must ask for its assignment in time.
    pub fn joined(&mut self, id: &str, world: World) {
        let Some(member) = self.members.get(id) else { return };
        let until_ms = world.now.steady_ms.saturating_add(rebalance_timeout_ms(member));
        self.liveness.cancel(id, Awaited::Join);
        self.liveness.set(id, Awaited::Sync, until_ms);
    }
}

fn joined_wants(before: &Subscription, event: &JoinEvent, said: ConsumerSubscription) -> Subscription {
    let own = |protocol: &Protocol| Protocol {
        name: protocol.name.clone(),
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    };
    Subscription {
        instance_id: event.group_instance_id.clone().or_else(|| before.instance_id.clone()),
        rack_id: said.rack_id.or_else(|| before.rack_id.clone()),
        client_id: event.client_id.to_string(),
        client_host: event.client_host.to_string(),
        topics: said.topics.into_iter().collect(),
        regex: Some(String::new()),
        rebalance_timeout_ms: event.rebalance_timeout_ms,
        assignor: before.assignor.clone(),
        classic: Some(ClassicPart {
            session_timeout_ms: event.session_timeout_ms,
            protocols: event.protocols.iter().map(own).collect(),
        }),
    }
}

fn rebalance_timeout_ms(member: &Member) -> u64 {
    u64::try_from(member.wants.rebalance_timeout_ms).unwrap_or(0)
}

/// What is held, as a consumer of the classic protocol with this metadata reads it. Topics that are gone are left out.
pub fn assignment_of(held: &Held, metadata: &[u8], topics: &dyn Topics) -> Bytes {
    let version = ConsumerSubscription::decode(metadata).map_or(0, |said| said.version);
    let of_topic = |(id, partitions): (&Uuid, &std::collections::BTreeMap<i32, i32>)| {
        Some((topics.with_id(*id)?.0, partitions.keys().copied().collect()))
    };
    let mut named: NamedPartitions = held.iter().filter_map(of_topic).collect();
    named.sort();
    ConsumerAssignment::encode(version, &named)
}

/// Partitions by topic id; topics that are gone are left out.
pub fn by_id(named: &[(String, Vec<i32>)], topics: &dyn Topics) -> Partitions {
    let of_topic =
        |(name, partitions): &(String, Vec<i32>)| Some((topics.named(name)?.0, partitions.iter().copied().collect()));
    named.iter().filter_map(of_topic).collect()
}
