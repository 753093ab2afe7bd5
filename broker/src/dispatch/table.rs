//! Every API this broker answers: key, versions, handler, and whether it is awaited before the next request.
//!
//! What must always hold: sorted by key. A row whose handler does not fit its kind does not compile.

use std::sync::Arc;

use bytes::Bytes;

use catena_protocol::message::Malformed;

use super::{Answer, Call, PRODUCE, Work};
use crate::api;
use crate::api::wire;
use crate::broker::{ApiVersionRange, Broker};

/// One row.
pub struct Entry {
    /// The API's key.
    pub key: i16,
    /// Kafka's name of the API.
    pub name: &'static str,
    /// Oldest version answered.
    pub min: i16,
    /// Newest version answered.
    pub max: i16,
    /// Decodes a body in a version.
    pub decode: fn(i16, Bytes) -> Result<Start, Malformed>,
}

/// A decoded request, ready to be begun.
pub type Start = Box<dyn FnOnce(&Arc<Broker>, Call) -> Work + Send>;

/// A handler that is awaited before the next request of the connection is begun.
macro_rules! inline {
    ($key:literal $module:ident) => {
        |version, body| {
            let request = wire::decode($key, version, body)?;
            Ok(Box::new(move |broker: &Arc<Broker>, call: Call| {
                let broker = Arc::clone(broker);
                Work::Inline(Box::pin(async move {
                    let response = api::$module::handle(&broker, &call.context, request).await;
                    call.reply(&broker, &response)
                }))
            }))
        }
    };
}

/// A handler whose ordered part is done in the call, and whose waiting overlaps with later requests; `$answer` makes an
/// answer of what it waited for.
macro_rules! begun {
    ($key:literal $module:ident, |$broker:ident, $call:ident, $outcome:ident| $answer:expr) => {
        |version, body| {
            let request = wire::decode($key, version, body)?;
            Ok(Box::new(move |broker: &Arc<Broker>, $call: Call| {
                let waiting = api::$module::start(broker, &$call.context, request);
                let $broker = Arc::clone(broker);
                Work::Queued(Box::pin(async move {
                    let $outcome = waiting.await;
                    $answer
                }))
            }))
        }
    };
}

/// Begun; the answer is a response.
macro_rules! queued {
    ($key:literal $module:ident) => {
        begun!($key $module, |broker, call, response| call.reply(&broker, &response))
    };
}

/// As `queued`, with records in the response.
macro_rules! fetched {
    ($key:literal $module:ident) => {
        begun!($key $module, |broker, call, fetched| call.reply_with_records(&broker, fetched.response, fetched.waited))
    };
}

/// As `queued`, but the client may have asked for no answer.
macro_rules! produced {
    ($key:literal $module:ident) => {
        begun!($key $module, |broker, call, outcome| match outcome {
            api::$module::Outcome::Respond(response) => call.reply(&broker, &response),
            api::$module::Outcome::Silent => Answer::Silence,
            api::$module::Outcome::Close => Answer::Close,
        })
    };
}

macro_rules! table {
    ($($key:literal $name:ident $min:literal..=$max:literal $kind:ident $module:ident;)*) => {
        static TABLE: &[Entry] = &[$(Entry {
            key: $key,
            name: stringify!($name),
            min: $min,
            max: $max,
            decode: $kind!($key $module),
        }),*];
    };
}

table! {
    0 Produce 3..=13 produced produce;
    1 Fetch 4..=18 fetched fetch;
    2 ListOffsets 1..=11 inline list_offsets;
    3 Metadata 0..=13 inline metadata;
    8 OffsetCommit 2..=10 queued offset_commit;
    9 OffsetFetch 1..=10 inline offset_fetch;
    10 FindCoordinator 0..=6 inline find_coordinator;
    11 JoinGroup 0..=9 queued join_group;
    12 Heartbeat 0..=4 queued heartbeat;
    13 LeaveGroup 0..=5 queued leave_group;
    14 SyncGroup 0..=5 queued sync_group;
    15 DescribeGroups 0..=6 inline describe_groups;
    16 ListGroups 0..=5 inline list_groups;
    18 ApiVersions 0..=5 inline api_versions;
    19 CreateTopics 2..=7 inline create_topics;
    20 DeleteTopics 1..=6 inline delete_topics;
    21 DeleteRecords 0..=2 inline delete_records;
    22 InitProducerId 0..=5 inline init_producer_id;
    23 OffsetForLeaderEpoch 2..=4 inline offset_for_leader_epoch;
    32 DescribeConfigs 1..=4 inline describe_configs;
    33 AlterConfigs 0..=2 inline alter_configs;
    34 AlterReplicaLogDirs 1..=2 inline alter_replica_log_dirs;
    35 DescribeLogDirs 1..=5 inline describe_log_dirs;
    37 CreatePartitions 0..=3 inline create_partitions;
    42 DeleteGroups 0..=3 inline delete_groups;
    44 IncrementalAlterConfigs 0..=1 inline incremental_alter_configs;
    45 AlterPartitionReassignments 0..=1 inline alter_partition_reassignments;
    46 ListPartitionReassignments 0..=0 inline list_partition_reassignments;
    47 OffsetDelete 0..=0 inline offset_delete;
    60 DescribeCluster 0..=2 inline describe_cluster;
    68 ConsumerGroupHeartbeat 0..=1 queued consumer_group_heartbeat;
    69 ConsumerGroupDescribe 0..=1 inline consumer_group_describe;
    74 ListConfigResources 0..=1 inline list_config_resources;
    75 DescribeTopicPartitions 0..=0 inline describe_topic_partitions;
}

/// The row of an API, if there is one.
pub fn find(key: i16) -> Option<&'static Entry> {
    TABLE.binary_search_by_key(&key, |entry| entry.key).ok().map(|at| &TABLE[at])
}

/// What ApiVersions advertises.
///
/// Produce is said to begin at version 0 although 0 to 2 are refused, as Kafka does: old librdkafka looks for them
/// before it decides that a broker understands newer record batches.
pub fn versions() -> Vec<ApiVersionRange> {
    let advertised = |entry: &Entry| ApiVersionRange {
        key: entry.key,
        min: if entry.key == PRODUCE { 0 } else { entry.min },
        max: entry.max,
    };
    TABLE.iter().map(advertised).collect()
}

/// The name of an API.
pub fn name(key: i16) -> Option<&'static str> {
    find(key).map(|entry| entry.name)
}

/// Keys and names of all rows.
pub fn names() -> impl Iterator<Item = (i16, &'static str)> {
    TABLE.iter().map(|entry| (entry.key, entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_ranges_are_not_empty() {
        assert!(TABLE.is_sorted_by(|a, b| a.key < b.key));
        assert!(TABLE.iter().all(|entry| entry.min <= entry.max));
    }

    #[test]
    fn every_version_answered_can_be_decoded() {
        for entry in TABLE {
            for version in entry.min..=entry.max {
                let schema = catena_protocol::bounds::find(entry.key, version);
                assert_eq!(schema.map(|schema| schema.name), Some(entry.name), "version {version}");
            }
        }
    }
}
