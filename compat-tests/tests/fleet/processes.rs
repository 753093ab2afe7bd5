//! Real processes that read their configuration with the page's readers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use compat_tests::Broker;
use compat_tests::process::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::places::place;
use crate::programs::Language;
use crate::topic::{ConfigTopic, NAME};

const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(100);

/// Processes of one service. Dropping it kills them.
pub struct Fleet {
    pub members: Vec<Member>,
    logs: TempDir,
}

/// One of them.
pub struct Member {
    pub id: String,
    process: Process,
}

impl Fleet {
    /// So many of each language, all at once.
    pub fn start(topic: &ConfigTopic, counts: &[(Language, usize)]) -> Self {
        let logs = tempfile::tempdir().unwrap_or_else(|e| panic!("no temporary folder: {e}"));
        let mut fleet = Self { members: Vec::new(), logs };
        for (language, count) in counts {
            for number in 0..*count {
                let id = format!("café-{}-{number}", language.name());
                let member = fleet.one(topic, *language, "work", &id);
                fleet.members.push(member);
            }
        }
        fleet
    }

    /// One more, that is not counted as one of them.
    pub fn one(&self, topic: &ConfigTopic, language: Language, task: &str, id: &str) -> Member {
        let mut command = language.command();
        command.args([task, &topic.broker.bootstrap(), NAME, id]);
        let log: PathBuf = self.logs.path().join(format!("{task}-{id}.log"));
        Member { id: id.to_owned(), process: Process::start(command, &log) }
    }

    /// The ids for which something holds, in the order of the start.
    pub fn ids(&self, holds: impl Fn(&Member) -> bool) -> Vec<&str> {
        self.members.iter().filter(|member| holds(member)).map(|member| member.id.as_str()).collect()
    }

    /// `kill -9` of the first that may be killed; it is no member any more.
    pub fn lose(&mut self, may_be_killed: impl Fn(&str) -> bool) {
        let at = self.members.iter().position(|member| may_be_killed(&member.id)).expect("somebody");
        self.members.remove(at).process.kill();
    }
}

impl Member {
    /// All values it has used, oldest first.
    pub fn used(&self) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter_map(|line| line["uses"].as_str().map(str::to_owned)).collect()
    }

    /// Whether it uses `value` now.
    pub fn uses(&self, value: &str) -> bool {
        self.used().last().is_some_and(|used| used == value)
    }

    /// Whether half its requests fail where `pool.size` is 40: known by its id.
    pub fn is_fragile(&self) -> bool {
        place(&self.id) % 20 == 7
    }

    /// Whether it dies where `pool.size` is 0: known by its id.
    pub fn is_mortal(&self) -> bool {
        place(&self.id) % 2 == 1
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process.exit_status().is_some()
    }

    /// What it printed.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(POLL);
    }
}
