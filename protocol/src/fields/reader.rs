//! Reading a record's fields in order.
//!
//! What must always hold: nothing is read past the end, and nothing is allocated before the bytes are known to be there.

use bytes::Bytes;
use uuid::Uuid;

use super::RecordError;

/// Bits of a varint's byte that carry its value, and the most bytes an unsigned 32-bit varint has.
const VARINT_BITS: u32 = 7;
const VARINT_BYTES_MAX: u32 = 5;
/// Bytes of an empty string in the compact form.
const COMPACT_STRING_LEN_MIN: usize = 1;

/// What is left of a record.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    pub fn i8(&mut self) -> Result<i8, RecordError> {
        self.fixed().map(i8::from_be_bytes)
    }

    pub fn i16(&mut self) -> Result<i16, RecordError> {
        self.fixed().map(i16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32, RecordError> {
        self.fixed().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, RecordError> {
        self.fixed().map(i64::from_be_bytes)
    }

    pub fn uuid(&mut self) -> Result<Uuid, RecordError> {
        self.fixed().map(Uuid::from_bytes)
    }

    pub fn varint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0u32;
        for at in 0..VARINT_BYTES_MAX {
            let [byte] = self.fixed()?;
            value |= u32::from(byte & 0x7f) << (at * VARINT_BITS);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::BadLength(i64::from(value)))
    }

    /// A length of two bytes; negative means null.
    fn short_len(&mut self) -> Result<Option<usize>, RecordError> {
        self.i16().map(|len| usize::try_from(len).ok())
    }

    /// A length as varint plus one; zero means null.
    fn compact_len(&mut self) -> Result<Option<usize>, RecordError> {
        self.varint().map(|len| (len as usize).checked_sub(1))
    }

    fn text(&mut self, len: Option<usize>) -> Result<Option<&'a str>, RecordError> {
        let Some(len) = len else { return Ok(None) };
        std::str::from_utf8(self.take(len)?).map(Some).map_err(|_| RecordError::NotUtf8)
    }

    /// A string that may be null, in the compact form or not.
    pub fn nullable_str(&mut self, compact: bool) -> Result<Option<&'a str>, RecordError> {
        let len = if compact { self.compact_len()? } else { self.short_len()? };
        self.text(len)
    }

    /// A string, in the compact form or not.
    pub fn str(&mut self, compact: bool) -> Result<&'a str, RecordError> {
        self.nullable_str(compact)?.ok_or(RecordError::BadLength(-1))
    }

    /// A string with a length of two bytes.
    pub fn string(&mut self) -> Result<String, RecordError> {
        self.str(false).map(str::to_owned)
    }

    /// A string in the compact form.
    pub fn compact_string(&mut self) -> Result<String, RecordError> {
        self.str(true).map(str::to_owned)
    }

    /// A string in the compact form that may be null.
    pub fn nullable_compact_string(&mut self) -> Result<Option<String>, RecordError> {
        Ok(self.nullable_str(true)?.map(str::to_owned))
    }

    /// Bytes that may be null, in the compact form or not.
    pub fn nullable_bytes(&mut self, compact: bool) -> Result<Option<&'a [u8]>, RecordError> {
        let len = if compact { self.compact_len()? } else { usize::try_from(self.i32()?).ok() };
        len.map(|len| self.take(len)).transpose()
    }

    /// Bytes in memory of their own, so that a group does not hold on to the log it was read from.
    pub fn bytes(&mut self, compact: bool) -> Result<Bytes, RecordError> {
        let bytes = self.nullable_bytes(compact)?.ok_or(RecordError::BadLength(-1))?;
        Ok(Bytes::copy_from_slice(bytes))
    }

    /// The count of an array whose elements take at least `min_len` bytes each: never more than can be there.
    pub fn count(&mut self, compact: bool, min_len: usize) -> Result<usize, RecordError> {
        self.nullable_count(compact, min_len)?.ok_or(RecordError::BadLength(-1))
    }

    fn nullable_count(&mut self, compact: bool, min_len: usize) -> Result<Option<usize>, RecordError> {
        let count = if compact { self.compact_len()? } else { usize::try_from(self.i32()?).ok() };
        let possible = self.rest.len() / min_len;
        if count.is_some_and(|count| count > possible) { Err(RecordError::Truncated) } else { Ok(count) }
    }

    fn elements<T>(
        &mut self,
        count: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    /// An array in the compact form, of elements that take at least `min_len` bytes each.
    pub fn list<T>(
        &mut self,
        min_len: usize,
        read: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let count = self.count(true, min_len)?;
        self.elements(count, read)
    }

    /// An array of numbers in the compact form that may be null.
    pub fn nullable_i32s(&mut self) -> Result<Option<Vec<i32>>, RecordError> {
        let count = self.nullable_count(true, size_of::<i32>())?;
        count.map(|count| self.elements(count, Self::i32)).transpose()
    }

    /// An array of numbers in the compact form.
    pub fn i32s(&mut self) -> Result<Vec<i32>, RecordError> {
        self.list(size_of::<i32>(), Self::i32)
    }

    /// An array of strings in the compact form.
    pub fn strings(&mut self) -> Result<Vec<String>, RecordError> {
        self.list(COMPACT_STRING_LEN_MIN, Self::compact_string)
    }

    /// Hands each tagged field to `known`, with a reader of just its bytes.
    pub fn tags(
        &mut self,
        mut known: impl FnMut(u32, &mut Reader<'a>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let len = self.varint()? as usize;
            known(tag, &mut Reader::new(self.take(len)?))?;
        }
        Ok(())
    }

    /// Passes over tagged fields.
    pub fn skip_tags(&mut self) -> Result<(), RecordError> {
        self.tags(|_, _| Ok(()))
    }
}
