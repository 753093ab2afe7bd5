//! A profile of what is measured, taken by `perf` while it is measured.
//!
//! What must always hold: only the process under load is looked at, and only between begin and end of a measurement.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::Process;
use crate::runtime;

/// Samples a second and core; not a round number, so as not to beat with timers.
const FREQUENCY: &str = "997";
const END_DEADLINE: Duration = Duration::from_secs(60);

/// A running `perf record`. Dropping it ends it.
#[derive(Debug)]
pub struct Profile {
    perf: Process,
}

impl Profile {
    /// Begins to sample process `pid` into a file in `folder`: the first of `<name>-1.data`, `<name>-2.data`... that is free.
    /// Without `perf` there is no profile, and a message says so.
    pub fn begin(folder: &Path, name: &str, pid: u32) -> Option<Self> {
        let Some(program) = runtime::find("perf") else {
            eprintln!("no profile: no perf");
            return None;
        };
        let file = free_name(folder, name);
        let mut perf = Command::new(program);
        perf.args(["record", "-q", "-F", FREQUENCY, "-g", "-p", &pid.to_string(), "-o"]).arg(&file);
        Some(Self { perf: Process::start(perf, &file.with_extension("log")) })
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = self.perf.terminate(END_DEADLINE);
    }
}

fn free_name(folder: &Path, name: &str) -> PathBuf {
    let names = (1..).map(|n| folder.join(format!("{name}-{n}.data")));
    names.into_iter().find(|file| !file.exists()).unwrap_or_else(|| folder.join(name))
}
