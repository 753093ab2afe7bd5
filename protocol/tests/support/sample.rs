//! Valid request bodies with random contents, written by the schemas of the bounds walk.
//!
//! What must always hold: a body is what an encoder would write, byte for byte: tagged fields ascend, and known ones
//! never have their default.

use catena_protocol::bounds::{Field, Items, Kind, Schema};
use rand::RngExt;
use rand::rngs::StdRng;

/// Tags that no API knows begin here.
const UNKNOWN_TAG: u32 = 1_000;

/// Writes one body.
pub struct Sampler<'a> {
    rng: &'a mut StdRng,
    version: i16,
    flexible: bool,
    out: Vec<u8>,
    /// The field that is null although it may not be.
    wrongly_null: Option<&'static str>,
}

/// A body of `schema` in `version`.
pub fn body(schema: &Schema, version: i16, rng: &mut StdRng) -> Vec<u8> {
    write(schema, version, rng, None)
}

/// A body whose fields called `field` are null.
#[allow(dead_code, reason = "some of the test binaries need valid bodies only")]
pub fn body_with_null(schema: &Schema, version: i16, rng: &mut StdRng, field: &'static str) -> Vec<u8> {
    write(schema, version, rng, Some(field))
}

fn write(schema: &Schema, version: i16, rng: &mut StdRng, wrongly_null: Option<&'static str>) -> Vec<u8> {
    let flexible = version >= schema.flexible_since;
    let mut sampler = Sampler { rng, version, flexible, out: Vec::new(), wrongly_null };
    sampler.fields(schema.fields);
    sampler.out
}

impl Sampler<'_> {
    fn fields(&mut self, fields: &[Field]) {
        for field in fields {
            if field.tag.is_none() && field.versions.contain(self.version) {
                self.field(field);
            }
        }
        if self.flexible {
            self.tags(fields);
        }
    }

    fn field(&mut self, field: &Field) {
        let may_be_null = field.nullable.contain(self.version);
        let null = match self.wrongly_null {
            Some(name) => name == field.name,
            None => may_be_null && self.rng.random_ratio(1, 4),
        };
        match field.kind {
            Kind::Fixed(1) => self.out.push(self.rng.random_range(0..2)),
            Kind::Fixed(len) => self.random(len),
            Kind::String if null => self.null(2),
            Kind::String => self.string(),
            Kind::Bytes | Kind::Array(_) if null => self.null(4),
            Kind::Bytes => self.bytes(),
            Kind::Struct(_) if null && may_be_null => self.out.push(0xff),
            Kind::Struct(fields) => {
                if may_be_null {
                    self.out.push(1);
                }
                self.fields(fields);
            }
            Kind::Array(items) => self.array(items),
        }
    }

    fn array(&mut self, items: Items) {
        let at_least = usize::from(self.wrongly_null.is_some());
        let count = self.rng.random_range(at_least..4);
        self.len(4, count);
        for _ in 0..count {
            match items {
                Items::Fixed(bytes) => self.random(bytes),
                Items::String => self.string(),
                Items::Struct(fields) => self.fields(fields),
            }
        }
    }

    fn string(&mut self) {
        let len = self.rng.random_range(0..12);
        let text: String = (0..len).map(|_| self.rng.random_range('a'..='ü')).collect();
        self.len(2, text.len());
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self) {
        let len = self.rng.random_range(0..300);
        self.len(4, len);
        self.random(len);
    }

    fn random(&mut self, len: usize) {
        let bytes = (0..len).map(|_| self.rng.random::<u8>());
        self.out.extend(bytes);
    }

    fn null(&mut self, width: usize) {
        if self.flexible { self.out.push(0) } else { self.out.resize(self.out.len() + width, 0xff) }
    }

    fn len(&mut self, width: usize, len: usize) {
        if self.flexible {
            varint(&mut self.out, len as u32 + 1);
        } else {
            self.out.extend_from_slice(&(len as u32).to_be_bytes()[4 - width..]);
        }
    }

    fn tags(&mut self, fields: &[Field]) {
        let here = |field: &&Field| field.tag.is_some() && field.versions.contain(self.version);
        let known: Vec<_> = fields.iter().filter(here).filter(|_| self.rng.random_bool(0.5)).collect();
        let unknown = if self.rng.random_ratio(1, 8) { self.rng.random_range(1..3) } else { 0 };
        varint(&mut self.out, known.len() as u32 + unknown);
        for field in known {
            self.tag(field.tag.unwrap_or_default(), |sampler| sampler.tagged(field));
        }
        for at in 0..unknown {
            self.tag(UNKNOWN_TAG + at, |sampler| sampler.random(5));
        }
    }

    fn tag(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        let before = std::mem::take(&mut self.out);
        write(self);
        let value = std::mem::replace(&mut self.out, before);
        varint(&mut self.out, tag);
        varint(&mut self.out, value.len() as u32);
        self.out.extend_from_slice(&value);
    }

    /// A tagged field's value; null is the default of those that may be null, so it is not written.
    fn tagged(&mut self, field: &Field) {
        match field.kind {
            Kind::String => self.string(),
            _ => self.field(field),
        }
    }
}

fn varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
