//! IncrementalAlterConfigs (44), version 1.

use super::{Call, Refusal, only};
use crate::bounds::Problem;
use crate::codec::{Reader, Writer};

/// Changes settings of one resource, all or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncrementalAlterConfigs<'a> {
    /// Kafka's number of the resource's type.
    pub resource_type: i8,
    /// The resource's name.
    pub resource_name: &'a str,
    /// The changes.
    pub changes: &'a [Alteration],
    /// Whether they are only tried.
    pub validate_only: bool,
}

/// A change of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alteration {
    /// The setting.
    pub name: String,
    /// Its new value, or none to take the one away that it has here.
    pub value: Option<String>,
}

/// Kafka's `AlterConfigOp.OpType`.
const SET: i8 = 0;
const DELETE: i8 = 1;

impl Call for IncrementalAlterConfigs<'_> {
    const KEY: i16 = 44;
    const NAME: &'static str = "IncrementalAlterConfigs";
    const VERSION: i16 = 1;
    type Answer = Result<(), Refusal>;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.array(&[self], |writer, call| {
            writer.int8(call.resource_type);
            writer.string(call.resource_name);
            writer.array(call.changes, |writer, change| {
                writer.string(&change.name);
                writer.int8(if change.value.is_some() { SET } else { DELETE });
                writer.nullable_string(change.value.as_deref());
                writer.no_tags();
            });
            writer.no_tags();
        });
        writer.boolean(self.validate_only);
        writer.no_tags();
    }

    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem> {
        reader.int32()?;
        only(reader.growing_array(|reader| {
            let refusal = Refusal::read(reader)?;
            reader.int8()?;
            reader.string()?;
            reader.no_tags()?;
            Ok(refusal.map_or(Ok(()), Err))
        })?)
    }
}
