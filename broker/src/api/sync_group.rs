//! SyncGroup (14), versions 0 to 5: a member asks for its assignment; the leader brings those of all.
//!
//! v3 adds `group.instance.id`; v5 adds the protocol's type and name, which must then be given and fit the group's.
//!
//! The request enters the coordinator in `start`; the answer waits until the leader's assignments are durable.
//!
//! Source: Apache Kafka, `KafkaApis.handleSyncGroupRequest`, `SyncGroupRequest`.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{SyncEvent, Synced};

const PROTOCOL_SINCE: i16 = 5;

/// Hands in the request, and returns the wait for the assignment.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: SyncGroupRequest,
) -> impl Future<Output = SyncGroupResponse> + Send + 'static {
    context.count_for_group(&request.group_id);
    let syncing = match check(context.api_version, &request) {
        Ok(()) => Ok(broker.groups.sync(event(request))),
        Err(error) => Err(error),
    };
    async move {
        match syncing {
            Ok(syncing) => syncing.await.map_or_else(|error| refused(errors::group(error)), assigned),
            Err(error) => refused(error),
        }
    }
}

fn check(version: i16, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    let is_complete = request.protocol_type.is_some() && request.protocol_name.is_some();
    if version < PROTOCOL_SINCE || is_complete { Ok(()) } else { Err(ErrorCode::InconsistentGroupProtocol) }
}

fn event(request: SyncGroupRequest) -> SyncEvent {
    // Copies: the group keeps the assignments, and shall not keep the whole frame for them.
    let assignments = request
        .assignments
        .iter()
        .map(|given| (given.member_id.to_string(), Bytes::copy_from_slice(&given.assignment)));
    SyncEvent {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
        generation: request.generation_id,
        protocol_type: request.protocol_type.as_ref().map(ToString::to_string),
        protocol_name: request.protocol_name.as_ref().map(ToString::to_string),
        assignments: assignments.collect(),
    }
}

fn assigned(synced: Synced) -> SyncGroupResponse {
    SyncGroupResponse::default()
        .with_protocol_type(synced.protocol_type.map(StrBytes::from_string))
        .with_protocol_name(synced.protocol_name.map(StrBytes::from_string))
        .with_assignment(synced.assignment)
}

fn refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.code()).with_protocol_type(None).with_protocol_name(None)
}
