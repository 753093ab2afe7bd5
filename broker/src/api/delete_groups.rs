//! DeleteGroups (42), versions 0 to 3: removes groups without members, with their committed offsets.
//!
//! v2 is flexible, v3 adds a message (Kafka has one for streams groups only). A group named twice is answered once.
//!
//! Source: Apache Kafka, `KafkaApis.handleDeleteGroupsRequest`, `GroupCoordinatorShard.deleteGroups`.

use std::collections::HashSet;

use catena_protocol::error_code::ErrorCode;
use catena_protocol::messages::delete_groups::{DeletableGroupResult, DeleteGroupsResponse};
use kafka_protocol::messages::DeleteGroupsRequest;

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
        results.push(DeletableGroupResult { group_id: group.0, error_code: code.code(), error_message: None });
    }
    DeleteGroupsResponse { throttle_time_ms: 0, results }
}
