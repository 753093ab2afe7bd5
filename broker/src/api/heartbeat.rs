//! Heartbeat (12), versions 0 to 4: a member of a classic group says that it lives, and hears whether to rejoin.
//!
//! v3 adds `group.instance.id`, v4 is flexible.
//!
//! While the coordinator loads, the answer is that all is well: a member shall not give up what it has for that.
//!
//! Source: Apache Kafka, `GroupCoordinatorService.heartbeat`.

use std::future::Future;
use std::sync::Arc;

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{GroupError, HeartbeatEvent, HeartbeatReply};

/// Hands in the heartbeat, and returns the wait for the group's answer.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: HeartbeatRequest,
) -> impl Future<Output = HeartbeatResponse> + Send + 'static {
    context.count_for_group(&request.group_id);
    let beating = broker.groups.heartbeat(HeartbeatEvent {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|id| id.to_string()),
        generation: request.generation_id,
    });
    async move { HeartbeatResponse::default().with_error_code(code(beating.await).code()) }
}

fn code(reply: HeartbeatReply) -> ErrorCode {
    match reply {
        Ok(()) | Err(GroupError::CoordinatorLoadInProgress) => ErrorCode::None,
        Err(error) => errors::group(error),
    }
}
