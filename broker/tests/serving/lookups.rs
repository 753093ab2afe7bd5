//! ListOffsets, OffsetForLeaderEpoch, Metadata, ApiVersions.

use compat_tests::wire::{Connection, Topic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, StrBytes};

use crate::support::{Running, batch};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC: i16 = 17;
const UNSUPPORTED_VERSION: i16 = 35;
const INVALID_REQUEST: i16 = 42;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const UNKNOWN_TOPIC_ID: i16 = 100;

fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

/// A broker whose topic has the timestamps 1000 to 1009 (offsets 0 to 9) and 5000 to 5009 (10 to 19).
fn with_two_batches() -> (Running, Topic, Connection) {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    for timestamp in [1000, 5000] {
        client.produce(&topic, 0, &batch(10, timestamp, 10)).unwrap();
    }
    (running, topic, client)
}

fn offset_at(client: &mut Connection, asked: ListOffsetsPartition, version: i16) -> (i16, i64, i64, i32) {
    let topic = ListOffsetsTopic::default().with_name(name("t")).with_partitions(vec![asked]);
    let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
    let response = client.call(&request, version).unwrap();
    let found = &response.topics[0].partitions[0];
    (found.error_code, found.offset, found.timestamp, found.leader_epoch)
}

fn at(timestamp: i64) -> ListOffsetsPartition {
    ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1)
}

#[test]
fn offsets_are_found_by_time_to_the_record() {
    let (running, _, mut client) = with_two_batches();
    let epoch = running.epoch();
    for (timestamp, expected) in [
        (0, (0, 0, 1000, epoch)),
        (1003, (0, 3, 1003, epoch)),
        (1010, (0, 10, 5000, epoch)),
        (5009, (0, 19, 5009, epoch)),
        (5010, (0, -1, -1, -1)),
    ] {
        assert_eq!(offset_at(&mut client, at(timestamp), 10), expected, "timestamp {timestamp}");
    }
}

#[test]
fn special_timestamps_stand_for_places_and_need_their_version() {
    let (running, _, mut client) = with_two_batches();
    let epoch = running.epoch();
    for (timestamp, version, expected) in [
        (-1, 1, (0, 20, -1, -1)),
        (-1, 10, (0, 20, -1, epoch)),
        (-2, 10, (0, 0, -1, epoch)),
        (-3, 7, (0, 19, 5009, epoch)),
        (-3, 6, (UNSUPPORTED_VERSION, -1, -1, -1)),
        (-4, 8, (0, 0, -1, epoch)),
        (-4, 7, (UNSUPPORTED_VERSION, -1, -1, -1)),
        (-5, 9, (0, -1, -1, -1)),
        (-5, 8, (UNSUPPORTED_VERSION, -1, -1, -1)),
        (-7, 10, (UNSUPPORTED_VERSION, -1, -1, -1)),
    ] {
        assert_eq!(offset_at(&mut client, at(timestamp), version), expected, "{timestamp} in version {version}");
    }
}

#[test]
fn offsets_are_refused_to_clients_with_another_epoch_or_partition() {
    let (mut running, ..) = with_two_batches();
    running.restart();
    let mut client = running.connect();
    let epoch = running.epoch();
    for (asked, code) in [
        (at(-1).with_current_leader_epoch(epoch - 1), FENCED_LEADER_EPOCH),
        (at(-1).with_current_leader_epoch(epoch + 1), UNKNOWN_LEADER_EPOCH),
        (at(-1).with_partition_index(1), UNKNOWN_TOPIC_OR_PARTITION),
        (at(-1).with_partition_index(-1), UNKNOWN_TOPIC_OR_PARTITION),
    ] {
        assert_eq!(offset_at(&mut client, asked.clone(), 10), (code, -1, -1, -1), "{asked:?}");
    }
}

#[test]
fn epochs_end_where_the_next_one_begins_also_after_restarts() {
    let (mut running, topic, client) = with_two_batches();
    let first = running.epoch();
    drop(client);
    running.restart();
    running.restart();
    let mut client = running.connect();
    client.produce(&topic, 0, &batch(1, 9000, 10)).unwrap();
    let now = running.epoch();
    let mut end = |current: i32, epoch: i32| {
        let partition = OffsetForLeaderPartition::default().with_current_leader_epoch(current).with_leader_epoch(epoch);
        let topic = OffsetForLeaderTopic::default().with_topic(name("t")).with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
        let response = client.call(&request, 4).unwrap();
        let found = response.topics[0].partitions[0].clone();
        (found.error_code, found.leader_epoch, found.end_offset)
    };
    assert_eq!(end(-1, first), (0, first, 20));
    assert_eq!(end(-1, first + 1), (0, first, 20), "an epoch without records");
    assert_eq!(end(now, now), (0, now, 21));
    assert_eq!(end(-1, now + 1), (0, -1, -1));
    assert_eq!(end(-1, first - 1), (0, -1, -1));
    assert_eq!(end(first, first), (FENCED_LEADER_EPOCH, -1, -1));
}

fn topics(client: &mut Connection, request: &MetadataRequest, version: i16) -> Vec<(String, i16, usize)> {
    let response = client.call(request, version).unwrap();
    let told = |topic: &MetadataResponseTopic| {
        let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
        (name, topic.error_code, topic.partitions.len())
    };
    response.topics.iter().map(told).collect()
}

fn asking(names: &[&str]) -> MetadataRequest {
    let topics = names.iter().map(|text| MetadataRequestTopic::default().with_name(Some(name(text)))).collect();
    MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(true)
}

