//! AlterReplicaLogDirs (34), versions 1 and 2: moves partitions to other directories of this broker, in the background.
//!
//! v2 is flexible. A partition that does not exist is refused, and the directory remembered for when it is created. A cordoned directory is
//! refused, also where the partition is there already.
//!
//! Source: Apache Kafka, `KafkaApis.handleAlterReplicaLogDirsRequest`, `ReplicaManager.alterReplicaLogDirs` (KIP-113).

use std::path::Path;

use kafka_protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use kafka_protocol::messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, TopicName};

use catena_protocol::error_code::ErrorCode;

use crate::broker::{Broker, RequestContext};
use crate::errors;

/// Begins the moves, and answers for each partition.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let mut results: Vec<AlterReplicaLogDirTopicResult> = Vec::new();
    for dir in request.dirs {
        for topic in dir.topics {
            for index in topic.partitions {
                let code = begin(broker, &topic.name, index, Path::new(&*dir.path));
                let result = AlterReplicaLogDirPartitionResult::default().with_partition_index(index);
                add(&mut results, &topic.name, result.with_error_code(code.code()));
            }
        }
    }
    AlterReplicaLogDirsResponse::default().with_results(results)
}

fn begin(broker: &Broker, topic: &str, index: i32, dir: &Path) -> ErrorCode {
    // No partition has a negative index.
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    match broker.storage.move_partition(topic, index, dir) {
        Ok(()) => ErrorCode::None,
        Err(error) => errors::moving(error),
    }
}

/// One entry for each topic, whichever directories it goes to.
fn add(results: &mut Vec<AlterReplicaLogDirTopicResult>, topic: &TopicName, result: AlterReplicaLogDirPartitionResult) {
    match results.iter_mut().find(|known| known.topic_name == *topic) {
        Some(known) => known.partitions.push(result),
        None => {
            let fresh = AlterReplicaLogDirTopicResult::default().with_topic_name(topic.clone());
            results.push(fresh.with_partitions(vec![result]));
        }
    }
}
