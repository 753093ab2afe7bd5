//! Clients that do not read, or do not go on.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use compat_tests::Catena;
use compat_tests::catena::Options;
use compat_tests::wire::batch::{BatchBuilder, now_ms};
use compat_tests::wire::{Connection, FetchPlan, Topic};
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use kafka_protocol::protocol::Request;

use crate::{SOON, memory_bytes, others_are_served};

const SLOW_CLIENTS: usize = 20;
/// What the requests of each of them ask for is many times this.
const MEMORY_PER_CLIENT: usize = 3 << 20;
const STUCK: Duration = Duration::from_millis(300);

#[test]
fn clients_that_stop_reading_hold_no_memory_and_nobody_up() {
    let mut broker = Catena::start(Options::new());
    let mut connection = Connection::to(&broker).unwrap();
    let topic = connection.create_topic("unread", 1, &[]).unwrap();
    connection.create_topic("wide", 500, &[]).unwrap();
    fill(&mut connection, &topic);
    let before = memory_bytes(&mut broker);

    let mut slow: Vec<Connection> = (0..SLOW_CLIENTS).map(|_| Connection::to(&broker).unwrap()).collect();
    let (fetching, asking) = slow.split_at_mut(SLOW_CLIENTS / 2);
    fetching.iter_mut().for_each(|connection| send_until_stuck(connection, |c| c.send_fetch(&greedy(&topic))));
    asking.iter_mut().for_each(|connection| send_until_stuck(connection, |c| c.send(&everything(), 12)));

    others_are_served(&broker, &topic);
    let grown = memory_bytes(&mut broker).saturating_sub(before);
    println!("{SLOW_CLIENTS} clients that do not read: {} KiB more memory", grown / 1024);
    assert!(grown < SLOW_CLIENTS * MEMORY_PER_CLIENT, "{grown} bytes");

    // One that reads again gets everything it asked for and was there to take.
    let first = slow[0].receive_fetch().unwrap();
    assert_eq!(first.partitions[0].batches()[0].base_offset, 0);
}

/// 64 MiB of records.
fn fill(connection: &mut Connection, topic: &Topic) {
    let batch = BatchBuilder::new(now_ms()).push(None, Some(&vec![7; 1_000_000])).build();
    (0..64).for_each(|offset| assert_eq!(connection.produce(topic, 0, &batch).unwrap(), offset));
}

fn greedy(topic: &Topic) -> FetchPlan {
    FetchPlan { partition_max_bytes: 50 << 20, ..FetchPlan::new(topic, &[0]) }
}

fn everything() -> MetadataRequest {
    MetadataRequest::default().with_topics(None)
}

/// Sends until the broker has not taken anything for a while; at most 20,000 requests.
fn send_until_stuck(connection: &mut Connection, send: impl Fn(&mut Connection) -> std::io::Result<()>) {
    connection.stream().set_write_timeout(Some(STUCK)).unwrap();
    for _ in 0..20_000 {
        match send(connection) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn half_a_frame_and_silence_disturbs_nobody_and_the_other_half_is_answered() {
    let broker = Catena::start(Options::new());
    let topic = Connection::to(&broker).unwrap().create_topic("half", 1, &[]).unwrap();
    let frame = api_versions_v0(7);
    let (first, second) = frame.split_at(9);
    let mut silent: Vec<Connection> = (0..50).map(|_| Connection::to(&broker).unwrap()).collect();
    silent.iter_mut().for_each(|connection| connection.send_bytes(first).unwrap());
    others_are_served(&broker, &topic);
    for connection in &mut silent {
        connection.send_bytes(second).unwrap();
        assert_eq!(&connection.receive_frame().unwrap()[..6], [0, 0, 0, 7, 0, 0]);
    }
}

#[test]
fn a_connection_silent_for_connections_max_idle_ms_is_closed() {
    let broker = Catena::start(Options::new().set("connections.max.idle.ms", 700));
    let mut nothing = Connection::to(&broker).unwrap();
    let mut half = Connection::to(&broker).unwrap();
    let begin = Instant::now();
    half.send_bytes(&api_versions_v0(7)[..9]).unwrap();
    assert!(nothing.is_closed_by(begin + SOON) && half.is_closed_by(begin + SOON));
    assert!(begin.elapsed() >= Duration::from_millis(700), "{:?}", begin.elapsed());
}

#[test]
fn a_frame_in_pieces_of_one_byte_is_a_frame() {
    let broker = Catena::start(Options::new());
    let mut connection = Connection::to(&broker).unwrap();
    for byte in api_versions_v0(9) {
        connection.stream().write_all(&[byte]).unwrap();
    }
    assert_eq!(&connection.receive_frame().unwrap()[..6], [0, 0, 0, 9, 0, 0]);
}

/// The smallest request: header v1 without a client id, no body.
fn api_versions_v0(correlation_id: i32) -> Vec<u8> {
    let mut frame = 10i32.to_be_bytes().to_vec();
    frame.extend_from_slice(&ApiVersionsRequest::KEY.to_be_bytes());
    frame.extend_from_slice(&0i16.to_be_bytes());
    frame.extend_from_slice(&correlation_id.to_be_bytes());
    frame.extend_from_slice(&(-1i16).to_be_bytes());
    frame
}
