//! Produce (0), version 9: one batch to one partition, acknowledged when it is durable.

use super::{Call, Refusal, read_partition, write_partition};
use crate::bounds::Problem;
use crate::codec::{Reader, Writer};

/// Appends one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produce<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The batch.
    pub batch: &'a [u8],
    /// How long the server may take, in milliseconds.
    pub timeout_ms: i32,
}

/// "When all replicas have it."
const ACKS_ALL: i16 = -1;

impl Call for Produce<'_> {
    const KEY: i16 = 0;
    const NAME: &'static str = "Produce";
    const VERSION: i16 = 9;
    type Answer = Result<i64, Refusal>;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.nullable_string(None);
        writer.int16(ACKS_ALL);
        writer.int32(self.timeout_ms);
        write_partition(writer, self.topic, |writer| {
            writer.int32(self.partition);
            writer.bytes(self.batch);
        });
        writer.no_tags();
    }

    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem> {
        read_partition(reader, partition)
    }
}

/// The offset of the first record, or why there is none: what is wrong with a record says more than the text about its batch.
fn partition(reader: &mut Reader) -> Result<Result<i64, Refusal>, Problem> {
    reader.int32()?;
    let code = reader.int16()?;
    let base_offset = reader.int64()?;
    reader.int64()?;
    reader.int64()?;
    let of_records = reader.growing_array(|reader| {
        reader.int32()?;
        let message = reader.nullable_text()?;
        reader.no_tags()?;
        Ok(message)
    })?;
    let of_batch = reader.nullable_text()?;
    reader.no_tags()?;
    let message = of_records.into_iter().flatten().next().or(of_batch);
    Ok(Refusal::of(code, message).map_or(Ok(base_offset), Err))
}
