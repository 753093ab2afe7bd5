//! The broker under load.
//!
//! What must always hold: a broker starts with an empty data folder on the same file system as the other's, with the
//! settings its makers ship, and both are gone when it is dropped.

use std::fmt;
use std::process::Command;

use crate::catena::Options;
use crate::java::Program;
use crate::wire::{Connection, Result};
use crate::{Broker, Catena, Kafka};

/// The Java options of Kafka's own start script (`kafka-server-start.sh`, `kafka-run-class.sh`).
const JAVA_OPTIONS: [&str; 8] = [
    "-Xmx1g",
    "-Xms1g",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];
/// What the shipped `server.properties` says beyond the defaults.
const KAFKA_SETTINGS: [(&str, &str); 2] = [("num.network.threads", "3"), ("num.io.threads", "8")];

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Apache Kafka 4.4.0.
    Kafka,
    /// This project.
    Catena,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kafka => "kafka",
            Self::Catena => "catena",
        })
    }
}

/// A running broker.
#[derive(Debug)]
pub enum Running {
    /// Apache Kafka in a Java virtual machine with its shipped options.
    Kafka(Kafka),
    /// Catena with its defaults, so with fsync.
    Catena(Catena),
}

impl Running {
    /// Starts a broker and waits until it is up.
    pub fn start(system: System) -> Self {
        match system {
            System::Kafka => Self::Kafka(Kafka::start_tuned(&KAFKA_SETTINGS, java)),
            System::Catena => Self::Catena(Catena::start(Options::new())),
        }
    }

    /// The process's id.
    pub fn pid(&mut self) -> u32 {
        match self {
            Self::Kafka(kafka) => kafka.process().id(),
            Self::Catena(catena) => catena.process().id(),
        }
    }

    /// A new connection to it.
    ///
    /// # Errors
    /// As `Connection::to`.
    pub fn connect(&self) -> Result<Connection> {
        match self {
            Self::Kafka(kafka) => Connection::to(kafka as &dyn Broker),
            Self::Catena(catena) => Connection::to(catena as &dyn Broker),
        }
    }
}

/// Kafka's command line.
fn java(program: &Program) -> Command {
    program.tuned(&JAVA_OPTIONS, "kafka.Kafka")
}
