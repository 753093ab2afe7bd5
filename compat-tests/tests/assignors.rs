//! The golden file of assignments, checked against the assignors of Apache Kafka that decided them.

use std::time::Duration;

use compat_tests::java::{self, Program};
use compat_tests::{maven, program};

const DEADLINE: Duration = Duration::from_secs(60);
const HEAP_MIB: u32 = 128;

#[test]
fn kafka_still_assigns_what_our_assignments_are_compared_with() {
    if !java::available() {
        return;
    }
    let golden = include_str!("../../broker/src/groups/modern/assignors/tests/kafka-4.4.0.jsonl");
    let printer = Program::compile("assignors", maven::KAFKA_44);
    let printed = program::run(printer.command("Assignors", HEAP_MIB), DEADLINE).expect_success().stdout;
    let accept = "to accept: write the output to broker/src/groups/modern/assignors/tests/kafka-4.4.0.jsonl";
    assert!(printed == golden, "{accept}");
}
