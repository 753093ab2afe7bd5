//! Snappy: one raw block, as some clients send it, or a row of them in the frame of `snappy-java`.
//!
//! The frame: 8 magic bytes, two 32-bit version numbers, then blocks, each after its length (32 bits, big-endian).
//!
//! Source: google/snappy `format_description.txt`; xerial/snappy-java `SnappyInputStream` (which takes bytes without
//! the magic for a raw block, as is done here).

use std::io;

use super::varint;
use super::window::{Format, Instruction, bad, take, take_number};

const FRAME_MAGIC: &[u8] = b"\x82SNAPPY\0";
const FRAME_VERSIONS_LEN: usize = 8;
const MAX_LENGTH_VARINT: u32 = 5;

/// Reads Snappy's instructions.
pub(super) struct Snappy<'a> {
    /// Blocks to come, with their lengths.
    frame: &'a [u8],
    /// What is left of the block.
    block: &'a [u8],
    /// Bytes the block still has to put out.
    left: u64,
}

impl<'a> Snappy<'a> {
    /// Bytes with or without the frame.
    pub(super) fn new(input: &'a [u8]) -> io::Result<Self> {
        match input.strip_prefix(FRAME_MAGIC) {
            Some(mut frame) => {
                take(&mut frame, FRAME_VERSIONS_LEN)?;
                Ok(Self { frame, block: &[], left: 0 })
            }
            None => {
                let mut snappy = Self { frame: &[], block: input, left: 0 };
                snappy.begin_block()?;
                Ok(snappy)
            }
        }
    }

    fn begin_block(&mut self) -> io::Result<()> {
        let length = varint::read_unsigned(&mut self.block, MAX_LENGTH_VARINT);
        self.left = length.map_err(|_| bad("a Snappy block without its length"))?;
        Ok(())
    }

    fn element(&mut self) -> io::Result<Instruction<'a>> {
        let tag = take_number(&mut self.block, 1)? as usize;
        let (distance, len) = match tag & 3 {
            0 => return self.literal(tag >> 2),
            1 => ((tag >> 5) << 8 | take_number(&mut self.block, 1)? as usize, 4 + (tag >> 2 & 7)),
            2 => (take_number(&mut self.block, 2)? as usize, 1 + (tag >> 2)),
            _ => (take_number(&mut self.block, 4)? as usize, 1 + (tag >> 2)),
        };
        self.count(len)?;
        Ok(Instruction::Match { distance, len })
    }

    fn literal(&mut self, short_len: usize) -> io::Result<Instruction<'a>> {
        let len = match short_len {
            0..60 => short_len,
            _ => take_number(&mut self.block, short_len - 59)? as usize,
        };
        let bytes = take(&mut self.block, len.saturating_add(1))?;
        self.count(bytes.len())?;
        Ok(Instruction::Literal(bytes))
    }

    fn count(&mut self, len: usize) -> io::Result<()> {
        let left = self.left.checked_sub(len as u64);
        self.left = left.ok_or_else(|| bad("a Snappy block is longer than it says"))?;
        Ok(())
    }
}

impl<'a> Format<'a> for Snappy<'a> {
    fn next(&mut self) -> io::Result<Instruction<'a>> {
        if self.left > 0 {
            return self.element();
        }
        if !self.block.is_empty() {
            return Err(bad("bytes after the end of a Snappy block"));
        }
        if self.frame.is_empty() {
            return Ok(Instruction::End);
        }
        let length = take_number(&mut self.frame, 4)?.swap_bytes();
        self.block = take(&mut self.frame, length as usize)?;
        self.begin_block()?;
        Ok(Instruction::Literal(&[]))
    }
}
