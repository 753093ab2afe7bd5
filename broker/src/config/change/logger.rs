//! Changes of the levels of a broker's loggers (KIP-412). They are not stored: they live as long as the process.
//!
//! Source: Apache Kafka 4.4, `RuntimeLoggerManager`, `LogLevelConfig`.

use thiserror::Error;

use super::request::{APPEND, DELETE, SET, SUBTRACT, Wish};
use crate::loggers::{self, Level};

/// Why levels are not changed. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoggerRule {
    /// The broker is named by something that is no number.
    #[error("Node id must be an integer, but it is: {0}")]
    NotANumber(String),
    /// Another broker.
    #[error("Unexpected node id. Expected {expected}, but received {found}")]
    Other {
        /// This broker.
        expected: i32,
        /// The broker named.
        found: String,
    },
    /// No such logger.
    #[error("Logger {0} does not exist!")]
    Unknown(String),
    /// No such level.
    #[error(
        "Cannot set the log level of {logger} to {level} as it is not a supported log level. Valid log levels are DEBUG, \
         ERROR, FATAL, INFO, TRACE, WARN"
    )]
    Level {
        /// The logger.
        logger: String,
        /// What it was to get.
        level: String,
    },
    /// The others fall back to the root logger.
    #[error("Removing the log level of the root logger is not allowed")]
    Root,
    /// Levels are no lists.
    #[error("{0} operation is not allowed for the BROKER_LOGGER resource")]
    List(&'static str),
    /// An operation that nobody knows.
    #[error("Unknown operation type {0} is not allowed for the BROKER_LOGGER resource")]
    UnknownOperation(i8),
}

/// The levels that loggers of the broker `name` get; `None` gives a logger that of the one above it.
///
/// # Errors
/// The first rule that is broken; then no level is changed.
pub fn plan(node_id: i32, name: &str, wishes: &[Wish]) -> Result<Vec<(&'static str, Option<Level>)>, LoggerRule> {
    match name.parse::<i32>() {
        Ok(id) if id == node_id => wishes.iter().map(level).collect(),
        Ok(_) => Err(LoggerRule::Other { expected: node_id, found: name.to_owned() }),
        Err(_) => Err(LoggerRule::NotANumber(name.to_owned())),
    }
}

fn level(wish: &Wish) -> Result<(&'static str, Option<Level>), LoggerRule> {
    let logger = || loggers::named(&wish.setting).ok_or_else(|| LoggerRule::Unknown(wish.setting.clone()));
    match wish.operation {
        SET => {
            let (logger, text) = (logger()?, wish.value.as_deref().unwrap_or_default());
            let unknown = || LoggerRule::Level { logger: logger.to_owned(), level: text.to_owned() };
            Ok((logger, Some(Level::from_name(text).ok_or_else(unknown)?)))
        }
        DELETE if logger()? == loggers::ROOT => Err(LoggerRule::Root),
        DELETE => Ok((logger()?, None)),
        APPEND => Err(LoggerRule::List("APPEND")),
        SUBTRACT => Err(LoggerRule::List("SUBTRACT")),
        other => Err(LoggerRule::UnknownOperation(other)),
    }
}
