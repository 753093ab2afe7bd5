//! DeleteGroups (42), versions 0 to 2: removes groups without members, with their committed offsets.
//!
//! v2 is flexible. A group named twice is answered once.
//!
//! Source: Apache Kafka, `KafkaApis.handleDeleteGroupsRequest`, `GroupCoordinatorShard.deleteGroups`.

use std::collections::HashSet;

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use crate::broker::{Broker, RequestContext};
use crate::errors;

/// Deletes, and answers for each group in the order asked.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    mut request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let mut seen = HashSet::new();
    request.groups_names.retain(|group| seen.insert(group.clone()));
    let deleting: Vec<_> = request.groups_names.iter().map(|group| broker.groups.delete_group(group)).collect();
    let mut results = Vec::with_capacity(deleting.len());
    for (group, deleting) in request.groups_names.into_iter().zip(deleting) {
        let code = deleting.await.map_or_else(errors::group, |()| ErrorCode::None);
        results.push(DeletableGroupResult::default().with_group_id(group).with_error_code(code.code()));
    }
    DeleteGroupsResponse::default().with_results(results)
}
