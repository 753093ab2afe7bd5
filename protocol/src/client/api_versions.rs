//! ApiVersions (18), version 3.

use std::collections::BTreeMap;

use super::{Call, Refusal};
use crate::bounds::{Problem, Versions};
use crate::codec::{Reader, Writer};

/// Asks which versions a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiVersions;

/// The versions a server speaks, by the API's key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SupportedVersions(BTreeMap<i16, (i16, i16)>);

impl SupportedVersions {
    /// Whether a call can be made.
    pub fn allow<C: Call>(&self) -> bool {
        self.0.get(&C::KEY).is_some_and(|&(min, max)| Versions { min, max }.contain(C::VERSION))
    }
}

impl Call for ApiVersions {
    const KEY: i16 = 18;
    const NAME: &'static str = "ApiVersions";
    const VERSION: i16 = 3;
    const TAGGED_HEADER: bool = false;
    type Answer = Result<SupportedVersions, Refusal>;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.string("catena");
        writer.string(env!("CARGO_PKG_VERSION"));
        writer.no_tags();
    }

    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem> {
        if let Some(refusal) = Refusal::of(reader.int16()?, None) {
            return Ok(Err(refusal));
        }
        let ranges = reader.growing_array(|reader| {
            let range = (reader.int16()?, (reader.int16()?, reader.int16()?));
            reader.no_tags()?;
            Ok(range)
        })?;
        Ok(Ok(SupportedVersions(ranges.into_iter().collect())))
    }
}
