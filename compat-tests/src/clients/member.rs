//! A group member in a process of its own: driven by lines, observed by lines, killed for real.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Family;
use crate::{Broker, process};

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// What a member has said so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The partitions it has now.
    pub assigned: Vec<i64>,
    /// Every record it got, as partition and offset.
    pub records: Vec<(i64, i64)>,
    /// How many commits it has done.
    pub commits: usize,
    /// How many commits were refused, because it is no member any more.
    pub refusals: usize,
    /// Whether it polls no more, until the next command.
    pub is_holding: bool,
    /// Whether it has left the group.
    pub left: bool,
}

/// A running member.
#[derive(Debug)]
pub struct Member {
    child: Child,
    seen: Arc<Mutex<Seen>>,
    errors: File,
}

impl Member {
    /// Starts a member of `group` that reads `topic`.
    pub fn join(family: &Family, broker: &dyn Broker, topic: &str, group: &str) -> Self {
        let mut command = family.command("member", broker);
        command.args([topic, group]);
        let errors = tempfile::tempfile().unwrap_or_else(|e| panic!("scratch file: {e}"));
        let stderr = errors.try_clone().unwrap_or_else(|e| panic!("scratch file: {e}"));
        let mut child = process::spawn(&command, Stdio::piped(), Stdio::piped(), stderr.into());
        let seen = Arc::default();
        if let Some(output) = child.stdout.take() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || listen(output, &seen));
        }
        Self { child, seen, errors }
    }

    /// What it has said so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// The records it got since it had got `before`, sorted.
    pub fn records_after(&self, before: usize) -> Vec<(i64, i64)> {
        let mut records = self.seen().records.split_off(before);
        records.sort_unstable();
        records
    }

    /// Commits `offsets` of partition 0 and the following, or, without any, what it has read; waits until it is done.
    pub fn commit(&mut self, offsets: &[i64]) {
        let commits = self.seen().commits;
        let offsets: String = offsets.iter().map(|offset| format!(" {offset}")).collect();
        self.tell(&format!("commit{offsets}"));
        until("the commit", &mut [self], |seen| seen[0].commits > commits);
    }

    /// Holds, is stopped (SIGSTOP) until `meanwhile` is over, and commits before it polls again. Returns once that is refused.
    pub fn commit_too_late(&mut self, meanwhile: impl FnOnce()) {
        self.tell("hold");
        until("the member holds", &mut [self], |seen| seen[0].is_holding);
        self.signal(Signal::STOP);
        meanwhile();
        self.tell("commit 9 9 9 9");
        self.signal(Signal::CONT);
        until("a refusal", &mut [self], |seen| seen[0].refusals == 1);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap_or_else(|e| panic!("{signal:?}: {e}"));
    }

    /// Leaves the group and ends.
    pub fn leave(mut self) {
        self.tell("leave");
        until("the member leaves", &mut [&mut self], |seen| seen[0].left);
    }

    /// `kill -9`: the group is not told.
    pub fn kill(mut self) {
        self.end();
    }

    fn tell(&mut self, command: &str) {
        let stdin = self.child.stdin.as_mut().unwrap_or_else(|| panic!("no standard input"));
        writeln!(stdin, "{command}").unwrap_or_else(|e| panic!("{command}: {e}"));
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        let _ = self.errors.rewind().and_then(|()| self.errors.read_to_string(&mut text));
        text
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until `condition` holds for what the members have said.
pub fn until(what: &str, members: &mut [&mut Member], condition: impl Fn(&[Seen]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen: Vec<Seen> = members.iter().map(|member| member.seen()).collect();
        if condition(&seen) {
            return;
        }
        if Instant::now() > deadline {
            let errors: Vec<String> = members.iter_mut().map(|member| member.errors()).collect();
            panic!("waited {PATIENCE:?} for: {what}\n{seen:#?}\n{}", errors.join("\n---\n"));
        }
        std::thread::sleep(POLL);
    }
}

fn listen(output: ChildStdout, seen: &Mutex<Seen>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Ok(event) = serde_json::from_str::<Value>(&line) {
            seen.lock().unwrap_or_else(|e| e.into_inner()).note(&event);
        }
    }
}

impl Seen {
    fn note(&mut self, event: &Value) {
        let number = |name: &str| event[name].as_i64().unwrap_or(-1);
        match event["event"].as_str() {
            Some("record") => self.records.push((number("partition"), number("offset"))),
            Some("committed") => self.commits += 1,
            Some("refused") => self.refusals += 1,
            Some("holding") => self.is_holding = true,
            Some("left") => self.left = true,
            Some("assigned") => {
                let partitions = event["partitions"].as_array();
                self.assigned = partitions.into_iter().flatten().filter_map(Value::as_i64).collect();
            }
            _ => {}
        }
    }
}
