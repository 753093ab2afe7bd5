//! The raw client against both brokers: what the crash, edge and measuring programs take for granted.

use std::time::Duration;

use compat_tests::catena::Options;
use compat_tests::wire::batch::{BatchBuilder, NO_PRODUCER};
use compat_tests::wire::{Connection, FetchPlan, Group, ProduceFrame, ProduceHeader};
use compat_tests::{Broker, Catena, Kafka, java};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const COORDINATOR_WAIT: Duration = Duration::from_secs(60);

#[test]
fn kafka_answers_the_raw_client() {
    if java::available() {
        exercise(Kafka::shared());
    }
}

#[test]
fn catena_answers_the_raw_client() {
    exercise(&Catena::start(Options::new()));
}

fn exercise(broker: &dyn Broker) {
    let mut connection = Connection::to(broker).unwrap();
    assert!(connection.api_versions().unwrap().api_keys.len() > 20);
    pipelined_batches_are_stored_in_order(&mut connection);
    a_lost_batch_is_noticed_and_a_repeated_one_is_not_stored_twice(&mut connection);
    a_member_joins_commits_and_leaves(&mut connection);
    let missing = connection.topic("wire-missing").unwrap_err().to_string();
    assert_eq!(missing, format!("Metadata: error code {UNKNOWN_TOPIC_OR_PARTITION}"));
}

fn pipelined_batches_are_stored_in_order(connection: &mut Connection) {
    let topic = connection.create_topic("wire-pipelined", 2, &[]).unwrap();
    for number in 0..20u8 {
        let batch = one(&[number]).build();
        ProduceFrame::build(&topic, ProduceHeader::default(), &[(0, &batch), (1, &batch)]).send(connection).unwrap();
    }
    for number in 0..20 {
        let answers = connection.receive_produce().unwrap();
        assert!(answers.iter().all(|a| a.error_code == 0 && a.base_offset == number), "{answers:?}");
    }
    assert_eq!(connection.end_offsets(&topic, &[1, 0]).unwrap(), [20, 20]);
    let read = connection.read_partition(&topic, 1, 0).unwrap();
    let values: Vec<u8> = read.iter().flat_map(|b| b.records().unwrap()).map(|r| r.value.unwrap()[0]).collect();
    assert_eq!(values, (0..20).collect::<Vec<u8>>());
    let mut behind = FetchPlan { positions: vec![(0, 15)], ..FetchPlan::new(&topic, &[]) };
    assert_eq!(connection.fetch(&mut behind).unwrap().partitions[0].batches()[0].base_offset, 15);
    assert_eq!(behind.positions, [(0, 20)]);
}

fn a_lost_batch_is_noticed_and_a_repeated_one_is_not_stored_twice(connection: &mut Connection) {
    let topic = connection.create_topic("wire-idempotent", 1, &[]).unwrap();
    let producer = connection.init_producer().unwrap();
    assert_ne!(producer, NO_PRODUCER);
    let (first, second) = (one(b"a").build_for(producer, 0), one(b"b").build_for(producer, 1));
    assert_eq!(connection.produce(&topic, 0, &first).unwrap(), 0);
    assert_eq!(connection.produce(&topic, 0, &second).unwrap(), 1);
    assert_eq!(connection.produce(&topic, 0, &first).unwrap(), 0, "a duplicate is answered with its first offset");
    let gap = one(b"d").build_for(producer, 3);
    assert_eq!(connection.try_produce(&topic, 0, &gap).unwrap().error_code, OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(connection.end_offsets(&topic, &[0]).unwrap(), [2]);
}

fn a_member_joins_commits_and_leaves(connection: &mut Connection) {
    let topic = connection.create_topic("wire-group", 2, &[]).unwrap();
    let group = Group::new("wire-group");
    let me = group.join(connection, "", COORDINATOR_WAIT).unwrap();
    assert!(me.is_leader);
    assert_eq!(me.members, [me.member_id.as_str()]);
    assert_eq!(group.sync(connection, &me, &[(&me.member_id, b"mine")]).unwrap(), b"mine");
    assert_eq!(group.heartbeat(connection, &me).unwrap(), 0);
    assert_eq!(group.commit(connection, &me, &topic, &[(1, 42)]).unwrap(), 0);
    assert_eq!(group.committed(connection, &topic, &[0, 1]).unwrap(), Ok(vec![-1, 42]));
    group.leave(connection, &me).unwrap();
    assert_ne!(group.heartbeat(connection, &me).unwrap(), 0);
}

fn one(value: &[u8]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(1_700_000_000_000);
    builder.push(None, Some(value));
    builder
}
