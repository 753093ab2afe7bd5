//! Writing a record's fields in order.
//!
//! What must always hold: what is too long for its length field is cut off rather than written wrongly; callers bound
//! names and metadata long before.

use bytes::{BufMut, Bytes, BytesMut};

/// A record's key or value in the making.
pub(super) struct Writer {
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
