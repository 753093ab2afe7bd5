//! Between the protocols: members of the classic protocol in consumer groups, and groups that change their kind.
//!
//! Source: Apache Kafka, `GroupMetadataManager.convertToConsumerGroup`, `convertToClassicGroup`,
//! `classicGroupJoinToConsumerGroup`, `classicGroupLeaveToConsumerGroup`.

use catena_protocol::group_records::{GroupKind, Record};
use tracing::info;

use super::Coordinator;
use super::modern::{Cause, end, not_found, of_group};
use crate::groups::classic::{ClassicGroup, Now};
use crate::groups::log::GroupLog;
use crate::groups::membership::Membership;
use crate::groups::modern::{Life, ModernGroup, Refused, World};
use crate::groups::types::{GroupError, JoinEvent, JoinRefused, JoinReply, LeaveEvent, LeaveReply, ModernState};

impl<L: GroupLog> Coordinator<L> {
    /// What makes a consumer group of a classic one, and that group.
    pub(super) fn upgraded(
        &self,
        id: &str,
        group: &ClassicGroup,
        now: Now,
    ) -> Result<(Vec<Record>, Option<ModernGroup>), Refused> {
        let rules = self.rules_of(id, GroupKind::Consumer);
        let cannot =
            |why: &str| Err(not_found(format!("Cannot upgrade classic group {id} to consumer group because {why}")));
        if !rules.upgrade {
            return cannot("online upgrade is disabled.");
        }
        let Some(view) = group.view() else {
            return cannot("the group does not use the consumer embedded protocol.");
        };
        if view.members.len() > rules.members_max {
            return cannot("the group size exceeds the consumer group maximum size.");
        }
        let converted = match ModernGroup::of_classic(&view, &*self.settings.topics) {
            Ok(converted) => converted,
            Err(why) => return cannot(&why),
        };
        let mut fresh = ModernGroup::new(GroupKind::Consumer);
        let life = Life { now, session_timeout_ms: rules.session_timeout_ms };
        converted.iter().for_each(|record| fresh.apply(record, life));
        let mut records = vec![Record::Group(id.to_owned(), None)];
        records.extend(of_group(GroupKind::Consumer, id, converted.into_iter()));
        info!(group = id, members = view.members.len(), "a classic group becomes a consumer group");
        Ok((records, Some(fresh)))
    }

    /// What makes a classic group of a consumer group without these members, if it shall be one.
    pub(super) fn downgraded(&self, id: &str, without: &[&str], now: Now) -> Option<Vec<Record>> {
        let members = &self.table.get(id)?.members;
        let group = members.modern_of(GroupKind::Consumer).filter(|group| group.could_be_classic(without))?;
        let rules = self.rules_of(id, GroupKind::Consumer);
        let left = group.members().saturating_sub(without.len());
        if !rules.downgrade || left > rules.classic_members_max {
            return None;
        }
        let mut records = end(id, members);
        let metadata = group.as_classic(without, &*self.settings.topics, now.wall_ms);
        records.push(Record::Group(id.to_owned(), Some(metadata)));
        Some(records)
    }

    /// Goes on as a classic group; its members find a new assignment, unless they have the one they shall have.
    pub(super) fn become_classic(
        &mut self,
        id: &str,
        records: &[Record],
        rebalance: bool,
        now: Now,
    ) -> Result<(), GroupError> {
        self.store_members(id, records, now)?;
        info!(group = id, "a consumer group becomes a classic group");
        if rebalance {
            self.with_group(id, now, ClassicGroup::rebalance_anew);
        }
        let wake_at_ms = self.table.get(id).and_then(|group| group.members.next_deadline_ms());
        self.wake(id, wake_at_ms);
        Ok(())
    }

    /// JoinGroup to a group of a newer kind.
    pub(super) fn join_modern(&mut self, kind: GroupKind, event: &JoinEvent, now: Now) -> JoinReply {
        let id = &event.group_id;
        let inconsistent = || JoinRefused { error: GroupError::InconsistentGroupProtocol, member_id: String::new() };
        let (unique, rules) = ((self.settings.unique_of_modern)(), self.rules_of(id, kind));
        let world = World { now, rules: &rules, topics: &*self.settings.topics, unique: &unique };
        let group = self.table.get(id).and_then(|group| group.members.modern_of(GroupKind::Consumer));
        let decision = group.ok_or_else(inconsistent)?.join(event, world)?;
        let member_id = decision.reply.member_id.clone();
        let records: Vec<Record> = of_group(kind, id, decision.records.into_iter()).collect();
        let cause = Cause { member_id: &member_id, resolve: decision.resolve, rebalance: decision.rebalance };
        self.carry_out(id, &records, cause, &rules, now)?;
        if let Some(records) = self.downgraded(id, &[], now) {
            let members = self.table.get(id).and_then(|group| group.members.modern());
            // Kafka asks only for a newer target: then a cooperative member and its successor may both hold a partition.
            let rebalance = members.is_some_and(|group| group.state() != ModernState::Stable);
            self.become_classic(id, &records, rebalance, now)?;
        } else {
            self.with_consumers(id, now, |group, world| group.joined(&member_id, world));
        }
        Ok(decision.reply)
    }

    /// LeaveGroup to a group of a newer kind.
    pub(super) fn leave_modern(&mut self, event: &LeaveEvent, now: Now) -> LeaveReply {
        let members = self.table.get(&event.group_id).map(|group| &group.members);
        let group = members.and_then(|members| members.modern_of(GroupKind::Consumer));
        let Some(group) = group else { return Ok(vec![Err(GroupError::UnknownMemberId); event.members.len()]) };
        let leaving = group.leaving(&event.members);
        let ids: Vec<&str> = leaving.iter().flatten().map(String::as_str).collect();
        if !ids.is_empty() {
            self.remove_members(&event.group_id, &ids, now)?;
        }
        Ok(leaving.iter().map(|found| found.as_ref().map(|_| ()).map_err(|error| *error)).collect())
    }

    /// Lets a consumer group handle what only concerns who is waited for until when.
    pub(super) fn with_consumers<T>(
        &mut self,
        id: &str,
        now: Now,
        event: impl FnOnce(&mut ModernGroup, World) -> T,
    ) -> Option<T> {
        let rules = self.rules_of(id, GroupKind::Consumer);
        let world = World { now, rules: &rules, topics: &*self.settings.topics, unique: "" };
        let Membership::Modern(group) = &mut self.table.get_mut(id)?.members else { return None };
        let outcome = (group.kind() == GroupKind::Consumer).then(|| event(group, world))?;
        let at_ms = group.next_deadline_ms();
        self.wake(id, at_ms);
        Some(outcome)
    }
}
