//! `catena config …`: settings of a running broker.

mod change;
mod compare;
mod events;
mod get;
mod history;
mod past;
#[cfg(test)]
mod tests;

pub use events::About;
pub use history::{moment, tell, tried, who};

use std::io::Write;

use catena_broker::config::resource::{Resource, ResourceKind};
use catena_protocol::client::Call;
use clap::{Args, Subcommand};

use super::ServerArgs;
use super::client::Client;
use super::error::CliError;

/// `catena config`.
#[derive(Debug, Args)]
#[command(after_help = RESOURCES)]
pub struct Config {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: Command,
}

/// How resources are written.
pub const RESOURCES: &str =
    "RESOURCE is broker (all brokers), broker/ID, topic/NAME, group/NAME or client-metrics/NAME.";

#[derive(Debug, Subcommand)]
enum Command {
    /// The values in force, and where they come from.
    Get(get::Get),
    /// Set values, all or none of them.
    Set(change::Set),
    /// Take values away, so that what stands behind them rules again.
    Unset(change::Unset),
    /// Who changed what, when, why and by which verdict; the newest last.
    History(history::History),
    /// What differs between two moments.
    Diff(compare::Diff),
    /// Give a setting the value again that it had in a version; itself a change.
    Revert(compare::Revert),
}

impl Config {
    /// Does it.
    pub fn run(self, out: &mut dyn Write) -> Result<(), CliError> {
        let mut client = self.server.connect()?;
        match self.command {
            Command::Get(command) => command.run(&mut client, out),
            Command::Set(command) => command.run(&mut client, out),
            Command::Unset(command) => command.run(&mut client, out),
            Command::History(command) => command.run(&mut client, out),
            Command::Diff(command) => command.run(&mut client, out),
            Command::Revert(command) => command.run(&mut client, out),
        }
    }
}

/// Asks the broker that a resource is, else any broker.
fn ask<C: Call>(client: &mut Client, resource: &Resource, call: &C) -> Result<C::Answer, CliError> {
    match (resource.kind, resource.name.parse()) {
        (ResourceKind::Broker, Ok(id)) => client.call_broker(id, call),
        _ => client.call(call),
    }
}
