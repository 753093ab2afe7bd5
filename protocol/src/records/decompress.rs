//! The bytes of a batch's records, unpacked as they are read.
//!
//! What must always hold: a source holds a constant, or a small multiple of the compressed bytes, whatever they claim;
//! and it ends after `limit` bytes. Zstandard frames that ask for a window of more than 8 MiB (levels 20 and up) are
//! refused: such a window would have to be held whole.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::RecordError;
use super::lz4::{self, Lz4};
use super::snappy::Snappy;
use super::window::Unpacker;

/// Unpacked bytes that any batch may have.
const ALWAYS_ALLOWED: u64 = 256 << 20;
/// Unpacked bytes allowed beyond that, per compressed byte.
const ALLOWED_RATIO: u64 = 16;
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Snappy's writers copy from the last 64 KiB; few reach back further, and a short batch cannot.
const SNAPPY_WINDOW: usize = 64 * 1024;

/// Unpacked bytes.
pub(super) type Source<'a> = io::Take<Box<dyn BufRead + Send + 'a>>;

/// The unpacked bytes of `payload`, compressed as codec id `codec` says.
pub(super) fn open(codec: i16, payload: &[u8]) -> Result<Source<'_>, RecordError> {
    let source: Box<dyn BufRead + Send> = match codec {
        0 => Box::new(payload),
        1 => Box::new(BufReader::new(MultiGzDecoder::new(payload))),
        2 => Box::new(Unpacker::new(Snappy::new(payload)?, SNAPPY_WINDOW.max(2 * payload.len()))),
        3 => Box::new(Unpacker::new(Lz4::new(payload)?, lz4::WINDOW)),
        4 => Box::new(BufReader::new(zstd(payload)?)),
        unknown => return Err(RecordError::UnknownCodec(unknown)),
    };
    Ok(source.take(limit(payload.len())))
}

/// Unpacked bytes after which `compressed` bytes are taken for an attack.
fn limit(compressed: usize) -> u64 {
    ALWAYS_ALLOWED + ALLOWED_RATIO * compressed as u64
}

fn zstd(payload: &[u8]) -> io::Result<ZstdDecoder<'static, &[u8]>> {
    let mut decoder = ZstdDecoder::with_buffer(payload)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}
