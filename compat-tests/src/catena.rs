//! Catena, started from its release binary on a port of its own choice, in a data folder of its own.
//!
//! A restart, after whatever end, keeps the port, the data folder and the settings.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::{Broker, program, runtime};

const START_DEADLINE: Duration = Duration::from_secs(120);
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// How to start a broker: the defaults of the product, but for the listener (a free port) and the data folder.
#[derive(Clone, Debug, Default)]
pub struct Options {
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    data: Option<PathBuf>,
    open_files: Option<u32>,
}

impl Options {
    /// Nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A setting by its name in `server.properties`.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// An environment variable of the broker process.
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// The limit on open files, which the broker cannot raise; without `prlimit` of util-linux there is none.
    pub fn open_files(mut self, limit: u32) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// The data folder; by default a new one, removed at the end.
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }
}

/// A Catena broker. Dropping it kills it.
#[derive(Debug)]
pub struct Catena {
    process: Process,
    options: Options,
    port: u16,
    home: TempDir,
}

impl Broker for Catena {
    fn name(&self) -> &'static str {
        "catena"
    }

    fn port(&self) -> u16 {
        self.port
    }
}

impl Catena {
    /// Starts a broker and waits until it says that it is ready.
    pub fn start(options: Options) -> Self {
        let home = tempfile::Builder::new().prefix("catena-test-").tempdir();
        let home = home.unwrap_or_else(|e| panic!("no temporary folder: {e}"));
        let (process, port) = launch(&options, home.path(), 0).unwrap_or_else(|e| panic!("catena: {e}"));
        Self { process, options, port, home }
    }

    /// Starts the broker again after [`Catena::kill`] or [`Catena::terminate`].
    pub fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|e| panic!("catena: {e}"));
    }

    /// Like [`Catena::restart`], with other settings from now on.
    pub fn restart_with(&mut self, change: impl FnOnce(Options) -> Options) {
        self.options = change(std::mem::take(&mut self.options));
        self.restart();
    }

    /// Starts the broker again; the error is its log.
    pub fn try_restart(&mut self) -> Result<(), String> {
        self.process.kill();
        (self.process, self.port) = launch(&self.options, self.home.path(), self.port)?;
        Ok(())
    }

    /// Kills the process if it still runs and starts it again, without waiting until it is ready.
    pub fn begin_restart(&mut self) {
        self.process.kill();
        self.process = spawn(&self.options, self.home.path(), self.port);
    }

    /// Starts the broker again and kills it (`kill -9`) after `delay`, ready or not.
    pub fn start_and_kill_after(&mut self, delay: Duration) {
        self.begin_restart();
        std::thread::sleep(delay);
        self.process.kill();
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, and waits for the end; fails the test if it takes longer than ten seconds.
    pub fn terminate(&mut self) -> ExitStatus {
        let status = self.process.terminate(STOP_DEADLINE);
        status.unwrap_or_else(|| panic!("catena still runs {STOP_DEADLINE:?} after SIGTERM"))
    }

    /// The process, for its id, log and signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What a setting was set to.
    pub fn setting(&self, name: &str) -> &str {
        let mut settings = self.options.settings.iter().rev();
        settings.find(|(set, _)| set == name).map_or_else(|| panic!("{name} is not set"), |(_, value)| value)
    }

    /// Where its data is.
    pub fn data(&self) -> PathBuf {
        data_folder(&self.options, self.home.path())
    }
}

/// The release binary: `$CATENA_BIN`, or what cargo builds (once per process).
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        std::env::var_os("CATENA_BIN").map_or_else(|| program::built("catena-broker", "catena"), PathBuf::from)
    })
}

fn launch(options: &Options, home: &Path, port: u16) -> Result<(Process, u16), String> {
    let mut process = spawn(options, home, port);
    let port = process.wait_for_log(START_DEADLINE, ready_port)?;
    Ok((process, port))
}

fn spawn(options: &Options, home: &Path, port: u16) -> Process {
    let mut command = match (options.open_files, runtime::find("prlimit")) {
        (Some(limit), Some(prlimit)) => {
            let mut command = Command::new(prlimit);
            command.arg(format!("--nofile={limit}")).arg("--").arg(binary());
            command
        }
        _ => Command::new(binary()),
    };
    let mut set = |name: &str, value: &str| {
        command.arg("--override").arg(format!("{name}={value}"));
    };
    set("listeners", &format!("PLAINTEXT://127.0.0.1:{port}"));
    set("log.dirs", &data_folder(options, home).display().to_string());
    options.settings.iter().for_each(|(name, value)| set(name, value));
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(home);
    // A log per start, so that the ready line of an earlier start is not taken for this one's.
    let log = (0..).map(|n| home.join(format!("catena-{n}.log"))).find(|log| !log.exists());
    Process::start(command, &log.unwrap_or_else(|| home.join("catena.log")))
}

fn data_folder(options: &Options, home: &Path) -> PathBuf {
    options.data.clone().unwrap_or_else(|| home.join("data"))
}

/// The port in the ready line, once the line is whole.
fn ready_port(log: &str) -> Option<u16> {
    let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let mut ready = lines.filter(|line| line.contains("ready") || line.contains("listening"));
    ready.find_map(|line| {
        let (_, rest) = line.split_once("127.0.0.1:")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().filter(|port| *port != 0)
    })
}
