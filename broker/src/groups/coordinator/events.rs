//! What is asked of groups.
//!
//! Source: Apache Kafka, `GroupCoordinatorShard`, `OffsetMetadataManager`.

use catena_protocol::group_records::Record;
use tokio::sync::oneshot::Sender;
use tracing::warn;

use super::{Coordinator, Waiting};
use crate::groups::classic::{Joining, Now, empty_group};
use crate::groups::log::GroupLog;
use crate::groups::message::answer;
use crate::groups::offsets::{self, Offsets};
use crate::groups::types::{
    CommitEvent, CommitReply, DeleteOffsetsEvent, DeleteOffsetsReply, DescribeReply, FetchOffsetsEvent,
    FetchOffsetsReply, GroupError, HeartbeatEvent, JoinEvent, JoinRefused, JoinReply, LeaveEvent, LeaveReply,
    SyncEvent, SyncReply,
};

impl<L: GroupLog> Coordinator<L> {
    pub(super) fn join(&mut self, event: &JoinEvent, to: Sender<JoinReply>, now: Now) {
        if let Err(refused) = self.ensure_group(event, now) {
            return self.outbox.answer(answer(to, Err(refused)));
        }
        let request = self.wait(Waiting::Join(to));
        let unique = (self.settings.unique)();
        let joining = Joining { event, request, unique: &unique };
        self.with_group(&event.group_id, now, |group, turn| group.join(joining, turn));
    }

    /// Only who has no id yet makes a group.
    fn ensure_group(&mut self, event: &JoinEvent, now: Now) -> Result<(), JoinRefused> {
        if self.table.get(&event.group_id).is_some() {
            return Ok(());
        }
        if !event.member_id.is_empty() {
            return Err(JoinRefused { error: GroupError::UnknownMemberId, member_id: event.member_id.clone() });
        }
        let record = Record::Group(event.group_id.clone(), Some(empty_group(now)));
        Ok(self.store(&[record], now)?)
    }

    pub(super) fn sync(&mut self, event: &SyncEvent, to: Sender<SyncReply>, now: Now) {
        if self.table.get(&event.group_id).is_none() {
            return self.outbox.answer(answer(to, Err(GroupError::UnknownMemberId)));
        }
        let request = self.wait(Waiting::Sync(to));
        self.with_group(&event.group_id, now, |group, turn| group.sync(event, request, turn));
    }

    pub(super) fn heartbeat(&mut self, event: &HeartbeatEvent, now: Now) -> Result<(), GroupError> {
        let beaten = self.with_group(&event.group_id, now, |group, turn| group.heartbeat(event, turn));
        beaten.unwrap_or(Err(GroupError::UnknownMemberId))
    }

    pub(super) fn leave(&mut self, event: &LeaveEvent, now: Now) -> LeaveReply {
        let left = self.with_group(&event.group_id, now, |group, turn| group.leave(&event.members, turn));
        Ok(left.unwrap_or_else(|| vec![Err(GroupError::UnknownMemberId); event.members.len()]))
    }

    pub(super) fn commit(&mut self, event: &CommitEvent, now: Now) -> CommitReply {
        match self.with_group(&event.group_id, now, |group, turn| group.check_commit(event, turn)) {
            Some(checked) => checked?,
            // A consumer without group management needs no group.
            None if event.generation < 0 => {}
            None if event.knows_group_id_not_found => return Err(GroupError::GroupIdNotFound),
            None => return Err(GroupError::IllegalGeneration),
        }
        let (records, results) = offsets::commit(event, now.wall_ms);
        self.store(&records, now)?;
        self.counters.commits.add(records.len());
        Ok(results)
    }

    pub(super) fn fetch_offsets(&self, event: &FetchOffsetsEvent) -> FetchOffsetsReply {
        let nothing = Offsets::default();
        let offsets = self.table.get(&event.group_id).map_or(&nothing, |group| &group.offsets);
        Ok(offsets.fetch(event.topics.as_deref()))
    }

    pub(super) fn delete_offsets(&mut self, event: &DeleteOffsetsEvent, now: Now) -> DeleteOffsetsReply {
        let group = self.table.get(&event.group_id).ok_or(GroupError::GroupIdNotFound)?;
        group.classic.check_delete_offsets()?;
        let (records, results) = group.offsets.delete(event, &group.classic);
        self.store(&records, now)?;
        Ok(results)
    }

    pub(super) fn describe(&self, id: &str) -> DescribeReply {
        let group = self.table.get(id).ok_or(GroupError::GroupIdNotFound)?;
        Ok(group.classic.describe())
    }

    pub(super) fn delete_group(&mut self, id: &str, now: Now) -> Result<(), GroupError> {
        let group = self.table.get(id).ok_or(GroupError::GroupIdNotFound)?;
        group.classic.check_delete()?;
        let mut records = group.offsets.delete_all(id);
        records.push(Record::Group(id.to_owned(), None));
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
