//! From bytes.

use bytes::{Buf, Bytes};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::bounds::{ARRAY_ELEMENTS_MAX, Problem, TAGS_MAX};

/// Takes values from the front of a body.
pub struct Reader {
    rest: Bytes,
    version: i16,
    flexible: bool,
}

macro_rules! read_numbers {
    ($($(#[$doc:meta])* $name:ident $type:ty, $get:ident;)*) => {
        $($(#[$doc])*
        pub fn $name(&mut self) -> Result<$type, Problem> {
            self.rest.$get().map_err(|short| Problem::Missing(short.requested - short.available))
        })*
    };
}

impl Reader {
    /// Reads `body`, a message in `version`; `flexible` says whether that has compact lengths and tagged fields.
    pub fn new(body: Bytes, version: i16, flexible: bool) -> Self {
        Self { rest: body, version, flexible }
    }

    /// Whether the version is this one or a later one.
    pub fn since(&self, version: i16) -> bool {
        self.version >= version
    }

    read_numbers! {
        /// A number of 8 bits.
        int8 i8, try_get_i8;
        /// A number of 16 bits.
        int16 i16, try_get_i16;
        /// A number of 32 bits.
        int32 i32, try_get_i32;
        /// A number of 64 bits.
        int64 i64, try_get_i64;
    }

    /// Whatever `read` gives if the version is this one or a later one, else `default`.
    pub fn if_since<T>(
        &mut self,
        version: i16,
        default: T,
        read: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if self.since(version) { read(self) } else { Ok(default) }
    }

    /// A UUID.
    pub fn uuid(&mut self) -> Result<Uuid, Problem> {
        let value = self.rest.try_get_u128();
        value.map(Uuid::from_u128).map_err(|short| Problem::Missing(short.requested - short.available))
    }

    /// A boolean: anything but 0.
    pub fn boolean(&mut self) -> Result<bool, Problem> {
        Ok(self.int8()? != 0)
    }

    /// A topic's id from a version on, and its name before; what is not there is empty or nil.
    pub fn name_or_id(&mut self, ids_since: i16) -> Result<(StrBytes, Uuid), Problem> {
        let by_id = self.since(ids_since);
        if by_id { Ok((StrBytes::default(), self.uuid()?)) } else { Ok((self.string()?, Uuid::nil())) }
    }

    /// Text.
    pub fn string(&mut self) -> Result<StrBytes, Problem> {
        self.nullable_string()?.ok_or(Problem::Null)
    }

    /// Text or null.
    pub fn nullable_string(&mut self) -> Result<Option<StrBytes>, Problem> {
        let len = if self.flexible { self.compact_len()? } else { signed_len(self.int16()?.into())? };
        let Some(len) = len else { return Ok(None) };
        StrBytes::from_utf8(self.take(len)?).map(Some).map_err(|_| Problem::Text)
    }

    /// Bytes, or records, or null.
    pub fn nullable_bytes(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(len) = self.long_len()? else { return Ok(None) };
        self.take(len).map(Some)
    }

    /// Elements.
    pub fn array<T>(&mut self, read: impl FnMut(&mut Self) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
        self.nullable_array(read)?.ok_or(Problem::Null)
    }

    /// Elements or null.
    pub fn nullable_array<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Problem>,
    ) -> Result<Option<Vec<T>>, Problem> {
        let Some(count) = self.long_len()? else { return Ok(None) };
        if count > ARRAY_ELEMENTS_MAX {
            return Err(Problem::Elements(count));
        }
        self.is_there(count)?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(read(self)?);
        }
        Ok(Some(elements))
    }

    /// Elements of a body that no bounds walk has seen: memory grows with the elements that are really there. Null is none.
    pub fn growing_array<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let count = self.long_len()?.unwrap_or(0);
        if count > ARRAY_ELEMENTS_MAX {
            return Err(Problem::Elements(count));
        }
        (0..count).map(|_| read(self)).collect::<Result<Vec<T>, Problem>>()
    }

    /// Text of a struct of ours.
    pub fn text(&mut self) -> Result<String, Problem> {
        self.string().map(|text| text.to_string())
    }

    /// Text of a struct of ours, or null.
    pub fn nullable_text(&mut self) -> Result<Option<String>, Problem> {
        Ok(self.nullable_string()?.map(|text| text.to_string()))
    }

    /// The end of a struct: `known` is called with each tag and its value, and ignores what it does not know.
    pub fn tags(&mut self, mut known: impl FnMut(u32, &mut Self) -> Result<(), Problem>) -> Result<(), Problem> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.varint()? as usize;
        if count > TAGS_MAX {
            return Err(Problem::Tags(count));
        }
        for _ in 0..count {
            let tag = self.varint()?;
            let len = self.varint()? as usize;
            let mut value = Self { rest: self.take(len)?, version: self.version, flexible: true };
            known(tag, &mut value)?;
        }
        Ok(())
    }

    /// The end of a struct of which no tagged field matters.
    pub fn no_tags(&mut self) -> Result<(), Problem> {
        self.tags(|_, _| Ok(()))
    }

    fn long_len(&mut self) -> Result<Option<usize>, Problem> {
        if self.flexible { self.compact_len() } else { signed_len(self.int32()?) }
    }

    /// A length plus one; 0 is null.
    fn compact_len(&mut self) -> Result<Option<usize>, Problem> {
        Ok((self.varint()? as usize).checked_sub(1))
    }

    fn varint(&mut self) -> Result<u32, Problem> {
        super::varint(|| Ok(self.int8()? as u8))
    }

    fn take(&mut self, len: usize) -> Result<Bytes, Problem> {
        self.is_there(len)?;
        Ok(self.rest.split_to(len))
    }

    fn is_there(&self, len: usize) -> Result<(), Problem> {
        match len.checked_sub(self.rest.len()) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(Problem::Missing(missing)),
        }
    }
}

fn signed_len(len: i32) -> Result<Option<usize>, Problem> {
    if len == -1 { Ok(None) } else { usize::try_from(len).map(Some).map_err(|_| Problem::Negative) }
}
