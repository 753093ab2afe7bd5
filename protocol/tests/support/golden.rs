//! `golden/messages/kafka-4.4.0.txt`: bodies that Apache Kafka's own classes wrote, one per line with name and version.
#![allow(dead_code, reason = "each test program uses a part")]

use bytes::{Bytes, BytesMut};
use catena_protocol::message::{self, Request, Response};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

pub const TOPIC_ID: Uuid = Uuid::from_u128(0x0123456789abcdef_fedcba9876543210);

/// What Kafka wrote for `name`, by version.
pub fn golden(name: &str) -> Vec<(i16, Bytes)> {
    let lines = include_str!("../golden/messages/kafka-4.4.0.txt").lines();
    let fields = lines.map(|line| line.split(' ').collect::<Vec<_>>());
    let found: Vec<_> = fields.filter(|fields| fields[0] == name).map(|fields| parse(fields[1], fields[2])).collect();
    assert!(!found.is_empty(), "no {name} in the golden file");
    found
}

fn parse(version: &str, hex: &str) -> (i16, Bytes) {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (version.parse().expect("a version"), (0..hex.len()).step_by(2).map(byte).collect())
}

/// Each version of a request is read as `expected` says.
pub fn assert_read<T: Request + PartialEq + std::fmt::Debug>(name: &str, key: i16, expected: impl Fn(i16) -> T) {
    for (version, body) in golden(name) {
        let found: T = message::decode(key, version, body).unwrap_or_else(|error| panic!("{name} v{version}: {error}"));
        assert_eq!(found, expected(version), "{name} v{version}");
    }
}

/// Each version of a response is written as Kafka writes it.
pub fn assert_written<T: Response>(name: &str, response: impl Fn(i16) -> T) {
    for (version, expected) in golden(name) {
        let mut found = BytesMut::new();
        response(version).encode(version, &mut found).unwrap_or_else(|error| panic!("{name} v{version}: {error}"));
        assert_eq!(found, expected, "{name} v{version}");
    }
}

pub fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}
