//! A member of a group speaks: it joins, changes what it wants, or just goes on.
//!
//! 1. Who speaks: a known member, a new one, or one that takes the place of a static member that left (`speaker`).
//! 2. What it wants now. A change of what is wanted, or of the topics, counts the group's epoch up.
//! 3. The target, if it is older than the group's epoch and may be computed.
//! 4. One step of the member towards its target.
//!
//! What must always hold: a heartbeat that says nothing new to a group at rest makes no record and clones no member.
//!
//! Source: Apache Kafka, `GroupMetadataManager.consumerGroupHeartbeat`, `shareGroupHeartbeat`.

use catena_protocol::group_records::{CurrentAssignment, GroupEpoch, GroupKind, MemberSubscription, ModernRecord};
use tracing::debug;

use super::member::{Current, LEFT_FOR_NOW, Member, Subscription, partitions};
use super::patterns::PatternChange;
use super::reconcile::Step;
use super::subscriptions::{Change, TopicIds, metadata_hash};
use super::target::{Target, target_record};
use super::{Decision, ModernGroup, Partitions, World};
use crate::groups::types::{Beat, Beaten, GroupError, Refused};

pub(super) fn refused<T>(error: GroupError, message: String) -> Result<T, Refused> {
    Err(Refused { error, message })
}

/// Who speaks, as it was before.
pub(super) struct Speaker {
    id: String,
    pub(super) member: Member,
    /// The static member whose place it takes.
    replaced: Option<String>,
    records: Vec<ModernRecord>,
}

impl Speaker {
    pub(super) fn same(id: &str, member: Member) -> Self {
        Self { id: id.to_owned(), member, replaced: None, records: Vec::new() }
    }
}

impl ModernGroup {
    /// Handles a heartbeat that does not leave.
    ///
    /// # Errors
    /// Why the member is refused; nothing changes then.
    pub fn heartbeat(&self, beat: &Beat, world: World) -> Result<Decision<Beaten>, Refused> {
        self.check_room(beat, world)?;
        if let Some(member) = self.says_nothing_new(beat, world) {
            return Ok(Decision::nothing(self.beaten(&beat.member_id, &member.holds, beat.is_full(), world)));
        }
        let speaker = self.speaker(beat, world)?;
        let wants = speaker.member.wants.updated(beat);
        let spoken = self.spoken(speaker, &wants, beat.owned.as_ref(), world)?;
        let given =
            beat.member_epoch == 0 || beat.is_full() || spoken.reply.holds.assigned != spoken.reply.before.assigned;
        let reply = self.beaten(&spoken.reply.id, &spoken.reply.holds, given, world);
        Ok(Decision { records: spoken.records, reply, resolve: spoken.resolve, rebalance: spoken.rebalance })
    }

    fn check_room(&self, beat: &Beat, world: World) -> Result<(), Refused> {
        let (max, kind) = (world.rules.members_max, self.kind_name());
        if self.members.len() >= max && !self.members.contains_key(&beat.member_id) {
            let message = format!("The {kind} group has reached its maximum capacity of {max} members.");
            return refused(GroupError::GroupMaxSizeReached, message);
        }
        Ok(())
    }

    fn says_nothing_new(&self, beat: &Beat, world: World) -> Option<&Member> {
        let member = self.members.get(&beat.member_id)?;
        let known = member.wants.is_known(beat) && member.wants.pattern().is_none();
        let at_rest = self.topics_seen == Some(world.topics.version())
            && self.target_epoch >= self.epoch
            && member.is_reconciled_to(self.target_epoch);
        (beat.member_epoch > 0 && beat.member_epoch == member.holds.epoch && known && at_rest).then_some(member)
    }

    fn speaker(&self, beat: &Beat, world: World) -> Result<Speaker, Refused> {
        let id = if beat.member_id.is_empty() { world.unique } else { &beat.member_id };
        match beat.instance_id.as_deref() {
            None => self.dynamic_speaker(id, beat),
            Some(instance) if beat.member_epoch == 0 => self.static_joiner(id, instance),
            Some(instance) => self.static_speaker(id, instance, beat),
        }
    }

    fn dynamic_speaker(&self, id: &str, beat: &Beat) -> Result<Speaker, Refused> {
        let member = match self.members.get(id) {
            Some(member) => member.clone(),
            None if beat.member_epoch == 0 => new_member(),
            None => return self.unknown(id, beat),
        };
        self.check_epoch(&member, beat)?;
        Ok(Speaker::same(id, member))
    }

