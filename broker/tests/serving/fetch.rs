//! Fetch: what is given, when it is waited for, and sessions.

use std::time::{Duration, Instant};

use compat_tests::wire::{Connection, FetchPlan, Topic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::support::{Running, batch, eventually, now_ms};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const SESSION_ID_NOT_FOUND: i16 = 70;
const INVALID_SESSION_EPOCH: i16 = 71;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const UNKNOWN_TOPIC_ID: i16 = 100;
const SESSION_TOPIC_ID_ERROR: i16 = 106;

fn partition(index: i32, offset: i64) -> FetchPartition {
    FetchPartition::default()
        .with_partition(index)
        .with_fetch_offset(offset)
        .with_current_leader_epoch(-1)
        .with_last_fetched_epoch(-1)
        .with_partition_max_bytes(1 << 20)
}

fn request(topic: &Topic, partitions: Vec<FetchPartition>) -> FetchRequest {
    let topic = FetchTopic::default().with_topic_id(topic.id).with_topic(name(topic)).with_partitions(partitions);
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_bytes(50 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

fn name(topic: &Topic) -> TopicName {
    TopicName(StrBytes::from_string(topic.name.clone()))
}

fn partitions(response: FetchResponse) -> Vec<PartitionData> {
    response.responses.into_iter().flat_map(|topic| topic.partitions).collect()
}

fn bytes_of(data: &PartitionData) -> usize {
    data.records.as_ref().map_or(0, |records| records.len())
}

/// A broker, a topic of `count` partitions, each with `batches` batches of 10 records, and a client.
fn filled(count: u32, batches: usize) -> (Running, Topic, Connection) {
    let running = Running::start();
    let topic = running.topic("t", count);
    let mut client = running.connect();
    for partition in 0..count as i32 {
        for _ in 0..batches {
            client.produce(&topic, partition, &batch(10, now_ms(), 100)).unwrap();
        }
    }
    (running, topic, client)
}

#[test]
fn what_was_produced_is_fetched_byte_for_byte() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    let batch = batch(10, now_ms(), 100);
    client.produce(&topic, 0, &batch).unwrap();
    client.produce(&topic, 0, &batch).unwrap();
    let found = client.read_partition(&topic, 0, 0).unwrap();
    assert_eq!(found.iter().map(|view| view.base_offset).collect::<Vec<_>>(), [0, 10]);
    for view in found {
        assert_eq!(view.bytes[16..], batch[16..]);
        assert_eq!(view.leader_epoch, running.epoch());
    }
}

#[test]
fn an_offset_inside_a_batch_gives_the_whole_batch() {
    let (_running, topic, mut client) = filled(1, 3);
    let found = client.read_partition(&topic, 0, 15).unwrap();
    assert_eq!(found.iter().map(|view| view.base_offset).collect::<Vec<_>>(), [10, 20]);
}

#[test]
fn every_version_reads_the_same_records() {
    let (_running, topic, mut client) = filled(1, 1);
    let expected = client.read_partition(&topic, 0, 0).unwrap().pop().unwrap().bytes;
    for version in 4..=18 {
        let response = client.call(&request(&topic, vec![partition(0, 0)]), version).unwrap();
        assert_eq!(response.responses[0].topic.is_empty(), version >= 13);
        let data = partitions(response).pop().unwrap();
        assert_eq!((data.error_code, data.high_watermark, data.last_stable_offset), (0, 10, 10), "version {version}");
        assert_eq!(data.records.unwrap(), expected, "version {version}");
    }
}

#[test]
fn errors_are_kafkas_and_of_one_partition_each() {
    let (mut running, topic, client) = filled(1, 1);
    drop(client);
    running.restart();
    let mut client = running.connect();
    let epoch = running.epoch();
    let mut code = |topic: &Topic, partition: FetchPartition, version| {
        let data = partitions(client.call(&request(topic, vec![partition]), version).unwrap()).pop().unwrap();
        assert_eq!(bytes_of(&data), 0);
        data.error_code
    };
    for (asked, expected) in [
        (partition(0, 11), OFFSET_OUT_OF_RANGE),
        (partition(0, -1), OFFSET_OUT_OF_RANGE),
        (partition(0, 10), 0),
        (partition(1, 0), UNKNOWN_TOPIC_OR_PARTITION),
        (partition(-1, 0), UNKNOWN_TOPIC_OR_PARTITION),
        (partition(0, 0).with_current_leader_epoch(epoch - 1), FENCED_LEADER_EPOCH),
        (partition(0, 0).with_current_leader_epoch(epoch + 1), UNKNOWN_LEADER_EPOCH),
    ] {
        assert_eq!(code(&topic, asked.clone(), 13), expected, "{asked:?}");
    }
    let unknown = Topic { name: "u".into(), id: uuid::Uuid::from_u128(5), partitions: 1 };
    assert_eq!(code(&unknown, partition(0, 0), 13), UNKNOWN_TOPIC_ID);
    assert_eq!(code(&unknown, partition(0, 0), 12), UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn a_waiting_fetch_is_woken_by_a_record() {
    let running = Running::start();
    let topic = running.topic("t", 2);
    let (mut reader, mut writer) = (running.connect(), running.connect());
    let begun = Instant::now();
    reader.send_fetch(&FetchPlan { max_wait_ms: 50_000, ..FetchPlan::new(&topic, &[0, 1]) }).unwrap();
    eventually("it waits", || running.broker().metrics.fetches_waiting.get() == 1);
    writer.produce(&topic, 1, &batch(1, now_ms(), 10)).unwrap();
    let fetched = reader.receive_fetch().unwrap();
    assert_eq!(fetched.partitions.iter().map(|part| part.batches().len()).collect::<Vec<_>>(), [0, 1]);
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_fetch_waits_for_min_bytes_but_not_longer_than_it_may() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let (mut reader, mut writer) = (running.connect(), running.connect());
    let small = batch(1, now_ms(), 10);
    let plan = FetchPlan { max_wait_ms: 50_000, min_bytes: 2 * small.len() as i32, ..FetchPlan::new(&topic, &[0]) };
    reader.send_fetch(&plan).unwrap();
    writer.produce(&topic, 0, &small).unwrap();
    eventually("it waits", || running.broker().metrics.fetches_waiting.get() == 1);
    writer.produce(&topic, 0, &small).unwrap();
    assert_eq!(reader.receive_fetch().unwrap().partitions[0].batches().len(), 2);

    let begun = Instant::now();
    let mut patient = FetchPlan { max_wait_ms: 100, min_bytes: 1 << 20, ..FetchPlan::new(&topic, &[0]) };
    assert_eq!(reader.fetch(&mut patient).unwrap().partitions[0].batches().len(), 2);
    assert!(begun.elapsed() >= Duration::from_millis(100));
}

#[test]
fn limits_of_bytes_are_kept_but_the_first_batch_comes_whole() {
    let (_running, topic, mut client) = filled(3, 4);
    let size = client.read_partition(&topic, 0, 0).unwrap()[0].bytes.len();
    let mut sizes = |partition_max: usize, max: usize| {
        let asked = (0..3).map(|index| partition(index, 0).with_partition_max_bytes(partition_max as i32)).collect();
        let response = client.call(&request(&topic, asked).with_max_bytes(max as i32), 13).unwrap();
        partitions(response).iter().map(|data| bytes_of(data) / size).collect::<Vec<_>>()
    };
    assert_eq!(sizes(1 << 20, 1 << 20), [4, 4, 4]);
    assert_eq!(sizes(2 * size, 1 << 20), [2, 2, 2]);
    assert_eq!(sizes(1 << 20, 5 * size), [4, 1, 0]);
    assert_eq!(sizes(1, 1), [1, 0, 0]);
    assert_eq!(sizes(0, 0), [1, 0, 0]);
}

#[test]
fn a_session_tells_only_what_is_new() {
    let (running, topic, mut client) = filled(3, 1);
    let first = request(&topic, vec![partition(0, 0), partition(1, 10), partition(2, 10)]).with_session_epoch(0);
    let response = client.call(&first, 13).unwrap();
    let id = response.session_id;
    assert!(id > 0);
    assert_eq!(partitions(response).len(), 3);
    let next = |epoch, asked: Vec<FetchPartition>| {
        let mut request = request(&topic, asked).with_session_id(id).with_session_epoch(epoch);
        request.topics.retain(|topic| !topic.partitions.is_empty());
        request
    };
    let mut told = |request: &FetchRequest| -> Vec<(i32, i64)> {
        let response = client.call(request, 13).unwrap();
        assert_eq!((response.error_code, response.session_id), (0, id));
        partitions(response).iter().map(|data| (data.partition_index, data.high_watermark)).collect()
    };
    assert_eq!(told(&next(1, vec![partition(0, 10)])), [], "nothing is new");
    running.connect().produce(&topic, 2, &batch(1, now_ms(), 10)).unwrap();
    assert_eq!(told(&next(2, vec![])), [(2, 11)]);
    assert_eq!(told(&next(3, vec![partition(2, 11)])), []);
    running.connect().produce(&topic, 1, &batch(1, now_ms(), 10)).unwrap();
    let forgotten = ForgottenTopic::default().with_topic_id(topic.id).with_partitions(vec![1]);
    assert_eq!(told(&next(4, vec![]).with_forgotten_topics_data(vec![forgotten])), [], "it was forgotten");
    assert_eq!(running.broker().fetch_sessions.len(), 1);
}

#[test]
fn a_session_is_refused_to_those_who_do_not_know_it() {
    let (_running, topic, mut client) = filled(1, 1);
    let id = client.call(&request(&topic, vec![partition(0, 0)]).with_session_epoch(0), 13).unwrap().session_id;
    let mut code = |id, epoch, version| {
        let request = request(&topic, vec![]).with_session_id(id).with_session_epoch(epoch).with_topics(vec![]);
        client.call(&request, version).unwrap().error_code
    };
    assert_eq!(code(id ^ 1, 1, 13), SESSION_ID_NOT_FOUND);
    assert_eq!(code(id, 2, 13), INVALID_SESSION_EPOCH);
    assert_eq!(code(id, 1, 12), SESSION_TOPIC_ID_ERROR);
    assert_eq!(code(id, 1, 13), 0);
    assert_eq!(code(id, 1, 13), INVALID_SESSION_EPOCH);
    assert_eq!(code(id, -1, 13), 0);
    assert_eq!(code(id, 2, 13), SESSION_ID_NOT_FOUND);
}

#[test]
fn a_busy_partition_does_not_starve_the_others_of_a_session() {
    let (_running, topic, mut client) = filled(3, 2);
    let asked = vec![partition(0, 0), partition(1, 0), partition(2, 0)];
    let first = request(&topic, asked).with_session_epoch(0).with_max_bytes(1);
    let id = client.call(&first, 13).unwrap().session_id;
    let mut served = Vec::new();
    for epoch in 1..=3 {
        let next = request(&topic, vec![]).with_topics(vec![]).with_session_id(id).with_session_epoch(epoch);
        let data = partitions(client.call(&next.with_max_bytes(1), 13).unwrap());
        served.extend(data.iter().filter(|data| bytes_of(data) > 0).map(|data| data.partition_index));
    }
    served.sort_unstable();
    assert_eq!(served, [0, 1, 2]);
}

#[test]
fn a_waiting_fetch_hears_that_its_topic_is_deleted() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    client.send_fetch(&FetchPlan { max_wait_ms: 50_000, ..FetchPlan::new(&topic, &[0]) }).unwrap();
    eventually("it waits", || running.broker().metrics.fetches_waiting.get() == 1);
    running.broker().storage.delete_topics(&[topic.id]).pop().unwrap().unwrap();
    assert_eq!(client.receive_fetch().unwrap().partitions[0].error_code, UNKNOWN_TOPIC_ID);
}

#[test]
fn records_are_there_after_a_restart_under_the_epoch_of_their_time() {
    let (mut running, topic, mut client) = filled(1, 2);
    let before = running.epoch();
    drop(client);
    running.restart();
    client = running.connect();
    client.produce(&topic, 0, &batch(10, now_ms(), 100)).unwrap();
    let found = client.read_partition(&topic, 0, 0).unwrap();
    let epochs: Vec<_> = found.iter().map(|view| (view.base_offset, view.leader_epoch)).collect();
    assert_eq!(epochs, [(0, before), (10, before), (20, before + 1)]);
    assert!(found.iter().all(|view| view.crc_matches()));
}

#[test]
fn a_client_that_has_what_we_do_not_is_told_where_our_logs_part() {
    let (mut running, topic, client) = filled(1, 2);
    let before = running.epoch();
    drop(client);
    running.restart();
    let mut client = running.connect();
    client.produce(&topic, 0, &batch(10, now_ms(), 100)).unwrap();
    let asked = partition(0, 25).with_last_fetched_epoch(before).with_current_leader_epoch(before + 1);
    let data = partitions(client.call(&request(&topic, vec![asked]), 13).unwrap()).pop().unwrap();
    assert_eq!((data.error_code, data.diverging_epoch.epoch, data.diverging_epoch.end_offset), (0, before, 20));
}
