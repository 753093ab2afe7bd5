//! The broker's own tuning through its own canary: how the storage commits and reads, under real clients.

use compat_tests::played;
use compat_tests::{java, python};
use serde_json::json;

use crate::harmful::{Starved, a_value_that_starves_readers_is_rejected};
use crate::load::{Load, no_errors};
use crate::stage::{Stage, measured_by, rollout};
use crate::story;

const PARTITIONS: i32 = 12;
/// So much has each reader to read that one with the smallest reads does not come to the end before the verdict.
const BACKLOG: usize = 6_000;

/// Partitions that are synced by themselves beside others that go through the journal, and the broker dies in the middle: Java's consumer gets each
/// record that Java's producers sent, once and in order, and no client of either arm is told of an error.
#[test]
fn another_way_to_commit_is_approved_under_clients_of_librdkafka_and_java() {
    played(|| {
        if !python::available() || !java::available() {
            return;
        }
        let mut stage = Stage::start(&[]);
        for topic in ["orders", "ledger"] {
            stage.connect().create_topic(topic, PARTITIONS, &[]).unwrap();
        }
        let librdkafka = Load::producers(&stage.broker, "orders", PARTITIONS, 200, 20);
        let java = Load::java_pairs(&stage.broker, "ledger", PARTITIONS, 200, 10);
        librdkafka.goes_on(0.0, PARTITIONS as usize);
        java.goes_on(0.0, PARTITIONS as usize + 1);
        let errors = json!([{"metric": "errors", "margin": 5}]);
        stage.write("direct", &measured_by(rollout("catena.commit.strategy", "direct", 40.0), &errors));
        let arm = stage.begun("direct");
        let tried = (0..PARTITIONS).filter(|partition| arm.has_partition("ledger", *partition)).count();
        assert!((1..PARTITIONS as usize).contains(&tried), "{tried} of Java's partitions");
        java.goes_on(1.0, PARTITIONS as usize + 1);
        stage.crash();
        let verdict = stage.decided("direct");
        assert_eq!(verdict["verdict"], "approved", "{verdict:#}");
        stage.forgotten("direct");
        assert_eq!(stage.described("catena.commit.strategy"), "direct");
        stage.crash();
        java.goes_on(0.5, PARTITIONS as usize + 1);
        librdkafka.goes_on(0.5, PARTITIONS as usize);
        no_errors(&librdkafka.finish());
        no_errors(&java.finish());
        story::check(&stage);
    });
}

#[test]
fn small_reads_from_the_disk_are_rejected_while_other_readers_read_as_much_as_before() {
    played(|| {
        a_value_that_starves_readers_is_rejected(&Starved {
            setting: "catena.cold.read.max.bytes",
            value: 4096,
            usual: "1048576",
            // Nobody reads what another one has brought into memory.
            of_its_own: true,
            records: BACKLOG,
        });
    });
}