    pub(super) fn unknown<T>(&self, id: &str, beat: &Beat) -> Result<T, Refused> {
        let message = format!("Member {id} is not a member of group {}.", beat.group_id);
        refused(GroupError::UnknownMemberId, message)
    }

    /// A static member comes, or comes back in the place of the one that left.
    fn static_joiner(&self, id: &str, instance: &str) -> Result<Speaker, Refused> {
        let Some((old_id, old)) = self.static_member(instance) else {
            return Ok(Speaker::same(id, self.members.get(id).cloned().unwrap_or_else(new_member)));
        };
        if !old.is_classic() && old.holds.epoch != LEFT_FOR_NOW {
            let message = format!(
                "Static member {id} with instance id {instance} cannot join the group because the instance id is owned by {old_id} member."
            );
            return refused(GroupError::UnreleasedInstanceId, message);
        }
        Ok(self.successor(old_id, old, id))
    }

    /// Another member id for a static member, which keeps what it holds.
    pub(super) fn successor(&self, old_id: &str, old: &Member, id: &str) -> Speaker {
        let mut member = old.clone();
        (member.holds.epoch, member.holds.previous_epoch) = (0, 0);
        let records = self.replacement(old_id, id, &member);
        Speaker { id: id.to_owned(), member, replaced: Some(old_id.to_owned()), records }
    }

    fn replacement(&self, old_id: &str, id: &str, member: &Member) -> Vec<ModernRecord> {
        let mut records = tombstones(old_id);
        records.push(ModernRecord::Member(id.to_owned(), Some(MemberSubscription::from(&member.wants))));
        records.push(target_record(id, self.target.get(old_id).unwrap_or(&Partitions::new())));
        records.push(ModernRecord::Current(id.to_owned(), Some(CurrentAssignment::from(&member.holds))));
        records
    }

    fn static_speaker(&self, id: &str, instance: &str, beat: &Beat) -> Result<Speaker, Refused> {
        let member = self.check_instance(id, instance)?;
        self.check_epoch(member, beat)?;
        Ok(Speaker::same(id, member.clone()))
    }

    /// The member of an instance, if it has the member id.
    pub(super) fn check_instance(&self, id: &str, instance: &str) -> Result<&Member, Refused> {
        let Some((known_id, member)) = self.static_member(instance) else {
            return refused(GroupError::UnknownMemberId, format!("Instance id {instance} is unknown."));
        };
        if known_id != id {
            let message = format!("Static member {id} with instance id {instance} was fenced by member {known_id}.");
            return refused(GroupError::FencedInstanceId, message);
        }
        Ok(member)
    }

    /// The answer that brought the epoch may be lost: the one before is good too, with no more than is held now.
    fn check_epoch(&self, member: &Member, beat: &Beat) -> Result<(), Refused> {
        let (said, known) = (beat.member_epoch, member.holds.epoch);
        if said == 0 || said == known {
            return Ok(());
        }
        let kind = self.kind_name();
        let end = "The member must abandon all its partitions and rejoin.";
        if said > known {
            let message = format!(
                "The {kind} group member has a greater member epoch ({said}) than the one known by the group coordinator ({known}). {end}"
            );
            return refused(GroupError::FencedMemberEpoch, message);
        }
        let repeats = said == member.holds.previous_epoch;
        let smaller = format!(
            "The {kind} group member has a smaller member epoch ({said}) than the one known by the group coordinator ({known})"
        );
        match self.kind {
            GroupKind::Consumer if repeats && owns_no_more(beat.owned.as_ref(), member) => Ok(()),
            GroupKind::Share if repeats => Ok(()),
            GroupKind::Consumer => refused(GroupError::FencedMemberEpoch, format!("{smaller}. {end}")),
            GroupKind::Share => {
                let previous = member.holds.previous_epoch;
                let message = format!("{smaller}, and it does not match the previous member epoch ({previous}). {end}");
                refused(GroupError::FencedMemberEpoch, message)
            }
        }
    }

