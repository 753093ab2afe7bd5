//! Child processes. Every child dies with the test process, however that ends, and at the latest when its handle is
//! dropped; only processes started here are ever signalled, each by its own id.
//!
//! "Dies with the test process" is the kernel's parent-death signal, which fires when the *thread* that started the
//! child ends. Test threads end before shared brokers should, so one thread that lives as long as the process starts
//! all children. The signal is set by `setpriv` of util-linux; without it the drop guards alone must do.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::runtime;

/// How often conditions that nothing announces are looked at again.
const POLL: Duration = Duration::from_millis(5);
/// How much of a log is shown when a test fails.
const LOG_TAIL_BYTES: usize = 8 * 1024;

/// A running child with both its outputs going to one log file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to `log`.
    pub fn start(command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log);
        let file = file.unwrap_or_else(|e| panic!("{}: {e}", log.display()));
        let twin = file.try_clone().unwrap_or_else(|e| panic!("{}: {e}", log.display()));
        Self { child: spawn(&command, Stdio::null(), file.into(), twin.into()), log: log.to_owned() }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until `find` finds something in the log; the error is the log, if the process ends or `limit` passes first.
    pub fn wait_for_log<T>(&mut self, limit: Duration, find: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + limit;
        loop {
            let ended = self.exit_status();
            if let Some(found) = find(&self.log()) {
                return Ok(found);
            }
            if let Some(status) = ended {
                return Err(format!("ended with {status}\n{}", self.log()));
            }
            if Instant::now() > deadline {
                return Err(format!("nothing after {limit:?}\n{}", self.log()));
            }
            std::thread::sleep(POLL);
        }
    }

    /// How the process ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap_or_else(|e| panic!("waiting for {}: {e}", self.id()))
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        if self.exit_status().is_none() {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }

    /// Sends SIGTERM and waits; `None` if the process is still there after `limit`.
    pub fn terminate(&mut self, limit: Duration) -> Option<ExitStatus> {
        if self.exit_status().is_none() {
            self.signal(Signal::TERM);
        }
        wait(&mut self.child, limit)
    }

    /// Sends SIGSTOP and waits until no thread can run any more code of the program.
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
        while self.runs() {
            std::thread::sleep(POLL);
        }
    }

    /// Whether a thread is neither stopped nor in a system call that cannot be interrupted, after which it will stop.
    fn runs(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id())).into_iter().flatten().flatten();
        let mut states = tasks.filter_map(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).ok()?;
            stat.rsplit_once(") ")?.1.chars().next()
        });
        states.any(|state| !"TtDZX".contains(state))
    }

    /// Sends any signal (STOP and CONT included); an ended process gets none.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_none() {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.len().saturating_sub(LOG_TAIL_BYTES);
            let tail = (tail..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
            eprintln!("--- end of {}\n{}\n---", self.log.display(), &log[tail..]);
        }
    }
}

/// Starts a child that the kernel kills when this process ends.
pub fn spawn(command: &Command, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Child {
    let name = format!("{command:?}");
    let mut command = dying_with_us(command);
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    let (reply, answer) = channel();
    let sent = spawner().lock().unwrap_or_else(|e| e.into_inner()).send((command, reply));
    sent.unwrap_or_else(|_| panic!("the spawning thread is gone"));
    let child = answer.recv().unwrap_or_else(|_| panic!("the spawning thread is gone"));
    child.unwrap_or_else(|e| panic!("cannot start {name}: {e}"))
}

type Request = (Command, Sender<io::Result<Child>>);

/// The way to the thread that starts all children.
fn spawner() -> &'static Mutex<Sender<Request>> {
    static SPAWNER: OnceLock<Mutex<Sender<Request>>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (requests, inbox) = channel::<Request>();
        std::thread::spawn(move || {
            inbox.into_iter().for_each(|(mut command, reply)| drop(reply.send(command.spawn())));
        });
        Mutex::new(requests)
    })
}

/// The same command (but for its standard streams), with the parent-death signal set before it begins.
fn dying_with_us(command: &Command) -> Command {
    let mut wrapped = match runtime::find("setpriv") {
        Some(setpriv) => {
            let mut wrapped = Command::new(setpriv);
            wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
            wrapped
        }
        None => Command::new(command.get_program()),
    };
    wrapped.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

/// Waits for the end of `child` until `limit` has passed.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() > deadline => return None,
            Ok(None) => std::thread::sleep(POLL),
            Err(error) => panic!("waiting for {}: {error}", child.id()),
        }
    }
}

/// `status` in words, for messages.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
