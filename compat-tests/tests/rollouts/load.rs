//! Real clients with known ids (`python/arms.py`, `java/arms`): what each of them saw, as it saw it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use compat_tests::java::Program;
use compat_tests::{Broker, maven, process, python};
use serde_json::Value;

use crate::await_some;

const ENDS_WITHIN: Duration = Duration::from_secs(90);
const JAVA_HEAP_MIB: u32 = 96;

/// What one client saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub client: String,
    /// When it asked, seconds since 1970.
    pub at: f64,
    /// How long the answer took, milliseconds.
    pub ms: Option<f64>,
    pub bytes: Option<u64>,
    pub error: Option<String>,
}

/// Clients at work; dropped, they end.
pub struct Load {
    child: Child,
    seen: Arc<Mutex<Vec<Seen>>>,
    errors: File,
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

impl Load {
    /// A producer for each partition, called `producer-N`, which sends so many records of this size each second.
    pub fn producers(broker: &dyn Broker, topic: &str, partitions: i32, bytes: usize, per_second: u32) -> Self {
        let targets: Vec<String> =
            (0..partitions).map(|partition| format!("{}={partition}", producer(partition))).collect();
        Self::python(broker, "produce", &[topic, &bytes.to_string(), &per_second.to_string()], &targets)
    }

    /// Consumers of these names, which read their partitions (`name=partition`) over and over and look for records every `every_ms`.
    pub fn readers(broker: &dyn Broker, topic: &str, every_ms: u32, targets: &[String]) -> Self {
        Self::python(broker, "read", &[topic, &every_ms.to_string()], targets)
    }

    /// Members of groups that come and go.
    pub fn members(broker: &dyn Broker, topic: &str, names: &[String]) -> Self {
        Self::python(broker, "join", &[topic], names)
    }

    /// Java's producers, as `producers`, and Java's consumer of all that they send, which fails if it misses something or gets it twice.
    pub fn java_pairs(broker: &dyn Broker, topic: &str, partitions: i32, bytes: usize, per_second: u32) -> Self {
        let targets = (0..partitions).map(|partition| format!("java-{}={partition}", producer(partition)));
        let mut java = Program::compile("arms", maven::KAFKA_44).command("Arms", JAVA_HEAP_MIB);
        java.args([&broker.bootstrap(), topic, &bytes.to_string(), &per_second.to_string()]).args(targets);
        Self::start(&java)
    }

    fn python(broker: &dyn Broker, command: &str, what: &[&str], clients: &[String]) -> Self {
        let mut python = python::command("arms.py");
        python.args([command, &broker.bootstrap()]).args(what).args(clients);
        Self::start(&python)
    }

    fn start(command: &Command) -> Self {
        let errors = tempfile::tempfile().unwrap();
        let stderr = errors.try_clone().unwrap();
        let mut child = process::spawn(command, Stdio::piped(), Stdio::piped(), stderr.into());
        let output = child.stdout.take().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let heard = Arc::clone(&seen);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                heard.lock().unwrap().extend(read(&line));
            }
        });
        Self { child, seen, errors }
    }

    /// What was asked since `from`, as far as it is answered.
    pub fn since(&self, from: f64) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.at >= from).cloned().collect()
    }

    /// The last `count` things that a client saw since `from`, if there are so many.
    pub fn last(&self, client: &str, from: f64, count: usize) -> Option<Vec<Seen>> {
        let seen: Vec<Seen> = self.since(from).into_iter().filter(|seen| seen.client == client).collect();
        Some(seen[seen.len().checked_sub(count)?..].to_vec())
    }

    /// Waits until every one of `clients` has been answered what it asked at least `seconds` from now.
    pub fn goes_on(&self, seconds: f64, clients: usize) {
        let from = now() + seconds;
        await_some("all clients go on", || {
            let names: std::collections::BTreeSet<String> =
                self.since(from).into_iter().map(|seen| seen.client).collect();
            (names.len() >= clients).then_some(())
        });
    }

    /// Ends the clients; gives everything they saw.
    pub fn finish(mut self) -> Vec<Seen> {
        let told = self.child.stdin.as_mut().map(|stdin| writeln!(stdin, "stop"));
        let status = process::wait(&mut self.child, ENDS_WITHIN);
        assert!(
            status.is_some_and(|status| status.success()),
            "told {told:?}, ended {status:?}: {}",
            self.complaints()
        );
        self.since(0.0)
    }

    fn complaints(&self) -> String {
        let (mut text, mut file) = (String::new(), &self.errors);
        file.rewind().and_then(|()| file.read_to_string(&mut text)).unwrap();
        text
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- clients\n{}", self.complaints());
        }
    }
}

/// The producer of a partition.
pub fn producer(partition: i32) -> String {
    format!("producer-{partition}")
}

fn read(line: &str) -> Option<Seen> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(Seen {
        client: line["client"].as_str()?.to_owned(),
        at: line["at"].as_f64()?,
        ms: line["ms"].as_f64(),
        bytes: line["bytes"].as_u64(),
        error: line["error"].as_str().map(str::to_owned),
    })
}

/// The `q`-quantile of how long answers took, milliseconds.
pub fn quantile(seen: &[Seen], q: f64) -> f64 {
    quantile_of(seen.iter().filter_map(|seen| seen.ms), q)
}

/// The `q`-quantile of what there is.
pub fn quantile_of(all: impl Iterator<Item = f64>, q: f64) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    assert!(!all.is_empty(), "nothing was answered");
    all[((all.len() - 1) as f64 * q) as usize]
}

/// Nobody was told of an error.
pub fn no_errors(seen: &[Seen]) {
    let failed = seen.iter().find(|seen| seen.error.is_some());
    assert!(failed.is_none(), "{failed:?}");
}
