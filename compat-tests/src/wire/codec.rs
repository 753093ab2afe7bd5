//! Compressing and decompressing what is in a batch, by libraries that the broker does not read with.
//!
//! Source: Apache Kafka, `CompressionType`; snappy is written as one raw block, as some clients do, and read in both forms.

use std::io::{Read, Write};

use super::batch::{BatchView, HEADER_LEN, seal};
use super::connection::{Result, invalid};

const SNAPPY_FRAME: &[u8] = b"\x82SNAPPY\0";
/// Bytes of the frame's header: the magic and two version numbers.
const SNAPPY_FRAME_LEN: usize = 16;
const CODEC_MASK: u8 = 0x07;

/// Compresses as codec id `codec` (0 to 4) says.
///
/// # Errors
/// Of the library.
pub fn compress(codec: usize, plain: &[u8]) -> Result<Vec<u8>> {
    match codec {
        1 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(plain)?;
            encoder.finish()
        }
        2 => snap::raw::Encoder::new().compress_vec(plain).map_err(invalid),
        3 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(plain)?;
            encoder.finish().map_err(invalid)
        }
        4 => zstd::encode_all(plain, 1),
        _ => Ok(plain.to_vec()),
    }
}

fn decompress(codec: usize, packed: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    match codec {
        1 => drop(flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut plain)?),
        2 => return unsnap(packed),
        3 => drop(lz4_flex::frame::FrameDecoder::new(packed).read_to_end(&mut plain)?),
        4 => return zstd::decode_all(packed),
        _ => plain.extend_from_slice(packed),
    }
    Ok(plain)
}

fn unsnap(packed: &[u8]) -> Result<Vec<u8>> {
    let raw = |block: &[u8]| snap::raw::Decoder::new().decompress_vec(block).map_err(invalid);
    if !packed.starts_with(SNAPPY_FRAME) {
        return raw(packed);
    }
    let mut plain = Vec::new();
    let mut blocks = packed.get(SNAPPY_FRAME_LEN..).unwrap_or_default();
    while let Some((length, rest)) = blocks.split_first_chunk::<4>() {
        let (block, rest) =
            rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(|| invalid("snappy"))?;
        plain.extend(raw(block)?);
        blocks = rest;
    }
    Ok(plain)
}

impl BatchView {
    /// The same batch, uncompressed.
    ///
    /// # Errors
    /// `InvalidData` when the bytes are not what the codec says.
    pub fn decompressed(&self) -> Result<Self> {
        let mut bytes = self.bytes[..HEADER_LEN].to_vec();
        bytes[22] &= !CODEC_MASK;
        bytes.extend(decompress(self.codec(), &self.bytes[HEADER_LEN..])?);
        let length = bytes.len() as u32 - 12;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        seal(&mut bytes);
        Ok(Self { bytes: bytes.into(), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::{BatchBuilder, NO_PRODUCER, batches};

    #[test]
    fn a_compressed_batch_is_read_like_an_uncompressed_one() {
        let mut builder = BatchBuilder::new(5);
        builder.push(Some(b"k"), Some(&[7; 3_000])).push(None, None);
        let plain = batches(&builder.build().into()).remove(0);
        for codec in 0..=4 {
            let payload = compress(codec, builder.payload()).expect("compressed");
            let batch = builder.build_as(codec as i16, &payload, NO_PRODUCER, -1);
            let view = batches(&batch.into()).remove(0).decompressed().expect("decompressed");
            assert_eq!(view.bytes, plain.bytes, "codec {codec}");
        }
    }
}
