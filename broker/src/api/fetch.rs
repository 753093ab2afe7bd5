//! Fetch (1), versions 4 to 18: records of some partitions, waiting for them if the client wants.
//!
//! v5 adds the log start offset, v7 sessions (KIP-227), v9 the leader epoch, v11 the preferred replica (none here),
//! v12 the epoch of the last fetched record, v13 names topics by id, v15 moves the replica's id, v16 endpoints of
//! leaders (nothing to say with one node), v17 and v18 fields for replicas.
//!
//! The session is read and moved on in `start`, in the order of the requests; reading and waiting follow.
//! Not done: followers; aborted transactions (there are none, so the list is empty for a committed read).
//!
//! Source: Apache Kafka, `KafkaApis.handleFetchRequest`, `FetchSession`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use catena_protocol::error_code::ErrorCode;
use catena_protocol::messages::fetch::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchTopic, FetchableTopicResponse, PartitionData,
};
use catena_storage::{EpochEnd, ReadUpTo};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;
use uuid::Uuid;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::fetch::{
    FetchError, Fetched, Limits, PartitionAnswer, PartitionKey, PartitionRecords, Poll, Reads, SessionError,
    SessionRequest, TopicKey, Want,
};
use crate::rollout::arms::{Seat, Trials, Unit, place_of_partition};
use crate::rollout::tally::Answered;

/// The version since which topics are named by id.
const IDS_SINCE: i16 = 13;
const READ_COMMITTED: i8 = 1;
const UNKNOWN: i64 = -1;
/// This API's key.
const FETCH: i16 = 1;
const NO_REPLICA: i32 = -1;

type FetchResponse = catena_protocol::messages::fetch::FetchResponse<Bytes>;

/// The answer to a fetch.
pub struct Outcome {
    /// The response.
    pub response: FetchResponse,
    /// Whether it was waited for, as the client asked.
    pub waited: bool,
}

/// Opens the session and returns the wait for records.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: FetchRequest,
) -> impl Future<Output = Outcome> + Send + 'static {
    let by_id = context.api_version >= IDS_SINCE;
    let committed = request.isolation_level == READ_COMMITTED;
    let limits = limits(context, &request);
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let opened = broker.fetch_sessions.open(session_request(request, by_id));
    let broker = broker.clone();
    let trials = context.trials.clone().filter(|trials| trials.unit == Unit::Partition);
    async move {
        let fetched = match opened {
            Ok(opened) => {
                let poll = Poll { opened, by_id, limits, deadline };
                let reads = Reads { storage: &broker.storage, cold: &broker.cold_reads };
                poll.run(&broker.fetch_sessions, reads, broker.stopping.clone(), &broker.metrics).await
            }
            Err(error) => Err(error),
        };
        match fetched {
            Ok(fetched) => {
                trials.inspect(|trials| count(&broker, trials, &fetched));
                Outcome { waited: fetched.waited, response: respond(fetched, committed) }
            }
            Err(error) => Outcome { waited: false, response: refuse(error) },
        }
    }
}

/// Counts for each partition what it gave. How long that took depends on the others of the request.
fn count(broker: &Broker, trials: &Arc<Trials>, fetched: &Fetched) {
    for PartitionAnswer { key, result } in &fetched.partitions {
        let by_id = |id| broker.storage.topic_by_id(id).map(|topic| topic.name.clone());
        let topic = match &key.topic {
            TopicKey::Name(name) => Some(name.to_string()),
            TopicKey::Id(id) => by_id(*id),
        };
        let (Some(topic), Ok(index)) = (topic, u32::try_from(key.partition)) else { continue };
        let records = result.as_ref().ok().and_then(|read| read.records.as_ref());
        let bytes = records.map_or(0, |slice| slice.bytes.len());
        let seat = Seat::new(trials.clone(), place_of_partition(&topic, index));
        seat.answered(Answered { key: FETCH, failed: result.is_err(), took: None, bytes });
    }
}

