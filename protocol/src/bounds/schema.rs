//! How a request's layout is described.
//!
//! What must always hold: fields stand in the order of the wire; what `decoded_size` says of a struct is at least
//! what its decoded form takes in memory (compared with the decoders' types in the tests).

/// A range of versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The first.
    pub min: i16,
    /// The last.
    pub max: i16,
}

impl Versions {
    const ALL: Self = Self { min: 0, max: i16::MAX };
    const NONE: Self = Self { min: 0, max: -1 };

    /// Whether `version` is one of them.
    pub const fn contain(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

/// The layout of the requests of one API.
#[derive(Debug)]
pub struct Schema {
    /// The API's key.
    pub key: i16,
    /// Kafka's name of the API.
    pub name: &'static str,
    /// Versions described.
    pub versions: Versions,
    /// The first version with compact lengths and tagged fields.
    pub flexible_since: i16,
    /// The fields of the body.
    pub fields: &'static [Field],
}

/// No version is flexible.
pub const NEVER_FLEXIBLE: i16 = i16::MAX;

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Kafka's name of the field.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Versions that have it.
    pub versions: Versions,
    /// Versions in which it may be null.
    pub nullable: Versions,
    /// Its tag; None for a field that stands in line.
    pub tag: Option<u32>,
}

/// Types of fields.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A number, boolean or UUID of so many bytes.
    Fixed(usize),
    /// Text.
    String,
    /// Bytes with a length: `bytes` and `records` alike.
    Bytes,
    /// A struct within the struct.
    Struct(&'static [Field]),
    /// Elements with a count.
    Array(Items),
}

/// What an array holds.
#[derive(Debug, Clone, Copy)]
pub enum Items {
    /// Numbers of so many bytes.
    Fixed(usize),
    /// Texts.
    String,
    /// Structs of these fields.
    Struct(&'static [Field]),
}

/// A counted slice of a shared buffer.
const SLICE_SIZE: usize = 32;
/// A vector.
const VEC_SIZE: usize = 24;
/// The map of unknown tagged fields that each decoded struct has.
const TAG_MAP_SIZE: usize = 24;

impl Items {
    /// Bytes of memory that one decoded element takes, without what it points to.
    pub const fn decoded_size(self) -> usize {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::String => SLICE_SIZE,
            Self::Struct(fields) => decoded_size(fields),
        }
    }

    /// The fewest bytes an element can have on the wire.
    pub const fn wire_size_min(self) -> usize {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::String | Self::Struct(_) => 1,
        }
    }
}

/// Bytes of memory of a struct: it has the fields of all versions, whatever the version decoded.
const fn decoded_size(fields: &[Field]) -> usize {
    let mut size = TAG_MAP_SIZE;
    let mut at = 0;
    while at < fields.len() {
        size += match fields[at].kind {
            Kind::Fixed(bytes) => bytes,
            Kind::String | Kind::Bytes => SLICE_SIZE,
            Kind::Array(_) => VEC_SIZE,
            Kind::Struct(fields) => decoded_size(fields),
        };
        at += 1;
    }
    size.next_multiple_of(8)
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, versions: Versions::ALL, nullable: Versions::NONE, tag: None }
    }

    /// There from this version on.
    pub const fn since(self, min: i16) -> Self {
        Self { versions: Versions { min, max: self.versions.max }, ..self }
    }

    /// Gone after this version.
    pub const fn until(self, max: i16) -> Self {
        Self { versions: Versions { min: self.versions.min, max }, ..self }
    }

    /// May be null in every version that has it.
    pub const fn nullable(self) -> Self {
        Self { nullable: Versions::ALL, ..self }
    }

    /// May be null from this version on.
    pub const fn nullable_since(self, min: i16) -> Self {
        Self { nullable: Versions { min, max: i16::MAX }, ..self }
    }

    /// Stands among the tagged fields.
    pub const fn tagged(self, tag: u32) -> Self {
        Self { tag: Some(tag), ..self }
    }
}

/// A boolean.
pub const fn boolean(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(1))
}

/// A number of 8 bits.
pub const fn int8(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(1))
}

/// A number of 16 bits.
pub const fn int16(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(2))
}

/// A number of 32 bits.
pub const fn int32(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(4))
}

/// A number of 64 bits.
pub const fn int64(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(8))
}

/// A UUID.
pub const fn uuid(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(16))
}

/// Text.
pub const fn string(name: &'static str) -> Field {
    Field::new(name, Kind::String)
}

/// Bytes.
pub const fn bytes(name: &'static str) -> Field {
    Field::new(name, Kind::Bytes)
}

/// Record batches.
pub const fn records(name: &'static str) -> Field {
    Field::new(name, Kind::Bytes)
}

/// One struct.
pub const fn nested(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::Struct(fields))
}

/// Structs.
pub const fn array(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::Array(Items::Struct(fields)))
}

/// Numbers of 8 bits.
pub const fn int8s(name: &'static str) -> Field {
    Field::new(name, Kind::Array(Items::Fixed(1)))
}

/// Numbers of 32 bits.
pub const fn int32s(name: &'static str) -> Field {
    Field::new(name, Kind::Array(Items::Fixed(4)))
}

/// Texts.
pub const fn strings(name: &'static str) -> Field {
    Field::new(name, Kind::Array(Items::String))
}
