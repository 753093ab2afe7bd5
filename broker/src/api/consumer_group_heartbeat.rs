//! ConsumerGroupHeartbeat (68), versions 0 and 1: a member of a consumer group (KIP-848) joins, goes on, or leaves.
//!
//! v1 adds the subscription by regular expression, and the member makes its own id (KIP-1082).
//!
//! What a request may not say is refused here; the rest is the group's to decide.
//!
//! Source: Apache Kafka, `GroupCoordinatorService.consumerGroupHeartbeat`, `throwIfConsumerGroupHeartbeatRequestIsInvalid`.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use catena_protocol::group_records::GroupKind;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions as Owned;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{Beat, BeatReply, Beaten, GroupError, Refused};

const OWN_MEMBER_ID_SINCE: i16 = 1;
const LEAVES: i32 = -1;
const LEAVES_FOR_NOW: i32 = -2;
const NOT_SAID: i32 = -1;
/// The name of the protocol in `group.coordinator.rebalance.protocols`.
const PROTOCOL: &str = "consumer";

/// Hands in the heartbeat, and returns the wait for the group's answer.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: ConsumerGroupHeartbeatRequest,
) -> impl Future<Output = ConsumerGroupHeartbeatResponse> + Send + 'static {
    context.count_for_group(&request.group_id);
    let checked = check(context, &request);
    let beating = checked.map(|()| broker.groups.beat(GroupKind::Consumer, beat(context, request)));
    async move {
        answer(match beating {
            Ok(beating) => beating.await,
            Err(refused) => Err(refused),
        })
    }
}

fn check(context: &RequestContext, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refused> {
    let config = context.config_of_group(&request.group_id);
    if !config.groups.protocols.iter().any(|protocol| protocol == PROTOCOL) {
        return Err(GroupError::UnsupportedVersion.into());
    }
    let epoch = request.member_epoch;
    if context.api_version >= OWN_MEMBER_ID_SINCE || epoch > 0 || epoch == LEAVES {
        not_empty(Some(&request.member_id), "MemberId can't be empty.")?;
    }
    not_empty(Some(&request.group_id.0), "GroupId can't be empty.")?;
    not_empty(request.instance_id.as_ref(), "InstanceId can't be empty.")?;
    not_empty(request.rack_id.as_ref(), "RackId can't be empty.")?;
    check_epoch(request)?;
    check_assignor(request.server_assignor.as_deref(), &config.groups.consumer_assignors)
}

fn check_epoch(request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refused> {
    match request.member_epoch {
        0 if request.rebalance_timeout_ms == NOT_SAID => {
            invalid("RebalanceTimeoutMs must be provided in first request.")
        }
        0 if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            invalid("TopicPartitions must be empty when (re-)joining.")
        }
        0 if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() => {
            invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
        }
        LEAVES_FOR_NOW if request.instance_id.is_none() => invalid("InstanceId can't be null."),
        epoch if epoch < LEAVES_FOR_NOW => invalid("MemberEpoch is invalid."),
        _ => Ok(()),
    }
}

fn check_assignor(asked: Option<&str>, there: &[String]) -> Result<(), Refused> {
    match asked.filter(|asked| !there.iter().any(|name| name == asked)) {
        None => Ok(()),
        Some(asked) => {
            let there = there.join(", ");
            let message = format!("ServerAssignor {asked} is not supported. Supported assignors: {there}.");
            Err(Refused { error: GroupError::UnsupportedAssignor, message })
        }
    }
}

fn not_empty(text: Option<&StrBytes>, message: &str) -> Result<(), Refused> {
    // Kafka trims: blank is empty.
    if text.is_some_and(|text| text.trim().is_empty()) { invalid(message) } else { Ok(()) }
}

fn invalid(message: &str) -> Result<(), Refused> {
    Err(Refused { error: GroupError::InvalidRequest, message: message.to_owned() })
}

fn beat(context: &RequestContext, request: ConsumerGroupHeartbeatRequest) -> Beat {
    let text = |text: Option<StrBytes>| text.map(|text| text.to_string());
    Beat {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        member_epoch: request.member_epoch,
        instance_id: text(request.instance_id),
        rack_id: text(request.rack_id),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        topics: request.subscribed_topic_names.map(|names| names.iter().map(|name| name.0.to_string()).collect()),
        regex: text(request.subscribed_topic_regex),
        assignor: text(request.server_assignor),
        owned: request.topic_partitions.map(|owned| owned.into_iter().map(owned_of_topic).collect()),
        client_id: context.client_id.clone(),
        client_host: context.client_host.clone(),
    }
}

fn owned_of_topic(topic: Owned) -> (Uuid, BTreeSet<i32>) {
    (topic.topic_id, topic.partitions.into_iter().collect())
}

fn answer(reply: BeatReply) -> ConsumerGroupHeartbeatResponse {
    match reply {
        Ok(beaten) => told(beaten),
        Err(refused) => ConsumerGroupHeartbeatResponse::default()
            .with_error_code(errors::group(refused.error).code())
            .with_error_message(Some(StrBytes::from_string(refused.message))),
    }
}

fn told(beaten: Beaten) -> ConsumerGroupHeartbeatResponse {
    let assignment = |partitions: BTreeMap<Uuid, BTreeSet<i32>>| {
        let of_topic = |(id, partitions): (Uuid, BTreeSet<i32>)| {
            TopicPartitions::default().with_topic_id(id).with_partitions(partitions.into_iter().collect())
        };
        Assignment::default().with_topic_partitions(partitions.into_iter().map(of_topic).collect())
    };
    ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(StrBytes::from_string(beaten.member_id)))
        .with_member_epoch(beaten.member_epoch)
        .with_heartbeat_interval_ms(beaten.heartbeat_interval_ms)
        .with_assignment(beaten.assignment.map(assignment))
}