fn limits(context: &RequestContext, request: &FetchRequest) -> Limits {
    let bytes_max = size(request.max_bytes).min(context.config.fetch.response_bytes_max);
    let up_to = if request.isolation_level == READ_COMMITTED { ReadUpTo::LastStable } else { ReadUpTo::HighWatermark };
    Limits { bytes_max, bytes_min: size(request.min_bytes).min(bytes_max), up_to, cold: context.config.fetch.cold }
}

fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

fn session_request(request: FetchRequest, by_id: bool) -> SessionRequest {
    let wants = request.topics.iter().flat_map(|topic: &FetchTopic| {
        let key = topic_key(&topic.topic, topic.topic_id, by_id);
        topic.partitions.iter().map(move |asked| (key_of(&key, asked.partition), want(asked)))
    });
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let key = topic_key(&topic.topic, topic.topic_id, by_id);
        topic.partitions.iter().map(move |partition| key_of(&key, *partition))
    });
    SessionRequest {
        session_id: request.session_id,
        epoch: request.session_epoch,
        by_id,
        wants: wants.collect(),
        forgotten: forgotten.collect(),
    }
}

fn topic_key(name: &StrBytes, id: Uuid, by_id: bool) -> TopicKey {
    if by_id { TopicKey::Id(id) } else { TopicKey::Name(Arc::from(name.as_str())) }
}

fn key_of(topic: &TopicKey, partition: i32) -> PartitionKey {
    PartitionKey { topic: topic.clone(), partition }
}

fn want(asked: &FetchPartition) -> Want {
    Want {
        fetch_offset: asked.fetch_offset,
        current_leader_epoch: asked.current_leader_epoch,
        last_fetched_epoch: asked.last_fetched_epoch,
        bytes_max: size(asked.partition_max_bytes),
    }
}

fn refuse(error: SessionError) -> FetchResponse {
    FetchResponse { error_code: errors::fetch_session(error).code(), ..answer(0, Vec::new()) }
}

fn answer(session_id: i32, responses: Vec<FetchableTopicResponse<Bytes>>) -> FetchResponse {
    let error_code = ErrorCode::None.code();
    FetchResponse { throttle_time_ms: 0, error_code, session_id, responses, node_endpoints: Vec::new() }
}

/// Partitions of one topic that follow each other share its entry.
fn respond(fetched: Fetched, committed: bool) -> FetchResponse {
    let mut topics: Vec<FetchableTopicResponse<Bytes>> = Vec::new();
    let mut last: Option<TopicKey> = None;
    for answer in fetched.partitions {
        let PartitionAnswer { key, result } = answer;
        if last.as_ref() != Some(&key.topic) {
            topics.push(topic(&key.topic));
            last = Some(key.topic);
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(partition(key.partition, result, committed));
        }
    }
    answer(fetched.session_id, topics)
}

fn topic(key: &TopicKey) -> FetchableTopicResponse<Bytes> {
    let (topic, topic_id) = match key {
        TopicKey::Name(name) => (StrBytes::from_string(name.to_string()), Uuid::nil()),
        TopicKey::Id(id) => (StrBytes::default(), *id),
    };
    FetchableTopicResponse { topic, topic_id, partitions: Vec::new() }
}

fn partition(index: i32, result: Result<PartitionRecords, FetchError>, committed: bool) -> PartitionData<Bytes> {
    let refused = PartitionData {
        partition_index: index,
        error_code: ErrorCode::None.code(),
        high_watermark: UNKNOWN,
        last_stable_offset: UNKNOWN,
        log_start_offset: UNKNOWN,
        diverging_epoch: None,
        current_leader: None,
        aborted_transactions: None,
        preferred_read_replica: NO_REPLICA,
        records: Bytes::new(),
    };
    let end = |end: EpochEnd| EpochEndOffset { epoch: end.leader_epoch, end_offset: end.end_offset };
    match result {
        Err(error) => PartitionData { error_code: errors::fetch(&error).code(), ..refused },
        Ok(read) => PartitionData {
            high_watermark: read.offsets.high_watermark,
            last_stable_offset: read.offsets.last_stable,
            log_start_offset: read.offsets.log_start,
            diverging_epoch: read.diverging.map(end),
            aborted_transactions: committed.then(Vec::new),
            records: read.records.map(|slice| slice.bytes).unwrap_or_default(),
            ..refused
        },
    }
}
