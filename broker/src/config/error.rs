//! Why settings are refused, and what is worth a warning. The texts are for people and follow Kafka's wording.
//!
//! What must always hold: the value of a sensitive setting is in no text made here.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// A value that a setting does not take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Invalid value {value} for configuration {name}: {reason}")]
pub struct InvalidValue {
    /// Kafka's name of the setting.
    pub name: String,
    /// The value as it was given; `[hidden]` for passwords.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Why the broker cannot start with these settings.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A value is not of its setting's type, out of bounds, or asks for what is not there.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// The settings file cannot be read.
    #[error("cannot read the configuration file {}: {source}", file.display())]
    Unreadable {
        /// The file asked for.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The settings file is not in the syntax of Java properties.
    #[error("line {line} of the configuration file {}: {reason}", file.display())]
    Syntax {
        /// The file asked for.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// An override without a name and an equals sign.
    #[error("the override '{0}' is not of the form name=value")]
    Override(String),
    /// Code asks for a setting that the table does not have, or not with that type (a programming error).
    #[error("the table of settings has no {kind} named {name}")]
    NotInTable {
        /// The name asked for.
        name: &'static str,
        /// The type asked for.
        kind: &'static str,
    },
}

/// Something in the settings that does not stop the start but should be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Neither Kafka nor Catena knows the name.
    Unknown(String),
    /// Kafka knows the name; the value has no effect here.
    Ineffective {
        /// The setting.
        name: String,
        /// Why; empty when another value would have an effect.
        reason: &'static str,
    },
    /// A setting of one listener, which Kafka may know.
    OfListener(String),
    /// A listener for KRaft controllers, which Catena does not have.
    ControllerListener(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "configuration {name} is unknown and ignored"),
            Self::Ineffective { name, reason: "" } => write!(f, "the value of configuration {name} has no effect here"),
            Self::Ineffective { name, reason } => write!(f, "configuration {name} has no effect here: {reason}"),
            Self::OfListener(name) => write!(f, "configuration {name} is for one listener and ignored"),
            Self::ControllerListener(name) => {
                write!(f, "listener {name} is for KRaft controllers, which do not exist here, and is ignored")
            }
        }
    }
}
