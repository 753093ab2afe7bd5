//! Reading and writing the primitive types of Kafka's protocol, for the messages that are own code.
//!
//! What must always hold: strings, bytes and records are slices of what was read; no count is believed that the
//! bytes left cannot hold.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::{TagWriter, Writer};

use crate::bounds::Problem;

/// An unsigned varint of at most 32 bits, its bytes given one by one. The bounds walk and the reader share it, so that what the
/// one has let pass the other understands alike.
pub(crate) fn varint(mut next: impl FnMut() -> Result<u8, Problem>) -> Result<u32, Problem> {
    let mut value = 0;
    for at in 0..5 {
        let byte = next()?;
        if at == 4 && byte > 0x0f {
            return Err(Problem::Varint);
        }
        value |= u32::from(byte & 0x7f) << (at * 7);
        if byte < 0x80 {
            break;
        }
    }
    Ok(value)
}
