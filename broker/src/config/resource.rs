//! What has settings: topics, brokers, groups, subscriptions of client metrics.
//!
//! What must always hold: a resource has one spelling, that of the keys in `__config`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of resources whose settings are kept. (Log levels are settings too, but live with the process.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A broker by its id as text; the empty name stands for all brokers.
    Broker,
    /// A topic by its name.
    Topic,
    /// A group by its id.
    Group,
    /// A subscription of client metrics (KIP-714) by its name.
    ClientMetrics,
}

/// Something that has settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
}

impl Resource {
    /// A resource of this kind and name.
    pub fn new(kind: ResourceKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// What all brokers get.
    pub fn all_brokers() -> Self {
        Self::new(ResourceKind::Broker, "")
    }
}

impl ResourceKind {
    const ALL: [Self; 4] = [Self::Broker, Self::Topic, Self::Group, Self::ClientMetrics];

    /// The kind with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The word for it in keys.
    pub fn word(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Topic => "topic",
            Self::Group => "group",
            Self::ClientMetrics => "client-metrics",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "{} (all)", self.kind.word()),
            name => write!(f, "{} {name}", self.kind.word()),
        }
    }
}
