//! LZ4 in its frame format. Checksums are passed over: the batch's CRC covers the same bytes.
//!
//! Source: lz4 `lz4_Frame_format.md`, `lz4_Block_format.md`; Apache Kafka `Lz4BlockInputStream` (one frame per batch).

use std::io;

use super::window::{Format, Instruction, bad, take, take_number};

const FRAME_MAGIC: u32 = 0x184D_2204;
const VERSION_MASK: u32 = 0xC0;
const VERSION: u32 = 0x40;
const BLOCK_CHECKSUM_BIT: u32 = 0x10;
const CONTENT_SIZE_BIT: u32 = 0x08;
const DICTIONARY_BIT: u32 = 0x01;
const UNCOMPRESSED_BIT: u32 = 1 << 31;
const MIN_MATCH: usize = 4;
/// How far back a match can reach: its distance has 16 bits.
pub(super) const WINDOW: usize = 64 * 1024;

/// Reads LZ4's instructions.
pub(super) struct Lz4<'a> {
    /// Blocks to come, with their sizes.
    frame: &'a [u8],
    /// What is left of the block.
    block: &'a [u8],
    /// The token whose literals were put out and whose match was not.
    token: Option<u8>,
    block_checksums: bool,
    ended: bool,
}

impl<'a> Lz4<'a> {
    /// Reads the frame's header.
    pub(super) fn new(input: &'a [u8]) -> io::Result<Self> {
        let mut frame = input;
        if take_number(&mut frame, 4)? != FRAME_MAGIC {
            return Err(bad("not an LZ4 frame"));
        }
        let flags = take_number(&mut frame, 1)?;
        if flags & VERSION_MASK != VERSION || flags & DICTIONARY_BIT != 0 {
            return Err(bad("an LZ4 frame of an unsupported kind"));
        }
        let content_size = if flags & CONTENT_SIZE_BIT != 0 { 8 } else { 0 };
        take(&mut frame, 1 + content_size + 1)?;
        Ok(Self { frame, block: &[], token: None, block_checksums: flags & BLOCK_CHECKSUM_BIT != 0, ended: false })
    }

    fn begin_block(&mut self) -> io::Result<Instruction<'a>> {
        let size = take_number(&mut self.frame, 4)?;
        if size == 0 {
            self.ended = true;
            return Ok(Instruction::End);
        }
        let bytes = take(&mut self.frame, (size & !UNCOMPRESSED_BIT) as usize)?;
        if self.block_checksums {
            take(&mut self.frame, 4)?;
        }
        if size & UNCOMPRESSED_BIT != 0 {
            return Ok(Instruction::Literal(bytes));
        }
        self.block = bytes;
        Ok(Instruction::Literal(&[]))
    }

    fn literals(&mut self) -> io::Result<Instruction<'a>> {
        let token = take(&mut self.block, 1)?[0];
        let len = self.length(token >> 4)?;
        let bytes = take(&mut self.block, len)?;
        self.token = (!self.block.is_empty()).then_some(token);
        Ok(Instruction::Literal(bytes))
    }

    fn repetition(&mut self, token: u8) -> io::Result<Instruction<'a>> {
        let distance = take_number(&mut self.block, 2)? as usize;
        let len = self.length(token & 15)?.saturating_add(MIN_MATCH);
        Ok(Instruction::Match { distance, len })
    }

    /// A length of which `nibble` stands in the token: 15 means that more bytes follow, and so does 255 in each of them.
    fn length(&mut self, nibble: u8) -> io::Result<usize> {
        let mut length = usize::from(nibble);
        let mut more = nibble == 15;
        while more {
            let byte = take(&mut self.block, 1)?[0];
            length = length.saturating_add(usize::from(byte));
            more = byte == 255;
        }
        Ok(length)
    }
}

impl<'a> Format<'a> for Lz4<'a> {
    fn next(&mut self) -> io::Result<Instruction<'a>> {
        match self.token.take() {
            _ if self.ended => Ok(Instruction::End),
            Some(token) => self.repetition(token),
            None if self.block.is_empty() => self.begin_block(),
            None => self.literals(),
        }
    }
}
