//! ListPartitionReassignments (46), version 0: partitions that are on their way to another broker; with one broker there are none.
//!
//! Source: Apache Kafka, `ReplicationControlManager.listPartitionReassignments`.

use kafka_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use crate::broker::{Broker, RequestContext};

/// Answers that nothing is in progress.
pub async fn handle(
    _broker: &Broker,
    _context: &RequestContext,
    _request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default().with_error_message(None)
}
