//! What is known about one setting: its name, type, default, bounds, meaning, and whether it has an effect.
//!
//! What must always hold: every line of the embedded tables is a `Definition`, and every default lies within its
//! own bounds (tested), so code that asks for a setting named in the table always gets a value of its type.

use crate::config::bounds::Bounds;

/// The types of Kafka's `ConfigDef`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// A signed number of 16 bits.
    Short,
    /// A signed number of 32 bits.
    Int,
    /// A signed number of 64 bits.
    Long,
    /// A floating point number of 64 bits.
    Double,
    /// Text.
    String,
    /// Texts separated by commas.
    List,
    /// Text that is never shown.
    Password,
    /// The name of a Java class.
    Class,
}

/// When a change of the setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// With the next start.
    Restart,
    /// At once, while the broker runs.
    Dynamic,
}

/// Whether the setting has an effect in Catena. Reasons are sentences for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// The value is obeyed.
    Honoured,
    /// This value is obeyed; others are checked and shown.
    Only(&'static str),
    /// The value is checked and shown; it governs something that Catena has not, for this reason.
    Meaningless(&'static str),
    /// Nothing but the default is taken, for this reason: to ignore another value would do harm.
    Refused(&'static str),
}

/// What can have a value of its own while a new value is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// A client: its requests and its connections.
    Client,
    /// A group.
    Group,
    /// A partition.
    Partition,
    /// Only the whole process.
    Process,
    /// Nothing: the setting has no effect.
    Nothing,
}

/// A setting, as the table defines it.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Kafka's name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The value when nothing sets it; `None` is Kafka's `null`.
    pub default: Option<&'static str>,
    /// Which values of the type are allowed.
    pub bounds: Bounds,
    /// When a change takes effect.
    pub update: Update,
    /// When it does in Apache Kafka.
    pub update_in_kafka: Update,
    /// Whether it has an effect.
    pub support: Support,
    /// What can have a value of its own.
    pub grain: Grain,
    /// Broker settings that give a topic's value when the topic does not set it, the first that is set wins.
    pub fallbacks: Vec<Fallback>,
    /// One sentence for people; empty for settings without effect that nobody has described yet.
    pub documentation: &'static str,
}

/// A broker setting that stands behind a topic setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    /// Name of the broker setting.
    pub name: &'static str,
    /// What its value is multiplied with: minutes and hours become milliseconds.
    pub factor: i64,
}

impl Definition {
    /// Whether the code does what `value` asks for.
    pub fn obeys(&self, value: &str) -> bool {
        match self.support {
            Support::Honoured => true,
            Support::Only(obeyed) => value == obeyed,
            Support::Meaningless(_) => false,
            Support::Refused(_) => self.default == Some(value),
        }
    }

    /// Whether `value` was chosen in vain.
    pub fn ignores(&self, value: &str) -> bool {
        !self.obeys(value) && self.default != Some(value)
    }

    /// Why `value` is not taken although it is of the type and within the bounds.
    pub fn refuses(&self, value: &str) -> Option<&'static str> {
        match self.support {
            Support::Refused(reason) if self.default != Some(value) => Some(reason),
            _ => None,
        }
    }

    /// Whether a change takes effect while the broker runs.
    pub fn is_dynamic(&self) -> bool {
        self.update == Update::Dynamic
    }

    /// Whether the value must never be shown.
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }
}

impl Grain {
    /// The grain named in the tables.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "client" => Self::Client,
            "group" => Self::Group,
            "partition" => Self::Partition,
            "process" => Self::Process,
            "-" => Self::Nothing,
            _ => return None,
        })
    }

    /// The word of the tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Group => "group",
            Self::Partition => "partition",
            Self::Process => "process",
            Self::Nothing => "-",
        }
    }
}

impl Kind {
    /// The type named in the tables, in lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Self::Boolean,
            "short" => Self::Short,
            "int" => Self::Int,
            "long" => Self::Long,
            "double" => Self::Double,
            "string" => Self::String,
            "list" => Self::List,
            "password" => Self::Password,
            "class" => Self::Class,
            _ => return None,
        })
    }

    /// Kafka's name of the type, as in its error messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Short => "SHORT",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::String => "STRING",
            Self::List => "LIST",
            Self::Password => "PASSWORD",
            Self::Class => "CLASS",
        }
    }
}
