//! The harness: a broker that runs until it is dropped or stopped, and batches to give it.
//!
//! What must always hold: no test waits without a deadline; nothing outlives the test.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use catena_broker::broker::Broker;
use catena_broker::config::Config;
use catena_broker::server::Server;
use catena_storage::NewTopic;
use compat_tests::wire::batch::{BatchBuilder, Producer};
use compat_tests::wire::{Connection, Topic};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How long anything may take that should happen soon: on a busy machine, only what hangs takes longer.
pub const SOON: Duration = Duration::from_secs(60);

/// A broker and its directory.
pub struct Running {
    runtime: Runtime,
    server: Option<Server>,
    dir: TempDir,
    overrides: Vec<String>,
}

impl Running {
    /// A broker with nothing but defaults.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A broker with some settings.
    pub fn start_with(overrides: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let overrides = overrides.iter().map(ToString::to_string).collect();
        let mut running = Self { runtime, server: None, dir: tempfile::tempdir().unwrap(), overrides };
        running.start_again();
        running
    }

    /// Starts the stopped broker on its directory.
    pub fn start_again(&mut self) {
        let mut settings =
            vec!["listeners=PLAINTEXT://127.0.0.1:0".to_owned(), format!("log.dir={}", self.dir.path().display())];
        settings.extend_from_slice(&self.overrides);
        let config = Config::load(None, &settings).unwrap().config;
        let (server, _) = self.runtime.block_on(Server::start(config)).unwrap();
        self.server = Some(server);
    }

    /// Stops the broker in an orderly way and says how long that took.
    pub fn stop(&mut self) -> Duration {
        let begun = Instant::now();
        let server = self.server.take().expect("it runs");
        self.runtime.block_on(server.shutdown()).unwrap();
        begun.elapsed()
    }

    /// Stops the broker and starts it on the same directory.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Awaits something on the broker's threads.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The running broker.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// The broker's parts.
    pub fn broker(&self) -> &Arc<Broker> {
        self.server().broker()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.broker().advertised[0].port))
    }

    /// A new connection to it.
    pub fn connect(&self) -> Connection {
        Connection::connect(self.address()).unwrap()
    }

    /// A new topic.
    pub fn topic(&self, name: &str, partitions: u32) -> Topic {
        self.topic_with(name, partitions, &[])
    }

    /// A new topic with settings of its own.
    pub fn topic_with(&self, name: &str, partitions: u32, configs: &[(&str, &str)]) -> Topic {
        let configs: BTreeMap<_, _> = configs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let new = NewTopic { name: name.to_owned(), partitions, configs, internal: false };
        let created = self.broker().storage.create_topics(vec![new]).pop().unwrap().unwrap();
        Topic { name: name.to_owned(), id: created.id, partitions: partitions as i32 }
    }

    /// The leader epoch of everything.
    pub fn epoch(&self) -> i32 {
        self.broker().storage.broker_epoch() as i32
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.stop();
        }
    }
}

/// A batch of so many records, one millisecond apart from `timestamp` on, with values of `value_bytes`.
pub fn batch(records: usize, timestamp: i64, value_bytes: usize) -> Vec<u8> {
    builder(records, timestamp, value_bytes).build()
}

/// The same, of an idempotent producer.
pub fn batch_of(producer: Producer, sequence: i32, records: usize) -> Vec<u8> {
    builder(records, now_ms(), 10).build_for(producer, sequence)
}

fn builder(records: usize, timestamp: i64, value_bytes: usize) -> BatchBuilder {
    let mut builder = BatchBuilder::new(timestamp);
    for at in 0..records {
        builder.push_at(timestamp + at as i64, None, Some(&vec![b'v'; value_bytes]));
    }
    builder
}

/// Now.
pub fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Waits until `condition` holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
