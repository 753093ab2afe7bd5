//! The commands that talk to a running broker: a Kafka client, nothing else.
//!
//! What must always hold: no command opens a log or a data directory; whatever it shows or changes went over TCP, through the calls that any
//! client can make. 0 means done, 1 that it was refused or failed (one line on stderr says why), 2 wrong usage.

mod client;
mod config;
mod config_topic;
mod connection;
mod error;
mod log;
mod notation;
mod rollout;
mod table;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use client::Client;
use error::CliError;

/// What to ask of a running broker.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Settings of a running broker: look, change, history, going back.
    Config(config::Config),
    /// Values that prove themselves on a share of the requests before they rule.
    Rollout(rollout::Rollout),
    /// Config topics for fleets of one's own.
    ConfigTopic(config_topic::ConfigTopic),
}

/// Which broker, and how patient to be with it.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// Where a broker listens.
    #[arg(long, global = true, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    bootstrap_server: String,
    /// How long one call may take.
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = notation::span)]
    call_timeout: Duration,
}

impl ServerArgs {
    fn connect(&self) -> Result<Client, CliError> {
        Client::connect(&self.bootstrap_server, self.call_timeout)
    }
}

impl Command {
    /// Does it.
    pub fn run(self) -> ExitCode {
        let mut out = BufWriter::new(io::stdout().lock());
        let done = match self {
            Self::Config(command) => command.run(&mut out),
            Self::Rollout(command) => command.run(&mut out),
            Self::ConfigTopic(command) => command.run(&mut out),
        };
        match done.and_then(|()| out.flush().map_err(CliError::from)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
            Err(error) => {
                // What was written so far belongs before the error; if it cannot be written, the error is still worth telling.
                let _ = out.flush();
                eprintln!("catena: {}", table::visible(&error.to_string()));
                ExitCode::FAILURE
            }
        }
    }
}
