//! Writing a record's fields in order.
//!
//! What must always hold: what is too long for its length field is cut off rather than written wrongly; callers bound
//! names and metadata long before.

use bytes::{BufMut, Bytes, BytesMut};

/// A record's key or value in the making.
pub(crate) struct Writer {
    out: BytesMut,
}

impl Writer {
    /// Begins with the kind of a key or the version of a value; `capacity` is a guess of the rest.
    pub fn new(kind_or_version: i16, capacity: usize) -> Self {
        let mut out = BytesMut::with_capacity(2 + capacity);
        out.put_i16(kind_or_version);
        Self { out }
    }

    pub fn finish(self) -> Bytes {
        self.out.freeze()
    }

    pub fn i8(&mut self, value: i8) {
        self.out.put_i8(value);
    }

    pub fn i16(&mut self, value: i16) {
        self.out.put_i16(value);
    }

    pub fn i32(&mut self, value: i32) {
        self.out.put_i32(value);
    }

    pub fn i64(&mut self, value: i64) {
        self.out.put_i64(value);
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.put_slice(bytes);
    }

    /// A count; more than two thousand million things are not in memory.
    pub fn count(&mut self, count: usize) {
        self.out.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
    }

    pub fn string(&mut self, text: &str) {
        let text = prefix(text, i16::MAX as usize);
        self.out.put_i16(text.len() as i16);
        self.raw(text.as_bytes());
    }

    pub fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.out.put_i16(-1),
        }
    }

    pub fn compact_string(&mut self, text: &str) {
        let text = prefix(text, i16::MAX as usize);
        self.varint(text.len() as u32 + 1);
        self.raw(text.as_bytes());
    }

    pub fn nullable_compact_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.compact_string(text),
            None => self.varint(0),
        }
    }

    pub fn compact_bytes(&mut self, bytes: &[u8]) {
        self.compact_count(bytes.len());
        self.raw(bytes);
    }

    fn compact_count(&mut self, count: usize) {
        self.varint(u32::try_from(count).unwrap_or(u32::MAX - 1).saturating_add(1));
    }

    /// An array in the compact form.
    pub fn list<T>(&mut self, list: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.compact_count(list.len());
        list.iter().for_each(|each| write(self, each));
    }

    /// An array of numbers in the compact form.
    pub fn i32s(&mut self, list: &[i32]) {
        self.list(list, |out, each| out.i32(*each));
    }

    /// An array of strings in the compact form.
    pub fn strings(&mut self, list: &[String]) {
        self.list(list, |out, each| out.compact_string(each));
    }

    /// All tagged fields of a structure that has none.
    pub fn no_tags(&mut self) {
        self.varint(0);
    }

    /// All tagged fields of a structure that knows one, which stands there unless it has its default.
    pub fn one_tag<T>(&mut self, tag: u32, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        let Some(value) = value else { return self.no_tags() };
        let mut field = Self { out: BytesMut::new() };
        write(&mut field, value);
        self.varint(1);
        self.varint(tag);
        self.varint(u32::try_from(field.out.len()).unwrap_or(u32::MAX));
        self.raw(&field.out);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    pub fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.put_u8(value as u8);
    }
}

/// The longest beginning of `text` of at most `len_max` bytes.
fn prefix(text: &str, len_max: usize) -> &str {
    &text[..text.floor_char_boundary(len_max)]
}
