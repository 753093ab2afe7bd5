//! LeaveGroup (13), versions 0 to 5: a member leaves a classic group, or an administrator removes members.
//!
//! v3 replaces the one member by a list, each with `group.instance.id` and an answer of its own (KIP-345); v5 adds the
//! reason.
//!
//! Source: Apache Kafka, `GroupCoordinatorService.leaveGroup`, `LeaveGroupRequest`, `LeaveGroupResponse`.

use std::future::Future;
use std::sync::Arc;

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{GroupError, LeaveEvent, LeaveReply, LeavingMember};

const LIST_SINCE: i16 = 3;

/// Hands in who leaves, and returns the wait for the group's answer.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: LeaveGroupRequest,
) -> impl Future<Output = LeaveGroupResponse> + Send + 'static {
    context.count_for_group(&request.group_id);
    let version = context.api_version;
    let members = leaving(version, &request);
    let leave = broker.groups.leave(LeaveEvent { group_id: request.group_id.to_string(), members: members.clone() });
    async move {
        match each(&members, leave.await) {
            Ok(results) if version >= LIST_SINCE => listed(members, &results),
            Ok(results) => with_code(results.first().copied().unwrap_or(ErrorCode::None)),
            Err(error) => with_code(error),
        }
    }
}

fn leaving(version: i16, request: &LeaveGroupRequest) -> Vec<LeavingMember> {
    if version < LIST_SINCE {
        let member_id = request.member_id.to_string();
        return vec![LeavingMember { member_id, group_instance_id: None, reason: None }];
    }
    let member = |member: &MemberIdentity| LeavingMember {
        member_id: member.member_id.to_string(),
        group_instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        reason: member.reason.as_ref().map(ToString::to_string),
    };
    request.members.iter().map(member).collect()
}

/// The result of each member. A group that knows nobody of that name is no error of the request.
fn each(members: &[LeavingMember], reply: LeaveReply) -> Result<Vec<ErrorCode>, ErrorCode> {
    match reply {
        Ok(results) => {
            Ok(results.into_iter().map(|result| result.map_or_else(errors::group, |()| ErrorCode::None)).collect())
        }
        Err(GroupError::UnknownMemberId) => Ok(vec![ErrorCode::UnknownMemberId; members.len()]),
        Err(error) => Err(errors::group(error)),
    }
}

fn listed(members: Vec<LeavingMember>, results: &[ErrorCode]) -> LeaveGroupResponse {
    let answers = members.into_iter().zip(results).map(|(member, result)| {
        MemberResponse::default()
            .with_member_id(StrBytes::from_string(member.member_id))
            .with_group_instance_id(member.group_instance_id.map(StrBytes::from_string))
            .with_error_code(result.code())
    });
    LeaveGroupResponse::default().with_members(answers.collect())
}

fn with_code(error: ErrorCode) -> LeaveGroupResponse {
    LeaveGroupResponse::default().with_error_code(error.code())
}
