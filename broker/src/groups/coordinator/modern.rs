//! What is asked of consumer and share groups.
//!
//! Source: Apache Kafka, `GroupMetadataManager.getOrMaybeCreateConsumerGroup`, `getOrMaybeCreateShareGroup`.

use catena_protocol::group_records::{GroupKind, ModernRecord, Record};
use tracing::{info, warn};

use super::{Coordinator, Resolve};
use crate::groups::classic::{ClassicGroup, Now};
use crate::groups::log::GroupLog;
use crate::groups::membership::Membership;
use crate::groups::modern::{LEFT, LEFT_FOR_NOW, ModernGroup, Refused, Resolution, Rules, World};
use crate::groups::table::GroupTable;
use crate::groups::types::{Beat, BeatReply, DescribeModernReply, GroupError};

/// How long members that could not be removed are kept, milliseconds.
const REMOVAL_RETRY_MS: u64 = 1_000;

/// What a member caused besides records.
pub(super) struct Cause<'a> {
    pub member_id: &'a str,
    pub resolve: Option<Vec<String>>,
    pub rebalance: bool,
}

impl<L: GroupLog> Coordinator<L> {
    pub(super) fn beat(&mut self, kind: GroupKind, beat: &Beat, now: Now) -> BeatReply {
        let (id, rules) = (&beat.group_id, self.rules_of(&beat.group_id, kind));
        let unique = if beat.member_id.is_empty() { (self.settings.unique_of_modern)() } else { String::new() };
        let (mut records, fresh) = self.prepare(kind, beat, now)?;
        let world = World { now, rules: &rules, topics: &*self.settings.topics, unique: &unique };
        let group = fresh.as_ref().or_else(|| self.table.get(id)?.members.modern());
        let group = group.ok_or(GroupError::GroupIdNotFound)?;
        let decision = match beat.member_epoch {
            LEFT | LEFT_FOR_NOW => group.leave(beat, world)?,
            _ => group.heartbeat(beat, world)?,
        };
        if beat.member_epoch == LEFT
            && let Some(records) = self.downgraded(id, &[&beat.member_id], now)
        {
            self.become_classic(id, &records, true, now)?;
            return Ok(decision.reply);
        }
        if !records.is_empty() {
            self.with_group(id, now, ClassicGroup::send_away);
        }
        records.extend(of_group(kind, id, decision.records.into_iter()));
        let cause =
            Cause { member_id: &decision.reply.member_id, resolve: decision.resolve, rebalance: decision.rebalance };
        self.carry_out(id, &records, cause, &rules, now)?;
        Ok(decision.reply)
    }

    /// The group a heartbeat is for: one that is there (`None`), or a new one and what has to go for it.
    fn prepare(&self, kind: GroupKind, beat: &Beat, now: Now) -> Result<(Vec<Record>, Option<ModernGroup>), Refused> {
        let (id, joins) = (&beat.group_id, beat.member_epoch == 0);
        let name = name_of(kind);
        let fresh = Some(ModernGroup::new(kind));
        match self.table.get(id).map(|group| &group.members) {
            Some(Membership::Modern(group)) if group.kind() == kind => Ok((Vec::new(), None)),
            None if joins => Ok((Vec::new(), fresh)),
            None if beat.member_epoch < 0 => Err(not_found(format!("Group {id} not found."))),
            None => {
                let capital = match kind {
                    GroupKind::Consumer => "Consumer",
                    GroupKind::Share => "Share",
                };
                Err(not_found(format!("{capital} group {id} not found.")))
            }
            Some(Membership::Classic(group)) if joins && kind == GroupKind::Consumer && group.is_unused() => {
                Ok((vec![Record::Group(id.clone(), None)], fresh))
            }
            Some(Membership::Classic(group)) if joins && kind == GroupKind::Consumer => self.upgraded(id, group, now),
            Some(_) => Err(not_found(format!("Group {id} is not a {name} group."))),
        }
    }

    /// Stores what a member caused, and remembers that it was heard of.
    pub(super) fn carry_out(
        &mut self,
        id: &str,
        records: &[Record],
        cause: Cause,
        rules: &Rules,
        now: Now,
    ) -> Result<(), GroupError> {
        self.store_members(id, records, now)?;
        self.counters.rebalances.add(u64::from(cause.rebalance));
        let world = World { now, rules, topics: &*self.settings.topics, unique: "" };
        if let Some(group) = self.table.get_mut(id).and_then(|group| group.members.modern_mut()) {
            group.settled(cause.member_id, cause.resolve.is_some(), world);
            let (epoch, members, at_ms) = (group.epoch(), group.members(), group.next_deadline_ms());
            if cause.rebalance {
                info!(group = id, epoch, members, "group changed");
            }
            self.wake(id, at_ms);
        }
        self.to_resolve.extend(cause.resolve.map(|patterns| Resolve { group_id: id.to_owned(), patterns }));
        Ok(())
    }