    pub(super) fn spoken(
        &self,
        speaker: Speaker,
        wants: &Subscription,
        owned: Option<&Partitions>,
        world: World,
    ) -> Result<Decision<Spoken>, Refused> {
        let Speaker { id, member, replaced, mut records } = speaker;
        if *wants != member.wants {
            records.push(ModernRecord::Member(id.clone(), Some(MemberSubscription::from(wants))));
        }
        let names_changed = wants.topics != member.wants.topics;
        let PatternChange { records: of_patterns, updated, resolved, resolve } =
            self.pattern_change(&id, &member.wants, wants, world)?;
        records.extend(of_patterns);
        let gone: Vec<&str> = replaced.as_deref().into_iter().collect();
        let change = Change { gone: &gone, there: Some((&id, wants)) };
        let next = self.next_epoch(names_changed || resolved, change, world);
        records.extend(next.records);
        let Target { epoch, of_member, records: of_target } =
            self.next_target(next.epoch, &id, wants, replaced.as_deref(), world);
        records.extend(of_target);
        let holds = self.step(&member, wants, (epoch, &of_member), names_changed || updated, owned, world)?;
        if holds != member.holds {
            debug!(member = id, epoch = holds.epoch, state = ?holds.state, "a member's assignment moves on");
            records.push(ModernRecord::Current(id.clone(), Some(CurrentAssignment::from(&holds))));
        }
        let reply = Spoken { id, before: member.holds, holds };
        Ok(Decision { records, reply, resolve, rebalance: next.epoch != self.epoch })
    }

    /// The group's epoch after a change of members or topics.
    pub(super) fn next_epoch(&self, changed: bool, change: Change, world: World) -> NextEpoch {
        if !changed && self.topics_seen == Some(world.topics.version()) {
            return NextEpoch { epoch: self.epoch, records: Vec::new() };
        }
        let hash = metadata_hash(&self.wanted_topics(change), world.topics);
        let mut next = NextEpoch { epoch: self.epoch, records: Vec::new() };
        if changed || hash != self.metadata_hash {
            // An epoch is a positive i32 for as long as anybody lives.
            next.epoch = self.epoch.saturating_add(1);
            next.records.push(ModernRecord::Epoch(Some(GroupEpoch { epoch: next.epoch, metadata_hash: hash })));
        }
        if self.has_partition_metadata {
            next.records.push(ModernRecord::PartitionMetadata(false));
        }
        next
    }

    fn step(
        &self,
        member: &Member,
        wants: &Subscription,
        target: (i32, &Partitions),
        subscription_changed: bool,
        owned: Option<&Partitions>,
        world: World,
    ) -> Result<Current, Refused> {
        if !subscription_changed && member.is_reconciled_to(target.0) {
            return Ok(member.holds.clone());
        }
        let subscribed = TopicIds::new(self, world.topics).of(wants);
        let is_held = |topic, partition| self.kind == GroupKind::Consumer && self.is_held(topic, partition);
        // Members of a share group need not wait for each other: nothing is held, and nothing has to be given up first.
        let nothing = Partitions::new();
        let owned = if self.kind == GroupKind::Share { Some(&nothing) } else { owned };
        let step = Step {
            holds: &member.holds,
            target_epoch: target.0,
            target: target.1,
            subscribed: &subscribed,
            subscription_changed,
            owned,
            is_held: &is_held,
        };
        Ok(step.take()?)
    }

    fn beaten(&self, id: &str, holds: &Current, with_assignment: bool, world: World) -> Beaten {
        Beaten {
            member_id: id.to_owned(),
            member_epoch: holds.epoch,
            heartbeat_interval_ms: world.rules.heartbeat_interval_ms,
            assignment: with_assignment.then(|| partitions(&holds.assigned)),
        }
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            GroupKind::Consumer => "consumer",
            GroupKind::Share => "share",
        }
    }
}

/// What a heartbeat came to.
pub(super) struct Spoken {
    pub(super) id: String,
    before: Current,
    pub(super) holds: Current,
}

/// The epoch a group goes on with.
pub struct NextEpoch {
    /// The same as before, or the next.
    pub epoch: i32,
    /// The record of it.
    pub records: Vec<ModernRecord>,
}

/// A member is removed.
pub(super) fn tombstones(id: &str) -> Vec<ModernRecord> {
    vec![
        ModernRecord::Current(id.to_owned(), None),
        ModernRecord::Target(id.to_owned(), None),
        ModernRecord::Member(id.to_owned(), None),
    ]
}

pub(super) fn new_member() -> Member {
    Member { wants: Subscription::unknown(), holds: Current::default() }
}

fn owns_no_more(owned: Option<&Partitions>, member: &Member) -> bool {
    let Some(owned) = owned else { return false };
    owned.iter().all(|(topic, partitions)| {
        let held = member.holds.assigned.get(topic);
        partitions.iter().all(|partition| held.is_some_and(|held| held.contains_key(partition)))
    })
}
