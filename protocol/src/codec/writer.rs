//! To bytes.

use bytes::{BufMut, BytesMut};
use uuid::Uuid;

use crate::message::Unsayable;

/// Appends values to a buffer. A value that cannot be said is noted, and told by `finish`.
pub struct Writer<'a> {
    out: &'a mut BytesMut,
    version: i16,
    flexible: bool,
    unsayable: Option<&'static str>,
}

impl<'a> Writer<'a> {
    /// Writes to `out` a message in `version`.
    pub fn new(out: &'a mut BytesMut, version: i16, flexible: bool) -> Self {
        Self { out, version, flexible, unsayable: None }
    }

    /// Whether the version is this one or a later one.
    pub fn since(&self, version: i16) -> bool {
        self.version >= version
    }

    /// Bytes written so far, with those that were in the buffer before.
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// The end of the message.
    ///
    /// # Errors
    /// `Unsayable` when something was too long.
    pub fn finish(self) -> Result<(), Unsayable> {
        match self.unsayable {
            None => Ok(()),
            Some(what) => Err(Unsayable(what.to_owned())),
        }
    }

    /// Yes or no.
    pub fn boolean(&mut self, value: bool) {
        self.out.put_u8(u8::from(value));
    }

    /// A number of 8 bits.
    pub fn int8(&mut self, value: i8) {
        self.out.put_i8(value);
    }

    /// A number of 16 bits.
    pub fn int16(&mut self, value: i16) {
        self.out.put_i16(value);
    }

    /// A number of 32 bits.
    pub fn int32(&mut self, value: i32) {
        self.out.put_i32(value);
    }

    /// A number of 64 bits.
    pub fn int64(&mut self, value: i64) {
        self.out.put_i64(value);
    }

    /// A UUID.
    pub fn uuid(&mut self, value: Uuid) {
        self.out.put_u128(value.as_u128());
    }

    /// A topic's id from a version on, and its name before.
    pub fn name_or_id(&mut self, ids_since: i16, name: &str, id: Uuid) {
        if self.since(ids_since) { self.uuid(id) } else { self.string(name) }
    }

    /// Text.
    pub fn string(&mut self, value: &str) {
        self.nullable_string(Some(value));
    }

    /// Text or null.
    pub fn nullable_string(&mut self, value: Option<&str>) {
        match value.map(str::len) {
            _ if self.flexible => self.compact_len(value.map(str::len)),
            None => self.out.put_i16(-1),
            Some(len) => match i16::try_from(len) {
                Ok(len) => self.out.put_i16(len),
                Err(_) => self.unsayable = Some("a string of more than 32767 bytes"),
            },
        }
        self.out.put_slice(value.unwrap_or_default().as_bytes());
    }

    /// The length of bytes or records that follow, or null.
    pub fn bytes_len(&mut self, len: Option<usize>) {
        if self.flexible {
            return self.compact_len(len);
        }
        match len.map_or(Ok(-1), i32::try_from) {
            Ok(len) => self.out.put_i32(len),
            Err(_) => self.unsayable = Some("more than 2 GiB"),
        }
    }

    /// Bytes or records.
    pub fn bytes(&mut self, value: &[u8]) {
        self.bytes_len(Some(value.len()));
        self.out.put_slice(value);
    }

    /// Elements.
    pub fn array<T>(&mut self, elements: &[T], write: impl FnMut(&mut Self, &T)) {
        self.nullable_array(Some(elements), write);
    }

    /// Elements or null.
    pub fn nullable_array<T>(&mut self, elements: Option<&[T]>, mut write: impl FnMut(&mut Self, &T)) {
        self.bytes_len(elements.map(<[T]>::len));
        elements.unwrap_or_default().iter().for_each(|element| write(self, element));
    }

    /// The end of a struct without tagged fields.
    pub fn no_tags(&mut self) {
        if self.flexible {
            self.out.put_u8(0);
        }
    }

    /// The end of a struct with these tagged fields, by ascending tag, of which some are there.
    pub fn tags<const N: usize>(&mut self, fields: [(u32, Option<TagWriter<'_>>); N]) {
        if !self.flexible {
            return;
        }
        let there = fields.iter().filter(|(_, field)| field.is_some()).count();
        self.varint(there as u32);
        for (tag, write) in fields {
            let Some(write) = write else { continue };
            let mut value = BytesMut::new();
            let mut writer = Writer::new(&mut value, self.version, true);
            write(&mut writer);
            self.unsayable = self.unsayable.or(writer.unsayable);
            self.varint(tag);
            self.varint(value.len() as u32);
            self.out.put_slice(&value);
        }
    }

    fn compact_len(&mut self, len: Option<usize>) {
        match len.map_or(Some(0), |len| u32::try_from(len).ok()?.checked_add(1)) {
            Some(len) => self.varint(len),
            None => self.unsayable = Some("more than 4 GiB"),
        }
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.put_u8(value as u8);
    }
}

/// Writes the value of a tagged field.
pub type TagWriter<'a> = Box<dyn FnOnce(&mut Writer<'_>) + 'a>;
