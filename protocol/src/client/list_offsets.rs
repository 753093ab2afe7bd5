//! ListOffsets (2), version 7: where a partition begins.

use super::{Call, Refusal, read_partition, write_partition};
use crate::bounds::Problem;
use crate::codec::{Reader, Writer};

/// Asks for the first offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarliestOffset<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
}

/// The timestamp that stands for the first offset.
const EARLIEST: i64 = -2;
/// A consumer, and an epoch that it does not know.
const NONE: i32 = -1;

impl Call for EarliestOffset<'_> {
    const KEY: i16 = 2;
    const NAME: &'static str = "ListOffsets";
    const VERSION: i16 = 7;
    type Answer = Result<i64, Refusal>;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.int32(NONE);
        writer.int8(0);
        write_partition(writer, self.topic, |writer| {
            writer.int32(self.partition);
            writer.int32(NONE);
            writer.int64(EARLIEST);
        });
        writer.no_tags();
    }

    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem> {
        reader.int32()?;
        read_partition(reader, partition)
    }
}

fn partition(reader: &mut Reader) -> Result<Result<i64, Refusal>, Problem> {
    reader.int32()?;
    let refusal = Refusal::of(reader.int16()?, None);
    reader.int64()?;
    let offset = reader.int64()?;
    reader.int32()?;
    reader.no_tags()?;
    Ok(refusal.map_or(Ok(offset), Err))
}
