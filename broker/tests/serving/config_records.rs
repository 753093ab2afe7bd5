//! Records of configuration, written as a plain producer writes them.

use compat_tests::wire::batch::BatchBuilder;
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Topic};
use kafka_protocol::messages::ProduceRequest;

use crate::support::now_ms;

pub const CONTROL: i32 = 0;
pub const CANARY: i32 = 1;
pub const INVALID_RECORD: i16 = 87;
const PRODUCE_VERSION: i16 = 13;

/// Writes one record; its error, and the reason.
pub fn write(client: &mut Connection, topic: &Topic, partition: i32, key: &str, value: Option<&str>) -> (i16, String) {
    let mut builder = BatchBuilder::new(now_ms());
    builder.push(Some(key.as_bytes()), value.map(str::as_bytes));
    send(client, topic, partition, &builder)
}

/// Writes a batch; its error, and the reason.
pub fn send(client: &mut Connection, topic: &Topic, partition: i32, builder: &BatchBuilder) -> (i16, String) {
    ProduceFrame::build(topic, ProduceHeader::default(), &[(partition, &builder.build())]).send(client).unwrap();
    let mut response = client.receive::<ProduceRequest>(PRODUCE_VERSION).unwrap();
    let answer = response.responses.remove(0).partition_responses.remove(0);
    (answer.error_code, answer.error_message.map(|text| text.to_string()).unwrap_or_default())
}
