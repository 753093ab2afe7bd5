//! `catena config-topic …`: config topics of users' own fleets.
//!
//! What must always hold: a value gets the version after the one that stands in the topic.

use std::collections::BTreeMap;
use std::io::Write;

use catena_broker::config::record::{ANONYMOUS, Author, FORMAT, PlainKey, Record, SettingValue};
use catena_protocol::client::CreateTopic;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::client::Client;
use super::connection::CLIENT_ID;
use super::error::CliError;
use super::log::{self, CONTROL, Entry};
use super::notation::{self, Assignment};
use super::table::Table;
use super::{ServerArgs, config};

/// Control, canary and reports.
const PARTITIONS: i32 = 3;
/// What makes a topic a config topic. The log is also the history, so that compaction leaves 90 days alone, as in `__config`.
const SETTINGS: [(&str, &str); 3] =
    [("cleanup.policy", "compact"), ("catena.config.topic", "true"), ("min.compaction.lag.ms", "7776000000")];

/// `catena config-topic`.
#[derive(Debug, Args)]
pub struct ConfigTopic {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a config topic: control, canary and reports in partitions 0, 1 and 2.
    Create {
        /// Its name.
        name: String,
    },
    /// Set values in a config topic, all or none of them.
    Set(Set),
    /// Take values of a config topic away.
    Unset(Unset),
    /// What rules in a config topic.
    Get {
        /// The topic.
        topic: String,
        /// One JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Who changed what in a config topic, when, why and by which verdict; the newest last.
    History(History),
}

/// `catena config-topic history`.
#[derive(Debug, Args)]
struct History {
    /// The topic.
    topic: String,
    /// Only of this setting.
    setting: Option<String>,
    /// Only so many, the newest.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

/// `catena config-topic set`.
#[derive(Debug, Args)]
struct Set {
    /// The topic.
    topic: String,
    /// What to set.
    #[arg(value_name = "SETTING=VALUE", required = true, value_parser = notation::assignment)]
    settings: Vec<Assignment>,
    /// Why; stays in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// `catena config-topic unset`.
#[derive(Debug, Args)]
struct Unset {
    /// The topic.
    topic: String,
    /// What to take away.
    #[arg(value_name = "SETTING", required = true)]
    settings: Vec<String>,
    /// Why; stays in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl ConfigTopic {
    /// Does it.
    pub fn run(self, out: &mut dyn Write) -> Result<(), CliError> {
        let mut client = self.server.connect()?;
        match self.command {
            Command::Create { name } => create(&mut client, &name, out),
            Command::Set(Set { topic, settings, reason }) => {
                let values = settings.into_iter().map(|Assignment { name, value }| (name, Some(value)));
                set(&mut client, &topic, values.collect(), reason, out)
            }
            Command::Unset(Unset { topic, settings, reason }) => {
                set(&mut client, &topic, settings.into_iter().map(|name| (name, None)).collect(), reason, out)
            }
            Command::Get { topic, json } => get(&mut client, &topic, json, out),
            Command::History(History { topic, setting, limit, json }) => {
                let about = config::About { setting, ..config::About::default() };
                config::tell(&mut client, &topic, &about, limit, json, out)
            }
        }
    }
}

fn create(client: &mut Client, name: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let timeout_ms = client.server_limit_ms();
    let created = client.call(&CreateTopic { name, partitions: PARTITIONS, configs: &SETTINGS, timeout_ms })?;
    created.map_err(|refusal| CliError::Refused(refusal).about(|| format!("topic {name}")))?;
    Ok(writeln!(out, "config topic {name}: control in partition 0, canary in 1, reports in 2")?)
}

/// New values by their settings; none takes one away.
type Values = BTreeMap<String, Option<String>>;

fn set(
    client: &mut Client,
    topic: &str,
    values: Values,
    reason: Option<String>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let control = log::read(client, topic, CONTROL)?;
    let standing = standing(&control);
    let now = Timestamp::now();
    let records: Vec<_> = values
        .into_iter()
        .map(|(setting, value)| {
            let version = standing.get(setting.as_str()).map_or(0, |said| said.version).saturating_add(1);
            (setting, SettingValue { version, ..signed(value, now, reason.clone()) })
        })
        .collect();
    let told: Vec<String> =
        records.iter().map(|(setting, value)| format!("{setting} version {}", value.version)).collect();
    let batch: Vec<_> = records
        .into_iter()
        .filter_map(|(setting, value)| Record::Plain(PlainKey { setting }, Some(value)).encode())
        .collect();
    client.write(topic, CONTROL, now.as_millisecond(), &batch)?;
    Ok(writeln!(out, "{topic}: {}", told.join(", "))?)
}

fn signed(value: Option<String>, time: Timestamp, reason: Option<String>) -> SettingValue {
    let author = Author { principal: ANONYMOUS.to_owned(), client_id: CLIENT_ID.to_owned() };
    SettingValue { v: FORMAT, value, version: 0, time, author, reason, topic_id: None, rollout: None }
}

/// The last that was said of each setting; settings that were taken away keep their versions.
fn standing(control: &[Entry]) -> BTreeMap<&str, &SettingValue> {
    let plain = control.iter().filter_map(|entry| match &entry.content {
        Ok(Record::Plain(key, Some(value))) => Some((key.setting.as_str(), value)),
        _ => None,
    });
    plain.collect()
}

fn get(client: &mut Client, topic: &str, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let control = log::read(client, topic, CONTROL)?;
    let ruling =
        standing(&control).into_iter().filter_map(|(setting, said)| Some((setting, said.value.as_ref()?, said)));
    let mut table = Table::new(&["SETTING", "VALUE", "VERSION", "SINCE", "WHO"]);
    for (setting, value, said) in ruling {
        if json {
            let line = json!({"setting": setting, "value": value, "version": said.version, "time": said.time, "author": said.author});
            writeln!(out, "{line}")?;
        }
        let (version, since) = (said.version.to_string(), config::moment(said.time));
        table.push([setting.to_owned(), value.clone(), version, since, config::who(Some(&said.author))]);
    }
    if json { Ok(()) } else { Ok(table.write_or("nothing is set", out)?) }
}
