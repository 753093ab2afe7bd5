//! `catena config history`: who changed what, when, why, and by which verdict.

use std::io::Write;

use catena_broker::config::record::{Author, Key, Outcome};
use catena_broker::config::resource::Resource;
use catena_broker::rollout::record::{Rollout, Tried, Wanted};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::error::CliError;
use super::super::table::Table;
use super::super::{log, notation};
use super::events::{About, Before, Event, Subject, What, events};

/// `catena config history`.
#[derive(Debug, Args)]
pub struct History {
    /// Of what; of everything if not given.
    #[arg(value_parser = notation::resource)]
    resource: Option<Resource>,
    /// Only of this setting.
    setting: Option<String>,
    /// Only so many, the newest.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

impl History {
    pub fn run(self, client: &mut Client, out: &mut dyn Write) -> Result<(), CliError> {
        let about = About { resource: self.resource, setting: self.setting };
        tell(client, log::CONFIG_TOPIC, &about, self.limit, self.json, out)
    }
}

/// Tells what happened in a config topic: the newest so many events, or all.
pub fn tell(
    client: &mut Client,
    topic: &str,
    about: &About,
    limit: Option<usize>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let happened = events(&log::read_both(client, topic)?, about);
    let left_out = limit.map_or(0, |limit| happened.len().saturating_sub(limit));
    let shown = happened.get(left_out..).unwrap_or_default();
    if json { lines(shown, out) } else { table(shown, out) }
}

fn table(events: &[Event], out: &mut dyn Write) -> Result<(), CliError> {
    let mut table = Table::new(&["TIME", "WHO", "WHAT", "CHANGE", "VERSION", "WHY"]);
    for event in events {
        let [what, change, version, why] = told(&event.what);
        table.push([moment(event.time), who(event.author.as_ref()), what, change, version, why]);
    }
    Ok(table.write_or("no changes are recorded", out)?)
}

/// What, how it changed, to which version, and why.
pub(super) fn told(what: &What) -> [String; 4] {
    let none = String::new;
    match what {
        What::Changed { subject, from, to, verdict } => {
            let change = format!("{} -> {}", from.shown(), to.value.as_deref().unwrap_or("(not set)"));
            let by_rollout = to.rollout.as_ref().map(|rollout| brought(rollout, verdict.as_ref()));
            let of_verdict = verdict.as_ref().map(|(_, why)| why);
            let reason = to.reason.clone().filter(|reason| Some(reason) != of_verdict);
            let why: Vec<String> = reason.into_iter().chain(by_rollout).collect();
            [named(subject), change, to.version.to_string(), why.join("; ")]
        }
        What::Removed { subject, from } => [named(subject), format!("{} -> (removed)", from.shown()), none(), none()],
        What::Rollout(name, rollout) => {
            let version = rollout.version.map(|version| version.to_string()).unwrap_or_default();
            [rollout_subject(name), state(rollout), version, rollout.reason.clone().unwrap_or_default()]
        }
        What::RolloutEnded(name) => [rollout_subject(name), "ended".to_owned(), none(), none()],
        What::Decided(name, outcome, why) => [rollout_subject(name), word(*outcome).to_owned(), none(), why.clone()],
        What::NotUnderstood(key, problem) => [key_text(key.as_ref()), problem.clone(), none(), none()],
    }
}

fn named(subject: &Subject) -> String {
    let Subject { resource, setting } = subject;
    resource.as_ref().map_or_else(|| setting.clone(), |resource| format!("{} {setting}", notation::written(resource)))
}

fn rollout_subject(name: &str) -> String {
    format!("rollout {name}")
}

fn key_text(key: Option<&Key>) -> String {
    match key {
        Some(Key::Setting(key)) => format!("{} {}", notation::written(&key.resource()), key.setting),
        Some(Key::Plain(key)) => key.setting.clone(),
        Some(key) => String::from_utf8_lossy(&key.encode()).into_owned(),
        None => "(unknown key)".to_owned(),
    }
}

fn brought(rollout: &str, verdict: Option<&(Outcome, String)>) -> String {
    match verdict {
        Some((outcome, why)) => format!("rollout {rollout}, {}: {why}", word(*outcome)),
        None => format!("rollout {rollout}"),
    }
}

/// The word for an outcome.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Approved => "approved",
        Outcome::Rejected => "rejected",
    }
}

fn state(rollout: &Rollout) -> String {
    let tried: Vec<String> = rollout.changes.iter().map(tried).collect();
    match (rollout.state, rollout.arm) {
        (Wanted::Start, Some(arm)) => format!("runs in {}..{}", arm.from, arm.to),
        (Wanted::Start, None) => format!("tries {} on {} %", tried.join(", "), rollout.share),
        (Wanted::Pause, _) => "pause".to_owned(),
        (Wanted::Approve, _) => "approve".to_owned(),
        (Wanted::Reject, _) => "reject".to_owned(),
    }
}

/// A value that is tried.
pub fn tried(change: &Tried) -> String {
    let resource = change.resource().map(|resource| notation::written(&resource) + " ").unwrap_or_default();
    format!("{resource}{}={}", change.setting, change.value.as_deref().unwrap_or("(not set)"))
}

/// A time for people: to the second.
pub fn moment(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// An author for people.
pub fn who(author: Option<&Author>) -> String {
    match author {
        Some(Author { principal, client_id }) if client_id.is_empty() => principal.clone(),
        Some(Author { principal, client_id }) => format!("{principal} ({client_id})"),
        None => String::new(),
    }
}

fn lines(events: &[Event], out: &mut dyn Write) -> Result<(), CliError> {
    for event in events {
        let mut line = json!({
            "time": event.time, "partition": event.partition, "offset": event.offset, "author": event.author,
        });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), in_json(&event.what)) {
            line.extend(more);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn in_json(what: &What) -> Value {
    match what {
        What::Changed { subject, from, to, verdict } => json!({
            "event": "changed", "resource": subject.resource.as_ref().map(notation::written), "setting": subject.setting,
            "from": from.value(), "from_known": *from != Before::Unknown, "to": to.value, "version": to.version,
            "reason": to.reason, "topic_id": to.topic_id, "rollout": to.rollout,
            "verdict": verdict.as_ref().map(|(outcome, why)| json!({"verdict": outcome, "why": why})),
        }),
        What::Removed { subject, from } => json!({
            "event": "removed", "resource": subject.resource.as_ref().map(notation::written), "setting": subject.setting,
            "from": from.value(), "from_known": *from != Before::Unknown,
        }),
        What::Rollout(name, record) => json!({"event": "rollout", "rollout": name, "record": record}),
        What::RolloutEnded(name) => json!({"event": "rollout ended", "rollout": name}),
        What::Decided(name, outcome, why) => {
            json!({"event": "verdict", "rollout": name, "verdict": outcome, "why": why})
        }
        What::NotUnderstood(key, problem) => {
            json!({"event": "not understood", "key": key.as_ref().map(|key| key_text(Some(key))), "problem": problem})
        }
    }
}
