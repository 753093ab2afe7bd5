//! The golden file of deliveries, checked against the share partition of Apache Kafka that decided them.

use std::time::Duration;

use compat_tests::java::{self, Program};
use compat_tests::{maven, program};

const DEADLINE: Duration = Duration::from_secs(60);
const HEAP_MIB: u32 = 128;

#[test]
fn kafka_still_delivers_as_our_deliveries_are_compared_with() {
    if !java::available() {
        return;
    }
    let golden = include_str!("../../broker/src/sessions/deliveries/tests/kafka-4.4.0.txt");
    let printer = Program::compile("deliveries", maven::KAFKA_44);
    let printed = program::run(printer.command("kafka.server.share.Deliveries", HEAP_MIB), DEADLINE);
    let accept = "to accept: write the output to broker/src/sessions/deliveries/tests/kafka-4.4.0.txt";
    assert!(printed.expect_success().stdout == golden, "{accept}");
}
