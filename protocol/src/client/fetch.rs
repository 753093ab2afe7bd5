//! Fetch (1), version 12: records of one partition, without a session.

use bytes::Bytes;

use super::{Call, Refusal, read_partition, write_partition};
use crate::bounds::Problem;
use crate::codec::{Reader, Writer};

/// Asks for records of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The first offset wanted.
    pub offset: i64,
    /// Bytes worth having; one batch may be larger.
    pub bytes_max: i32,
    /// How long the server may wait for records, in milliseconds.
    pub wait_ms_max: i32,
}

/// Batches, the last of which may be cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where what consumers may see ends.
    pub high_watermark: i64,
    /// The batches.
    pub batches: Bytes,
}

/// A consumer, and an epoch that it does not know.
const NONE: i32 = -1;

impl Call for Fetch<'_> {
    const KEY: i16 = 1;
    const NAME: &'static str = "Fetch";
    const VERSION: i16 = 12;
    type Answer = Result<Fetched, Refusal>;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.int32(NONE);
        writer.int32(self.wait_ms_max);
        writer.int32(1);
        writer.int32(self.bytes_max);
        writer.int8(0);
        writer.int32(0);
        writer.int32(NONE);
        write_partition(writer, self.topic, |writer| {
            writer.int32(self.partition);
            writer.int32(NONE);
            writer.int64(self.offset);
            writer.int32(NONE);
            writer.int64(NONE.into());
            writer.int32(self.bytes_max);
        });
        writer.array::<i32>(&[], |_, _| ());
        writer.string("");
        writer.no_tags();
    }

    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem> {
        reader.int32()?;
        if let Some(refusal) = Refusal::of(reader.int16()?, None) {
            return Ok(Err(refusal));
        }
        reader.int32()?;
        read_partition(reader, partition)
    }
}

fn partition(reader: &mut Reader) -> Result<Result<Fetched, Refusal>, Problem> {
    reader.int32()?;
    let refusal = Refusal::of(reader.int16()?, None);
    let high_watermark = reader.int64()?;
    reader.int64()?;
    reader.int64()?;
    reader.growing_array(|reader| {
        reader.int64()?;
        reader.int64()?;
        reader.no_tags()
    })?;
    reader.int32()?;
    let batches = reader.nullable_bytes()?.unwrap_or_default();
    reader.no_tags()?;
    Ok(refusal.map_or(Ok(Fetched { high_watermark, batches }), Err))
}
