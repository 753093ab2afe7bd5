//! Apache Kafka 4.4.0, the oracle: one node, its own settings but for what one node needs.
//!
//! It takes seconds and two cores to start, so tests of one binary share [`Kafka::shared`]; each uses names of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::broker::{Broker, free_ports};
use crate::java::Program;
use crate::process::Process;
use crate::{cache, maven, program};

const FORMAT_DEADLINE: Duration = Duration::from_secs(60);
const START_DEADLINE: Duration = Duration::from_secs(120);
const START_ATTEMPTS: usize = 3;
const HEAP_MIB: u32 = 512;
/// Stands for the broker's own folder in the value of a setting.
pub const HOME: &str = "{home}";
/// Eligible leader replicas mean nothing to one broker, but with them Kafka writes `min.insync.replicas` down as if somebody had set it.
const WITHOUT_ELR: &str = "eligible.leader.replicas.version=0";
const CLUSTER_ID: &str = "Q2F0ZW5hT3JhY2xlMDAwMQ";

/// A running Apache Kafka. Dropping it kills it.
#[derive(Debug)]
pub struct Kafka {
    process: Process,
    port: u16,
    properties: PathBuf,
    home: TempDir,
}

impl Broker for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn port(&self) -> u16 {
        self.port
    }
}

impl Kafka {
    /// The one of this test process, started at the first call and killed when the process ends.
    pub fn shared() -> &'static Self {
        Self::shared_with(&[])
    }

    /// Like [`Kafka::shared`], with `settings`: the same ones in all tests of a process, since it is the same broker.
    pub fn shared_with(settings: &'static [(&'static str, &'static str)]) -> &'static Self {
        static SHARED: OnceLock<(&[(&str, &str)], Kafka)> = OnceLock::new();
        let (started_with, kafka) = SHARED.get_or_init(|| (settings, Self::start(settings)));
        assert_eq!(*started_with, settings, "one Apache Kafka per test process, and it has other settings");
        kafka
    }

    /// Starts a broker with `settings` (over the defaults) and waits until it is up.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_tuned(settings, |program| program.command("kafka.Kafka", HEAP_MIB))
    }

    /// Like [`Kafka::start`], with a Java command made by the caller: for measuring, where the quick start of
    /// [`Program::command`] is not wanted. The main class is `kafka.Kafka`; its arguments are added here.
    pub fn start_tuned(settings: &[(&str, &str)], java: impl Fn(&Program) -> Command) -> Self {
        let program = Program::library(maven::KAFKA_44);
        let mut error = String::new();
        for _ in 0..START_ATTEMPTS {
            match Self::try_start(&program, settings, &java) {
                Ok(kafka) => return kafka,
                Err(log) => error = log,
            }
        }
        panic!("Apache Kafka does not start: {error}")
    }

    /// The process, for its id, log and signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The broker's own folder, which is [`HOME`] in settings.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where its data is.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Kills the process if it still runs and starts it again on the same data, without waiting until it is up.
    pub fn begin_restart(&mut self, java: impl Fn(&Program) -> Command) {
        self.process.kill();
        let mut command = java(&Program::library(maven::KAFKA_44));
        command.arg(&self.properties);
        self.process = Process::start(command, &self.home.path().join("kafka.log"));
    }

    fn try_start(
        program: &Program,
        settings: &[(&str, &str)],
        java: impl Fn(&Program) -> Command,
    ) -> Result<Self, String> {
        let home = tempfile::Builder::new().prefix("kafka-test-").tempdir();
        let home = home.unwrap_or_else(|e| panic!("no temporary folder: {e}"));
        let data = home.path().join("data");
        copy(&formatted(program), &data);
        let more = settings.iter().filter(|(name, _)| *name == "log.dirs").flat_map(|(_, value)| value.split(','));
        more.map(|dir| in_home(dir, home.path()).into()).for_each(|dir: PathBuf| format_like(&data, &dir));
        let [port, controller] = free_ports();
        let properties = write_properties(home.path(), &data, [port, controller], settings);
        let mut command = java(program);
        command.arg(&properties);
        let mut process = Process::start(command, &home.path().join("kafka.log"));
        process.wait_for_log(START_DEADLINE, |log| log.contains("Kafka Server started").then_some(()))?;
        Ok(Self { process, port, properties, home })
    }
}

/// A formatted data folder: the same for every start, so that it is made once.
fn formatted(program: &Program) -> PathBuf {
    let folder = cache::once("kafka-4.4.0-formatted-plainly", |folder| {
        let properties = write_properties(folder, &folder.join("data"), [9092, 9093], &[]);
        let mut format = program.command("kafka.tools.StorageTool", HEAP_MIB);
        format.args(["format", "-t", CLUSTER_ID, "--feature", WITHOUT_ELR, "-c"]).arg(properties);
        program::run(format, FORMAT_DEADLINE).expect_success();
    });
    folder.join("data")
}

fn in_home(value: &str, home: &Path) -> String {
    value.replace(HOME, &home.display().to_string())
}

/// Makes `dir` another formatted folder of the same broker, unless it is one.
fn format_like(data: &Path, dir: &Path) {
    const NAME: &str = "meta.properties";
    const ID: &str = "directory.id=";
    let make = || {
        fs::create_dir_all(dir)?;
        let text = fs::read_to_string(data.join(NAME))?;
        // Any other id will do. The last letter stands for two bits only.
        let other = |line: &str| match line.strip_prefix(ID).and_then(|id| id.split_at_checked(1)) {
            Some((first, rest)) => format!("{ID}{}{first}{}\n", &rest[..rest.len() - 1], &rest[rest.len() - 1..]),
            None => format!("{line}\n"),
        };
        fs::write(dir.join(NAME), text.lines().map(other).collect::<String>())
    };
    if !dir.join(NAME).exists() {
        make().unwrap_or_else(|e: std::io::Error| panic!("{}: {e}", dir.display()));
    }
}

fn write_properties(home: &Path, data: &Path, [port, controller]: [u16; 2], settings: &[(&str, &str)]) -> PathBuf {
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n",
        data.display()
    );
    settings.iter().for_each(|(name, value)| text.push_str(&format!("{name}={}\n", in_home(value, home))));
    let path = home.join("server.properties");
    fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    path
}

/// Copies the files of a flat folder.
/// With what is below: the features that Kafka turns on stand in a folder of their own.
fn copy(from: &Path, to: &Path) {
    let copied = fs::create_dir_all(to).and_then(|()| {
        fs::read_dir(from)?.flatten().try_for_each(|entry| {
            let (path, to) = (entry.path(), to.join(entry.file_name()));
            if path.is_dir() {
                copy(&path, &to);
                return Ok(());
            }
            fs::copy(path, to).map(drop)
        })
    });
    copied.unwrap_or_else(|e| panic!("{}: {e}", from.display()));
}
