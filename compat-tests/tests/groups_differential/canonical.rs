//! What may differ between two brokers, made the same: the order of lists that are hash maps inside, the random part of
//! member ids, ports.

use kafka_protocol::messages::consumer_group_describe_response::Assignment;
use kafka_protocol::messages::{
    ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse, DeleteGroupsResponse, DescribeGroupsResponse,
    FindCoordinatorResponse, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, ListGroupsResponse,
    OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse, SyncGroupResponse,
};

/// `8-4-4-4-12` hexadecimal digits.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const UUID_LEN: usize = 36;
/// The same 16 bytes in base64url.
const SHORT_LEN: usize = 22;

/// Random ids in the order in which they were first seen.
#[derive(Default)]
pub struct Ids {
    seen: Vec<String>,
}

impl Ids {
    /// The text with each random id replaced by its number.
    pub fn name_all(&mut self, text: &str) -> String {
        let mut named = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let is_quoted = named.is_empty() || named.ends_with('"');
            let Some(id) = leading_id(rest, is_quoted) else {
                named.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            };
            named.push_str(&format!("#{}", self.number(id)));
            rest = &rest[id.len()..];
        }
        named
    }

    fn number(&mut self, id: &str) -> usize {
        let known = self.seen.iter().position(|seen| seen == id);
        known.unwrap_or_else(|| {
            self.seen.push(id.to_owned());
            self.seen.len() - 1
        })
    }

    /// Where the id of a member stands; those not seen yet come last.
    fn rank(&self, member_id: &str) -> usize {
        self.seen.iter().position(|seen| member_id.ends_with(seen)).unwrap_or(usize::MAX)
    }
}

/// The random id that a text begins with: a UUID, or, behind a quotation mark, Kafka's own form of one.
fn leading_id(text: &str, is_quoted: bool) -> Option<&str> {
    let short =
        || text.get(..SHORT_LEN).filter(|id| is_quoted && is_short(id) && text[SHORT_LEN..].starts_with(['"', ' ']));
    text.get(..UUID_LEN).filter(|id| is_uuid(id)).or_else(short)
}

fn is_short(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == UUID_GROUPS && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

/// A response of which a part has no order, or is different by nature.
pub trait Canonical {
    /// Makes that part the same everywhere.
    fn normalize(&mut self, _ids: &Ids, _group: &str) {}
}

impl Canonical for HeartbeatResponse {}
impl Canonical for SyncGroupResponse {}
impl Canonical for LeaveGroupResponse {}

impl Canonical for JoinGroupResponse {
    fn normalize(&mut self, ids: &Ids, _group: &str) {
        self.members.sort_by_key(|m| (ids.rank(&m.member_id), m.metadata.clone(), m.group_instance_id.clone()));
    }
}

impl Canonical for ConsumerGroupHeartbeatResponse {
    fn normalize(&mut self, ids: &Ids, _group: &str) {
        if let Some(assignment) = &mut self.assignment {
            assignment.topic_partitions.iter_mut().for_each(|topic| topic.partitions.sort_unstable());
            assignment.topic_partitions.sort_by_key(|topic| {
                (ids.rank(&topic.topic_id.to_string()), topic.partitions.len(), topic.partitions.clone())
            });
        }
    }
}

impl Canonical for ConsumerGroupDescribeResponse {
    fn normalize(&mut self, ids: &Ids, _group: &str) {
        let sort = |assignment: &mut Assignment| {
            assignment.topic_partitions.iter_mut().for_each(|topic| topic.partitions.sort_unstable());
            assignment.topic_partitions.sort_by_key(|topic| topic.topic_name.clone());
        };
        for group in &mut self.groups {
            group.members.sort_by_key(|member| (ids.rank(&member.member_id), member.member_id.clone()));
            for member in &mut group.members {
                member.subscribed_topic_names.sort();
                sort(&mut member.assignment);
                sort(&mut member.target_assignment);
            }
        }
    }
}

impl Canonical for DescribeGroupsResponse {
    fn normalize(&mut self, ids: &Ids, _group: &str) {
        self.groups.sort_by_key(|group| group.group_id.clone());
        for group in &mut self.groups {
            group.members.sort_by_key(|m| (ids.rank(&m.member_id), m.group_instance_id.clone()));
        }
    }
}

impl Canonical for ListGroupsResponse {
    /// Only the groups of this case.
    fn normalize(&mut self, _ids: &Ids, group: &str) {
        self.groups.retain(|listed| listed.group_id.starts_with(group));
        self.groups.sort_by_key(|group| group.group_id.clone());
    }
}

impl Canonical for DeleteGroupsResponse {
    fn normalize(&mut self, _ids: &Ids, _group: &str) {
        self.results.sort_by_key(|result| result.group_id.clone());
    }
}

impl Canonical for OffsetCommitResponse {
    fn normalize(&mut self, _ids: &Ids, _group: &str) {
        self.topics.sort_by_key(|topic| topic.name.clone());
        self.topics.iter_mut().for_each(|topic| topic.partitions.sort_by_key(|p| p.partition_index));
    }
}

impl Canonical for OffsetDeleteResponse {
    fn normalize(&mut self, _ids: &Ids, _group: &str) {
        self.topics.sort_by_key(|topic| topic.name.clone());
        self.topics.iter_mut().for_each(|topic| topic.partitions.sort_by_key(|p| p.partition_index));
    }
}

impl Canonical for OffsetFetchResponse {
    fn normalize(&mut self, _ids: &Ids, _group: &str) {
        self.topics.sort_by_key(|topic| topic.name.clone());
        self.topics.iter_mut().for_each(|topic| topic.partitions.sort_by_key(|p| p.partition_index));
        for group in &mut self.groups {
            group.topics.sort_by_key(|topic| topic.name.clone());
            group.topics.iter_mut().for_each(|topic| topic.partitions.sort_by_key(|p| p.partition_index));
        }
    }
}

impl Canonical for FindCoordinatorResponse {
    /// Any broker with an address will do.
    fn normalize(&mut self, _ids: &Ids, _group: &str) {
        self.node_id.0 = self.node_id.0.min(1);
        self.port = self.port.min(1);
        for found in &mut self.coordinators {
            found.node_id.0 = found.node_id.0.min(1);
            found.port = found.port.min(1);
        }
    }
}
