//! A classic group's member: join, sync, heartbeat, commit, leave, and reading committed offsets.
//!
//! What must always hold: the member does what it is told and nothing by itself; no background heartbeat, no retry.

use std::time::{Duration, Instant};

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest,
    OffsetFetchRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::Topic;
use super::calls::{opaque, str_bytes};
use super::connection::{Connection, Result, invalid, kafka_error};

const MEMBER_ID_REQUIRED: i16 = 79;
/// Load in progress, not available, not coordinator.
pub const COORDINATOR_NOT_READY: [i16; 3] = [14, 15, 16];
const POLL: Duration = Duration::from_millis(5);
const PROTOCOL_TYPE: StrBytes = StrBytes::from_static_str("consumer");
const PROTOCOL: StrBytes = StrBytes::from_static_str("range");

/// A group by its name, with the time-outs its members ask for.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub id: String,
    /// A member that is silent for so long is out, milliseconds.
    pub session_timeout_ms: i32,
    /// So long may a member take to rejoin, milliseconds.
    pub rebalance_timeout_ms: i32,
}

/// What a member has after joining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The id the broker gave.
    pub member_id: String,
    /// The generation joined.
    pub generation: i32,
    /// Whether this member leads.
    pub is_leader: bool,
    /// All members, as the leader sees them.
    pub members: Vec<String>,
}

