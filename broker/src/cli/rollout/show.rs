//! `catena rollout list` and `show`.

use std::io::Write;

use catena_broker::rollout::record::Rollout;
use clap::Args;
use serde_json::{Value, json};

use super::super::config::{moment, tried, who};
use super::super::error::CliError;
use super::super::table::{Table, visible};
use super::figures;
use super::live::{Live, Presence, Told};
use super::standing::{Standing, State};
use super::write::Topic;

/// `catena rollout list`.
#[derive(Debug, Args)]
pub struct List {
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

/// `catena rollout show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The rollout.
    name: String,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

impl List {
    pub fn run(self, topic: &mut Topic<'_>, out: &mut dyn Write) -> Result<(), CliError> {
        let standings = topic.standings()?;
        let told = Told::ask(topic.client, topic.name)?;
        if self.json {
            return standings.iter().try_for_each(|standing| Ok(writeln!(out, "{}", in_json(standing, &told))?));
        }
        let mut table = Table::new(&["NAME", "STATE", "TRIES", "SHARE", "SINCE", "WHY"]);
        for standing in &standings {
            let record = standing.record.as_ref();
            table.push([
                standing.name.clone(),
                state(&standing.state),
                record.map(tries).unwrap_or_default(),
                record.map(|rollout| format!("{} %", rollout.share)).unwrap_or_default(),
                moment(standing.since),
                why(standing, &told),
            ]);
        }
        Ok(table.write_or("no rollouts", out)?)
    }
}

impl Show {
    pub fn run(self, topic: &mut Topic<'_>, out: &mut dyn Write) -> Result<(), CliError> {
        let none = || CliError::NotThere(format!("there is no rollout {}", self.name));
        let standing = topic.standing(&self.name)?.ok_or_else(none)?;
        let told = Told::ask(topic.client, topic.name)?;
        if self.json {
            return Ok(writeln!(out, "{}", in_json(&standing, &told))?);
        }
        facts(&standing, &told, out)?;
        match (&standing.verdict, told.of(&standing.name)) {
            (Some(verdict), _) => figures::write(&verdict.figures, out),
            (None, Some(live)) => figures::write(&live.figures, out),
            (None, None) => Ok(()),
        }
    }
}

/// Line by line what is known.
fn facts(standing: &Standing, told: &Told, out: &mut dyn Write) -> Result<(), CliError> {
    let since = format!("{} since {}", state(&standing.state), moment(standing.since));
    let mut facts = vec![("rollout", standing.name.clone()), ("state", since)];
    if let Some(rollout) = &standing.record {
        facts.extend(rules(rollout));
    }
    match (&standing.verdict, told.of(&standing.name)) {
        (Some(verdict), _) => {
            facts.push(("decided by", who(Some(&verdict.author))));
            facts.push(("why", verdict.why.clone()));
        }
        (None, Some(live)) => facts.extend(measured(live, told)),
        (None, None) => {}
    }
    Ok(facts.iter().try_for_each(|(name, fact)| writeln!(out, "{name:<12}{}", visible(fact)))?)
}

/// What the broker says of one that is not decided.
fn measured(live: &Live, told: &Told) -> Vec<(&'static str, String)> {
    let mut facts = vec![("measured", format!("{} s", live.seconds))];
    facts.extend(live.missing().map(|missing| ("waits for", missing)));
    for (name, arm) in [("control", "control"), ("canary", live.rollout.as_str())] {
        let presence = told.instances.get(arm);
        let count = |presence: &Presence| format!("{} report, {} are silent", presence.reporting, presence.silent);
        facts.extend(presence.map(|presence| (name, count(presence))));
    }
    facts
}

/// What the author asked for.
fn rules(rollout: &Rollout) -> Vec<(&'static str, String)> {
    let metrics = match rollout.metrics.is_empty() {
        true => "the usual".to_owned(),
        false => rollout.metrics.iter().map(figures::metric).collect::<Vec<_>>().join(", "),
    };
    let bake = format!("{} s, at most {} s", rollout.bake_s, rollout.timeout_s());
    let doubt = format!("{}, error level {}", figures::word(&rollout.on_doubt), rollout.error_level);
    let mut rules = vec![
        ("tries", tries(rollout)),
        ("share", format!("{} %", rollout.share)),
        ("metrics", metrics),
        ("samples", rollout.samples_min.to_string()),
        ("bake time", bake),
        ("on doubt", doubt),
        ("author", who(rollout.author.as_ref())),
    ];
    rules.extend(rollout.reason.clone().map(|reason| ("reason", reason)));
    rules
}

fn tries(rollout: &Rollout) -> String {
    rollout.changes.iter().map(tried).collect::<Vec<_>>().join(", ")
}

fn state(state: &State) -> String {
    match state {
        State::Running(arm) => format!("running in {}..{}", arm.from, arm.to),
        other => other.word().to_owned(),
    }
}

/// The verdict's words; before there is one, what it waits for.
fn why(standing: &Standing, told: &Told) -> String {
    match &standing.verdict {
        Some(verdict) => verdict.why.clone(),
        None => told.of(&standing.name).and_then(Live::missing).unwrap_or_default(),
    }
}

fn in_json(standing: &Standing, told: &Told) -> Value {
    let arm = match standing.state {
        State::Running(arm) => Some(arm),
        _ => None,
    };
    json!({
        "rollout": standing.name, "state": standing.state.word(), "arm": arm, "since": standing.since,
        "record": standing.record, "verdict": standing.verdict, "live": told.of(&standing.name),
        "instances": told.instances,
    })
}
