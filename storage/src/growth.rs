//! How a file that is appended to gets its space: ahead of use, in steps that grow with the file.
//!
//! What must always hold: space that is not there is noticed before anything is written. A quiet file takes little.
//!
//! What does not pay: writing zeros ahead of the appends, in blocks, so that the system makes large pages. It takes a third off the
//! system's work where caches are warm, and the second copy costs more than that under load.

use std::io;

use crate::fs::{File, is_want_of_room};

/// The first allocation, and the smallest step.
const STEP_MIN: u64 = 16 * 1024;
/// The largest step: what a busy partition may waste until its segment is trimmed.
const STEP_MAX: u64 = 32 * 1024 * 1024;

/// Allocates at least `needed` bytes where there are `allocated`; returns how many there are then. Where there is not so much any more,
/// what is needed will do.
///
/// # Errors
/// Of the file system.
pub fn allocate(file: &dyn File, allocated: u64, needed: u64) -> io::Result<u64> {
    let needed = needed.next_multiple_of(4096);
    let generous = needed.max(allocated + allocated.clamp(STEP_MIN, STEP_MAX));
    match allocate_to(file, allocated, generous) {
        Err(error) if is_want_of_room(&error) && needed < generous => allocate_to(file, allocated, needed),
        outcome => outcome,
    }
}

fn allocate_to(file: &dyn File, allocated: u64, target: u64) -> io::Result<u64> {
    match file.allocate(allocated, target - allocated) {
        // Some file systems cannot: the write itself then finds out whether there is space.
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        _ => Ok(target),
    }
}
