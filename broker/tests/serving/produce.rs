//! Produce, and the producer ids for it.

use std::time::Duration;

use bytes::Bytes;
use compat_tests::wire::batch::{BatchBuilder, NO_PRODUCER, Producer, seal};
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Topic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::support::{Running, SOON, batch, batch_of, eventually, now_ms};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const CORRUPT_MESSAGE: i16 = 2;
const MESSAGE_TOO_LARGE: i16 = 10;
const INVALID_TOPIC: i16 = 17;
const INVALID_REQUIRED_ACKS: i16 = 21;
const INVALID_TIMESTAMP: i16 = 32;
const INVALID_REQUEST: i16 = 42;
const OUT_OF_ORDER_SEQUENCE: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const INVALID_TXN_STATE: i16 = 48;
const INVALID_RECORD: i16 = 87;
const UNKNOWN_TOPIC_ID: i16 = 100;

fn send(client: &mut Connection, topic: &Topic, acks: i16, batch: &[u8]) {
    let header = ProduceHeader { acks, ..ProduceHeader::default() };
    ProduceFrame::build(topic, header, &[(0, batch)]).send(client).unwrap();
}

#[test]
fn offsets_go_on_where_the_last_batch_ended_whatever_the_acks() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    let three = batch(3, now_ms(), 10);
    for (acks, base_offset) in [(-1, 0), (1, 3), (-1, 6)] {
        send(&mut client, &topic, acks, &three);
        let answer = client.receive_produce().unwrap().pop().unwrap();
        assert_eq!((answer.error_code, answer.base_offset), (0, base_offset), "acks {acks}");
    }
    assert_eq!(client.read_partition(&topic, 0, 0).unwrap().len(), 3);
}

#[test]
fn acks_0_is_never_answered_and_its_errors_close_the_connection() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    send(&mut client, &topic, 0, &batch(3, now_ms(), 10));
    // The correlation id of the next answer shows that none came before it; `receive` counts answers.
    client.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(client.receive_frame().is_err());
    let mut other = running.connect();
    eventually("the batch is there", || other.end_offsets(&topic, &[0]).unwrap() == [3]);

    send(&mut client, &topic, 0, b"no batch");
    assert!(client.is_closed_by(std::time::Instant::now() + SOON));
}

#[test]
fn what_is_wrong_with_a_request_is_said_with_kafkas_codes() {
    let running = Running::start_with(&["message.max.bytes=1000"]);
    let topic = running.topic("t", 1);
    let internal = running.topic("__consumer_offsets", 1);
    let mut client = running.connect();
    let good = batch(1, now_ms(), 10);
    let mut broken = good.clone();
    *broken.last_mut().unwrap() ^= 1;
    let mut one = BatchBuilder::new(now_ms());
    one.push(None, Some(b"v"));
    let transactional = one.build_as(0b1_0000, &[0; 8], Producer { id: 1, epoch: 0 }, 0);
    let control = one.build_as(0b10_0000, &[0; 8], NO_PRODUCER, -1);
    let mut magic_1 = good.clone();
    magic_1[16] = 1;
    seal(&mut magic_1);
    let unknown = Topic { id: uuid::Uuid::from_u128(5), ..topic.clone() };
    for (what, topic, partition, batch, code) in [
        ("a partition that is not there", &topic, 1, &good, UNKNOWN_TOPIC_OR_PARTITION),
        ("a negative partition", &topic, -1, &good, UNKNOWN_TOPIC_OR_PARTITION),
        ("an unknown id", &unknown, 0, &good, UNKNOWN_TOPIC_ID),
        ("an internal topic", &internal, 0, &good, INVALID_TOPIC),
        ("a flipped bit", &topic, 0, &broken, CORRUPT_MESSAGE),
        ("too large", &topic, 0, &batch(1, now_ms(), 1000), MESSAGE_TOO_LARGE),
        ("two batches", &topic, 0, &[good.clone(), good.clone()].concat(), INVALID_RECORD),
        ("the far future", &topic, 0, &batch(1, now_ms() + 7_200_000, 10), INVALID_TIMESTAMP),
        ("a transaction", &topic, 0, &transactional, INVALID_TXN_STATE),
        ("a control batch", &topic, 0, &control, INVALID_RECORD),
        ("an old format", &topic, 0, &magic_1, INVALID_RECORD),
    ] {
        assert_eq!(client.try_produce(topic, partition, batch).unwrap().error_code, code, "{what}");
    }
    send(&mut client, &topic, 2, &good);
    assert_eq!(client.receive_produce().unwrap()[0].error_code, INVALID_REQUIRED_ACKS);
    assert_eq!(client.produce(&topic, 0, &good).unwrap(), 0, "nothing of all that was appended");
}

