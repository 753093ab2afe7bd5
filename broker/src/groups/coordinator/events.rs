//! What is asked of groups.
//!
//! Source: Apache Kafka, `GroupCoordinatorShard`, `OffsetMetadataManager`.

use catena_protocol::group_records::{GroupKind, Record};
use tokio::sync::oneshot::Sender;
use tracing::warn;

use super::modern::{end, not_found};
use super::{Coordinator, Waiting};
use crate::groups::classic::{Joining, Now, empty_group};
use crate::groups::log::GroupLog;
use crate::groups::membership::Membership;
use crate::groups::message::answer;
use crate::groups::modern::ModernGroup;
use crate::groups::offsets::{self, Offsets};
use crate::groups::types::{
    CommitEvent, CommitReply, DeleteOffsetsEvent, DeleteOffsetsReply, DescribeReply, FetchOffsetsEvent,
    FetchOffsetsReply, GroupError, HeartbeatEvent, JoinEvent, JoinRefused, JoinReply, LeaveEvent, LeaveReply,
    SyncEvent, SyncReply,
};

impl<L: GroupLog> Coordinator<L> {
    pub(super) fn join(&mut self, event: &JoinEvent, to: Sender<JoinReply>, now: Now) {
        let modern = self.table.get(&event.group_id).and_then(|group| group.members.modern());
        if let Some(kind) =
            modern.filter(|group| !group.is_empty() || group.kind() != GroupKind::Consumer).map(ModernGroup::kind)
        {
            let reply = self.join_modern(kind, event, now);
            return self.outbox.answer(answer(to, reply));
        }
        if let Err(refused) = self.ensure_group(event, now) {
            return self.outbox.answer(answer(to, Err(refused)));
        }
        let request = self.wait(Waiting::Join(to));
        let unique = (self.settings.unique)();
        let joining = Joining { event, request, unique: &unique };
        self.with_group(&event.group_id, now, |group, turn| group.join(joining, turn));
    }

    /// Only who has no id yet makes a group, or a classic one of a consumer group without members.
    fn ensure_group(&mut self, event: &JoinEvent, now: Now) -> Result<(), JoinRefused> {
        let group = self.table.get(&event.group_id).map(|group| &group.members);
        if group.is_some_and(|members| members.classic().is_some()) {
            return Ok(());
        }
        if !event.member_id.is_empty() {
            return Err(JoinRefused { error: GroupError::UnknownMemberId, member_id: event.member_id.clone() });
        }
        let mut records = group.map(|members| end(&event.group_id, members)).unwrap_or_default();
        records.push(Record::Group(event.group_id.clone(), Some(empty_group(now))));
        Ok(self.store(&records, now)?)
    }

    pub(super) fn sync(&mut self, event: &SyncEvent, to: Sender<SyncReply>, now: Now) {
        match self.table.get(&event.group_id).map(|group| &group.members) {
            None => self.outbox.answer(answer(to, Err(GroupError::UnknownMemberId))),
            Some(Membership::Modern(_)) => {
                let reply = self.with_consumers(&event.group_id, now, |group, world| group.sync(event, world));
                self.outbox.answer(answer(to, reply.unwrap_or(Err(GroupError::UnknownMemberId))));
            }
            Some(Membership::Classic(_)) => {
                let request = self.wait(Waiting::Sync(to));
                self.with_group(&event.group_id, now, |group, turn| group.sync(event, request, turn));
            }
        }
    }

    pub(super) fn heartbeat(&mut self, event: &HeartbeatEvent, now: Now) -> Result<(), GroupError> {
        let beaten = self.with_group(&event.group_id, now, |group, turn| group.heartbeat(event, turn));
        let beaten = beaten.or_else(|| {
            self.with_consumers(&event.group_id, now, |group, world| group.classic_heartbeat(event, world))
        });
        beaten.unwrap_or(Err(GroupError::UnknownMemberId))
    }

    pub(super) fn leave(&mut self, event: &LeaveEvent, now: Now) -> LeaveReply {
        let left = self.with_group(&event.group_id, now, |group, turn| group.leave(&event.members, turn));
        match left {
            Some(left) => Ok(left),
            None => self.leave_modern(event, now),
        }
    }

    pub(super) fn commit(&mut self, event: &CommitEvent, now: Now) -> CommitReply {
        let modern = self.table.get(&event.group_id).and_then(|group| group.members.modern());
        let (records, results) = match modern {
            Some(group) => {
                let may = group.check_commit(&event.member_id, event.generation, event.knows_group_id_not_found)?;
                offsets::commit(event, now.wall_ms, |topic, partition| may.check(topic, partition))
            }
            None => {
                self.check_classic_commit(event, now)?;
                offsets::commit(event, now.wall_ms, |_, _| Ok(()))
            }
        };
        self.store(&records, now)?;
        self.counters.commits.add(records.len());
        Ok(results)
    }

    fn check_classic_commit(&mut self, event: &CommitEvent, now: Now) -> Result<(), GroupError> {
        match self.with_group(&event.group_id, now, |group, turn| group.check_commit(event, turn)) {
            Some(checked) => checked,
            // A consumer without group management needs no group.
            None if event.generation < 0 => Ok(()),
            None if event.knows_group_id_not_found => Err(GroupError::GroupIdNotFound),
            None => Err(GroupError::IllegalGeneration),
        }
    }

    /// A group that does not exist, or has no offsets by its kind, has none.
    pub(super) fn fetch_offsets(&self, event: &FetchOffsetsEvent) -> FetchOffsetsReply {
        let nothing = Offsets::default();
        let group = self.table.get(&event.group_id);
        let offsets = group.map_or(&nothing, |group| &group.offsets);
        match group.and_then(|group| group.members.modern()) {
            Some(group) if group.kind() == GroupKind::Share => return Ok(nothing.fetch(event.topics.as_deref())),
            Some(group) => group.check_fetch(event.member_id.as_deref(), event.member_epoch)?,
            None => {}
        }
        Ok(offsets.fetch(event.topics.as_deref()))
    }

    pub(super) fn delete_offsets(&mut self, event: &DeleteOffsetsEvent, now: Now) -> DeleteOffsetsReply {
        let group = self.table.get(&event.group_id).ok_or(GroupError::GroupIdNotFound)?;
        group.members.check_delete_offsets()?;
        let (records, results) = group.offsets.delete(event, &group.members);
        self.store(&records, now)?;
        Ok(results)
    }

    pub(super) fn describe(&self, id: &str) -> DescribeReply {
        let group = self.table.get(id).ok_or_else(|| not_found(format!("Group {id} not found.")))?;
        let classic =
            group.members.classic().ok_or_else(|| not_found(format!("Group {id} is not a classic group.")))?;
        Ok(classic.describe())
    }

    pub(super) fn delete_group(&mut self, id: &str, now: Now) -> Result<(), GroupError> {
        let group = self.table.get(id).ok_or(GroupError::GroupIdNotFound)?;
        group.members.check_delete()?;
        let mut records = group.offsets.delete_all(id);
        records.extend(end(id, &group.members));
        self.store(&records, now)
    }

    pub(super) fn topic_deleted(&mut self, topic: &str, now: Now) {
        let records: Vec<Record> =
            self.table.iter().flat_map(|(id, group)| group.offsets.delete_topic(id, topic)).collect();
        if let Err(error) = self.store(&records, now) {
            warn!(topic, "the offsets of a deleted topic stay: {error}");
        }
    }
}
