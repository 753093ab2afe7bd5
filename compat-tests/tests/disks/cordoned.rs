//! Directories that are cordoned (KIP-1066): an administrator sees the same on Catena as on Apache Kafka 4.4.0.

use std::path::Path;
use std::time::Duration;

use compat_tests::catena::Options;
use compat_tests::java::{self, Program};
use compat_tests::{Broker, Catena, Kafka, maven, program};

const HEAP_MIB: u32 = 128;
const DEADLINE: Duration = Duration::from_secs(300);
const NODE: &str = "1";
/// None, the second one, all; as values of `cordoned.log.dirs`, where `B` is the second directory.
const STATES: [(&str, &str); 3] = [("none", ""), ("second", "B"), ("both", "*")];

#[test]
fn cordoned_directories_get_nothing_new_and_keep_what_they_have() {
    if !java::available() {
        return;
    }
    let (kafka, catena) = (on_kafka(), on_catena());
    let lines = kafka.lines().zip(catena.lines());
    let different: Vec<_> = lines.filter(|(kafka, catena)| kafka != catena).collect();
    assert!(kafka == catena, "{different:#?}\n{kafka}\n{catena}");
}

/// Settings change while it runs.
fn on_kafka() -> String {
    let dirs = "{home}/data,{home}/more";
    let kafka = Kafka::start(&[("log.dirs", dirs)]);
    let dirs = ["data", "more"].map(|name| kafka.home().join(name));
    let in_state = |(state, cordoned): (&str, &str)| {
        let value = cordoned.replace('B', &dirs[1].display().to_string());
        survey(&kafka, &dirs, &[state, &value])
    };
    STATES.map(in_state).concat()
}

/// Settings change by a restart.
fn on_catena() -> String {
    let root = tempfile::tempdir().unwrap();
    let dirs = ["data", "more"].map(|name| root.path().join(name));
    let list = dirs.each_ref().map(|dir| dir.display().to_string()).join(",");
    let mut catena = Catena::start(Options::new().set("node.id", NODE).set("log.dirs", list));
    let in_state = |(state, cordoned): (&str, &str)| {
        if !cordoned.is_empty() {
            catena.terminate();
            let value = cordoned.replace('B', &dirs[1].display().to_string());
            catena.restart_with(|options| options.set("cordoned.log.dirs", value));
        }
        survey(&catena, &dirs, &[state])
    };
    STATES.map(in_state).concat()
}

/// What the administrator sees.
fn survey(broker: &dyn Broker, dirs: &[impl AsRef<Path>; 2], words: &[&str]) -> String {
    let mut command = Program::compile("disks", maven::KAFKA_44).command("Cordoned", HEAP_MIB);
    command.args([&broker.bootstrap(), NODE]).args(dirs.each_ref().map(|dir| dir.as_ref())).args(words);
    program::run(command, DEADLINE).expect_success().stdout
}
