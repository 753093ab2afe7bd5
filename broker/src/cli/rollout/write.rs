//! Writing to the canary partition.
//!
//! What must always hold: a record says who wrote it, when, and that it is one more than the one before; whatever the author did not ask
//! to change stays as it stands, but for the arm, which only the broker gives.

use std::io::Write;

use catena_broker::config::record::{ANONYMOUS, Author, Record};
use catena_broker::rollout::record::{Rollout, Wanted};
use clap::Args;
use jiff::Timestamp;

use super::super::client::Client;
use super::super::connection::CLIENT_ID;
use super::super::error::CliError;
use super::super::log::{self, CANARY};
use super::standing::{Standing, State, standings};

/// A config topic on a broker.
pub struct Topic<'a> {
    pub client: &'a mut Client,
    pub name: &'a str,
}

/// A rollout that is told something.
#[derive(Debug, Args)]
pub struct Told {
    /// The rollout.
    name: String,
    /// Why; stays in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Topic<'_> {
    /// How all rollouts stand.
    pub fn standings(&mut self) -> Result<Vec<Standing>, CliError> {
        Ok(standings(&log::read_both(self.client, self.name)?))
    }

    /// How one stands.
    pub fn standing(&mut self, name: &str) -> Result<Option<Standing>, CliError> {
        Ok(self.standings()?.into_iter().find(|standing| standing.name == name))
    }

    /// Writes a rollout, signed.
    pub fn write(&mut self, name: &str, rollout: Rollout) -> Result<(), CliError> {
        let now = Timestamp::now();
        let author = Author { principal: ANONYMOUS.to_owned(), client_id: CLIENT_ID.to_owned() };
        let version = Some(rollout.version.unwrap_or(0).saturating_add(1));
        let signed = Rollout { arm: None, version, time: Some(now), author: Some(author), ..rollout };
        let record = Record::Rollout(name.to_owned(), Some(signed)).encode();
        let written = self.client.write(self.name, CANARY, now.as_millisecond(), record.as_slice());
        written.map(drop).map_err(|error| error.about(|| format!("rollout {name}")))
    }
}

impl Told {
    pub fn run(self, wanted: Wanted, topic: &mut Topic<'_>, out: &mut dyn Write) -> Result<(), CliError> {
        let Self { name, reason } = self;
        let there_is_none = || CliError::NotThere(format!("there is no rollout {name}"));
        let standing = topic.standing(&name)?.ok_or_else(there_is_none)?;
        let refused = objection(&standing.state, wanted).map(|problem| format!("rollout {name} {problem}"));
        let record = standing.record.filter(|_| refused.is_none());
        let record =
            record.ok_or_else(|| CliError::NotThere(refused.unwrap_or_else(|| format!("rollout {name} is gone"))))?;
        topic.write(&name, Rollout { state: wanted, reason, ..record })?;
        Ok(writeln!(out, "rollout {name}: {}", asked(wanted))?)
    }
}

/// Why a rollout in this state cannot be told this.
fn objection(state: &State, wanted: Wanted) -> Option<String> {
    match (state, wanted) {
        (State::Paused, Wanted::Pause) => Some("is paused already".to_owned()),
        (State::Waiting | State::Running(_), Wanted::Start) => Some(format!("is not paused: it is {}", state.word())),
        (state, _) if state.is_live() => None,
        (state, _) => Some(format!("does not stand there any more: {}", state.word())),
    }
}

fn asked(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Start => "goes on",
        Wanted::Pause => "pauses",
        Wanted::Approve => "is to be approved",
        Wanted::Reject => "is to be rejected",
    }
}
