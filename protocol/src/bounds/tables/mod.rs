//! The layouts of all requests this project can decode.
//!
//! What must always hold: sorted by key; fields as in Kafka 4.4's message definitions (`common/message/*Request.json`
//! in its clients jar), left out only where no version described has them.

mod cluster;
mod groups;
mod members;
mod records;
mod share_state;
mod sharing;
mod topics;

use super::schema::Schema;

/// Every layout.
pub static SCHEMAS: &[&Schema] = &[
    &records::PRODUCE,
    &records::FETCH,
    &records::LIST_OFFSETS,
    &topics::METADATA,
    &groups::OFFSET_COMMIT,
    &groups::OFFSET_FETCH,
    &groups::FIND_COORDINATOR,
    &groups::JOIN_GROUP,
    &groups::HEARTBEAT,
    &groups::LEAVE_GROUP,
    &groups::SYNC_GROUP,
    &groups::DESCRIBE_GROUPS,
    &groups::LIST_GROUPS,
    &cluster::API_VERSIONS,
    &topics::CREATE_TOPICS,
    &topics::DELETE_TOPICS,
    &topics::DELETE_RECORDS,
    &records::INIT_PRODUCER_ID,
    &records::OFFSET_FOR_LEADER_EPOCH,
    &cluster::DESCRIBE_CONFIGS,
    &cluster::ALTER_CONFIGS,
    &cluster::ALTER_REPLICA_LOG_DIRS,
    &cluster::DESCRIBE_LOG_DIRS,
    &topics::CREATE_PARTITIONS,
    &groups::DELETE_GROUPS,
    &cluster::INCREMENTAL_ALTER_CONFIGS,
    &topics::ALTER_PARTITION_REASSIGNMENTS,
    &topics::LIST_PARTITION_REASSIGNMENTS,
    &groups::OFFSET_DELETE,
    &cluster::DESCRIBE_CLUSTER,
    &members::CONSUMER_GROUP_HEARTBEAT,
    &members::CONSUMER_GROUP_DESCRIBE,
    &cluster::LIST_CONFIG_RESOURCES,
    &topics::DESCRIBE_TOPIC_PARTITIONS,
    &members::SHARE_GROUP_HEARTBEAT,
    &members::SHARE_GROUP_DESCRIBE,
    &sharing::SHARE_FETCH,
    &sharing::SHARE_ACKNOWLEDGE,
    &share_state::INITIALIZE_SHARE_GROUP_STATE,
    &share_state::READ_SHARE_GROUP_STATE,
    &share_state::WRITE_SHARE_GROUP_STATE,
    &share_state::DELETE_SHARE_GROUP_STATE,
    &share_state::READ_SHARE_GROUP_STATE_SUMMARY,
    &sharing::DESCRIBE_SHARE_GROUP_OFFSETS,
    &sharing::ALTER_SHARE_GROUP_OFFSETS,
    &sharing::DELETE_SHARE_GROUP_OFFSETS,
];
