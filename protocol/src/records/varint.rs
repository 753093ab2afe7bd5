//! Zigzag varints as records use them.
//!
//! Source: Apache Kafka, `org.apache.kafka.common.utils.ByteUtils`.

use std::io::Read;

use super::RecordError;

const MAX_BYTES_INT: u32 = 5;
const MAX_BYTES_LONG: u32 = 10;

/// Reads a 32-bit varint.
pub(super) fn read_int(source: &mut impl Read) -> Result<i32, RecordError> {
    let raw = read_unsigned(source, MAX_BYTES_INT)? as u32;
    Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Reads a 64-bit varint.
pub(super) fn read_long(source: &mut impl Read) -> Result<i64, RecordError> {
    let raw = read_unsigned(source, MAX_BYTES_LONG)?;
    Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// Reads an unsigned varint of at most `max_bytes`.
pub(super) fn read_unsigned(source: &mut impl Read, max_bytes: u32) -> Result<u64, RecordError> {
    let mut value = 0;
    for index in 0..max_bytes {
        let mut byte = [0];
        source.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << (7 * index);
        if byte[0] & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(RecordError::Invalid("a varint is too long"))
}

/// Bytes of a varint.
pub(super) fn len(value: i64) -> u64 {
    let raw = ((value << 1) ^ (value >> 63)) as u64;
    u64::from((64 - raw.leading_zeros()).max(1).div_ceil(7))
}

/// Writes a varint; 32-bit values have the same form.
pub(super) fn put(out: &mut Vec<u8>, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for value in [0, -1, 1, 63, 64, -64, -65, 300, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            assert_eq!(len(value), bytes.len() as u64, "{value}");
            assert_eq!(read_long(&mut &bytes[..]), Ok(value));
            if let Ok(short) = i32::try_from(value) {
                assert_eq!(read_int(&mut &bytes[..]), Ok(short));
            }
        }
    }

    #[test]
    fn a_varint_that_does_not_end_is_refused() {
        assert_eq!(read_int(&mut &[0xff; 6][..]), Err(RecordError::Invalid("a varint is too long")));
        assert_eq!(read_long(&mut &[0xff; 4][..]), Err(RecordError::Truncated));
    }
}
