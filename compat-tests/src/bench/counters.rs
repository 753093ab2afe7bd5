//! What the processor counts of a process, by `perf`: instructions, which do not depend on how busy the machine is.
//!
//! What must always hold: what is counted was executed between `begin` and `end`, each of which returns when it is so.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use tempfile::TempDir;

use super::load::engine::timespec;
use crate::process::Process;
use crate::runtime;
use crate::wire::{Result, invalid};

/// How long `perf` may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(2);
const ACKNOWLEDGED: &[u8] = b"ack\n\0";

/// A `perf stat` of one process that waits, or counts.
#[derive(Debug)]
pub struct Counters {
    perf: Process,
    control: File,
    acknowledgements: File,
    folder: TempDir,
}

/// Instructions executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instructions {
    /// By the program itself.
    pub user: u64,
    /// By the system for it.
    pub kernel: u64,
}

impl Counters {
    /// Prepares to count what process `pid` does, its threads to come included.
    ///
    /// # Errors
    /// Where there is no `perf`, or no place for its files.
    pub fn attach(pid: u32) -> Result<Self> {
        let perf = runtime::find("perf").ok_or_else(|| invalid("no perf"))?;
        let folder = tempfile::tempdir()?;
        let (control, acknowledgements) = (pipe(&folder.path().join("control"))?, pipe(&folder.path().join("ack"))?);
        let path = |name| folder.path().join(name).display().to_string();
        let pipes = format!("fifo:{},{}", path("control"), path("ack"));
        let mut command = Command::new(perf);
        command.args(["stat", "-x", ",", "-D", "-1", "-e", "instructions:u,instructions:k", "--control", &pipes]);
        command.args(["-p", &pid.to_string(), "-o", &path("counts")]);
        let perf = Process::start(command, &folder.path().join("log"));
        let mut counters = Self { perf, control, acknowledgements, folder };
        // As soon as this is acknowledged, all threads of the process are looked at.
        counters.tell("ping")?;
        Ok(counters)
    }

    /// Counts from now on.
    ///
    /// # Errors
    /// When `perf` does not answer.
    pub fn begin(&mut self) -> Result<()> {
        self.tell("enable")
    }

    /// What was counted until now.
    ///
    /// # Errors
    /// When `perf` does not answer, or the processor counts nothing.
    pub fn end(mut self) -> Result<Instructions> {
        self.tell("disable")?;
        self.perf.signal(Signal::INT);
        self.wait_for_end()?;
        let text = fs::read_to_string(self.folder.path().join("counts"))?;
        let count = |event| count_of(&text, event).ok_or_else(|| invalid(format!("no {event}: {text}")));
        Ok(Instructions { user: count("instructions:u")?, kernel: count("instructions:k")? })
    }

    fn wait_for_end(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.perf.exit_status().is_none() {
            if Instant::now() > deadline {
                return Err(invalid(format!("perf does not end: {}", self.perf.log())));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn tell(&mut self, command: &str) -> Result<()> {
        writeln!(self.control, "{command}")?;
        let mut wait = [PollFd::new(&self.acknowledgements, PollFlags::IN)];
        if poll(&mut wait, Some(&timespec(PATIENCE)))? == 0 {
            return Err(invalid(format!("perf does not answer to {command}: {}", self.perf.log())));
        }
        let mut answer = [0; ACKNOWLEDGED.len()];
        self.acknowledgements.read_exact(&mut answer)?;
        if answer == ACKNOWLEDGED { Ok(()) } else { Err(invalid(format!("perf answers {answer:?}"))) }
    }
}

/// A named pipe, open at both ends so that opening it waits for nobody.
fn pipe(path: &Path) -> Result<File> {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    File::options().read(true).write(true).open(path)
}

/// The count of a line such as `123,,instructions:u,...`.
fn count_of(text: &str, event: &str) -> Option<u64> {
    let fields = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    fields.into_iter().find(|fields| fields.get(2) == Some(&event))?.first()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_by_event_and_what_was_not_counted_is_none() {
        let text = "# started\n\n<not counted>,,instructions:u,0,100.00,,\n456,,instructions:k,9,100.00,,\n";
        assert_eq!(count_of(text, "instructions:k"), Some(456));
        assert_eq!((count_of(text, "instructions:u"), count_of(text, "cycles")), (None, None));
    }
}
