//! The idempotent producers of a log.

use catena_protocol::batch::BatchHeader;

use super::{AppendOrigin, PartitionLog};
use crate::record_check::reads_records;

impl PartitionLog {
    /// Whether an append of a client's batch may keep its thread busy for long: its records are read, or written anew.
    pub fn append_is_heavy(&self, batch: &[u8], now_ms: i64) -> bool {
        let Ok(header) = BatchHeader::parse_whole(batch) else { return false };
        reads_records(&header, AppendOrigin::Client, &self.config(), now_ms)
    }
}
