//! Client libraries of other languages as programs with the same commands and the same lines (see `python/client.py`):
//! what they see on Catena is what they see on Apache Kafka, and what the test says they must see.

pub mod basics;
pub mod group;
pub mod kept;
mod member;
pub mod package_index;

use std::process::Command;
use std::sync::OnceLock;

use crate::catena::Options;
use crate::java::{self, Program};
use crate::{Broker, Catena, Kafka, go, maven, node, python, runtime};

const JAVA_HEAP_MIB: u32 = 512;
const CLASSIC: &str = "classic";
const CONSUMER: &str = "consumer";
const MEMBER_HEAP_MIB: u32 = 64;

/// The same for both brokers: groups settle at once and soon notice a dead member, and records of 2023 are not too old.
const SETTINGS: [(&str, &str); 8] = [
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("group.consumer.assignment.interval.ms", "0"),
    ("group.consumer.heartbeat.interval.ms", "200"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    ("group.consumer.session.timeout.ms", "3000"),
    ("group.consumer.min.session.timeout.ms", "1000"),
    ("log.retention.ms", "-1"),
];

/// One client library.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name, also the beginning of the names of its topics.
    pub name: &'static str,
    /// Whether it can send headers without a value.
    pub null_headers: bool,
    /// What the broker calls the type of its groups.
    pub group_type: &'static str,
    available: fn() -> bool,
    command: fn() -> Command,
}

/// librdkafka, through confluent-kafka for Python.
pub const LIBRDKAFKA: Family = Family {
    name: "librdkafka",
    null_headers: true,
    group_type: CLASSIC,
    available: python::available,
    command: || python("librdkafka"),
};

/// kafka-python.
pub const KAFKA_PYTHON: Family = Family {
    name: "kafka-python",
    null_headers: false,
    group_type: CLASSIC,
    available: python::available,
    command: || python("kafka_python"),
};

/// franz-go.
pub const FRANZ_GO: Family = Family {
    name: "franz-go",
    null_headers: true,
    group_type: CLASSIC,
    available: go::available,
    command: go::command,
};

/// kafkajs.
pub const KAFKAJS: Family = Family {
    name: "kafkajs",
    null_headers: false,
    group_type: CLASSIC,
    available: node::available,
    command: || node::command("client.js"),
};

/// The Java client, which has the commands for real data only.
pub const JAVA: Family = Family {
    name: "java",
    null_headers: true,
    group_type: CLASSIC,
    available: java::available,
    command: || Program::compile("realdata", maven::KAFKA_44).command("RealData", JAVA_HEAP_MIB),
};

/// Members of groups that the broker assigns (KIP-848), of three libraries. kafka-python and kafkajs have classic groups only.
pub mod consumer_protocol {
    use super::*;

    /// librdkafka.
    pub const LIBRDKAFKA: Family = Family {
        name: "librdkafka-848",
        group_type: CONSUMER,
        command: || by_the_protocol(python("librdkafka")),
        ..super::LIBRDKAFKA
    };

    /// franz-go.
    pub const FRANZ_GO: Family = Family {
        name: "franz-go-848",
        group_type: CONSUMER,
        command: || by_the_protocol(go::command()),
        ..super::FRANZ_GO
    };

    /// The Java client; the only one that can hold (see `java/members`).
    pub const JAVA: Family = Family {
        name: "java-848",
        group_type: CONSUMER,
        command: || {
            Program::compile_together(&["clients", "members"], maven::KAFKA_44).command("Members", MEMBER_HEAP_MIB)
        },
        ..super::JAVA
    };

    fn by_the_protocol(mut command: Command) -> Command {
        command.env("GROUP_PROTOCOL", "consumer");
        command
    }
}

fn python(module: &str) -> Command {
    let mut command = python::command("client.py");
    command.arg(module);
    command
}

impl Family {
    /// Whether its language is there; see [`runtime::available`].
    pub fn available(&self) -> bool {
        (self.available)()
    }

    /// The program with its command and the broker; add the other arguments, then run it.
    pub fn command(&self, name: &str, broker: &dyn Broker) -> Command {
        let mut command = (self.command)();
        command.arg(name).arg(broker.bootstrap());
        command
    }
}

/// Runs `scenario` on Apache Kafka, where Java is there, and on a fresh Catena, and compares what they return.
fn on_both<T: PartialEq + std::fmt::Debug>(scenario: impl Fn(&dyn Broker) -> T) {
    let on_kafka = runtime::available(&["java", "mvn"]).then(|| scenario(kafka()));
    let on_catena = scenario(&catena());
    assert_eq!(on_kafka.as_ref().unwrap_or(&on_catena), &on_catena, "Kafka's is the left one");
}

fn catena() -> Catena {
    catena_with(&[])
}

fn catena_with(settings: &[(&str, &str)]) -> Catena {
    let set = |options: Options, (name, value): &(&str, &str)| options.set(name, value);
    Catena::start(SETTINGS.iter().chain(settings).fold(Options::new(), set))
}

fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| Kafka::start(&SETTINGS))
}
