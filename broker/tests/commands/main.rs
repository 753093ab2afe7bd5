//! The commands that talk to a broker: the binary against a broker of this process, and against servers that are none.
//!
//! What must always hold: what a person reads is on stdout, why something failed in one line on stderr, and exit codes say which of both.

#[path = "../serving/support.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod support;

mod config;
mod fleets;
mod rollouts;
mod strangers;

use std::process::{Command, Output, Stdio};

/// What a command left behind.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `catena` with these words, and the address of a broker.
fn catena_at(address: &str, words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catena"));
    command.args(words).args(["--bootstrap-server", address]).env_remove("CATENA_LOG").stdin(Stdio::null());
    Said::of(&command.output().expect("the binary runs"))
}

/// Runs `catena` with the words of a line.
fn catena(broker: &support::Running, line: &str) -> Said {
    let words: Vec<&str> = line.split(' ').collect();
    catena_at(&broker.address().to_string(), &words)
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The lines of a command that did what it should, columns parted by single spaces.
    fn lines(&self) -> Vec<String> {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        self.stdout.lines().map(words).collect()
    }

    /// The one line that says why not.
    fn refusal(&self) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{}", self.stderr);
        let line = self.stderr.strip_prefix("catena: ").and_then(|line| line.strip_suffix('\n'));
        line.filter(|line| !line.contains('\n')).unwrap_or_else(|| panic!("not one line: {:?}", self.stderr))
    }

    /// The JSON object of each line.
    fn objects(&self) -> Vec<serde_json::Value> {
        self.lines().iter().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}
