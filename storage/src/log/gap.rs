//! Marking the end of a gap, so that a reader who has read everything before it gets across.
//!
//! A partition whose open chain was in a store that is away goes on far behind, at the end of a reservation. A consumer that waits where the
//! records end would see a log end that it never reaches, until somebody writes again.
//!
//! What must always hold: the mark is a batch without records, as compaction leaves them, at the first offset behind the gap.

use std::sync::Arc;

use catena_protocol::batch::BatchHeader;
use catena_protocol::records;

use super::PartitionLog;
use crate::error::AppendError;

/// In place of a time, a producer, its epoch and its sequence numbers.
const NONE: i8 = -1;

impl PartitionLog {
    /// Appends a batch without records.
    ///
    /// # Errors
    /// When no store takes it.
    pub(crate) fn mark_gap(self: &Arc<Self>) -> Result<(), AppendError> {
        let config = self.config();
        let mut writer = self.writer();
        let header = BatchHeader {
            base_offset: writer.next_offset,
            batch_length: 0,
            partition_leader_epoch: self.leader_epoch(),
            crc: 0,
            attributes: 0,
            last_offset_delta: 0,
            base_timestamp: NONE.into(),
            max_timestamp: NONE.into(),
            producer_id: NONE.into(),
            producer_epoch: NONE.into(),
            base_sequence: NONE.into(),
            record_count: 0,
        };
        let bytes = records::emptied(&header);
        let header = BatchHeader::parse_whole(&bytes).map_err(|error| AppendError::Corrupt(error.to_string()))?;
        let segment = self.write(&mut writer, &[header], [&bytes[..], &[]], &config, 0)?;
        self.appended(&mut writer, &[header], &segment, &config, 0);
        Ok(())
    }
}
