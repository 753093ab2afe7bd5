//! DescribeConfigs (32), version 4.

use super::{Call, Refusal, only};
use crate::bounds::Problem;
use crate::codec::{Reader, Writer};

/// Asks for the settings of one resource, with what stands behind each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribeConfigs<'a> {
    /// Kafka's number of the resource's type.
    pub resource_type: i8,
    /// The resource's name.
    pub resource_name: &'a str,
    /// One setting, or all of them.
    pub setting: Option<&'a str>,
}

/// A setting as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// The value in force; none when there is none or it is secret.
    pub value: Option<String>,
    /// Whether only a restart can change it.
    pub read_only: bool,
    /// Where the value comes from.
    pub source: Source,
    /// Whether its value is kept from clients.
    pub sensitive: bool,
    /// The values that are set for it, the one in force first.
    pub synonyms: Vec<Synonym>,
}

/// A value that would be in force if those before it were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    /// The setting that has it.
    pub name: String,
    /// The value; none when it is secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// Where a value comes from: Kafka's `ConfigSource`, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source(pub i8);

impl Source {
    /// Nobody has set it.
    pub const DEFAULT: Self = Self(5);

    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self.0 {
            1 => "DYNAMIC_TOPIC_CONFIG",
            2 => "DYNAMIC_BROKER_CONFIG",
            3 => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            4 => "STATIC_BROKER_CONFIG",
            5 => "DEFAULT_CONFIG",
            6 => "DYNAMIC_BROKER_LOGGER_CONFIG",
            7 => "DYNAMIC_CLIENT_METRICS_CONFIG",
            8 => "DYNAMIC_GROUP_CONFIG",
            _ => "UNKNOWN",
        }
    }
}

impl Call for DescribeConfigs<'_> {
    const KEY: i16 = 32;
    const NAME: &'static str = "DescribeConfigs";
    const VERSION: i16 = 4;
    type Answer = Result<Vec<Described>, Refusal>;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.array(&[self], |writer, call| {
            writer.int8(call.resource_type);
            writer.string(call.resource_name);
            writer.nullable_array(call.setting.as_ref().map(std::slice::from_ref), |writer, name| writer.string(name));
            writer.no_tags();
        });
        writer.boolean(true);
        writer.boolean(false);
        writer.no_tags();
    }

    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem> {
        reader.int32()?;
        only(reader.growing_array(resource)?)
    }
}

fn resource(reader: &mut Reader) -> Result<Result<Vec<Described>, Refusal>, Problem> {
    let refusal = Refusal::read(reader)?;
    reader.int8()?;
    reader.string()?;
    let settings = reader.growing_array(described)?;
    reader.no_tags()?;
    Ok(refusal.map_or(Ok(settings), Err))
}

fn described(reader: &mut Reader) -> Result<Described, Problem> {
    let described = Described {
        name: reader.text()?,
        value: reader.nullable_text()?,
        read_only: reader.boolean()?,
        source: Source(reader.int8()?),
        sensitive: reader.boolean()?,
        synonyms: reader.growing_array(synonym)?,
    };
    reader.int8()?;
    reader.nullable_string()?;
    reader.no_tags()?;
    Ok(described)
}

fn synonym(reader: &mut Reader) -> Result<Synonym, Problem> {
    let synonym = Synonym { name: reader.text()?, value: reader.nullable_text()?, source: Source(reader.int8()?) };
    reader.no_tags()?;
    Ok(synonym)
}
