//! The group, as operators see it.
//!
//! Source: Apache Kafka, `GroupMetadataManager.describeGroups`, `ClassicGroup.asListedGroup`.

use bytes::Bytes;

use super::ClassicGroup;
use super::member::Member;
use crate::groups::types::{DescribedGroup, DescribedMember, GroupState};

impl ClassicGroup {
    /// Empty when the group never had members.
    pub fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// For DescribeGroups. Protocol and metadata are shown while they are valid: in `Stable`.
    pub fn describe(&self) -> DescribedGroup {
        let protocol = self.protocol_name.as_deref().filter(|_| self.state == GroupState::Stable);
        DescribedGroup {
            state: self.state,
            protocol_type: self.protocol_type().to_owned(),
            protocol: protocol.unwrap_or_default().to_owned(),
            members: self.members.iter().map(|(id, member)| described(id, member, protocol)).collect(),
        }
    }
}

fn described(id: &str, member: &Member, protocol: Option<&str>) -> DescribedMember {
    DescribedMember {
        member_id: id.to_owned(),
        group_instance_id: member.group_instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        metadata: protocol.map_or(Bytes::new(), |protocol| member.metadata(protocol)),
        assignment: member.assignment.clone(),
    }
}
