//! Kafka's own tools, 4.3.1, against Catena and against Apache Kafka 4.4.0.
//!
//! Each test is a list of calls with the exact answers that a user should see. It runs on Apache Kafka too, so that an
//! expectation which Kafka itself does not meet is found out. The brokers are shared by the tests of this file: each
//! test uses topics and groups of its own.

mod alterations;
mod api_versions;
mod assigned_groups;
mod configs;
mod console;
mod deletion;
mod groups;
mod log_dirs;
mod offsets;
mod performance;
mod topics;

use std::sync::{Mutex, MutexGuard, OnceLock};

use compat_tests::catena::Options;
use compat_tests::tools::{Answer, Tools};
use compat_tests::{Broker, Catena, Kafka, java};

/// Groups begin at once. The last is Catena's alone: the harness gives it to Kafka already.
const SETTINGS: &[(&str, &str)] = &[
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.consumer.assignment.interval.ms", "0"),
    ("group.consumer.heartbeat.interval.ms", "100"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    ("node.id", "1"),
];

/// The tools, and the broker they are pointed at.
struct Bench {
    broker: &'static dyn Broker,
    tools: MutexGuard<'static, Tools>,
}

/// Runs `check` on Apache Kafka.
fn on_kafka(check: impl FnOnce(&mut Bench)) {
    static TOOLS: OnceLock<Mutex<Tools>> = OnceLock::new();
    if java::available() {
        check(&mut Bench::new(Kafka::shared_with(&SETTINGS[..SETTINGS.len() - 1]), &TOOLS));
    }
}

/// Runs `check` on Catena.
fn on_catena(check: impl FnOnce(&mut Bench)) {
    static TOOLS: OnceLock<Mutex<Tools>> = OnceLock::new();
    static CATENA: OnceLock<Catena> = OnceLock::new();
    if java::available() {
        let options = || SETTINGS.iter().fold(Options::new(), |options, (name, value)| options.set(name, value));
        check(&mut Bench::new(CATENA.get_or_init(|| Catena::start(options())), &TOOLS));
    }
}

/// A test of the same name on each broker.
macro_rules! on_both {
    ($($check:ident),+ $(,)?) => {
        mod kafka {
            $(#[test] fn $check() { crate::on_kafka(super::$check); })+
        }
        mod catena {
            $(#[test] fn $check() { crate::on_catena(super::$check); })+
        }
    };
}
use on_both;

impl Bench {
    fn new(broker: &'static dyn Broker, tools: &'static OnceLock<Mutex<Tools>>) -> Self {
        let tools = tools.get_or_init(|| Mutex::new(Tools::start()));
        Self { broker, tools: tools.lock().unwrap_or_else(|e| e.into_inner()) }
    }

    /// Calls the tool with the words of `arguments` after the bootstrap server.
    fn call(&mut self, tool: &str, arguments: &str) -> Answer {
        self.call_with_input(tool, arguments, "")
    }

    fn call_with_input(&mut self, tool: &str, arguments: &str, input: &str) -> Answer {
        let bootstrap = self.broker.bootstrap();
        let words: Vec<&str> = ["--bootstrap-server", &bootstrap].into_iter().chain(arguments.split(' ')).collect();
        self.tools.call(tool, &words, input)
    }

    fn call_until(&mut self, tool: &str, arguments: &str, enough: impl Fn(&Answer) -> bool) -> Answer {
        let bootstrap = self.broker.bootstrap();
        let words: Vec<&str> = ["--bootstrap-server", &bootstrap].into_iter().chain(arguments.split(' ')).collect();
        self.tools.call_until(tool, &words, enough)
    }

    /// The lines of a successful call.
    fn lines(&mut self, tool: &str, arguments: &str) -> Vec<String> {
        self.call(tool, arguments).lines()
    }

    /// A new topic, once it is served.
    fn topic(&mut self, topic: &str, partitions: u32) {
        use compat_tests::tools::class::{GET_OFFSETS, TOPICS};
        let created = self.lines(TOPICS, &format!("--create --topic {topic} --partitions {partitions}"));
        assert_eq!(created, [format!("Created topic {topic}.")]);
        let served = |answer: &Answer| answer.exit == 0 && answer.lines().len() == partitions as usize;
        self.call_until(GET_OFFSETS, &format!("--topic {topic}"), served);
    }
}
