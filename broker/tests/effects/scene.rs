//! A broker, a topic `t`, a client, and settings that change.

use std::path::PathBuf;

use catena_broker::config::change::{Alteration, Ask, Op};
use catena_broker::config::record::{ANONYMOUS, Author};
use catena_broker::config::resource::{Resource, ResourceKind};
use compat_tests::wire::{Connection, Topic};

use crate::support::{Running, batch, eventually};

/// A day.
pub const DAY_MS: i64 = 86_400_000;

/// What a test changes.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    of: ResourceKind,
}

/// What a test sees.
pub struct Scene {
    pub running: Running,
    pub topic: Topic,
    pub client: Connection,
}

impl Setting {
    pub fn of_broker(name: &'static str) -> Self {
        Self { name, of: ResourceKind::Broker }
    }

    pub fn of_topic(name: &'static str) -> Self {
        Self { name, of: ResourceKind::Topic }
    }

    /// Of the group `g`.
    pub fn of_group(name: &'static str) -> Self {
        Self { name, of: ResourceKind::Group }
    }

    /// A time in the unit that the name says.
    pub fn time(&self, ms: i64) -> String {
        let unit_ms = match self.name.rsplit('.').next() {
            Some("hours") => 3_600_000,
            Some("minutes") => 60_000,
            _ => 1,
        };
        (ms / unit_ms).to_string()
    }
}

impl Scene {
    /// With these settings from the start.
    pub fn start(overrides: &[&str]) -> Self {
        Self::start_with_topic(overrides, 1)
    }

    pub fn start_with_topic(overrides: &[&str], partitions: u32) -> Self {
        let running = Running::start_with(overrides);
        let (topic, client) = (running.topic("t", partitions), running.connect());
        Self { running, topic, client }
    }

    /// Changes a setting, as AlterConfigs does.
    pub fn set(&self, setting: Setting, value: &str) {
        let of = match setting.of {
            ResourceKind::Topic => "t".to_owned(),
            ResourceKind::Group => "g".to_owned(),
            ResourceKind::Broker | ResourceKind::ClientMetrics => self.running.broker().node_id.to_string(),
        };
        let resource = Resource::new(setting.of, of);
        let ask = Ask::Incremental(vec![(setting.name.to_owned(), Op::Set(value.to_owned()))]);
        let author = Author { principal: ANONYMOUS.to_owned(), client_id: "tests".to_owned() };
        let configs = &self.running.broker().configs;
        let answers = self.running.block_on(configs.alter(vec![Alteration { resource, ask }], false, author));
        assert!(answers.iter().all(Result::is_ok), "{setting:?}={value}: {answers:?}");
    }

    /// The error code of producing `records` to partition 0.
    pub fn code(&mut self, records: &[u8]) -> i16 {
        self.client.try_produce(&self.topic, 0, records).unwrap().error_code
    }

    /// Produces to partition 0.
    pub fn put(&mut self, records: &[u8]) {
        assert_eq!(self.code(records), 0);
    }

    /// Produces a record of `timestamp` and `bytes`.
    pub fn put_at(&mut self, timestamp: i64, bytes: usize) {
        self.put(&batch(1, timestamp, bytes));
    }

    /// Where partition 0 begins.
    pub fn log_start(&mut self) -> i64 {
        self.client.start_offsets(&self.topic, &[0]).unwrap()[0]
    }

    pub fn commits(&self) -> u64 {
        self.running.broker().storage.stats().iter().map(|store| store.commits).sum()
    }

    pub fn passes(&self) -> u64 {
        self.running.broker().storage.cleaner_stats().passes
    }

    /// Files of the topic's segments.
    pub fn files(&self, kind: &str) -> Vec<PathBuf> {
        let dirs = &self.running.broker().config().data_dirs;
        dirs.iter().flat_map(|dir| files(dir, kind)).collect()
    }

    /// Waits until partition 0 begins at `offset`.
    pub fn await_log_start(&mut self, offset: i64) {
        eventually("records are gone", || self.log_start() == offset);
    }
}

/// All files below `dir` whose name ends with `.kind`.
pub fn files(dir: &std::path::Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, kind));
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
    found
}
