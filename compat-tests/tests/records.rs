//! The golden files of records, checked against the classes of Apache Kafka that printed them.

use std::time::Duration;

use compat_tests::java::{self, Program};
use compat_tests::{maven, program};

const DEADLINE: Duration = Duration::from_secs(180);
const HEAP_MIB: u32 = 128;

#[test]
fn kafka_still_writes_the_group_records_that_ours_are_compared_with() {
    if !java::available() {
        return;
    }
    let golden = include_str!("../../protocol/tests/golden/group_records/kafka-4.4.0.txt");
    let printer = Program::compile("records", maven::KAFKA_44);
    let printed = program::run(printer.command("GroupRecords", HEAP_MIB), DEADLINE).expect_success().stdout;
    assert_eq!(printed, golden, "to accept: write the output to protocol/tests/golden/group_records/kafka-4.4.0.txt");
}
