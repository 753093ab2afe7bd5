//! What the process holds, as the kernel tells it.
#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;

/// Runs `work` and gives by how many resident bytes the process grew at most meanwhile.
pub fn grown<T>(work: impl FnOnce() -> T) -> (T, usize) {
    // The kernel begins a new peak here.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    let result = work();
    (result, status("VmHWM:").saturating_sub(before))
}

/// The largest address space the process ever had, bytes.
pub fn address_space_peak() -> usize {
    status("VmPeak:")
}

fn status(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
