//! ListGroups (16), versions 0 to 5: the groups this broker coordinates.
//!
//! v4 adds a filter by state and the state, v5 a filter by type and the type.
//!
//! Source: Apache Kafka, `GroupCoordinatorService.listGroups`.

use kafka_protocol::messages::list_groups_response::ListedGroup as WireGroup;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{ListFilter, ListedGroup};

/// Answers with all groups that pass the filters.
pub async fn handle(broker: &Broker, _context: &RequestContext, request: ListGroupsRequest) -> ListGroupsResponse {
    let texts = |filter: &[StrBytes]| filter.iter().map(ToString::to_string).collect();
    let filter = ListFilter { states: texts(&request.states_filter), types: texts(&request.types_filter) };
    match broker.groups.list(filter).await {
        Ok(groups) => ListGroupsResponse::default().with_groups(groups.into_iter().map(listed).collect()),
        Err(error) => ListGroupsResponse::default().with_error_code(errors::group(error).code()),
    }
}

fn listed(group: ListedGroup) -> WireGroup {
    WireGroup::default()
        .with_group_id(GroupId(StrBytes::from_string(group.group_id)))
        .with_protocol_type(StrBytes::from_string(group.protocol_type))
        .with_group_state(StrBytes::from_static_str(group.state))
        .with_group_type(StrBytes::from_static_str(group.group_type))
}