#[test]
fn all_topics_some_topics_or_none_are_described() {
    let running = Running::start();
    running.topic("a", 2);
    running.topic("b", 1);
    let mut client = running.connect();
    let both = [("a".to_owned(), 0, 2), ("b".to_owned(), 0, 1)];
    for version in 0..=13 {
        let all = if version == 0 { asking(&[]) } else { MetadataRequest::default().with_topics(None) };
        let mut found = topics(&mut client, &all, version);
        found.sort();
        assert_eq!(found, both, "version {version}");
        assert_eq!(topics(&mut client, &asking(&["b", "b"]), version), both[1..]);
        if version > 0 {
            assert_eq!(topics(&mut client, &asking(&[]), version), []);
        }
    }
}

#[test]
fn the_broker_tells_its_real_address_and_cluster() {
    let running = Running::start_with(&["node.id=7", "broker.rack=r1"]);
    let topic = running.topic("a", 1);
    let response = running.connect().metadata(Some("a")).unwrap();
    let broker = &response.brokers[0];
    assert_eq!((broker.node_id.0, &*broker.host, broker.port), (7, "127.0.0.1", i32::from(running.address().port())));
    assert_eq!(broker.rack.as_deref(), Some("r1"));
    assert_eq!((response.controller_id.0, response.cluster_id.unwrap().len()), (7, 22));
    let found = &response.topics[0];
    assert_eq!((found.topic_id, found.is_internal), (topic.id, false));
    let partition = &found.partitions[0];
    assert_eq!((partition.leader_id.0, partition.leader_epoch), (7, running.epoch()));
    assert_eq!(
        (partition.replica_nodes.as_slice(), partition.isr_nodes.as_slice()),
        (&[7.into()][..], &[7.into()][..])
    );
}

#[test]
fn topics_are_created_when_asked_for_and_both_sides_want_it() {
    let running = Running::start_with(&["num.partitions=3"]);
    let mut client = running.connect();
    let forbidding = asking(&["new"]).with_allow_auto_topic_creation(false);
    assert_eq!(topics(&mut client, &forbidding, 9), [("new".to_owned(), UNKNOWN_TOPIC_OR_PARTITION, 0)]);
    assert_eq!(topics(&mut client, &asking(&["new"]), 9), [("new".to_owned(), 0, 3)]);
    assert_eq!(topics(&mut client, &asking(&["old client"; 1]), 3)[0].1, INVALID_TOPIC);
    assert_eq!(topics(&mut client, &asking(&["old"]), 3), [("old".to_owned(), 0, 3)]);
    for bad in ["", ".", "..", "a b", "ä", &"x".repeat(250)] {
        assert_eq!(topics(&mut client, &asking(&[bad]), 9), [(bad.to_owned(), INVALID_TOPIC, 0)], "{bad}");
    }

    let running = Running::start_with(&["auto.create.topics.enable=false"]);
    let expected = [("new".to_owned(), UNKNOWN_TOPIC_OR_PARTITION, 0)];
    assert_eq!(topics(&mut running.connect(), &asking(&["new"]), 9), expected);
}

#[test]
fn topics_are_found_by_id_since_version_12() {
    let running = Running::start();
    let topic = running.topic("a", 1);
    let mut client = running.connect();
    let by_id = |id| {
        let topic = MetadataRequestTopic::default().with_name(None).with_topic_id(id);
        MetadataRequest::default().with_topics(Some(vec![topic]))
    };
    assert_eq!(topics(&mut client, &by_id(topic.id), 12), [("a".to_owned(), 0, 1)]);
    let unknown = by_id(uuid::Uuid::from_u128(5));
    assert_eq!(topics(&mut client, &unknown, 12), [(String::new(), UNKNOWN_TOPIC_ID, 0)]);
    let mut early = asking(&["a"]);
    early.topics.iter_mut().flatten().for_each(|asked| asked.topic_id = topic.id);
    assert_eq!(client.call(&early, 11).unwrap().topics[0].error_code, INVALID_REQUEST);
}

#[test]
fn every_advertised_version_of_api_versions_is_answered_and_newer_ones_in_version_0() {
    let running = Running::start();
    let mut client = running.connect();
    let request = ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("test"))
        .with_client_software_version(StrBytes::from_static_str("1"));
    for version in 0..=4 {
        let response = client.call(&request, version).unwrap();
        assert_eq!(response.error_code, 0);
        let rows: Vec<_> =
            response.api_keys.iter().map(|row| (row.api_key, row.min_version, row.max_version)).collect();
        let expected: Vec<_> = running.broker().apis.iter().map(|row| (row.key, row.min, row.max)).collect();
        assert_eq!(rows, expected);
        if version >= 3 {
            assert_eq!(&*response.finalized_features[0].name, "metadata.version");
        }
    }
    let id = client.next_correlation_id();
    let mut frame = vec![0, 0, 0, 11, 0, 18, 0, 99];
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(&[0xff, 0xff, 0]);
    client.send_bytes(&frame).unwrap();
    let mut answer = client.receive_frame().unwrap().split_off(4);
    let response = ApiVersionsResponse::decode(&mut answer, 0).unwrap();
    assert_eq!(response.error_code, UNSUPPORTED_VERSION);
    assert!(response.api_keys.iter().any(|row| row.api_key == 18));

    let nameless = request.clone().with_client_software_name(StrBytes::from_static_str("-"));
    let mut client = running.connect();
    assert_eq!(client.call(&nameless, 3).unwrap().error_code, INVALID_REQUEST);
}
