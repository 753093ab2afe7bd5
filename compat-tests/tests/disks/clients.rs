//! Clients that go on until they are told to stop: the Java client with its default settings, and librdkafka.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use compat_tests::java::{self, Program};
use compat_tests::wire::Topic;
use compat_tests::{Broker, maven, process, python};
use serde_json::Value;

use crate::await_some;

const HEAP_MIB: u32 = 128;
/// librdkafka and Java may have to try for that long after a broker that was gone.
const ENDS_WITHIN: Duration = Duration::from_secs(130);

/// What a producer sends.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub record_bytes: usize,
    pub per_second: u32,
}

/// A record that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub number: i64,
    pub partition: i32,
    pub offset: i64,
}

/// A record that a consumer got.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Received {
    pub partition: i32,
    pub offset: i64,
    /// The client that sent it, and its number.
    pub value: String,
}

/// Whether both clients can be run here.
pub fn available() -> bool {
    java::available() && python::available()
}

/// A running client.
#[derive(Debug)]
pub struct Steady {
    /// The first word of every record that it sends.
    pub name: &'static str,
    child: Child,
    said: Arc<Mutex<Vec<Value>>>,
    errors: File,
}

/// A Java and a librdkafka producer; record `n` of each goes to partition `n` modulo the number of partitions.
pub fn producers(broker: &dyn Broker, topic: &Topic, load: Load) -> [Steady; 2] {
    [("java", java_client()), ("librdkafka", python::command("steady.py"))].map(|(name, mut command)| {
        command.args(["produce", &broker.bootstrap(), &topic.name, name]);
        command.args([topic.partitions.to_string(), load.record_bytes.to_string(), load.per_second.to_string()]);
        Steady::start(name, command)
    })
}

/// A Java and a librdkafka consumer of the whole topic, from its beginning.
pub fn consumers(broker: &dyn Broker, topic: &Topic) -> [Steady; 2] {
    [("java", java_client()), ("librdkafka", python::command("steady.py"))].map(|(name, mut command)| {
        command.args(["consume", &broker.bootstrap(), &topic.name, &topic.partitions.to_string()]);
        Steady::start(name, command)
    })
}

fn java_client() -> Command {
    Program::compile("disks", maven::KAFKA_44).command("Steady", HEAP_MIB)
}

impl Steady {
    fn start(name: &'static str, command: Command) -> Self {
        let errors = tempfile::tempfile().unwrap();
        let stderr = errors.try_clone().unwrap();
        let mut child = process::spawn(&command, Stdio::piped(), Stdio::piped(), stderr.into());
        let said = Arc::default();
        let output = child.stdout.take().unwrap();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || listen(output, &heard));
        Self { name, child, said, errors }
    }

    /// What was acknowledged so far, in the order of the acknowledgements. An error that the client tells its user of fails the test.
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        let acknowledged = |line: &Value| {
            Some(Acknowledged {
                number: line["number"].as_i64()?,
                partition: line["partition"].as_i64()? as i32,
                offset: line["offset"].as_i64()?,
            })
        };
        self.lines().iter().filter_map(acknowledged).collect()
    }

    /// What was received so far. An error that the client tells its user of fails the test.
    pub fn received(&self) -> Vec<Received> {
        let received = |line: &Value| {
            let value = line["value"].as_str()?.to_owned();
            Some(Received { partition: line["partition"].as_i64()? as i32, offset: line["offset"].as_i64()?, value })
        };
        self.lines().iter().filter_map(received).collect()
    }

    /// Waits until `more` records have been acknowledged from now on in each of `partitions`.
    pub fn await_more(&self, more: usize, partitions: i32) {
        let before = self.counts(partitions);
        await_some(&format!("{} goes on", self.name), || {
            let now = self.counts(partitions);
            now.iter().zip(&before).all(|(now, before)| *now >= before + more).then_some(())
        });
    }

    fn counts(&self, partitions: i32) -> Vec<usize> {
        let all = self.acknowledged();
        (0..partitions).map(|partition| all.iter().filter(|one| one.partition == partition).count()).collect()
    }

    /// Has the client finish; gives what was acknowledged, which is all that was sent.
    pub fn finish(mut self) -> Vec<Acknowledged> {
        self.stop();
        let sent = self.lines().iter().find_map(|line| line["sent"].as_i64()).expect("a number of records");
        let mut acknowledged = self.acknowledged();
        acknowledged.sort_by_key(|one| one.number);
        let numbers: Vec<i64> = acknowledged.iter().map(|one| one.number).collect();
        assert_eq!(numbers, (0..sent).collect::<Vec<_>>(), "{}: each record is acknowledged once", self.name);
        acknowledged
    }

    /// Has the consumer end once it has received `all`, which is sorted: each record once, those of a partition in order.
    pub fn expect(mut self, all: &[Received]) {
        await_some(&format!("{} receives all", self.name), || (self.received().len() >= all.len()).then_some(()));
        self.stop();
        let mut received = self.received();
        // Stable: what is out of order within a partition stays so.
        received.sort_by_key(|one| one.partition);
        assert!(received == all, "{}: received other than what is there", self.name);
    }

    /// Has the client end.
    pub fn stop(&mut self) {
        let told = self.child.stdin.as_mut().map(|stdin| writeln!(stdin, "stop"));
        let status = process::wait(&mut self.child, ENDS_WITHIN);
        let ended = status.is_some_and(|status| status.success());
        assert!(ended, "{}: told {told:?}, ended {status:?}: {}", self.name, self.errors());
    }

    fn lines(&self) -> Vec<Value> {
        let said = self.said.lock().unwrap().clone();
        let error = said.iter().find(|line| !line["error"].is_null());
        assert!(error.is_none(), "{}: {error:?}\n{}", self.name, self.errors());
        said
    }

    fn errors(&self) -> String {
        let (mut text, mut file) = (String::new(), &self.errors);
        file.rewind().and_then(|()| file.read_to_string(&mut text)).unwrap();
        text
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.name, self.errors());
        }
    }
}

fn listen(output: ChildStdout, said: &Mutex<Vec<Value>>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Ok(value) = serde_json::from_str(&line) {
            said.lock().unwrap().push(value);
        }
    }
}

/// Waits until all have sent `more` records to each partition of `topic`.
pub fn await_more(clients: &[Steady], more: usize, topic: &Topic) {
    clients.iter().for_each(|client| client.await_more(more, topic.partitions));
}
