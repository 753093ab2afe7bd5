//! `catena rollout start`: a rollout as words.
//!
//! What must always hold: what is not said is left to the format's own defaults; the broker checks the rest.

use std::io::Write;
use std::time::Duration;

use catena_broker::config::resource::Resource;
use catena_broker::rollout::record::{Metric, Rollout, Tried};
use catena_broker::rollout::verdict::OnDoubt;
use clap::{Args, ValueEnum};

use super::super::error::CliError;
use super::super::log::CONFIG_TOPIC;
use super::super::notation::{self, Assignment};
use super::write::Topic;

/// `catena rollout start`.
#[derive(Debug, Args)]
#[command(after_help = GRAMMAR)]
pub struct Start {
    /// The rollout's name: letters, digits, `.`, `_`, `-`.
    name: String,
    /// What is tried together: a resource and its settings, perhaps more of both. In a user's config topic settings alone.
    #[arg(value_name = "RESOURCE NAME=VALUE", required = true)]
    changes: Vec<String>,
    /// Percent of the units that get the values, 0.1 to 50.
    #[arg(long, value_name = "PERCENT")]
    share: Option<f64>,
    /// What is compared, and by how much it may be worse; may be repeated.
    #[arg(long = "metric", value_name = "METRIC[:API][:MARGIN]", value_parser = metric)]
    metrics: Vec<Metric>,
    /// Samples that each arm must have before anything is approved.
    #[arg(long, value_name = "N")]
    samples: Option<u64>,
    /// Shortest time before anything is approved.
    #[arg(long, value_name = "TIME", value_parser = notation::span)]
    bake: Option<Duration>,
    /// When doubt is over; ten times the bake time if not given.
    #[arg(long, value_name = "TIME", value_parser = notation::span)]
    timeout: Option<Duration>,
    /// What doubt means.
    #[arg(long, value_name = "WHAT")]
    on_doubt: Option<Doubt>,
    /// Chance of a wrong verdict, 0.001 to 0.2.
    #[arg(long, value_name = "CHANCE")]
    error_level: Option<f64>,
    /// Why; stays in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

const GRAMMAR: &str = "RESOURCE is broker (all brokers), broker/ID, topic/NAME, group/NAME or client-metrics/NAME.\n\
    Example: catena rollout start small-batches broker catena.commit.delay.ms=2 --share 10 --metric latency_p99:Produce:25 --metric errors:0.5";

/// What doubt means.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Doubt {
    /// The values are dropped.
    Reject,
    /// The values are taken.
    Approve,
}

impl Start {
    pub fn run(self, topic: &mut Topic<'_>, out: &mut dyn Write) -> Result<(), CliError> {
        let name = self.name.clone();
        let of_resources = topic.name == CONFIG_TOPIC;
        let changes = changes(&self.changes, of_resources).map_err(CliError::NotThere)?;
        let before = topic.standing(&name)?;
        if let Some(there) = before.as_ref().filter(|standing| standing.state.is_live()) {
            return Err(CliError::NotThere(format!("rollout {name} is there already: {}", there.state.word())));
        }
        let version = before.and_then(|standing| standing.record?.version);
        topic.write(&name, Rollout { version, ..self.rollout(changes) })?;
        Ok(writeln!(out, "rollout {name}: begins when there is room")?)
    }

    fn rollout(self, changes: Vec<Tried>) -> Rollout {
        let usual = Rollout::of(changes);
        let on_doubt = self.on_doubt.map_or(usual.on_doubt, |doubt| match doubt {
            Doubt::Reject => OnDoubt::Reject,
            Doubt::Approve => OnDoubt::Approve,
        });
        Rollout {
            share: self.share.unwrap_or(usual.share),
            metrics: self.metrics,
            samples_min: self.samples.unwrap_or(usual.samples_min),
            bake_s: self.bake.map_or(usual.bake_s, seconds),
            timeout_s: self.timeout.map(seconds),
            on_doubt,
            error_level: self.error_level.unwrap_or(usual.error_level),
            reason: self.reason,
            ..usual
        }
    }
}

/// Whole seconds, not less than asked for.
fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// Reads resources, each followed by its settings; or settings alone.
pub fn changes(words: &[String], of_resources: bool) -> Result<Vec<Tried>, String> {
    let mut resource: Option<Resource> = None;
    let mut changes = Vec::new();
    for word in words {
        if of_resources && is_resource(word) {
            resource = Some(notation::resource(word).map_err(|problem| format!("{word}: {problem}"))?);
            continue;
        }
        let Assignment { name: setting, value } =
            notation::assignment(word).map_err(|problem| format!("{word}: {problem}"))?;
        if of_resources && resource.is_none() {
            return Err(format!("{word}: say first of which resource"));
        }
        let (kind, name) = resource.as_ref().map(|resource| (resource.kind, resource.name.clone())).unzip();
        changes.push(Tried { kind, name, setting, value: Some(value) });
    }
    if changes.is_empty() { Err("say what is tried: NAME=VALUE".to_owned()) } else { Ok(changes) }
}

/// Names of settings have no `/` in them.
fn is_resource(word: &str) -> bool {
    word.split_once('=').is_none_or(|(front, _)| front.contains('/'))
}

/// Reads `METRIC`, `METRIC:MARGIN`, `METRIC:API` or `METRIC:API:MARGIN`.
pub fn metric(text: &str) -> Result<Metric, String> {
    let wrong = || "a metric is written METRIC, METRIC:MARGIN, METRIC:API or METRIC:API:MARGIN".to_owned();
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let parts: Vec<&str> = text.split(':').collect();
    let (name, api, margin) = match parts[..] {
        [name] => (name, None, None),
        [name, last] if number(last).is_some() => (name, None, number(last)),
        [name, api] => (name, Some(api), None),
        [name, api, margin] => (name, Some(api), Some(number(margin).ok_or_else(wrong)?)),
        _ => return Err(wrong()),
    };
    if name.is_empty() || api == Some("") {
        return Err(wrong());
    }
    Ok(Metric { metric: name.to_owned(), api: api.map(str::to_owned), margin })
}
