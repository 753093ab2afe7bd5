//! CreateTopics (19), version 7.

use uuid::Uuid;

use super::{Call, Refusal, only};
use crate::bounds::Problem;
use crate::codec::{Reader, Writer};

/// Creates one topic, with the server's own number of replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its partitions.
    pub partitions: i32,
    /// Its settings.
    pub configs: &'a [(&'a str, &'a str)],
    /// How long the server may take, in milliseconds.
    pub timeout_ms: i32,
}

/// "As the server has it."
const SERVER_DEFAULT: i16 = -1;

impl Call for CreateTopic<'_> {
    const KEY: i16 = 19;
    const NAME: &'static str = "CreateTopics";
    const VERSION: i16 = 7;
    type Answer = Result<Uuid, Refusal>;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.array(&[self], |writer, topic| {
            writer.string(topic.name);
            writer.int32(topic.partitions);
            writer.int16(SERVER_DEFAULT);
            writer.array::<i32>(&[], |_, _| ());
            writer.array(topic.configs, |writer, (name, value)| {
                writer.string(name);
                writer.string(value);
                writer.no_tags();
            });
            writer.no_tags();
        });
        writer.int32(self.timeout_ms);
        writer.boolean(false);
        writer.no_tags();
    }

    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem> {
        reader.int32()?;
        only(reader.growing_array(created)?)
    }
}

fn created(reader: &mut Reader) -> Result<Result<Uuid, Refusal>, Problem> {
    reader.string()?;
    let id = reader.uuid()?;
    let refusal = Refusal::read(reader)?;
    reader.int32()?;
    reader.int16()?;
    reader.growing_array(|reader| {
        reader.string()?;
        reader.nullable_string()?;
        reader.boolean()?;
        reader.int8()?;
        reader.boolean()?;
        reader.no_tags()
    })?;
    reader.no_tags()?;
    Ok(refusal.map_or(Ok(id), Err))
}
