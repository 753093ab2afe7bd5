//! The walk itself.
//!
//! What must always hold: memory is charged for an array before its elements are walked, so the work done is bounded
//! by the body's bytes too.

use super::schema::{Field, Items, Kind, Schema};
use super::{ARRAY_ELEMENTS_MAX, HeaderEnds, MEMORY_FACTOR, MEMORY_FLOOR, OutOfBounds, Problem, TAGS_MAX};
use crate::codec;

/// Memory of the first unknown tagged field of a struct, and of each further one: nodes of a B-tree.
const FIRST_TAG_SIZE: usize = 416;
const MORE_TAG_SIZE: usize = 104;
/// Where the client's name begins, behind its length.
const NAME_START: usize = 2;

/// Walks over a body.
pub fn body(schema: &Schema, version: i16, body: &[u8]) -> Result<usize, OutOfBounds> {
    let memory_left = body.len().saturating_mul(MEMORY_FACTOR - 1).saturating_add(MEMORY_FLOOR);
    let flexible = version >= schema.flexible_since;
    let mut walk = Walk { rest: body, version, flexible, memory_left, field: "" };
    match walk.fields(schema.fields) {
        Ok(()) => Ok(body.len() - walk.rest.len()),
        Err(problem) => Err(OutOfBounds { field: walk.field, problem }),
    }
}

/// Walks over a header behind its fixed part. The name's length is never compact.
pub fn header(flexible: bool, rest: &[u8]) -> Result<HeaderEnds, OutOfBounds> {
    let mut walk = Walk { rest, version: 0, flexible: false, memory_left: usize::MAX, field: "ClientId" };
    let mut walked = || {
        walk.string(true)?;
        let name_end = rest.len() - walk.rest.len();
        if flexible {
            walk.tags(&[])?;
        }
        Ok(HeaderEnds { client_id: NAME_START..name_end, header: rest.len() - walk.rest.len() })
    };
    walked().map_err(|problem| OutOfBounds { field: "ClientId", problem })
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    memory_left: usize,
    /// The last field begun.
    field: &'static str,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &[Field]) -> Result<(), Problem> {
        for field in fields {
            if field.tag.is_none() && field.versions.contain(self.version) {
                self.field(field)?;
            }
        }
        if self.flexible { self.tags(fields) } else { Ok(()) }
    }

    fn field(&mut self, field: &Field) -> Result<(), Problem> {
        self.field = field.name;
        let nullable = field.nullable.contain(self.version);
        match field.kind {
            Kind::Fixed(len) => self.skip(len),
            Kind::String => self.string(nullable),
            Kind::Bytes => match self.bytes_len()? {
                Some(len) => self.skip(len),
                None => null(nullable),
            },
            Kind::Struct(fields) if nullable => match *self.take(1)? {
                [1] => self.fields(fields),
                [byte] if (byte as i8) < 0 => Ok(()),
                _ => Err(Problem::Presence),
            },
            Kind::Struct(fields) => self.fields(fields),
            Kind::Array(items) => match self.count()? {
                Some(count) => self.array(items, count),
                None => null(nullable),
            },
        }
    }

    fn array(&mut self, items: Items, count: usize) -> Result<(), Problem> {
        if count > ARRAY_ELEMENTS_MAX {
            return Err(Problem::Elements(count));
        }
        self.is_there(count.saturating_mul(items.wire_size_min()))?;
        self.charge(count.saturating_mul(items.decoded_size()))?;
        match items {
            Items::Fixed(bytes) => self.skip(count.saturating_mul(bytes)),
            Items::String => (0..count).try_for_each(|_| self.string(false)),
            Items::Struct(fields) => (0..count).try_for_each(|_| self.fields(fields)),
        }
    }

    fn string(&mut self, nullable: bool) -> Result<(), Problem> {
        let len = if self.flexible { self.compact_len()? } else { self.len_of(2)? };
        let Some(len) = len else { return null(nullable) };
        let text = self.take(len)?;
        std::str::from_utf8(text).map(drop).map_err(|_| Problem::Text)
    }

    fn bytes_len(&mut self) -> Result<Option<usize>, Problem> {
        if self.flexible { self.compact_len() } else { self.len_of(4) }
    }

    fn count(&mut self) -> Result<Option<usize>, Problem> {
        self.bytes_len()
    }

    /// A length of so many bytes; -1 is null.
    fn len_of(&mut self, width: usize) -> Result<Option<usize>, Problem> {
        let len = match self.take(width)? {
            [a, b] => i32::from(i16::from_be_bytes([*a, *b])),
            [a, b, c, d] => i32::from_be_bytes([*a, *b, *c, *d]),
            _ => return Err(Problem::Missing(width)),
        };
        if len == -1 { Ok(None) } else { usize::try_from(len).map(Some).map_err(|_| Problem::Negative) }
    }

    /// A length plus one; 0 is null.
    fn compact_len(&mut self) -> Result<Option<usize>, Problem> {
        Ok((self.varint()? as usize).checked_sub(1))
    }

    fn varint(&mut self) -> Result<u32, Problem> {
        codec::varint(|| match *self.take(1)? {
            [byte] => Ok(byte),
            _ => Err(Problem::Missing(1)),
        })
    }

    fn tags(&mut self, fields: &[Field]) -> Result<(), Problem> {
        let count = self.varint()? as usize;
        if count > TAGS_MAX {
            return Err(Problem::Tags(count));
        }
        let mut price = FIRST_TAG_SIZE;
        for _ in 0..count {
            let tag = self.varint()?;
            let len = self.varint()? as usize;
            let known = |field: &&Field| field.tag == Some(tag) && field.versions.contain(self.version);
            match fields.iter().find(known) {
                Some(field) => self.known_tag(field, tag, len)?,
                None => {
                    self.skip(len)?;
                    self.charge(price)?;
                    price = MORE_TAG_SIZE;
                }
            }
        }
        Ok(())
    }

    fn known_tag(&mut self, field: &Field, tag: u32, len: usize) -> Result<(), Problem> {
        let before = self.rest.len();
        self.is_there(len)?;
        self.field(field)?;
        if before - self.rest.len() == len { Ok(()) } else { Err(Problem::TagLength(tag)) }
    }

    fn take(&mut self, len: usize) -> Result<&[u8], Problem> {
        self.is_there(len)?;
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(taken)
    }

    fn skip(&mut self, len: usize) -> Result<(), Problem> {
        self.take(len).map(drop)
    }

    fn is_there(&self, len: usize) -> Result<(), Problem> {
        match len.checked_sub(self.rest.len()) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(Problem::Missing(missing)),
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Problem> {
        self.memory_left = self.memory_left.checked_sub(bytes).ok_or(Problem::Memory)?;
        Ok(())
    }
}

fn null(nullable: bool) -> Result<(), Problem> {
    if nullable { Ok(()) } else { Err(Problem::Null) }
}
