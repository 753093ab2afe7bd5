//! How a file that is appended to gets its space: ahead of use, in steps that grow with the file.
//!
//! What must always hold: space that is not there is noticed before anything is written. Behind the appended bytes there is nothing
//! but zeros, as far as the file reaches.
//!
//! A busy file is also written ahead: an append that enters a new block writes zeros up to the block's end. The system then has one
//! large page for the block instead of many small ones, and the appends that follow find it. Measured with 16 KiB appends to 12 files:
//! 0.45 instead of 0.80 CPU-seconds per GiB; blocks of 256 KiB are worse than none.

use std::io;

use crate::fs::{File, is_want_of_room};

/// The first allocation, and the smallest step.
pub const STEP_MIN: u64 = 16 * 1024;
/// The largest step: what a busy partition may waste until its segment is trimmed.
const STEP_MAX: u64 = 32 * 1024 * 1024;
/// What is written ahead.
const BLOCK: usize = 64 * 1024;
/// From where on a file counts as busy: a quiet one takes no memory for zeros.
const BUSY_FROM: u64 = 256 * 1024;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

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

/// The zeros to write behind an append from `position` to `end`, within the `allocated` bytes.
pub fn written_ahead(position: u64, end: u64, allocated: u64) -> &'static [u8] {
    let block = BLOCK as u64;
    let enters = position.next_multiple_of(block) < end;
    let is_small = end - position < block;
    let target = end.next_multiple_of(block);
    if position < BUSY_FROM || !enters || !is_small || target > allocated {
        return &[];
    }
    usize::try_from(target - end).map_or(&[], |len| ZEROS.get(..len).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_busy_file_is_written_ahead_and_only_at_a_new_block() {
        let block = BLOCK as u64;
        let ahead = |position, end| written_ahead(position, end, BUSY_FROM + 4 * block).len() as u64;
        assert_eq!(ahead(block - 10, block + 10), 0, "quiet");
        assert_eq!(ahead(BUSY_FROM + 10, BUSY_FROM + 20), 0, "within the block");
        assert_eq!(ahead(BUSY_FROM, BUSY_FROM + 20), block - 20);
        assert_eq!(ahead(BUSY_FROM + block - 10, BUSY_FROM + block + 10), block - 10);
        assert_eq!(ahead(BUSY_FROM + block - 10, BUSY_FROM + block), 0, "up to the end of the block");
        assert_eq!(ahead(BUSY_FROM + 10, BUSY_FROM + 2 * block), 0, "a large append makes large pages itself");
        assert_eq!(ahead(BUSY_FROM + 4 * block - 10, BUSY_FROM + 4 * block + 10), 0, "not allocated");
    }
}
