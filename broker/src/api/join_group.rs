//! JoinGroup (11), versions 0 to 9: makes a client a member of a classic group, or keeps it one through a rebalance.
//!
//! v1 adds the rebalance time-out (before, the session time-out serves for it); from v4 on a new member is first given
//! an id to join with (KIP-394); v5 adds `group.instance.id`, v7 the protocol's type and a protocol that may be null,
//! v8 the reason, v9 that the leader may be told to leave the assignment as it is (KIP-814).
//!
//! The join enters the coordinator in `start`; the answer waits until the rebalance gets to it.
//!
//! Source: Apache Kafka, `KafkaApis.handleJoinGroupRequest`, `JoinGroupRequest`, `JoinGroupResponse`.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{JoinEvent, JoinRefused, Joined, JoinedMember, Protocol};

const REBALANCE_TIMEOUT_SINCE: i16 = 1;
const KNOWN_MEMBER_ID_SINCE: i16 = 4;
const NULL_PROTOCOL_SINCE: i16 = 7;
const SKIP_ASSIGNMENT_SINCE: i16 = 9;
const NO_GENERATION: i32 = -1;

/// Joins, and returns the wait for the group.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: JoinGroupRequest,
) -> impl Future<Output = JoinGroupResponse> + Send + 'static {
    let version = context.api_version;
    let config = context.config_of_group(&request.group_id);
    let joining = broker.groups.join(event(context, request), &config.groups);
    async move {
        let response = match joining.await {
            Ok(joined) => accepted(joined),
            Err(refused) => refusal(refused),
        };
        with_protocol_of(version, response)
    }
}

fn event(context: &RequestContext, request: JoinGroupRequest) -> JoinEvent {
    let version = context.api_version;
    let has_rebalance_timeout = version >= REBALANCE_TIMEOUT_SINCE;
    JoinEvent {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|id| id.to_string()),
        protocol_type: request.protocol_type.to_string(),
        protocols: request.protocols.iter().map(|given| protocol(&given.name, &given.metadata)).collect(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if has_rebalance_timeout {
            request.rebalance_timeout_ms
        } else {
            request.session_timeout_ms
        },
        client_id: context.client_id.clone(),
        client_host: context.client_host.clone(),
        reason: request.reason.map(|reason| reason.to_string()),
        requires_known_member_id: version >= KNOWN_MEMBER_ID_SINCE,
        supports_skipping_assignment: version >= SKIP_ASSIGNMENT_SINCE,
    }
}

/// A copy: the group keeps the metadata for as long as the member lives, and shall not keep the whole frame for it.
fn protocol(name: &str, metadata: &Bytes) -> Protocol {
    Protocol { name: name.to_owned(), metadata: Bytes::copy_from_slice(metadata) }
}

fn accepted(joined: Joined) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(joined.protocol_type.map(StrBytes::from_string))
        .with_protocol_name(joined.protocol_name.map(StrBytes::from_string))
        .with_leader(StrBytes::from_string(joined.leader))
        .with_skip_assignment(joined.skip_assignment)
        .with_member_id(StrBytes::from_string(joined.member_id))
        .with_members(joined.members.into_iter().map(member).collect())
}

fn member(member: JoinedMember) -> JoinGroupResponseMember {
    JoinGroupResponseMember::default()
        .with_member_id(StrBytes::from_string(member.member_id))
        .with_group_instance_id(member.group_instance_id.map(StrBytes::from_string))
        .with_metadata(member.metadata)
}

fn refusal(refused: JoinRefused) -> JoinGroupResponse {
    let code: ErrorCode = errors::group(refused.error);
    JoinGroupResponse::default()
        .with_error_code(code.code())
        .with_generation_id(NO_GENERATION)
        .with_protocol_type(None)
        .with_protocol_name(None)
        .with_member_id(StrBytes::from_string(refused.member_id))
}

/// Where there is no protocol, old versions say "" and newer ones null.
fn with_protocol_of(version: i16, response: JoinGroupResponse) -> JoinGroupResponse {
    let name = response.protocol_name.clone().filter(|name| !name.is_empty());
    let absent = (version < NULL_PROTOCOL_SINCE).then(StrBytes::default);
    response.with_protocol_name(name.or(absent))
}
