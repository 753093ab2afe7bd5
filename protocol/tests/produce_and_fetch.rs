//! Produce and Fetch, which are own code, against `kafka-protocol`'s coders, in all versions.

mod support {
    pub mod sample;
}

use bytes::{Bytes, BytesMut};
use catena_protocol::bounds;
use catena_protocol::message::{self, Response};
use catena_protocol::messages::fetch::{self, FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use catena_protocol::messages::leaders::{LeaderIdAndEpoch, NodeEndpoint};
use catena_protocol::messages::produce::{
    self, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages as kafka;
use kafka_protocol::messages::{BrokerId, ProducerId, TopicName, fetch_response, produce_response};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::sample;
use uuid::Uuid;

const ROUNDS: usize = 200;
const PRODUCE: i16 = 0;
const FETCH: i16 = 1;

fn seeded() -> StdRng {
    let seed = rand::random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// Calls `check` with random bodies of each version, decoded by `kafka-protocol`.
fn for_each_request<T: Decodable>(key: i16, mut check: impl FnMut(i16, Bytes, T)) {
    let mut rng = seeded();
    let schema = bounds::SCHEMAS.iter().find(|schema| schema.key == key).expect("a schema");
    for version in schema.versions.min..=schema.versions.max {
        for _ in 0..ROUNDS {
            let body = Bytes::from(sample::body(schema, version, &mut rng));
            let expected = T::decode(&mut body.clone(), version).expect("a valid body");
            check(version, body, expected);
        }
    }
}

#[test]
fn produce_requests_are_read_as_kafka_protocol_reads_them() {
    for_each_request(PRODUCE, |version, body, expected: kafka::ProduceRequest| {
        let found: ProduceRequest = message::decode(PRODUCE, version, body).expect("decodes");
        let expected = ProduceRequest {
            transactional_id: expected.transactional_id.map(|id| id.0),
            acks: expected.acks,
            timeout_ms: expected.timeout_ms,
            topic_data: expected.topic_data.into_iter().map(topic_data).collect(),
        };
        assert_eq!(found, expected, "v{version}");
    });
}

fn topic_data(topic: kafka::produce_request::TopicProduceData) -> produce::TopicProduceData {
    let partitions = topic.partition_data.into_iter();
    produce::TopicProduceData {
        name: topic.name.0,
        topic_id: topic.topic_id,
        partition_data: partitions
            .map(|partition| produce::PartitionProduceData { index: partition.index, records: partition.records })
            .collect(),
    }
}

#[test]
fn produced_records_are_slices_of_the_frame() {
    let body = Bytes::from_static(b"\xff\xff\xff\xff\0\0\0\x05\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0\0\0\0\x04data");
    let request: ProduceRequest = message::decode(PRODUCE, 3, body.clone()).expect("decodes");
    let records = request.topic_data[0].partition_data[0].records.clone().expect("records");
    assert_eq!(records.as_ptr(), body[body.len() - 4..].as_ptr());
}

#[test]
fn fetch_requests_are_read_as_kafka_protocol_reads_them() {
    for_each_request(FETCH, |version, body, expected: kafka::FetchRequest| {
        let found: FetchRequest = message::decode(FETCH, version, body).expect("decodes");
        let replica_id = if version >= 15 { expected.replica_state.replica_id } else { expected.replica_id };
        let expected = FetchRequest {
            cluster_id: expected.cluster_id,
            replica_id: replica_id.0,
            max_wait_ms: expected.max_wait_ms,
            min_bytes: expected.min_bytes,
            max_bytes: expected.max_bytes,
            isolation_level: expected.isolation_level,
            session_id: expected.session_id,
            session_epoch: expected.session_epoch,
            topics: expected.topics.into_iter().map(fetch_topic).collect(),
            forgotten_topics_data: expected.forgotten_topics_data.into_iter().map(forgotten_topic).collect(),
            rack_id: expected.rack_id,
        };
        assert_eq!(found, expected, "v{version}");
    });
}

fn fetch_topic(topic: kafka::fetch_request::FetchTopic) -> fetch::FetchTopic {
    let partition = |partition: &kafka::fetch_request::FetchPartition| fetch::FetchPartition {
        partition: partition.partition,
        current_leader_epoch: partition.current_leader_epoch,
        fetch_offset: partition.fetch_offset,
        last_fetched_epoch: partition.last_fetched_epoch,
        log_start_offset: partition.log_start_offset,
        partition_max_bytes: partition.partition_max_bytes,
    };
    let partitions = topic.partitions.iter().map(partition).collect();
    fetch::FetchTopic { topic: topic.topic.0, topic_id: topic.topic_id, partitions }
}

fn forgotten_topic(topic: kafka::fetch_request::ForgottenTopic) -> fetch::ForgottenTopic {
    fetch::ForgottenTopic { topic: topic.topic.0, topic_id: topic.topic_id, partitions: topic.partitions }
}

/// Random values of responses.
struct Random(StdRng);

impl Random {
    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.0.random_range(0..4);
        (0..count).map(|_| one(self)).collect()
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.0.random() { Some(one(self)) } else { None }
    }

    fn text(&mut self) -> StrBytes {
        let len = self.0.random_range(0..200);
        StrBytes::from_string((0..len).map(|_| self.0.random_range('a'..='ü')).collect())
    }

    fn bytes(&mut self) -> Bytes {
        let len = self.0.random_range(0..20_000);
        (0..len).map(|_| self.0.random::<u8>()).collect()
    }

    fn name_and_id(&mut self, version: i16) -> (StrBytes, Uuid) {
        if version >= 13 { (StrBytes::default(), Uuid::from_u128(self.0.random())) } else { (self.text(), Uuid::nil()) }
    }

    fn leader(&mut self) -> LeaderIdAndEpoch {
        LeaderIdAndEpoch { leader_id: self.0.random(), leader_epoch: self.0.random() }
    }

    fn endpoint(&mut self) -> NodeEndpoint {
        let rack = self.maybe(Self::text);
        NodeEndpoint { node_id: self.0.random(), host: self.text(), port: self.0.random(), rack }
    }

    fn produce_response(&mut self, version: i16) -> ProduceResponse {
        ProduceResponse {
            responses: self.many(|random| {
                let (name, topic_id) = random.name_and_id(version);
                let partition_responses = random.many(|random| random.produced_partition(version));
                TopicProduceResponse { name, topic_id, partition_responses }
            }),
            throttle_time_ms: self.0.random(),
            node_endpoints: if version >= 10 { self.many(Self::endpoint) } else { Vec::new() },
        }
    }

    fn produced_partition(&mut self, version: i16) -> PartitionProduceResponse {
        let record_error = |random: &mut Self| produce::BatchIndexAndErrorMessage {
            batch_index: random.0.random(),
            batch_index_error_message: random.maybe(Self::text),
        };
        PartitionProduceResponse {
            index: self.0.random(),
            error_code: self.0.random(),
            base_offset: self.0.random(),
            log_append_time_ms: self.0.random(),
            log_start_offset: self.0.random(),
            record_errors: self.many(record_error),
            error_message: self.maybe(Self::text),
            current_leader: if version >= 10 { self.maybe(Self::leader) } else { None },
        }
    }

    fn fetch_response(&mut self, version: i16) -> FetchResponse<Bytes> {
        FetchResponse {
            throttle_time_ms: self.0.random(),
            error_code: if version >= 7 { self.0.random() } else { 0 },
            session_id: if version >= 7 { self.0.random() } else { 0 },
            responses: self.many(|random| {
                let (topic, topic_id) = random.name_and_id(version);
                let partitions = random.many(|random| random.fetched_partition(version));
                FetchableTopicResponse { topic, topic_id, partitions }
            }),
            node_endpoints: if version >= 16 { self.many(Self::endpoint) } else { Vec::new() },
        }
    }

    fn fetched_partition(&mut self, version: i16) -> PartitionData<Bytes> {
        let end = |random: &mut Self| fetch::EpochEndOffset { epoch: random.0.random(), end_offset: random.0.random() };
        let aborted = |random: &mut Self| fetch::AbortedTransaction {
            producer_id: random.0.random(),
            first_offset: random.0.random(),
        };
        PartitionData {
            partition_index: self.0.random(),
            error_code: self.0.random(),
            high_watermark: self.0.random(),
            last_stable_offset: self.0.random(),
            log_start_offset: self.0.random(),
            diverging_epoch: if version >= 12 { self.maybe(end) } else { None },
            current_leader: if version >= 12 { self.maybe(Self::leader) } else { None },
            aborted_transactions: self.maybe(|random| random.many(aborted)),
            preferred_read_replica: if version >= 11 { self.0.random() } else { -1 },
            records: if self.0.random() { self.bytes() } else { Bytes::new() },
        }
    }
}

#[test]
fn produce_responses_are_written_as_kafka_protocol_writes_them() {
    let mut random = Random(seeded());
    for version in 3..=13 {
        for _ in 0..ROUNDS {
            let response = random.produce_response(version);
            let mut found = BytesMut::new();
            response.encode(version, &mut found).expect("encodes");
            assert_eq!(found, kafka_bytes(&kafka_produce_response(&response), version), "v{version}: {response:?}");
        }
    }
}

#[test]
fn fetch_responses_are_written_as_kafka_protocol_writes_them() {
    let mut random = Random(seeded());
    for version in 4..=18 {
        for _ in 0..ROUNDS {
            let response = random.fetch_response(version);
            let expected = kafka_bytes(&kafka_fetch_response(&response), version);
            assert_eq!(whole(response.clone(), version), expected, "v{version}: {response:?}");
        }
    }
}

/// The response in one piece.
fn whole(response: FetchResponse<Bytes>, version: i16) -> BytesMut {
    let mut out = BytesMut::new();
    let records = response.encode(version, &mut out).expect("encodes");
    let (mut found, mut from) = (BytesMut::new(), 0);
    for (at, records) in records {
        found.extend_from_slice(&out[from..at]);
        found.extend_from_slice(&records);
        from = at;
    }
    found.extend_from_slice(&out[from..]);
    found
}

fn kafka_bytes(response: &impl Encodable, version: i16) -> BytesMut {
    let mut out = BytesMut::new();
    response.encode(&mut out, version).expect("kafka-protocol encodes");
    out
}

/// Both modules of `kafka-protocol` have such types, and ours are shared.
macro_rules! kafka_leaders {
    ($module:ident, $leader:ident, $endpoints:ident) => {
        fn $leader(leader: Option<LeaderIdAndEpoch>) -> $module::LeaderIdAndEpoch {
            leader.map_or_else(Default::default, |leader| {
                $module::LeaderIdAndEpoch::default()
                    .with_leader_id(BrokerId(leader.leader_id))
                    .with_leader_epoch(leader.leader_epoch)
            })
        }

        fn $endpoints(endpoints: &[NodeEndpoint]) -> Vec<$module::NodeEndpoint> {
            let one = |endpoint: &NodeEndpoint| {
                $module::NodeEndpoint::default()
                    .with_node_id(BrokerId(endpoint.node_id))
                    .with_host(endpoint.host.clone())
                    .with_port(endpoint.port)
                    .with_rack(endpoint.rack.clone())
            };
            endpoints.iter().map(one).collect()
        }
    };
}

kafka_leaders!(produce_response, produce_leader, produce_endpoints);
kafka_leaders!(fetch_response, fetch_leader, fetch_endpoints);

fn kafka_produce_response(response: &ProduceResponse) -> kafka::ProduceResponse {
    let topic = |topic: &TopicProduceResponse| {
        produce_response::TopicProduceResponse::default()
            .with_name(TopicName(topic.name.clone()))
            .with_topic_id(topic.topic_id)
            .with_partition_responses(topic.partition_responses.iter().map(kafka_produced_partition).collect())
    };
    kafka::ProduceResponse::default()
        .with_responses(response.responses.iter().map(topic).collect())
        .with_throttle_time_ms(response.throttle_time_ms)
        .with_node_endpoints(produce_endpoints(&response.node_endpoints))
}

fn kafka_produced_partition(partition: &PartitionProduceResponse) -> produce_response::PartitionProduceResponse {
    let record_error = |error: &produce::BatchIndexAndErrorMessage| {
        produce_response::BatchIndexAndErrorMessage::default()
            .with_batch_index(error.batch_index)
            .with_batch_index_error_message(error.batch_index_error_message.clone())
    };
    produce_response::PartitionProduceResponse::default()
        .with_index(partition.index)
        .with_error_code(partition.error_code)
        .with_base_offset(partition.base_offset)
        .with_log_append_time_ms(partition.log_append_time_ms)
        .with_log_start_offset(partition.log_start_offset)
        .with_record_errors(partition.record_errors.iter().map(record_error).collect())
        .with_error_message(partition.error_message.clone())
        .with_current_leader(produce_leader(partition.current_leader))
}

fn kafka_fetch_response(response: &FetchResponse<Bytes>) -> kafka::FetchResponse {
    let topic = |topic: &FetchableTopicResponse<Bytes>| {
        fetch_response::FetchableTopicResponse::default()
            .with_topic(TopicName(topic.topic.clone()))
            .with_topic_id(topic.topic_id)
            .with_partitions(topic.partitions.iter().map(kafka_fetched_partition).collect())
    };
    kafka::FetchResponse::default()
        .with_throttle_time_ms(response.throttle_time_ms)
        .with_error_code(response.error_code)
        .with_session_id(response.session_id)
        .with_responses(response.responses.iter().map(topic).collect())
        .with_node_endpoints(fetch_endpoints(&response.node_endpoints))
}

fn kafka_fetched_partition(partition: &PartitionData<Bytes>) -> fetch_response::PartitionData {
    let aborted = |aborted: &fetch::AbortedTransaction| {
        fetch_response::AbortedTransaction::default()
            .with_producer_id(ProducerId(aborted.producer_id))
            .with_first_offset(aborted.first_offset)
    };
    let end = partition.diverging_epoch.map_or_else(Default::default, |end| {
        fetch_response::EpochEndOffset::default().with_epoch(end.epoch).with_end_offset(end.end_offset)
    });
    let aborted = partition.aborted_transactions.as_ref().map(|all| all.iter().map(aborted).collect());
    fetch_response::PartitionData::default()
        .with_partition_index(partition.partition_index)
        .with_error_code(partition.error_code)
        .with_high_watermark(partition.high_watermark)
        .with_last_stable_offset(partition.last_stable_offset)
        .with_log_start_offset(partition.log_start_offset)
        .with_diverging_epoch(end)
        .with_current_leader(fetch_leader(partition.current_leader))
        .with_aborted_transactions(aborted)
        .with_preferred_read_replica(BrokerId(partition.preferred_read_replica))
        .with_records(Some(partition.records.clone()))
}
