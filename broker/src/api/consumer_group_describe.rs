//! ConsumerGroupDescribe (69), versions 0 and 1: state, epochs and members of consumer groups (KIP-848).
//!
//! v1 says of each member which protocol it speaks (KIP-1099).
//!
//! Source: Apache Kafka, `KafkaApis.handleConsumerGroupDescribe`, `GroupMetadataManager.consumerGroupDescribe`.

use catena_protocol::error_code::ErrorCode;
use catena_protocol::group_records::GroupKind;
use kafka_protocol::messages::consumer_group_describe_response::{Assignment, DescribedGroup, Member, TopicPartitions};
use kafka_protocol::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::describe_groups::{GROUP_OPERATIONS, NOT_ASKED};
use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{DescribedModern, DescribedModernMember, NamedPartitions, Refused};

/// Member types: of the classic protocol, of the consumer protocol.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

/// Answers for each group, in the order asked.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let mut groups = Vec::with_capacity(request.group_ids.len());
    for group_id in request.group_ids {
        // One after the other: an answer is immediate, and a request may name very many groups.
        let described = match broker.groups.describe_modern(GroupKind::Consumer, &group_id).await {
            Ok(group) => found(group, request.include_authorized_operations),
            Err(refused) => not_found(refused),
        };
        groups.push(described.with_group_id(GroupId(group_id.0)));
    }
    ConsumerGroupDescribeResponse::default().with_groups(groups)
}

fn not_found(refused: Refused) -> DescribedGroup {
    let code = errors::group(refused.error);
    let message = (code == ErrorCode::GroupIdNotFound).then(|| StrBytes::from_string(refused.message));
    DescribedGroup::default()
        .with_error_code(code.code())
        .with_error_message(message)
        .with_authorized_operations(NOT_ASKED)
}

fn found(group: DescribedModern, with_operations: bool) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(group.state.name()))
        .with_group_epoch(group.epoch)
        .with_assignment_epoch(group.target_epoch)
        .with_assignor_name(StrBytes::from_static_str(group.assignor))
        .with_members(group.members.into_iter().map(member).collect())
        .with_authorized_operations(if with_operations { GROUP_OPERATIONS } else { NOT_ASKED })
}

fn member(member: DescribedModernMember) -> Member {
    let text = |text: Option<String>| text.map(StrBytes::from_string);
    Member::default()
        .with_member_id(StrBytes::from_string(member.member_id))
        .with_instance_id(text(member.instance_id))
        .with_rack_id(text(member.rack_id))
        .with_member_epoch(member.epoch)
        .with_client_id(StrBytes::from_string(member.client_id))
        .with_client_host(StrBytes::from_string(member.client_host))
        .with_subscribed_topic_names(member.topics.into_iter().map(|name| TopicName(name.into())).collect())
        .with_subscribed_topic_regex(text(member.regex))
        .with_assignment(assignment(member.assigned))
        .with_target_assignment(assignment(member.target))
        .with_member_type(if member.is_classic { CLASSIC } else { CONSUMER })
}

fn assignment(topics: Vec<NamedPartitions>) -> Assignment {
    let of_topic = |topic: NamedPartitions| {
        TopicPartitions::default()
            .with_topic_id(topic.topic_id)
            .with_topic_name(TopicName(topic.name.into()))
            .with_partitions(topic.partitions)
    };
    Assignment::default().with_topic_partitions(topics.into_iter().map(of_topic).collect())
}
