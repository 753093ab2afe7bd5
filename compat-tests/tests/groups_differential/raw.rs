//! Requests in versions that the client library does not know, made by hand from the protocol's own description.
//!
//! Answers go into the transcript as hexadecimal digits, with the ids of topics replaced by their names.

use bytes::{BufMut, Bytes, BytesMut};
use compat_tests::wire::Connection;

/// A request's body in the compact form.
#[derive(Default)]
pub struct Body(BytesMut);

impl Body {
    /// A length, or nothing, as a varint of one more. All lengths here fit in one byte.
    fn len(mut self, len: Option<usize>) -> Self {
        let len = len.map_or(0, |len| len + 1);
        self.0.put_u8(u8::try_from(len).unwrap_or_else(|_| panic!("a length of {len}")));
        self
    }

    pub fn text(mut self, text: &str) -> Self {
        self = self.len(Some(text.len()));
        self.0.put_slice(text.as_bytes());
        self
    }

    pub fn null(self) -> Self {
        self.len(None)
    }

    pub fn int(mut self, value: i32) -> Self {
        self.0.put_i32(value);
        self
    }

    pub fn long(mut self, value: i64) -> Self {
        self.0.put_i64(value);
        self
    }

    pub fn flag(mut self, value: bool) -> Self {
        self.0.put_u8(value.into());
        self
    }

    pub fn id(mut self, id: uuid::Uuid) -> Self {
        self.0.put_slice(id.as_bytes());
        self
    }

    /// An array, each element ended by its (no) tagged fields.
    pub fn each<T>(mut self, items: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        self = self.len(Some(items.len()));
        items.iter().fold(self, write)
    }

    /// The end of a structure: no tagged fields.
    pub fn end(mut self) -> Self {
        self.0.put_u8(0);
        self
    }
}

/// Sends a body with a header of the compact form, and gives the body of the answer.
pub fn call(connection: &mut Connection, key: i16, version: i16, body: Body) -> Bytes {
    let mut frame = BytesMut::new();
    let client = b"wire";
    frame.put_u32((2 + 2 + 4 + 2 + client.len() + 1 + body.0.len()) as u32);
    frame.put_i16(key);
    frame.put_i16(version);
    frame.put_i32(connection.next_correlation_id());
    frame.put_i16(client.len() as i16);
    frame.put_slice(client);
    frame.put_u8(0);
    frame.put_slice(&body.0);
    connection.send_bytes(&frame).unwrap();
    let answer = connection.receive_frame().unwrap_or_else(|e| panic!("API {key} v{version}: {e}"));
    answer.slice(5..)
}

/// Hexadecimal digits, with names in place of ids.
pub fn readable(answer: &[u8], ids: &[(&str, uuid::Uuid)]) -> String {
    let hex: String = answer.iter().map(|byte| format!("{byte:02x}")).collect();
    ids.iter().fold(hex, |text, (name, id)| text.replace(&id.simple().to_string(), &format!("<{name}>")))
}