#[test]
fn a_batch_sent_twice_is_there_once_and_answered_alike() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    let producer = client.init_producer().unwrap();
    let mut answers = Vec::new();
    for sequence in [0, 2, 2, 0, 4] {
        answers.push(client.produce(&topic, 0, &batch_of(producer, sequence, 2)).unwrap());
    }
    assert_eq!(answers, [0, 2, 2, 0, 4]);
    assert_eq!(client.end_offsets(&topic, &[0]).unwrap(), [6]);
    assert_eq!(running.broker().metrics.produced_duplicates.get(), 2);
}

#[test]
fn a_producer_must_keep_its_sequence_and_its_epoch() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    let producer = client.init_producer().unwrap();
    let newer = Producer { epoch: producer.epoch + 1, ..producer };
    client.produce(&topic, 0, &batch_of(producer, 0, 2)).unwrap();
    let mut code =
        |producer, sequence| client.try_produce(&topic, 0, &batch_of(producer, sequence, 2)).unwrap().error_code;
    assert_eq!(code(producer, 3), OUT_OF_ORDER_SEQUENCE);
    assert_eq!(code(newer, 5), OUT_OF_ORDER_SEQUENCE);
    assert_eq!(code(newer, 0), 0);
    assert_eq!(code(producer, 2), INVALID_PRODUCER_EPOCH);
}

#[test]
fn a_duplicate_is_known_after_a_restart() {
    let mut running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    let producer = client.init_producer().unwrap();
    let batch = batch_of(producer, 0, 5);
    assert_eq!(client.produce(&topic, 0, &batch).unwrap(), 0);
    drop(client);
    running.restart();
    let mut client = running.connect();
    assert_eq!(client.produce(&topic, 0, &batch).unwrap(), 0);
    assert_eq!(client.produce(&topic, 0, &batch_of(producer, 5, 1)).unwrap(), 5);
    assert!(client.init_producer().unwrap().id > producer.id);
}

#[test]
fn many_requests_at_once_keep_their_order() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    let producer = client.init_producer().unwrap();
    for sequence in 0..200 {
        send(&mut client, &topic, -1, &batch_of(producer, sequence, 1));
    }
    for offset in 0..200 {
        let answer = client.receive_produce().unwrap().pop().unwrap();
        assert_eq!((answer.error_code, answer.base_offset), (0, offset));
    }
}

#[test]
fn older_versions_name_topics_and_are_understood() {
    let running = Running::start();
    running.topic("t", 1);
    let mut client = running.connect();
    let name = TopicName(StrBytes::from_static_str("t"));
    for (offset, version) in (3..=12).enumerate() {
        let partition = PartitionProduceData::default().with_records(Some(Bytes::from(batch(1, now_ms(), 10))));
        let topic = TopicProduceData::default().with_name(name.clone()).with_partition_data(vec![partition]);
        let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic]);
        let mut response = client.call(&request, version).unwrap();
        let topic = response.responses.pop().unwrap();
        assert_eq!(topic.name, name);
        let answer = &topic.partition_responses[0];
        assert_eq!((answer.error_code, answer.base_offset), (0, offset as i64), "version {version}");
    }
}

#[test]
fn log_append_time_is_told_and_set() {
    let running = Running::start();
    let topic = running.topic_with("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let mut client = running.connect();
    let before = now_ms();
    send(&mut client, &topic, -1, &batch(2, 1_000, 10));
    let response = client.receive::<ProduceRequest>(13).unwrap();
    let told = response.responses[0].partition_responses[0].log_append_time_ms;
    assert!((before..=now_ms()).contains(&told), "{told}");
    let found = client.read_partition(&topic, 0, 0).unwrap();
    assert!(found[0].crc_matches());
    assert_eq!(client.list_offsets(&topic, &[0], told).unwrap(), [0]);
}

#[test]
fn producer_ids_are_new_each_time_and_half_an_id_is_refused() {
    let running = Running::start();
    let mut client = running.connect();
    let first = client.init_producer().unwrap();
    assert!(first.id >= 0 && first.epoch == 0);
    assert_ne!(client.init_producer().unwrap().id, first.id);
    let asked = |id: i64, epoch| {
        let request = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1);
        request.with_producer_id(id.into()).with_producer_epoch(epoch)
    };
    for (id, epoch) in [(first.id, -1), (-1, 3)] {
        assert_eq!(client.call(&asked(id, epoch), 4).unwrap().error_code, INVALID_REQUEST);
    }
}
