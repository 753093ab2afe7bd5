//! The golden file of messages, checked against the classes of Apache Kafka that printed it.

use std::time::Duration;

use compat_tests::java::{self, Program};
use compat_tests::{maven, program};

const DEADLINE: Duration = Duration::from_secs(180);
const HEAP_MIB: u32 = 128;

#[test]
fn kafka_still_writes_the_messages_that_ours_are_compared_with() {
    if !java::available() {
        return;
    }
    let golden = include_str!("../../protocol/tests/golden/messages/kafka-4.4.0.txt");
    let printer = Program::compile("messages", maven::KAFKA_44);
    let printed = program::run(printer.command("Messages", HEAP_MIB), DEADLINE).expect_success().stdout;
    assert_eq!(printed, golden, "to accept: write the output to protocol/tests/golden/messages/kafka-4.4.0.txt");
}
