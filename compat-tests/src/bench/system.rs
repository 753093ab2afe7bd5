//! What is under load: a broker, or the ceiling program in its place.
//!
//! What must always hold: a broker starts with an empty data folder on the same file system as the other's, with the
//! settings its makers ship, and both are gone when it is dropped.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;
use uuid::Uuid;

use crate::catena::Options;
use crate::java::Program;
use crate::process::Process;
use crate::wire::{Connection, Result, Topic, invalid};
use crate::{Broker, Catena, Kafka, program};

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
/// Space for the log of a ceiling that writes twice: that of a few journal files.
const JOURNAL_BYTES: u64 = 256 << 20;
const CEILING_DEADLINE: Duration = Duration::from_secs(120);
const STOP_DEADLINE: Duration = Duration::from_secs(120);
const START_DEADLINE: Duration = Duration::from_secs(600);

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Apache Kafka 4.4.0.
    Kafka,
    /// This project.
    Catena,
    /// The ceiling program: every byte written once, into a log.
    Ceiling,
    /// The ceiling program that also writes a file for each partition.
    CeilingFiles,
}

impl System {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Kafka, Self::Catena, Self::Ceiling, Self::CeilingFiles];

    /// Whether it understands Kafka's protocol.
    pub fn is_broker(self) -> bool {
        matches!(self, Self::Kafka | Self::Catena)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kafka => "kafka",
            Self::Catena => "catena",
            Self::Ceiling => "ceiling",
            Self::CeilingFiles => "ceiling-files",
        })
    }
}

/// What the ceiling program has to know of a load.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Bytes that are kept.
    pub bytes: u64,
    /// Partitions.
    pub partitions: i32,
    /// Batches in a request.
    pub batches_per_request: usize,
}

/// A running program.
#[derive(Debug)]
pub struct Running {
    subject: Subject,
    pid: u32,
}

#[derive(Debug)]
enum Subject {
    Kafka(Kafka),
    Catena(Catena),
    Ceiling { process: Process, port: u16, home: TempDir },
}

impl Running {
    /// Starts `system` and waits until it is up. Brokers run with what they ship: Catena with fsync, Kafka without.
    pub fn start(system: System, load: Load) -> Self {
        let mut subject = match system {
            System::Kafka => Subject::Kafka(Kafka::start_tuned(&KAFKA_SETTINGS, java)),
            System::Catena => Subject::Catena(Catena::start(Options::new())),
            System::Ceiling => start_ceiling(&[load.bytes.to_string()]),
            System::CeilingFiles => {
                let numbers = [JOURNAL_BYTES, load.partitions as u64, load.batches_per_request as u64];
                start_ceiling(&numbers.map(|number| number.to_string()))
            }
        };
        let pid = subject.process().id();
        Self { subject, pid }
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where it keeps its data.
    pub fn data(&self) -> PathBuf {
        match &self.subject {
            Subject::Kafka(kafka) => kafka.data(),
            Subject::Catena(catena) => catena.data(),
            Subject::Ceiling { home, .. } => home.path().to_owned(),
        }
    }

    /// Whether an answer speaks of every batch of its request.
    pub fn names_batches(&self) -> bool {
        !matches!(self.subject, Subject::Ceiling { .. })
    }

    /// A new connection to it.
    ///
    /// # Errors
    /// As `Connection::connect`.
    pub fn connect(&self) -> Result<Connection> {
        Connection::connect(self.address())
    }

    /// A new topic; the ceiling program knows of none and takes any.
    ///
    /// # Errors
    /// Of the socket, or an error code.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<Topic> {
        match self.subject {
            Subject::Ceiling { .. } => Ok(Topic { name: name.to_owned(), id: Uuid::from_u128(1), partitions }),
            _ => self.connect()?.create_topic(name, partitions, &[]),
        }
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.subject.process().terminate(STOP_DEADLINE);
        status.map(drop).ok_or_else(|| invalid(format!("still there {STOP_DEADLINE:?} after SIGTERM")))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.subject.process().signal(Signal::KILL);
        self.subject.process().kill();
    }

    /// Starts a broker that was stopped or killed again on its data; returns how long it took from there until it has
    /// acknowledged `batch` (acks=all) in partition 0 of `topic`. When this returns all partitions take batches again.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn start_again(&mut self, topic: &Topic, batch: &[u8]) -> Result<Duration> {
        let begin = Instant::now();
        match &mut self.subject {
            Subject::Kafka(kafka) => kafka.begin_restart(java),
            Subject::Catena(catena) => catena.begin_restart(),
            Subject::Ceiling { .. } => return Err(invalid("a ceiling has nothing to come back to")),
        }
        self.pid = self.subject.process().id();
        let deadline = begin + START_DEADLINE;
        self.await_partition(topic, 0, batch, deadline)?;
        let duration = begin.elapsed();
        topic.all().into_iter().try_for_each(|partition| self.await_partition(topic, partition, batch, deadline))?;
        Ok(duration)
    }

    /// A broker listens before it knows its partitions, or takes connections that it then drops.
    fn await_partition(&self, topic: &Topic, partition: i32, batch: &[u8], deadline: Instant) -> Result<()> {
        loop {
            let mut connection = Connection::connect_until(self.address(), deadline)?;
            match connection.produce(topic, partition, batch) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn address(&self) -> SocketAddr {
        let port = match &self.subject {
            Subject::Kafka(kafka) => kafka.port(),
            Subject::Catena(catena) => catena.port(),
            Subject::Ceiling { port, .. } => *port,
        };
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}

impl Subject {
    fn process(&mut self) -> &mut Process {
        match self {
            Self::Kafka(kafka) => kafka.process(),
            Self::Catena(catena) => catena.process(),
            Self::Ceiling { process, .. } => process,
        }
    }
}

/// Kafka's command line.
fn java(program: &Program) -> Command {
    program.tuned(&JAVA_OPTIONS, "kafka.Kafka")
}

fn start_ceiling(arguments: &[String]) -> Subject {
    let home = tempfile::Builder::new().prefix("catena-bench-").tempdir();
    let home = home.unwrap_or_else(|e| panic!("no temporary folder: {e}"));
    let mut command = Command::new(ceiling());
    command.arg(home.path()).args(arguments);
    let mut process = Process::start(command, &home.path().join("output"));
    let port = process.wait_for_log(CEILING_DEADLINE, |log| {
        log.strip_suffix('\n')?.rsplit_once(":")?.1.parse().ok().filter(|_| log.starts_with("ready"))
    });
    Subject::Ceiling { process, port: port.unwrap_or_else(|log| panic!("ceiling: {log}")), home }
}

/// The release binary: `$CEILING_BIN`, or what cargo builds (once per process).
fn ceiling() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        std::env::var_os("CEILING_BIN").map_or_else(|| program::built("compat-tests", "ceiling"), PathBuf::from)
    })
}
