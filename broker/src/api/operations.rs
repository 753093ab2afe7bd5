//! What a client may do with a topic or the cluster, as the sets of bits that responses carry (KIP-430). There is no
//! authorization yet, so everybody may do everything that exists for the resource.
//!
//! Source: Apache Kafka, `AclEntry.supportedOperations`, `AclOperation`.

/// The client did not ask.
pub const NOT_ASKED: i32 = i32::MIN;
/// All operations on a topic: READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS.
pub const OF_TOPIC: i32 = 0b1101_1111_1000;
/// All operations on the cluster: CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS,
/// IDEMPOTENT_WRITE.
pub const OF_CLUSTER: i32 = 0b1_1111_1010_0000;

/// The operations on a topic, for a client that asked for them.
pub fn of_topic(asked: bool) -> i32 {
    if asked { OF_TOPIC } else { NOT_ASKED }
}

/// The operations on the cluster, for a client that asked for them.
pub fn of_cluster(asked: bool) -> i32 {
    if asked { OF_CLUSTER } else { NOT_ASKED }
}
