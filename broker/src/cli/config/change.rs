//! `catena config set` and `unset`: one IncrementalAlterConfigs, all or nothing.
//!
//! What must always hold: what is said about a change travels in the names that docs/config-topics.md keeps for it.

use std::io::Write;

use catena_broker::config::resource::Resource;
use catena_protocol::client::{Alteration, IncrementalAlterConfigs};
use clap::Args;

use super::super::client::Client;
use super::super::error::CliError;
use super::super::notation::{self, Assignment};

/// Says why a change is made.
const REASON: &str = "catena.change.reason";
/// Says which version the changed setting must have now.
const VERSION: &str = "catena.change.version";

/// `catena config set`.
#[derive(Debug, Args)]
pub struct Set {
    #[arg(value_parser = notation::resource)]
    resource: Resource,
    /// What to set.
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = notation::assignment)]
    settings: Vec<Assignment>,
    #[command(flatten)]
    how: How,
}

/// `catena config unset`.
#[derive(Debug, Args)]
pub struct Unset {
    #[arg(value_parser = notation::resource)]
    resource: Resource,
    /// What to take away.
    #[arg(value_name = "NAME", required = true)]
    settings: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// What is said about a change.
#[derive(Debug, Args)]
struct How {
    /// Why; stays in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only if the (one) setting has this version now; 0: only if it was never set.
    #[arg(long, value_name = "N")]
    if_version: Option<u64>,
    /// Try it without changing anything.
    #[arg(long)]
    validate_only: bool,
}

impl Set {
    pub fn run(self, client: &mut Client, out: &mut dyn Write) -> Result<(), CliError> {
        let set = |Assignment { name, value }| Alteration { name, value: Some(value) };
        let changes = self.settings.into_iter().map(set).collect();
        change(client, &self.resource, changes, &self.how, out)
    }
}

impl Unset {
    pub fn run(self, client: &mut Client, out: &mut dyn Write) -> Result<(), CliError> {
        let changes = self.settings.into_iter().map(|name| Alteration { name, value: None }).collect();
        change(client, &self.resource, changes, &self.how, out)
    }
}

fn change(
    client: &mut Client,
    resource: &Resource,
    mut changes: Vec<Alteration>,
    how: &How,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let settings = changes.len();
    changes.extend(how.said());
    alter(client, resource, &changes, how.validate_only)?;
    let done = if how.validate_only { "would be changed" } else { "changed" };
    let what = notation::written(resource);
    let changed = match changes.first().filter(|_| settings == 1) {
        Some(only) => only.name.clone(),
        None => format!("{settings} settings"),
    };
    Ok(writeln!(out, "{what}: {changed} {done}")?)
}

/// Makes the changes and waits until they are in force.
pub fn alter(
    client: &mut Client,
    resource: &Resource,
    changes: &[Alteration],
    validate_only: bool,
) -> Result<(), CliError> {
    let (resource_type, resource_name) = (notation::resource_type(resource.kind), resource.name.as_str());
    let call = IncrementalAlterConfigs { resource_type, resource_name, changes, validate_only };
    Ok(super::ask(client, resource, &call)??)
}

/// What says why a change is made.
pub fn reason(text: String) -> Alteration {
    Alteration { name: REASON.to_owned(), value: Some(text) }
}

impl How {
    /// Itself as the names that are not settings.
    fn said(&self) -> impl Iterator<Item = Alteration> {
        let version = |version: u64| Alteration { name: VERSION.to_owned(), value: Some(version.to_string()) };
        self.reason.clone().map(reason).into_iter().chain(self.if_version.map(version))
    }
}
