//! What may differ between two brokers, made the same: the order of lists that are hash maps inside, the random part of
//! member ids, ports.

use kafka_protocol::messages::{
    DeleteGroupsResponse, DescribeGroupsResponse, FindCoordinatorResponse, HeartbeatResponse, JoinGroupResponse,
    LeaveGroupResponse, ListGroupsResponse, OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse,
    SyncGroupResponse,
};

/// `8-4-4-4-12` hexadecimal digits.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const UUID_LEN: usize = 36;

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
            let Some(id) = rest.get(..UUID_LEN).filter(|id| is_uuid(id)) else {
                named.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            };
            named.push_str(&format!("#{}", self.number(id)));
            rest = &rest[UUID_LEN..];
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
