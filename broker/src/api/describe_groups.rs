//! DescribeGroups (15), versions 0 to 6: state and members of classic groups.
//!
//! v3 adds the operations the client may do, v4 `group.instance.id`. A group that is not there is described as "Dead"
//! without an error; v6 adds the error GROUP_ID_NOT_FOUND and its text (KIP-1043).
//!
//! Source: Apache Kafka, `KafkaApis.handleDescribeGroupsRequest`, `GroupMetadataManager.describeGroups`.

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup as WireGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{DescribeReply, DescribedGroup, DescribedMember, GroupError, GroupState};

const OPERATIONS_SINCE: i16 = 3;
const NOT_FOUND_SINCE: i16 = 6;
/// Authorized operations when the client did not ask for them.
pub const NOT_ASKED: i32 = i32::MIN;
/// All operations on a group: READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS.
pub const GROUP_OPERATIONS: i32 = 0b1101_0100_1000;

/// Answers for each group, in the order asked.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let asked = request.include_authorized_operations && context.api_version >= OPERATIONS_SINCE;
    let mut groups = Vec::with_capacity(request.groups.len());
    for group_id in request.groups {
        // One after the other: an answer is immediate, and a request may name very many groups.
        let reply = broker.groups.describe(&group_id).await;
        let group = described(context.api_version, reply);
        let is_allowed = asked && group.error_code == ErrorCode::None.code();
        let operations = if is_allowed { GROUP_OPERATIONS } else { NOT_ASKED };
        groups.push(group.with_group_id(group_id).with_authorized_operations(operations));
    }
    DescribeGroupsResponse::default().with_groups(groups)
}

fn described(version: i16, reply: DescribeReply) -> WireGroup {
    let refused = match reply {
        Ok(group) => return found(group),
        Err(refused) => refused,
    };
    let code = errors::group(refused.error).code();
    match refused.error {
        GroupError::GroupIdNotFound if version < NOT_FOUND_SINCE => dead(),
        GroupError::GroupIdNotFound => {
            dead().with_error_code(code).with_error_message(Some(StrBytes::from_string(refused.message)))
        }
        _ => WireGroup::default().with_error_code(code),
    }
}

fn dead() -> WireGroup {
    WireGroup::default().with_group_state(StrBytes::from_static_str(GroupState::Dead.name()))
}

fn found(group: DescribedGroup) -> WireGroup {
    WireGroup::default()
        .with_group_state(StrBytes::from_static_str(group.state.name()))
        .with_protocol_type(StrBytes::from_string(group.protocol_type))
        .with_protocol_data(StrBytes::from_string(group.protocol))
        .with_members(group.members.into_iter().map(member).collect())
}

fn member(member: DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(StrBytes::from_string(member.member_id))
        .with_group_instance_id(member.group_instance_id.map(StrBytes::from_string))
        .with_client_id(StrBytes::from_string(member.client_id))
        .with_client_host(StrBytes::from_string(member.client_host))
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}
