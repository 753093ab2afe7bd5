//! Kafka's own command line tools, called one after another inside one virtual machine (`java/tools`), since starting
//! one for each call would take longer than the calls.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::java::Program;
use crate::{maven, process};

const HEAP_MIB: u32 = 256;
const CALL_DEADLINE: Duration = Duration::from_secs(180);
const RETRY: Duration = Duration::from_millis(50);

/// The class of each tool.
pub mod class {
    /// `kafka-topics`
    pub const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
    /// `kafka-console-producer`
    pub const CONSOLE_PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
    /// `kafka-console-consumer`
    pub const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    /// `kafka-consumer-groups`
    pub const CONSUMER_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    /// `kafka-groups`
    pub const GROUPS: &str = "org.apache.kafka.tools.GroupsCommand";
    /// `kafka-delete-records`
    pub const DELETE_RECORDS: &str = "org.apache.kafka.tools.DeleteRecordsCommand";
    /// `kafka-get-offsets`
    pub const GET_OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";
    /// `kafka-configs`
    pub const CONFIGS: &str = "kafka.admin.ConfigCommand";
    /// `kafka-broker-api-versions`
    pub const API_VERSIONS: &str = "org.apache.kafka.tools.BrokerApiVersionsCommand";
    /// `kafka-cluster`
    pub const CLUSTER: &str = "org.apache.kafka.tools.ClusterTool";
    /// `kafka-log-dirs`.
    pub const LOG_DIRS: &str = "org.apache.kafka.tools.LogDirsCommand";
    /// `kafka-reassign-partitions`.
    pub const REASSIGN_PARTITIONS: &str = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
    /// `kafka-producer-perf-test`.
    pub const PRODUCER_PERF: &str = "org.apache.kafka.tools.ProducerPerformance";
    /// `kafka-consumer-perf-test`
    pub const CONSUMER_PERF: &str = "org.apache.kafka.tools.ConsumerPerformance";
    /// `kafka-verifiable-producer`; finishes in the shutdown of its process, so it needs one of its own
    pub const VERIFIABLE_PRODUCER: &str = "org.apache.kafka.tools.VerifiableProducer";
    /// `kafka-verifiable-consumer`; likewise
    pub const VERIFIABLE_CONSUMER: &str = "org.apache.kafka.tools.VerifiableConsumer";
}

/// A running virtual machine with the tools.
#[derive(Debug)]
pub struct Tools {
    child: Child,
    calls: ChildStdin,
    answers: Receiver<String>,
}

/// What one call left behind.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The call, for messages.
    pub call: String,
    /// The exit code.
    pub exit: i64,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Tools {
    /// Starts the virtual machine.
    pub fn start() -> Self {
        let command = Program::compile("tools", maven::TOOLS_43).command("ToolRunner", HEAP_MIB);
        let mut child = process::spawn(&command, Stdio::piped(), Stdio::piped(), Stdio::inherit());
        let calls = child.stdin.take().unwrap_or_else(|| panic!("no standard input"));
        let output = child.stdout.take().unwrap_or_else(|| panic!("no standard output"));
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            lines.map_while(Result::ok).take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
        });
        Self { child, calls, answers }
    }

    /// Calls the tool whose class is `main`, with `input` to read.
    pub fn call(&mut self, main: &str, arguments: &[&str], input: &str) -> Answer {
        let call = json!({"main": main, "arguments": arguments, "input": input}).to_string();
        writeln!(self.calls, "{call}").unwrap_or_else(|e| panic!("{call}: {e}"));
        let line = self.answers.recv_timeout(CALL_DEADLINE).unwrap_or_else(|e| panic!("{call}: {e}"));
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{call}: {e}: {line}"));
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{call}: {line}")).to_owned();
        Answer {
            exit: answer["exit"].as_i64().unwrap_or_else(|| panic!("{call}: {line}")),
            stdout: text("stdout"),
            stderr: text("stderr"),
            call,
        }
    }

    /// The command that runs the tool in a process of its own.
    pub fn command(main: &str, arguments: &[&str]) -> Command {
        let mut command = Program::library(maven::TOOLS_43).command(main, HEAP_MIB);
        command.args(arguments);
        command
    }

    /// Calls the tool again and again until `enough` of its answer.
    pub fn call_until(&mut self, main: &str, arguments: &[&str], enough: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + CALL_DEADLINE;
        loop {
            let answer = self.call(main, arguments, "");
            if enough(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "in vain: {answer}");
            std::thread::sleep(RETRY);
        }
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// The standard output; the test fails with all there is to know if the tool did.
    pub fn success(&self) -> &str {
        assert_eq!(self.exit, 0, "{self}");
        &self.stdout
    }

    /// The lines of a success, each with its white space made single.
    pub fn lines(&self) -> Vec<String> {
        self.success().lines().map(squeezed).filter(|line| !line.is_empty()).collect()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: exit code {}", self.call, self.exit)?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}\n---", self.stdout, self.stderr)
    }
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<&str>>().join(" ")
}