    /// Stores records that may bring or remove members.
    pub(super) fn store_members(&mut self, id: &str, records: &[Record], now: Now) -> Result<(), GroupError> {
        let count = |table: &GroupTable| table.get(id).map_or(0, |group| group.members.count());
        let before = count(&self.table);
        self.store(records, now)?;
        self.members = self.members.saturating_sub(before) + count(&self.table);
        Ok(())
    }

    /// What a group's regular expressions match is known.
    pub fn resolved(&mut self, id: &str, found: &[Resolution], version: u64, now: Now) {
        let Some(kind) = self.table.get(id).and_then(|group| group.members.modern()).map(ModernGroup::kind) else {
            return;
        };
        let rules = self.rules_of(id, kind);
        let world = World { now, rules: &rules, topics: &*self.settings.topics, unique: "" };
        let Some(group) = self.table.get_mut(id).and_then(|group| group.members.modern_mut()) else { return };
        let decision = group.resolved(found, world);
        group.resolution_settled(version);
        let records: Vec<Record> = of_group(kind, id, decision.records.into_iter()).collect();
        match self.store(&records, now) {
            Ok(()) => self.counters.rebalances.add(u64::from(decision.rebalance)),
            Err(error) => warn!(group = id, "what its regular expressions match is not stored: {error}"),
        }
    }

    /// Removes members that were not heard of in time.
    pub(super) fn expire_modern(&mut self, id: &str, now: Now) {
        let Some(group) = self.table.get_mut(id).and_then(|group| group.members.modern_mut()) else { return };
        let overdue = group.overdue(now.steady_ms);
        if !overdue.is_empty() {
            let ids: Vec<&str> = overdue.iter().map(String::as_str).collect();
            match self.remove_members(id, &ids, now) {
                Ok(()) => {
                    self.counters.expired_members.add(overdue.len());
                    info!(group = id, members = ?overdue, "members were not heard of in time");
                }
                Err(error) => self.keep_for_now(id, &overdue, error, now),
            }
        }
        let wake_at_ms = self.table.get(id).and_then(|group| group.members.next_deadline_ms());
        self.wake(id, wake_at_ms);
    }

    fn keep_for_now(&mut self, id: &str, overdue: &[String], error: GroupError, now: Now) {
        warn!(group = id, "members that were not heard of stay for now: {error}");
        if let Some(group) = self.table.get_mut(id).and_then(|group| group.members.modern_mut()) {
            group.wait_longer(overdue, now.steady_ms.saturating_add(REMOVAL_RETRY_MS));
        }
    }

    /// Removes members; what is left may be a classic group then.
    pub(super) fn remove_members(&mut self, id: &str, ids: &[&str], now: Now) -> Result<(), GroupError> {
        if let Some(records) = self.downgraded(id, ids, now) {
            return self.become_classic(id, &records, true, now);
        }
        let Some(group) = self.table.get(id).and_then(|group| group.members.modern()) else { return Ok(()) };
        let (kind, rules) = (group.kind(), self.rules_of(id, group.kind()));
        let world = World { now, rules: &rules, topics: &*self.settings.topics, unique: "" };
        let records: Vec<Record> = of_group(kind, id, group.without(ids, world).into_iter()).collect();
        self.store_members(id, &records, now)
    }

    pub(super) fn describe_modern(&self, kind: GroupKind, id: &str, now: Now) -> DescribeModernReply {
        if id.is_empty() {
            return Err(GroupError::InvalidGroupId.into());
        }
        let group = self.table.get(id).ok_or_else(|| not_found(format!("Group {id} not found.")))?;
        let of_kind = group.members.modern_of(kind);
        let group = of_kind.ok_or_else(|| not_found(format!("Group {id} is not a {} group.", name_of(kind))))?;
        let rules = self.rules_of(id, kind);
        Ok(group.describe(World { now, rules: &rules, topics: &*self.settings.topics, unique: "" }))
    }

    pub(super) fn rules_of(&self, id: &str, kind: GroupKind) -> Rules {
        (self.settings.of_group)(id).of_kind(kind)
    }
}

pub(super) fn not_found(message: String) -> Refused {
    Refused { error: GroupError::GroupIdNotFound, message }
}

fn name_of(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Consumer => "consumer",
        GroupKind::Share => "share",
    }
}

pub(super) fn of_group(
    kind: GroupKind,
    id: &str,
    records: impl Iterator<Item = ModernRecord>,
) -> impl Iterator<Item = Record> {
    records.map(move |record| Record::Modern(kind, id.to_owned(), record))
}

/// The records that end a group without members.
pub(super) fn end(id: &str, members: &Membership) -> Vec<Record> {
    match members.modern() {
        None => vec![Record::Group(id.to_owned(), None)],
        Some(group) => of_group(group.kind(), id, group.end().into_iter()).collect(),
    }
}
