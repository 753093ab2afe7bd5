//! Why a command came to nothing: one line for a person.

use std::io;
use std::time::Duration;

use catena_protocol::client::{Refusal, ScanError, Strange};
use catena_protocol::message::Unsayable;
use thiserror::Error;

/// Why a command came to nothing.
#[derive(Debug, Error)]
pub enum CliError {
    /// An address that is none.
    #[error("{address}: {source}")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// Nobody listens there, or does not answer.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The connection broke.
    #[error("{address}: {source}")]
    Connection {
        /// With whom.
        address: String,
        /// How.
        source: io::Error,
    },
    /// It takes too long.
    #[error("{address} does not answer within {limit:?}")]
    TimedOut {
        /// Who.
        address: String,
        /// How long it had.
        limit: Duration,
    },
    /// The server does not speak as a Kafka server does.
    #[error("{address} does not answer as a Kafka broker: {source}")]
    Foreign {
        /// Who.
        address: String,
        /// What is wrong.
        source: Strange,
    },
    /// The server is older or newer than this command.
    #[error("{address} has no {api} version {version}")]
    NoSuchApi {
        /// Who.
        address: String,
        /// Kafka's name of the API.
        api: &'static str,
        /// The version that is needed.
        version: i16,
    },
    /// The server said no.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The same, and about what.
    #[error("{what}: {refusal}")]
    RefusedAbout {
        /// About what.
        what: String,
        /// Its words.
        refusal: Refusal,
    },
    /// Arguments that cannot be said to a server.
    #[error("{0}")]
    Unsayable(#[from] Unsayable),
    /// A partition that cannot be read.
    #[error("{what}: {source}")]
    Scan {
        /// Which.
        what: String,
        /// Why.
        source: ScanError,
    },
    /// Nobody leads the partition.
    #[error("{topic} has no partition {partition} that somebody leads")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// What was asked for is not there.
    #[error("{0}")]
    NotThere(String),
    /// The output went away or is full.
    #[error("output: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// The same, with what it is about if the server said no.
    pub fn about(self, what: impl FnOnce() -> String) -> Self {
        match self {
            Self::Refused(refusal) => Self::RefusedAbout { what: what(), refusal },
            other => other,
        }
    }

    /// Whether nobody wants to read the output any more.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
