//! `catena rollout …`: values that prove themselves on a share of the requests.
//!
//! What must always hold: everything is done by records in the canary partition, as any producer could write them; the broker checks them.

mod figures;
mod live;
mod show;
mod standing;
mod start;
#[cfg(test)]
mod tests;
mod write;

use std::io::Write;

use catena_broker::rollout::record::Wanted;
use clap::{Args, Subcommand};

use super::error::CliError;
use super::{ServerArgs, log};

/// `catena rollout`.
#[derive(Debug, Args)]
pub struct Rollout {
    #[command(flatten)]
    server: ServerArgs,
    /// The config topic: the broker's own, or one of `catena config-topic`.
    #[arg(long, global = true, value_name = "NAME", default_value = log::CONFIG_TOPIC)]
    topic: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try values on a share of the units.
    Start(start::Start),
    /// All rollouts: those that wait or run, and those that were decided.
    List(show::List),
    /// One rollout, and the figures of both arms.
    Show(show::Show),
    /// Take the values, whatever the figures say.
    Approve(write::Told),
    /// Drop the values, whatever the figures say.
    Reject(write::Told),
    /// Give the values to nobody until further notice.
    Pause(write::Told),
    /// Go on after a pause.
    Resume(write::Told),
}

impl Rollout {
    /// Does it.
    pub fn run(self, out: &mut dyn Write) -> Result<(), CliError> {
        let mut client = self.server.connect()?;
        let mut topic = write::Topic { client: &mut client, name: &self.topic };
        match self.command {
            Command::Start(command) => command.run(&mut topic, out),
            Command::List(command) => command.run(&mut topic, out),
            Command::Show(command) => command.run(&mut topic, out),
            Command::Approve(command) => command.run(Wanted::Approve, &mut topic, out),
            Command::Reject(command) => command.run(Wanted::Reject, &mut topic, out),
            Command::Pause(command) => command.run(Wanted::Pause, &mut topic, out),
            Command::Resume(command) => command.run(Wanted::Start, &mut topic, out),
        }
    }
}
