//! What LZ77 decoders have in common: output that later output may copy from.
//!
//! What must always hold: the window keeps at most `4 * keep` bytes plus a constant, however much passes through it, and one
//! step adds at most `STEP` bytes, so that a match of a gigabyte costs time and no memory.

use std::io::{self, BufRead, ErrorKind, Read};

/// Bytes added in one step.
const STEP: usize = 16 * 1024;

/// One instruction of a compressed format.
pub(super) enum Instruction<'a> {
    /// Put these bytes out.
    Literal(&'a [u8]),
    /// Repeat `len` bytes that were put out `distance` bytes ago.
    Match { distance: usize, len: usize },
    /// Nothing follows.
    End,
}

/// A compressed format: bytes to instructions.
pub(super) trait Format<'a> {
    /// The next instruction.
    fn next(&mut self) -> io::Result<Instruction<'a>>;
}

/// Carries out a format's instructions as its bytes are read.
pub(super) struct Unpacker<'a, F> {
    format: F,
    instruction: Instruction<'a>,
    window: Vec<u8>,
    /// Where the bytes begin that nobody has read yet.
    unread: usize,
    keep: usize,
}

impl<'a, F: Format<'a>> Unpacker<'a, F> {
    /// Matches may reach back `keep` bytes.
    pub(super) fn new(format: F, keep: usize) -> Self {
        Self { format, instruction: Instruction::Literal(&[]), window: Vec::new(), unread: 0, keep }
    }

    /// Adds up to `STEP` bytes; false at the end.
    fn step(&mut self) -> io::Result<bool> {
        match self.instruction {
            Instruction::Literal([]) | Instruction::Match { len: 0, .. } => self.instruction = self.format.next()?,
            Instruction::Literal(bytes) => {
                let (now, later) = bytes.split_at(bytes.len().min(STEP));
                self.window.extend_from_slice(now);
                self.instruction = Instruction::Literal(later);
            }
            Instruction::Match { distance, len } => {
                let now = len.min(STEP);
                self.repeat(distance, now)?;
                self.instruction = Instruction::Match { distance, len: len - now };
            }
            Instruction::End => return Ok(false),
        }
        Ok(true)
    }

    fn repeat(&mut self, distance: usize, len: usize) -> io::Result<()> {
        let end = self.window.len();
        let start = end.checked_sub(distance).filter(|_| distance > 0 && distance <= self.keep);
        let start = start.ok_or_else(|| bad("a match reaches back too far"))?;
        // A match may overlap what it makes: whole runs of `distance` bytes, then more of them.
        let mut left = len;
        while left > 0 {
            let run = left.min(self.window.len() - start);
            self.window.extend_from_within(start..start + run);
            left -= run;
        }
        Ok(())
    }

    fn forget(&mut self) {
        if self.window.len() > 2 * self.keep {
            self.window.drain(..self.window.len() - self.keep);
        }
        self.unread = self.window.len();
    }
}

impl<'a, F: Format<'a>> BufRead for Unpacker<'a, F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.unread == self.window.len() {
            self.forget();
            while self.unread == self.window.len() && self.step()? {}
        }
        Ok(&self.window[self.unread..])
    }

    fn consume(&mut self, amount: usize) {
        self.unread = self.window.len().min(self.unread + amount);
    }
}

impl<'a, F: Format<'a>> Read for Unpacker<'a, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

/// Takes `count` bytes off the front.
pub(super) fn take<'a>(input: &mut &'a [u8], count: usize) -> io::Result<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(count).ok_or_else(|| bad("the compressed bytes end too early"))?;
    *input = rest;
    Ok(taken)
}

/// Takes a little-endian number of `count` (at most four) bytes off the front.
pub(super) fn take_number(input: &mut &[u8], count: usize) -> io::Result<u32> {
    Ok(take(input, count)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// Compressed bytes that mean nothing.
pub(super) fn bad(message: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}
