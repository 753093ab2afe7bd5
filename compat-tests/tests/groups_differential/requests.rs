//! Requests as a well-behaved client makes them; a case changes what it is about.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolSubscription, DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};

use crate::stage::{Stage, TOPIC};

/// Versions since which a request has a field.
const JOIN_INSTANCE_SINCE: i16 = 5;
const JOIN_REASON_SINCE: i16 = 8;
const SYNC_PROTOCOL_SINCE: i16 = 5;
const LEAVE_LIST_SINCE: i16 = 3;
const FETCH_GROUPS_SINCE: i16 = 8;

/// The newest versions of requests.
pub const JOIN: i16 = 9;
pub const SYNC: i16 = 5;
pub const HEARTBEAT: i16 = 4;
pub const LEAVE: i16 = 5;
pub const COMMIT: i16 = 9;
pub const FETCH: i16 = 9;
pub const DESCRIBE: i16 = 6;

/// A member: who it is, and what the group told it.
#[derive(Clone, Debug)]
pub struct Member {
    pub who: &'static str,
    pub id: String,
    pub instance: Option<&'static str>,
    pub generation: i32,
}

impl Member {
    /// A member that knows nothing yet.
    pub fn new(who: &'static str) -> Self {
        Self { who, id: String::new(), instance: None, generation: -1 }
    }

    /// A static member that knows nothing yet.
    pub fn fixed(who: &'static str, instance: &'static str) -> Self {
        Self { instance: Some(instance), ..Self::new(who) }
    }

    fn wire_instance(&self) -> Option<StrBytes> {
        self.instance.map(StrBytes::from_static_str)
    }
}

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// What a consumer that subscribes to topics says in its protocol's metadata.
pub fn subscription(topics: &[&str]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(1);
    let topics = topics.iter().map(|topic| text(topic)).collect();
    ConsumerProtocolSubscription::default().with_topics(topics).encode(&mut out, 1).unwrap();
    out.freeze()
}

pub fn protocol(name: &str, metadata: Bytes) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(metadata)
}

pub fn join(stage: &Stage, version: i16, member: &Member) -> JoinGroupRequest {
    let instance = member.wire_instance().filter(|_| version >= JOIN_INSTANCE_SINCE);
    let reason = (version >= JOIN_REASON_SINCE).then(|| text("a reason"));
    JoinGroupRequest::default()
        .with_group_id(stage.group_id())
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(20_000)
        .with_member_id(text(&member.id))
        .with_group_instance_id(instance)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol("range", subscription(&[TOPIC]))])
        .with_reason(reason)
}

pub fn sync(stage: &Stage, version: i16, member: &Member, assignments: &[(&Member, &[u8])]) -> SyncGroupRequest {
    let assignments = assignments.iter().map(|(to, assignment)| {
        let assignment = Bytes::copy_from_slice(assignment);
        SyncGroupRequestAssignment::default().with_member_id(text(&to.id)).with_assignment(assignment)
    });
    let since = |value: &str| (version >= SYNC_PROTOCOL_SINCE).then(|| text(value));
    SyncGroupRequest::default()
        .with_group_id(stage.group_id())
        .with_generation_id(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.wire_instance())
        .with_protocol_type(since("consumer"))
        .with_protocol_name(since("range"))
        .with_assignments(assignments.collect())
}

pub fn heartbeat(stage: &Stage, member: &Member) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(stage.group_id())
        .with_generation_id(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.wire_instance())
}

pub fn leave(stage: &Stage, version: i16, members: &[&Member]) -> LeaveGroupRequest {
    let request = LeaveGroupRequest::default().with_group_id(stage.group_id());
    if version < LEAVE_LIST_SINCE {
        return request.with_member_id(text(&members[0].id));
    }
    let identity = |member: &&Member| {
        MemberIdentity::default().with_member_id(text(&member.id)).with_group_instance_id(member.wire_instance())
    };
    request.with_members(members.iter().map(identity).collect())
}

/// One offset for each partition of a topic, in versions that have no leader epoch too.
pub fn commit(stage: &Stage, member: &Member, topic: &str, offsets: &[(i32, i64)]) -> OffsetCommitRequest {
    let partition = |(index, offset): &(i32, i64)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(*index)
            .with_committed_offset(*offset)
            .with_committed_metadata(Some(text("kept")))
    };
    let partitions = offsets.iter().map(partition).collect();
    let topic = OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(partitions);
    OffsetCommitRequest::default()
        .with_group_id(stage.group_id())
        .with_generation_id_or_member_epoch(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.wire_instance())
        .with_topics(vec![topic])
}

/// The offsets of some partitions, or of all topics.
pub fn fetch(stage: &Stage, version: i16, asked: Option<&[(&str, &[i32])]>) -> OffsetFetchRequest {
    if version >= FETCH_GROUPS_SINCE {
        return OffsetFetchRequest::default().with_groups(vec![fetch_group(stage.group_id(), asked)]);
    }
    let topic = |(name, partitions): &(&str, &[i32])| {
        OffsetFetchRequestTopic::default().with_name(topic_name(name)).with_partition_indexes(partitions.to_vec())
    };
    let topics = asked.map(|asked| asked.iter().map(topic).collect());
    OffsetFetchRequest::default().with_group_id(stage.group_id()).with_topics(topics)
}

pub fn fetch_group(group: GroupId, asked: Option<&[(&str, &[i32])]>) -> OffsetFetchRequestGroup {
    let topic = |(name, partitions): &(&str, &[i32])| {
        OffsetFetchRequestTopics::default().with_name(topic_name(name)).with_partition_indexes(partitions.to_vec())
    };
    let topics = asked.map(|asked| asked.iter().map(topic).collect());
    OffsetFetchRequestGroup::default().with_group_id(group).with_topics(topics)
}

pub fn delete_offsets(stage: &Stage, asked: &[(&str, &[i32])]) -> OffsetDeleteRequest {
    let topic = |(name, partitions): &(&str, &[i32])| {
        let partition = |index: &i32| OffsetDeleteRequestPartition::default().with_partition_index(*index);
        OffsetDeleteRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(partitions.iter().map(partition).collect())
    };
    OffsetDeleteRequest::default().with_group_id(stage.group_id()).with_topics(asked.iter().map(topic).collect())
}

pub fn describe(groups: &[GroupId]) -> DescribeGroupsRequest {
    DescribeGroupsRequest::default().with_groups(groups.to_vec())
}
