//! Reading back the topics that the broker itself keeps.
//!
//! What must always hold: reading goes on whatever stands in the log, but for a disk that cannot be read and bytes that
//! are no batches; what is no record is told as such, once.

use std::borrow::Cow;

use catena_protocol::batch::BatchHeader;
use catena_protocol::records::{Codec, Rewrite, recompress, records};
use catena_storage::{PartitionLog, ReadError, ReadUpTo};

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;
/// Largest batch that is read, unpacked: bytes.
const UNPACKED_BYTES_MAX: usize = 8 << 20;

/// Something that stands in a log.
pub enum Found<'a> {
    /// A record.
    Record {
        /// Its offset.
        offset: i64,
        /// Its key.
        key: Option<&'a [u8]>,
        /// Its value.
        value: Option<&'a [u8]>,
    },
    /// Something else: damaged, or too large.
    Unreadable,
}

/// Gives what stands in `log` from offset `at` to `to`, oldest first, and moves `at` behind what was given. Blocking.
///
/// # Errors
/// When the log cannot be read.
pub fn read(
    log: &PartitionLog,
    at: &mut i64,
    to: i64,
    up_to: ReadUpTo,
    give: &mut dyn FnMut(Found),
) -> Result<(), ReadError> {
    while *at < to {
        let slice = log.read(*at, READ_BYTES, true, up_to)?;
        let next = read_slice(&slice.bytes, *at, give);
        if next <= *at {
            return Err(ReadError::Corrupt { offset: *at });
        }
        *at = next;
    }
    Ok(())
}

/// The batch without compression, unless it is broken or larger than `UNPACKED_BYTES_MAX`.
fn unpacked(batch: &[u8]) -> Option<Cow<'_, [u8]>> {
    if BatchHeader::parse(batch).ok()?.compression_id() == Codec::None as i16 {
        return Some(Cow::Borrowed(batch));
    }
    let rewrite = Rewrite { codec: Codec::None, level: None, batch_bytes_max: UNPACKED_BYTES_MAX };
    recompress(batch, &rewrite, UNPACKED_BYTES_MAX as u64, |_| {}).ok().map(Cow::Owned)
}

/// Gives what stands in whole batches from offset `from` on, and the offset after the last batch.
pub fn read_slice(mut bytes: &[u8], from: i64, give: &mut dyn FnMut(Found)) -> i64 {
    let mut next = from;
    while let Ok(header) = BatchHeader::parse_whole(bytes) {
        let (batch, rest) = bytes.split_at(header.size());
        if !header.is_control() {
            read_batch(batch, from, give);
        }
        next = header.next_offset();
        bytes = rest;
    }
    next
}

/// Gives the records of one batch from offset `from` on.
pub fn read_batch(batch: &[u8], from: i64, give: &mut dyn FnMut(Found)) {
    let unpacked = unpacked(batch);
    let Some(records) = unpacked.as_deref().and_then(|batch| records(batch).ok()) else {
        return give(Found::Unreadable);
    };
    for record in records {
        match record {
            Ok(record) if record.offset < from => {}
            Ok(record) => give(Found::Record { offset: record.offset, key: record.key, value: record.value }),
            Err(_) => give(Found::Unreadable),
        }
    }
}
