//! Snapshots and updates of a state.
//!
//! What must always hold: offsets and counts are not checked against each other here; who applies them does.

use crate::fields::{Reader, RecordError, Writer};

const COMPLETE_COUNT_TAG: u32 = 0;
/// "The count of completed deliveries is not known", as from Kafka before 4.2.
const NO_COMPLETE_COUNT: i32 = -1;
/// Bytes of a batch without tagged fields.
const BATCH_LEN_MIN: usize = 20;

/// All of a state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareSnapshot {
    /// Grows with every snapshot.
    pub snapshot_epoch: i32,
    /// Grows when the state is made anew.
    pub state_epoch: i32,
    /// The leader epoch of the partition's leader that wrote last.
    pub leader_epoch: i32,
    /// Everything below is finished; -1 when not known yet.
    pub start_offset: i64,
    /// How many offsets from `start_offset` on are finished; -1 when not known.
    pub delivery_complete_count: i32,
    /// When the state was made, milliseconds since 1970.
    pub create_timestamp_ms: i64,
    /// When it was written, milliseconds since 1970.
    pub write_timestamp_ms: i64,
    /// What is not available for the first time.
    pub batches: Vec<StateBatch>,
}

/// What changed in a state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareUpdate {
    /// The snapshot it belongs to.
    pub snapshot_epoch: i32,
    /// The leader epoch of the partition's leader that wrote it.
    pub leader_epoch: i32,
    /// Everything below is finished; -1 when that did not change.
    pub start_offset: i64,
    /// How many offsets from `start_offset` on are finished; -1 when not known.
    pub delivery_complete_count: i32,
    /// What changed.
    pub batches: Vec<StateBatch>,
}

/// Offsets that are in the same state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateBatch {
    /// The first offset.
    pub first_offset: i64,
    /// The last offset.
    pub last_offset: i64,
    /// 0 available, 2 acknowledged, 4 archived (Kafka's `RecordState`).
    pub delivery_state: i8,
    /// How many times they were delivered.
    pub delivery_count: i16,
}

impl ShareSnapshot {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            snapshot_epoch: reader.i32()?,
            state_epoch: reader.i32()?,
            leader_epoch: reader.i32()?,
            start_offset: reader.i64()?,
            create_timestamp_ms: reader.i64()?,
            write_timestamp_ms: reader.i64()?,
            batches: reader.list(BATCH_LEN_MIN, StateBatch::read)?,
            delivery_complete_count: read_complete_count(reader)?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.i32(self.snapshot_epoch);
        out.i32(self.state_epoch);
        out.i32(self.leader_epoch);
        out.i64(self.start_offset);
        out.i64(self.create_timestamp_ms);
        out.i64(self.write_timestamp_ms);
        out.list(&self.batches, StateBatch::write);
        write_complete_count(self.delivery_complete_count, out);
    }
}

impl ShareUpdate {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            snapshot_epoch: reader.i32()?,
            leader_epoch: reader.i32()?,
            start_offset: reader.i64()?,
            batches: reader.list(BATCH_LEN_MIN, StateBatch::read)?,
            delivery_complete_count: read_complete_count(reader)?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.i32(self.snapshot_epoch);
        out.i32(self.leader_epoch);
        out.i64(self.start_offset);
        out.list(&self.batches, StateBatch::write);
        write_complete_count(self.delivery_complete_count, out);
    }
}

impl StateBatch {
    fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let batch = Self {
            first_offset: reader.i64()?,
            last_offset: reader.i64()?,
            delivery_state: reader.i8()?,
            delivery_count: reader.i16()?,
        };
        reader.skip_tags()?;
        Ok(batch)
    }

    fn write(out: &mut Writer, batch: &Self) {
        out.i64(batch.first_offset);
        out.i64(batch.last_offset);
        out.i8(batch.delivery_state);
        out.i16(batch.delivery_count);
        out.no_tags();
    }
}

fn read_complete_count(reader: &mut Reader<'_>) -> Result<i32, RecordError> {
    let mut count = NO_COMPLETE_COUNT;
    reader.tags(|tag, field| {
        if tag == COMPLETE_COUNT_TAG {
            count = field.i32()?;
        }
        Ok(())
    })?;
    Ok(count)
}

fn write_complete_count(count: i32, out: &mut Writer) {
    out.one_tag(COMPLETE_COUNT_TAG, Some(count).filter(|count| *count != NO_COMPLETE_COUNT), Writer::i32);
}
