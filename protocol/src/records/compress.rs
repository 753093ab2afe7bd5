//! Compresses the bytes of a batch's records, as Apache Kafka's clients write and read them.
//!
//! What must always hold: what is written through a `Compressor` and finished is what `decompress::open` gives back, and what
//! a Java client reads: Snappy in the frame of `snappy-java`, LZ4 as one frame of independent blocks.
//!
//! Source: Apache Kafka, `GzipCompression`, `SnappyCompression`, `Lz4Compression`, `ZstdCompression`.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use zstd::stream::write::Encoder as ZstdEncoder;

use super::RecordError;

/// What `snappy-java` puts in front: magic, version, least version that can read it.
const SNAPPY_FRAME: &[u8] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// Bytes in one block of Snappy's frame, uncompressed.
const SNAPPY_BLOCK: usize = 32 * 1024;

/// Higher levels take windows of more than 8 MiB and hundreds of MiB of memory; they count as this one.
const ZSTD_LEVEL_MAX: i32 = 19;

/// How the records of a batch are compressed; the numbers are those of the batch's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    None = 0,
    /// gzip.
    Gzip = 1,
    /// Snappy.
    Snappy = 2,
    /// LZ4.
    Lz4 = 3,
    /// Zstandard.
    Zstd = 4,
}

impl Codec {
    /// All of them, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with the id `id`.
    ///
    /// # Errors
    /// `UnknownCodec`.
    pub fn of_id(id: i16) -> Result<Self, RecordError> {
        Self::ALL.into_iter().find(|codec| *codec as i16 == id).ok_or(RecordError::UnknownCodec(id))
    }

    /// The codec's level when nothing is set: that of the libraries, as in Apache Kafka. Without meaning for those that
    /// have no levels here.
    fn default_level(self) -> i32 {
        match self {
            Self::Gzip => 6,
            Self::Zstd => 3,
            Self::None | Self::Snappy | Self::Lz4 => 0,
        }
    }
}

/// Compresses what is written to it, behind bytes that are there already.
pub struct Compressor(Inner);

enum Inner {
    None(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Snappy(Box<Snappy>),
    Lz4(Box<FrameEncoder<Vec<u8>>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Compressor {
    /// Writes behind `out`, with `level` (gzip 1 to 9, zstd -131072 to 22) or the codec's own default.
    ///
    /// # Errors
    /// `Decompression` with the library's words, when it does not like the level.
    pub fn new(codec: Codec, level: Option<i32>, out: Vec<u8>) -> Result<Self, RecordError> {
        let level = level.unwrap_or(codec.default_level());
        Ok(Self(match codec {
            Codec::None => Inner::None(out),
            Codec::Gzip => Inner::Gzip(GzEncoder::new(out, Compression::new(level.clamp(0, 9).unsigned_abs()))),
            Codec::Snappy => Inner::Snappy(Box::new(Snappy::new(out))),
            Codec::Lz4 => {
                let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
                Inner::Lz4(Box::new(FrameEncoder::with_frame_info(info, out)))
            }
            Codec::Zstd => Inner::Zstd(ZstdEncoder::new(out, level.min(ZSTD_LEVEL_MAX))?),
        }))
    }

    /// Bytes written up to now, with those in front; what the codec still holds back is not counted.
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Inner::None(out) => out.len(),
            Inner::Gzip(encoder) => encoder.get_ref().len(),
            Inner::Snappy(snappy) => snappy.out.len(),
            Inner::Lz4(encoder) => encoder.get_ref().len(),
            Inner::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    /// Ends the compressed bytes; what was given to `new` and they behind it.
    ///
    /// # Errors
    /// `Decompression` with the library's words.
    pub fn finish(self) -> Result<Vec<u8>, RecordError> {
        Ok(match self.0 {
            Inner::None(out) => out,
            Inner::Gzip(encoder) => encoder.finish()?,
            Inner::Snappy(snappy) => snappy.finish()?,
            Inner::Lz4(encoder) => encoder.finish().map_err(io::Error::from)?,
            Inner::Zstd(encoder) => encoder.finish()?,
        })
    }
}

impl Write for Compressor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::None(out) => out.write(bytes),
            Inner::Gzip(encoder) => encoder.write(bytes),
            Inner::Snappy(snappy) => snappy.write(bytes),
            Inner::Lz4(encoder) => encoder.write(bytes),
            Inner::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Snappy in the frame of `snappy-java`: blocks, each after its length.
struct Snappy {
    out: Vec<u8>,
    block: Vec<u8>,
    encoder: snap::raw::Encoder,
}

impl Snappy {
    fn new(mut out: Vec<u8>) -> Self {
        out.extend_from_slice(SNAPPY_FRAME);
        Self { out, block: Vec::new(), encoder: snap::raw::Encoder::new() }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(SNAPPY_BLOCK - self.block.len());
        self.block.extend_from_slice(bytes.get(..taken).unwrap_or(bytes));
        if self.block.len() == SNAPPY_BLOCK {
            self.end_block()?;
        }
        Ok(taken)
    }

    fn end_block(&mut self) -> io::Result<()> {
        let compressed = self.encoder.compress_vec(&self.block).map_err(io::Error::other)?;
        self.out.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
        self.out.extend_from_slice(&compressed);
        self.block.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::records::decompress;

    fn compressed(codec: Codec, bytes: &[u8]) -> Vec<u8> {
        let mut compressor = Compressor::new(codec, None, b"front".to_vec()).unwrap();
        bytes.chunks(1_000).for_each(|chunk| compressor.write_all(chunk).unwrap());
        compressor.finish().unwrap()
    }

    #[test]
    fn every_codec_gives_back_what_was_written_behind_what_was_there() {
        let mixed: Vec<u8> = (0..100_000u32).flat_map(|at| (at / 7 * at % 1_009).to_le_bytes()).collect();
        for (codec, bytes) in
            Codec::ALL.into_iter().flat_map(|codec| [(codec, &mixed[..]), (codec, b"a"), (codec, b"")])
        {
            let out = compressed(codec, bytes);
            let payload = out.strip_prefix(b"front").unwrap();
            let mut read = Vec::new();
            decompress::open(codec as i16, payload).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, bytes, "{codec:?}, {} bytes", bytes.len());
        }
    }

    #[test]
    fn ids_are_those_of_the_attributes() {
        assert_eq!(Codec::ALL.map(|codec| Codec::of_id(codec as i16)), Codec::ALL.map(Ok));
        assert_eq!(Codec::of_id(5), Err(RecordError::UnknownCodec(5)));
        assert_eq!(Codec::of_id(-1), Err(RecordError::UnknownCodec(-1)));
    }
}
