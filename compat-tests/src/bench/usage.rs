//! What a process has used: CPU time and memory, from `/proc`.
//!
//! What must always hold: CPU time is that of all threads, the ended ones included, in user and kernel mode; the work
//! that the kernel does for a process in threads of its own (write-back) is in neither broker's figure.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Ticks per second of `/proc/PID/stat`; fixed for user space on every Linux platform.
const TICKS_PER_SECOND: u64 = 100;

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Everything, mapped files included.
    pub resident_kib: u64,
    /// Only what belongs to the process alone (heap and stacks); mapped files are page cache that can go any time.
    pub anonymous_kib: u64,
}

/// CPU time used so far.
pub fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_else(|e| panic!("process {pid}: {e}"));
    cpu_of(&stat).unwrap_or_else(|| panic!("/proc/{pid}/stat: {stat}"))
}

/// CPU time the calling thread has used so far.
pub fn thread_cpu() -> Duration {
    schedstat(Path::new("/proc/thread-self")).unwrap_or_default()
}

/// CPU time of every thread that a process has, to the nanosecond.
#[derive(Debug, Clone, Default)]
pub struct ThreadsCpu(BTreeMap<OsString, Duration>);

impl ThreadsCpu {
    /// What was used so far.
    pub fn of(pid: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap_or_else(|e| panic!("process {pid}: {e}"));
        let of = |task: fs::DirEntry| Some((task.file_name(), schedstat(&task.path())?));
        Self(tasks.flatten().filter_map(of).collect())
    }

    /// What was used since `before`, but not what a thread used that ended in between.
    pub fn since(&self, before: &Self) -> Duration {
        let more = |(thread, now): (&OsString, &Duration)| {
            now.saturating_sub(before.0.get(thread).copied().unwrap_or_default())
        };
        self.0.iter().map(more).sum()
    }
}

/// The CPU time of a thread, by its folder; nothing when it is gone.
fn schedstat(thread: &Path) -> Option<Duration> {
    let text = fs::read_to_string(thread.join("schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Bytes that were read from the disk on behalf of the process, page faults included.
pub fn disk_reads(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_else(|e| panic!("process {pid}: {e}"));
    let line = text.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or_else(|| panic!("/proc/{pid}/io: {text}"))
}

/// Memory held now.
pub fn memory(pid: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_else(|e| panic!("process {pid}: {e}"));
    let field = |name| kib_of(&status, name).unwrap_or_else(|| panic!("/proc/{pid}/status has no {name}"));
    Memory { resident_kib: field("VmRSS:"), anonymous_kib: field("RssAnon:") }
}

/// Fields 14 and 15, counted behind the name, which may hold anything.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

fn kib_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_spaces_and_brackets() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 900 0 0 0 150 25 0 0 20 0 9 0 100 1000 200";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_of("7 (a"), None);
    }

    #[test]
    fn memory_is_read_by_field_name() {
        assert_eq!(kib_of("VmHWM:\t 9 kB\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234));
    }

    #[test]
    fn a_thread_that_computes_uses_time() {
        let begin = std::time::Instant::now();
        let before = thread_cpu();
        while thread_cpu() == before {
            assert!(begin.elapsed() < Duration::from_secs(30));
        }
        let _ = disk_reads(std::process::id());
    }

    #[test]
    fn the_threads_of_a_process_use_what_one_of_them_uses() {
        let (before, mine) = (ThreadsCpu::of(std::process::id()), thread_cpu());
        while thread_cpu() - mine < Duration::from_millis(10) {}
        let since = ThreadsCpu::of(std::process::id()).since(&before);
        assert!(since >= Duration::from_millis(9), "{since:?}");
    }

    #[test]
    fn this_process_uses_something() {
        let memory = memory(std::process::id());
        assert!(memory.anonymous_kib > 0 && memory.anonymous_kib <= memory.resident_kib);
    }
}
