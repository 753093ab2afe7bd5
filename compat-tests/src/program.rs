//! Client programs: run to the end under a deadline, outputs captured whole, results read as JSON lines.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::process;

/// How long a build may take.
const BUILD_DEADLINE: Duration = Duration::from_secs(1200);

/// What a program left behind.
#[derive(Debug)]
pub struct Output {
    /// The command, for messages.
    pub command: String,
    /// How it ended; `None` if it was killed at its deadline.
    pub status: Option<ExitStatus>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs `command` with nothing to read, and kills it after `limit`.
pub fn run(command: Command, limit: Duration) -> Output {
    run_with_input(command, "", limit)
}

/// Runs `command` with `input` to read, and kills it after `limit`.
pub fn run_with_input(command: Command, input: &str, limit: Duration) -> Output {
    let (mut stdin, mut stdout, mut stderr) = (scratch(), scratch(), scratch());
    stdin.write_all(input.as_bytes()).and_then(|()| stdin.rewind()).unwrap_or_else(|e| panic!("scratch file: {e}"));
    let child = process::spawn(&command, stdin.into(), stdio(&stdout), stdio(&stderr));
    let mut child = KilledOnDrop(child);
    let status = process::wait(&mut child.0, limit);
    drop(child);
    Output { command: format!("{command:?}"), status, stdout: contents(&mut stdout), stderr: contents(&mut stderr) }
}

/// A release binary of this workspace, as cargo builds it.
pub fn built(package: &str, binary: &str) -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--release", "-p", package, "--bin", binary]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let built = run(cargo, BUILD_DEADLINE);
    assert!(built.status.is_some_and(|status| status.success()), "{binary} does not build:\n{}", built.stderr);
    let messages = built.json_lines();
    let mut executables = messages.iter().filter_map(|message| message.get("executable").and_then(Value::as_str));
    PathBuf::from(executables.next_back().unwrap_or_else(|| panic!("cargo names no executable")))
}

impl Output {
    /// Itself, if the program ended by itself with exit code 0; otherwise the test fails with all there is to know.
    pub fn expect_success(self) -> Self {
        assert!(self.status.is_some_and(|status| status.success()), "{self}");
        self
    }

    /// The standard output is `expected`, line by line; otherwise the test fails with the lines that differ.
    pub fn assert_lines(&self, expected: &str, who: &str) {
        let (seen, expected): (Vec<&str>, Vec<&str>) = (self.stdout.lines().collect(), expected.lines().collect());
        let missing = expected.iter().filter(|line| !seen.contains(line)).map(|line| format!("- expected {line}\n"));
        let strange = seen.iter().filter(|line| !expected.contains(line)).map(|line| format!("+ seen     {line}\n"));
        assert!(seen == expected, "{who}:\n{}", missing.chain(strange).collect::<String>());
    }

    /// The lines of the standard output that are JSON objects, in order; other lines are the program's chatter.
    pub fn json_lines(&self) -> Vec<Value> {
        let objects = self.stdout.lines().filter(|line| line.starts_with('{'));
        objects.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{self}"))).collect()
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ending = self.status.map_or("killed at its deadline".to_owned(), process::describe);
        writeln!(f, "{}: {ending}", self.command)?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}\n---", self.stdout, self.stderr)
    }
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn scratch() -> File {
    tempfile::tempfile().unwrap_or_else(|e| panic!("scratch file: {e}"))
}

fn stdio(file: &File) -> Stdio {
    file.try_clone().unwrap_or_else(|e| panic!("scratch file: {e}")).into()
}

fn contents(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.unwrap_or_else(|e| panic!("scratch file: {e}"));
    String::from_utf8_lossy(&bytes).into_owned()
}
