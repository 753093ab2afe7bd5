//! Frames that are none, and requests that nobody knows. The same on Apache Kafka.

use std::time::Instant;

use compat_tests::catena::Options;
use compat_tests::wire::{Connection, Topic};
use compat_tests::{Broker, Catena, Kafka, java};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest};
use kafka_protocol::protocol::{Decodable, Request};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::{SOON, memory_bytes, others_are_served};

const UNSUPPORTED_VERSION: i16 = 35;
/// `socket.request.max.bytes`.
const FRAME_MAX: i32 = 100 * 1024 * 1024;
/// One more than any API has.
const UNKNOWN_API: i16 = 1_000;

#[test]
fn kafka_closes_connections_with_impossible_frames_and_unknown_requests() {
    if java::available() {
        exercise(Kafka::shared());
    }
}

#[test]
fn catena_closes_connections_with_impossible_frames_and_unknown_requests() {
    let mut broker = Catena::start(Options::new());
    let topic = topic(&broker);
    let before = memory_bytes(&mut broker);
    exercise(&broker);
    others_are_served(&broker, &topic);
    let grown = memory_bytes(&mut broker).saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more memory after frames that only claimed their length");
}

fn exercise(broker: &dyn Broker) {
    for length in [i32::MAX, FRAME_MAX + 1, -1, i32::MIN, 0] {
        let frame = [&length.to_be_bytes()[..], b"some bytes of it"].concat();
        assert!(is_closed_after(broker, &frame), "{}: a frame length of {length}", broker.name());
    }
    let unknown: [(i16, i16); 6] =
        [(UNKNOWN_API, 0), (-1, 0), (MetadataRequest::KEY, -1), (MetadataRequest::KEY, 99), (0, 2), (1, 3)];
    for (key, version) in unknown {
        let frame = request(key, version, b"body");
        assert!(is_closed_after(broker, &frame), "{}: API {key} v{version}", broker.name());
    }
    for body in [&b""[..], b"\x7f\xff\xff\xff", b"\x7f\xff\xff\xff\xb6", b"\0\0\0\x01\0\x05abc"] {
        let frame = request(MetadataRequest::KEY, 1, body);
        assert!(is_closed_after(broker, &frame), "{}: Metadata v1 with the body {body:?}", broker.name());
    }
    a_request_before_a_bad_frame_is_answered(broker);
    api_versions_of_the_future_get_the_table_in_version_0(broker);
}

fn is_closed_after(broker: &dyn Broker, frame: &[u8]) -> bool {
    let mut connection = Connection::to(broker).unwrap();
    connection.send_bytes(frame).unwrap();
    connection.is_closed_by(Instant::now() + SOON)
}

fn a_request_before_a_bad_frame_is_answered(broker: &dyn Broker) {
    let mut connection = Connection::to(broker).unwrap();
    connection.api_versions().unwrap();
    connection.send_bytes(&(-1i32).to_be_bytes()).unwrap();
    assert!(connection.is_closed_by(Instant::now() + SOON));
}

fn api_versions_of_the_future_get_the_table_in_version_0(broker: &dyn Broker) {
    let mut connection = Connection::to(broker).unwrap();
    connection.send_bytes(&request(ApiVersionsRequest::KEY, 99, b"\0\x05name")).unwrap();
    let mut frame = connection.receive_frame().unwrap();
    assert_eq!(frame.split_to(4)[..], 77i32.to_be_bytes());
    let response = ApiVersionsResponse::decode(&mut frame, 0).unwrap();
    assert!(frame.is_empty());
    assert_eq!(response.error_code, UNSUPPORTED_VERSION, "{}", broker.name());
    let row = response.api_keys.iter().find(|row| row.api_key == ApiVersionsRequest::KEY).unwrap();
    assert_eq!((row.min_version, row.max_version >= 4), (0, true), "{}", broker.name());
    // The connection lives on.
    connection.send_bytes(&request(ApiVersionsRequest::KEY, 0, b"")).unwrap();
    assert_eq!(connection.receive_frame().unwrap()[..6], [0, 0, 0, 77, 0, 0]);
}

#[test]
fn garbage_ends_connections_and_nothing_else() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let broker = Catena::start(Options::new());
    let topic = topic(&broker);
    let table = Connection::to(&broker).unwrap().api_versions().unwrap().api_keys;
    for row in table.iter().cycle().take(2_000) {
        let version = random.random_range(row.min_version..=row.max_version);
        let body: Vec<u8> =
            (0..random.random_range(0..60)).map(|_| random.random::<u8>() & random.random::<u8>()).collect();
        let mut connection = Connection::to(&broker).unwrap();
        connection.send_bytes(&request(row.api_key, version, &body)).unwrap();
        connection.stream().shutdown(std::net::Shutdown::Write).unwrap();
        assert!(connection.is_closed_by(Instant::now() + SOON), "API {} v{version}, body {body:?}", row.api_key);
    }
    for _ in 0..500 {
        let bytes: Vec<u8> = (0..random.random_range(0..200)).map(|_| random.random()).collect();
        let mut connection = Connection::to(&broker).unwrap();
        connection.send_bytes(&[&(bytes.len() as i32).to_be_bytes(), &bytes[..]].concat()).unwrap();
        connection.stream().shutdown(std::net::Shutdown::Write).unwrap();
        assert!(connection.is_closed_by(Instant::now() + SOON), "{bytes:?}");
    }
    others_are_served(&broker, &topic);
}

fn topic(broker: &Catena) -> Topic {
    Connection::to(broker).unwrap().create_topic("edge", 1, &[]).unwrap()
}

/// A frame with header v1 (no client id), correlation id 77 and any body.
fn request(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = (10 + body.len() as i32).to_be_bytes().to_vec();
    frame.extend_from_slice(&key.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&77i32.to_be_bytes());
    frame.extend_from_slice(&(-1i16).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}
