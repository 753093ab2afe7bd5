//! `catena config diff` and `revert`: looking back and going back.
//!
//! What must always hold: going back is a change like any other, with a reason, and only to a value that the log still tells.

use std::io::Write;

use catena_broker::config::resource::Resource;
use catena_protocol::client::Alteration;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::super::client::Client;
use super::super::error::CliError;
use super::super::table::Table;
use super::super::{log, notation};
use super::change;
use super::events::Before;
use super::past::{Difference, Moment, differences, value_of_version};

/// `catena config diff`.
#[derive(Debug, Args)]
#[command(after_help = MOMENTS)]
pub struct Diff {
    #[arg(value_parser = notation::resource)]
    resource: Resource,
    /// The one moment.
    #[arg(value_parser = moment)]
    from: When,
    /// The other.
    #[arg(value_parser = moment, default_value = "now")]
    to: When,
    /// Only this setting; needed when a moment is a version.
    #[arg(long, value_name = "NAME")]
    setting: Option<String>,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

const MOMENTS: &str = "FROM and TO are times (2026-01-02T03:04:05Z), times before now (30m, 2h, 7d), now, or versions of the setting (3).\n\
    Values that a topic was created with are not changes: they are not compared.";

/// `catena config revert`.
#[derive(Debug, Args)]
pub struct Revert {
    #[arg(value_parser = notation::resource)]
    resource: Resource,
    /// The setting.
    setting: String,
    /// The version whose value it gets again.
    version: u64,
    /// Why; stays in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A moment as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    /// So many milliseconds ago.
    Ago(i64),
    At(Timestamp),
    Version(u64),
}

/// Reads a moment.
fn moment(text: &str) -> Result<When, String> {
    let ago = || i64::try_from(notation::span(text).ok()?.as_millis()).ok();
    if text == "now" {
        return Ok(When::Now);
    }
    if let Ok(version) = text.parse() {
        return Ok(When::Version(version));
    }
    let read = ago().map(When::Ago).or_else(|| text.parse().ok().map(When::At));
    read.ok_or_else(|| "a moment is a time such as 2026-01-02T03:04:05Z, 2h (ago), now, or a version".to_owned())
}

impl When {
    fn resolve(self, now: Timestamp) -> Moment {
        let ago =
            |ms: i64| Timestamp::from_millisecond(now.as_millisecond().saturating_sub(ms)).unwrap_or(Timestamp::MIN);
        match self {
            // Whatever the log has is in force, also if the broker's clock is ahead of this one.
            Self::Now => Moment::Time(Timestamp::MAX),
            Self::Ago(ms) => Moment::Time(ago(ms)),
            Self::At(time) => Moment::Time(time),
            Self::Version(version) => Moment::Version(version),
        }
    }
}

impl Diff {
    pub fn run(self, client: &mut Client, out: &mut dyn Write) -> Result<(), CliError> {
        let moments = [self.from, self.to].map(|when| when.resolve(Timestamp::now()));
        let by_version = moments.iter().any(|moment| matches!(moment, Moment::Version(_)));
        if by_version && self.setting.is_none() {
            return Err(CliError::NotThere("a version is one of a setting: say which with --setting".to_owned()));
        }
        let entries = log::read(client, log::CONFIG_TOPIC, log::CONTROL)?;
        let found = differences(&entries, &self.resource, self.setting.as_deref(), moments);
        if self.json { lines(&self.resource, &found, out) } else { table(&found, out) }
    }
}

fn table(found: &[Difference], out: &mut dyn Write) -> Result<(), CliError> {
    let mut table = Table::new(&["SETTING", "FROM", "TO"]);
    for Difference { setting, from, to } in found {
        table.push([setting.as_str(), from.shown(), to.shown()]);
    }
    Ok(table.write_or("no difference", out)?)
}

fn lines(resource: &Resource, found: &[Difference], out: &mut dyn Write) -> Result<(), CliError> {
    for Difference { setting, from, to } in found {
        let line = json!({
            "resource": notation::written(resource), "setting": setting,
            "from": from.value(), "from_known": *from != Before::Unknown,
            "to": to.value(), "to_known": *to != Before::Unknown,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

impl Revert {
    pub fn run(self, client: &mut Client, out: &mut dyn Write) -> Result<(), CliError> {
        let Self { resource, setting, version, reason } = self;
        let what = format!("{} {setting}", notation::written(&resource));
        let entries = log::read(client, log::CONFIG_TOPIC, log::CONTROL)?;
        let value = value_of_version(&entries, &resource, &setting, version);
        let value = value.ok_or_else(|| CliError::NotThere(format!("{what}: the log has no version {version}")))?;
        let told = value.clone().unwrap_or_else(|| "(not set)".to_owned());
        let reason = reason.unwrap_or_else(|| format!("back to version {version}"));
        change::alter(client, &resource, &[Alteration { name: setting, value }, change::reason(reason)], false)?;
        Ok(writeln!(out, "{what}: {told}, as in version {version}")?)
    }
}