impl Group {
    /// A group with a session time-out of 30 s and a rebalance time-out of 5 s.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), session_timeout_ms: 30_000, rebalance_timeout_ms: 5_000 }
    }

    fn wire_id(&self) -> GroupId {
        GroupId(str_bytes(&self.id))
    }

    /// The error code of the look-up of this group's coordinator (0: this broker coordinates it).
    ///
    /// # Errors
    /// Of the socket.
    pub fn find_coordinator(&self, connection: &mut Connection) -> Result<i16> {
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![str_bytes(&self.id)]);
        let response = connection.call(&request, 4)?;
        response.coordinators.first().map(|c| c.error_code).ok_or_else(|| invalid("no coordinator in the answer"))
    }

    /// Joins as `try_join`, asking again for up to `patience` while the coordinator is not there yet.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn join(&self, connection: &mut Connection, member_id: &str, patience: Duration) -> Result<Membership> {
        let deadline = Instant::now() + patience;
        loop {
            match self.try_join(connection, member_id)? {
                Ok(membership) => return Ok(membership),
                Err(code) if COORDINATOR_NOT_READY.contains(&code) && Instant::now() < deadline => {
                    self.find_coordinator(connection)?;
                    std::thread::sleep(POLL);
                }
                Err(code) => kafka_error("JoinGroup", code)?,
            }
        }
    }

    /// Joins, with the member id of an earlier membership or an empty one; asks again when an id is given out first.
    /// Gives the membership or the broker's error code.
    ///
    /// # Errors
    /// Of the socket.
    pub fn try_join(
        &self,
        connection: &mut Connection,
        member_id: &str,
    ) -> Result<std::result::Result<Membership, i16>> {
        let protocol = JoinGroupRequestProtocol::default().with_name(PROTOCOL).with_metadata(opaque(b"metadata"));
        let request = JoinGroupRequest::default()
            .with_group_id(self.wire_id())
            .with_session_timeout_ms(self.session_timeout_ms)
            .with_rebalance_timeout_ms(self.rebalance_timeout_ms)
            .with_member_id(str_bytes(member_id))
            .with_protocol_type(PROTOCOL_TYPE)
            .with_protocols(vec![protocol]);
        let response = connection.call(&request, 7)?;
        if response.error_code == MEMBER_ID_REQUIRED && member_id.is_empty() {
            return self.try_join(connection, &response.member_id);
        }
        if response.error_code != 0 {
            return Ok(Err(response.error_code));
        }
        Ok(Ok(Membership {
            is_leader: response.leader == response.member_id,
            member_id: response.member_id.to_string(),
            generation: response.generation_id,
            members: response.members.iter().map(|member| member.member_id.to_string()).collect(),
        }))
    }

    /// Hands out `assignments` (the leader) or nothing (the others); gives the own assignment.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn sync(&self, connection: &mut Connection, me: &Membership, assignments: &[(&str, &[u8])]) -> Result<Vec<u8>> {
        let assignments = assignments.iter().map(|(member, assignment)| {
            SyncGroupRequestAssignment::default().with_member_id(str_bytes(member)).with_assignment(opaque(assignment))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(self.wire_id())
            .with_generation_id(me.generation)
            .with_member_id(str_bytes(&me.member_id))
            .with_protocol_type(Some(PROTOCOL_TYPE))
            .with_protocol_name(Some(PROTOCOL))
            .with_assignments(assignments.collect());
        let response = connection.call(&request, 5)?;
        kafka_error("SyncGroup", response.error_code)?;
        Ok(response.assignment.to_vec())
    }

    /// The error code of a heartbeat.
    ///
    /// # Errors
    /// Of the socket.
    pub fn heartbeat(&self, connection: &mut Connection, me: &Membership) -> Result<i16> {
        let request = HeartbeatRequest::default()
            .with_group_id(self.wire_id())
            .with_generation_id(me.generation)
            .with_member_id(str_bytes(&me.member_id));
        Ok(connection.call(&request, 4)?.error_code)
    }

    /// Leaves.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn leave(&self, connection: &mut Connection, me: &Membership) -> Result<()> {
        let member = MemberIdentity::default().with_member_id(str_bytes(&me.member_id));
        let request = LeaveGroupRequest::default().with_group_id(self.wire_id()).with_members(vec![member]);
        kafka_error("LeaveGroup", connection.call(&request, 4)?.error_code)
    }

    /// Commits offsets; the first error code that is not 0.
    ///
    /// # Errors
    /// Of the socket.
    pub fn commit(
        &self,
        connection: &mut Connection,
        me: &Membership,
        topic: &Topic,
        offsets: &[(i32, i64)],
    ) -> Result<i16> {
        let partitions = offsets.iter().map(|(partition, offset)| {
            OffsetCommitRequestPartition::default().with_partition_index(*partition).with_committed_offset(*offset)
        });
        let topic =
            OffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(partitions.collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(self.wire_id())
            .with_generation_id_or_member_epoch(me.generation)
            .with_member_id(str_bytes(&me.member_id))
            .with_topics(vec![topic]);
        let response = connection.call(&request, 8)?;
        let mut codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|p| p.error_code);
        Ok(codes.find(|code| *code != 0).unwrap_or(0))
    }

    /// The committed offsets of partitions in the order asked, -1 where there is none; or the group's error code.
    ///
    /// # Errors
    /// Of the socket.
    pub fn committed(
        &self,
        connection: &mut Connection,
        topic: &Topic,
        partitions: &[i32],
    ) -> Result<std::result::Result<Vec<i64>, i16>> {
        let asked = OffsetFetchRequestTopics::default()
            .with_name(topic.wire_name())
            .with_partition_indexes(partitions.to_vec());
        let group = OffsetFetchRequestGroup::default().with_group_id(self.wire_id()).with_topics(Some(vec![asked]));
        let response = connection.call(&OffsetFetchRequest::default().with_groups(vec![group]), 8)?;
        let group = response.groups.first().ok_or_else(|| invalid("OffsetFetch without the group"))?;
        let answers: Vec<_> = group.topics.iter().flat_map(|topic| &topic.partitions).collect();
        if let Some(code) = answers.iter().map(|p| p.error_code).chain([group.error_code]).find(|code| *code != 0) {
            return Ok(Err(code));
        }
        let find = |wanted: &i32| {
            let answer = answers.iter().find(|answer| answer.partition_index == *wanted);
            answer.map(|answer| answer.committed_offset).ok_or_else(|| invalid(format!("no offset of {wanted}")))
        };
        partitions.iter().map(find).collect::<Result<_>>().map(Ok)
    }
}
