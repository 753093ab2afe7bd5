//! Whether a rollout can be tried.
//!
//! What must always hold: what passes could be made a change of control at once, all of it, by the rules of such changes; and
//! every part of it can have another value for the same kind of unit.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use super::arms::Unit;
use super::record::{Metric as MetricRecord, Rollout, Tried};
use super::verdict::{Metric, MetricError, MetricRule, Plan};
use crate::config::change::{Alteration, Ask, Op};
use crate::config::definition::{Definition, Grain, Support};
use crate::config::resource::{Resource, ResourceKind};
use crate::config::table;

/// Longest name.
const NAME_LENGTH_MAX: usize = 100;
/// Most settings that are tried together.
const CHANGES_MAX: usize = 32;
/// Most metrics that are compared.
const METRICS_MAX: usize = 16;
/// Longest bake time and time-out, seconds: 90 days.
const SECONDS_MAX: u64 = 90 * 86_400;

/// What is compared if nothing is said: errors, and the slowest answers, of all requests together.
const USUAL: &[&str] = &["errors", "latency_p99"];

/// Why a rollout cannot be tried.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RolloutError {
    /// Not a name.
    #[error("the name of a rollout has 1 to {NAME_LENGTH_MAX} letters, digits, '.', '_' or '-'")]
    Name,
    /// Nothing to try, or too much.
    #[error("a rollout has 1 to {CHANGES_MAX} changes")]
    Changes,
    /// The same setting twice.
    #[error("{0} is tried twice")]
    Twice(String),
    /// No resource is named.
    #[error("the change of {0} names no resource")]
    NoResource(String),
    /// No such setting.
    #[error("{0} has no setting {1}")]
    Unknown(Resource, String),
    /// Only the whole process can have it.
    #[error("{0} applies to the whole process: it cannot be tried on a share of the requests")]
    Process(String),
    /// It has no effect.
    #[error("{0} has no effect here ({1}): there is nothing to try")]
    NoEffect(String, &'static str),
    /// Settings of different units.
    #[error("{0} and {1} cannot be tried together: one is of each {2}, the other of each {3}")]
    Units(String, String, &'static str, &'static str),
    /// A number out of bounds.
    #[error("{0} must be {1}")]
    Bounds(&'static str, &'static str),
    /// Not a metric.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The change itself would be refused.
    #[error("{0}")]
    Refused(String),
}

/// A rollout that can be tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// What has a value of its own.
    pub unit: Unit,
    /// By what it is measured.
    pub plan: Plan,
}

/// Checks a rollout; `allowed` says whether an alteration could be made now.
///
/// # Errors
/// `RolloutError`.
pub fn check(
    name: &str,
    rollout: &Rollout,
    allowed: &dyn Fn(&Alteration) -> Result<(), String>,
) -> Result<Checked, RolloutError> {
    check_form(name, rollout)?;
    let unit = unit(&rollout.changes)?;
    alterations(rollout).iter().try_for_each(allowed).map_err(RolloutError::Refused)?;
    Ok(Checked { unit, plan: plan(rollout, USUAL)? })
}

/// Checks what does not depend on the settings that are tried.
///
/// # Errors
/// `RolloutError`.
pub fn check_form(name: &str, rollout: &Rollout) -> Result<(), RolloutError> {
    check_name(name)?;
    check_numbers(rollout)?;
    let count = rollout.changes.len();
    if (1..=CHANGES_MAX).contains(&count) { Ok(()) } else { Err(RolloutError::Changes) }
}

/// What approval comes to: one alteration for each resource.
pub fn alterations(rollout: &Rollout) -> Vec<Alteration> {
    let mut by_resource: BTreeMap<Resource, Vec<(String, Op)>> = BTreeMap::new();
    for tried in &rollout.changes {
        let op = tried.value.clone().map_or(Op::Delete, Op::Set);
        let Some(resource) = tried.resource() else { continue };
        by_resource.entry(resource).or_default().push((tried.setting.clone(), op));
    }
    let alteration = |(resource, ops)| Alteration { resource, ask: Ask::Incremental(ops) };
    by_resource.into_iter().map(alteration).collect()
}

fn check_name(name: &str) -> Result<(), RolloutError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=NAME_LENGTH_MAX).contains(&name.len());
    if fits && name.bytes().all(legal) { Ok(()) } else { Err(RolloutError::Name) }
}

fn check_numbers(rollout: &Rollout) -> Result<(), RolloutError> {
    let rules = [
        ((0.1..=50.0).contains(&rollout.share), "share", "0.1 to 50 (percent)"),
        ((0.001..=0.2).contains(&rollout.error_level), "error_level", "0.001 to 0.2"),
        (rollout.samples_min >= 1, "samples_min", "at least 1"),
        ((1..=SECONDS_MAX).contains(&rollout.bake_s), "bake_s", "1 to 7776000 (seconds)"),
        ((rollout.bake_s..=SECONDS_MAX * 10).contains(&rollout.timeout_s()), "timeout_s", "at least bake_s"),
        (rollout.metrics.len() <= METRICS_MAX, "metrics", "at most 16"),
    ];
    match rules.into_iter().find(|(holds, ..)| !holds) {
        Some((_, field, bounds)) => Err(RolloutError::Bounds(field, bounds)),
        None => Ok(()),
    }
}

/// What has a value of its own: the same for all changes.
fn unit(changes: &[Tried]) -> Result<Unit, RolloutError> {
    let mut found: Option<(Unit, &str)> = None;
    for (at, tried) in changes.iter().enumerate() {
        let setting = tried.setting.as_str();
        let same = |other: &Tried| other.setting == setting && other.resource() == tried.resource();
        if changes[..at].iter().any(same) {
            return Err(RolloutError::Twice(setting.to_owned()));
        }
        let unit = unit_of(tried)?;
        match found {
            Some((first, name)) if first != unit => {
                return Err(RolloutError::Units(name.to_owned(), setting.to_owned(), first.word(), unit.word()));
            }
            Some(_) | None => found = Some((unit, setting)),
        }
    }
    found.map(|(unit, _)| unit).ok_or(RolloutError::Changes)
}

fn unit_of(tried: &Tried) -> Result<Unit, RolloutError> {
    let resource = tried.resource().ok_or_else(|| RolloutError::NoResource(tried.setting.clone()))?;
    let definition = definition(&resource, &tried.setting);
    let definition = definition.ok_or_else(|| RolloutError::Unknown(resource, tried.setting.clone()))?;
    match (definition.grain, definition.support) {
        (_, Support::Meaningless(why) | Support::Refused(why)) => {
            Err(RolloutError::NoEffect(tried.setting.clone(), why))
        }
        (Grain::Client, _) => Ok(Unit::Client),
        (Grain::Group, _) => Ok(Unit::Group),
        (Grain::Partition, _) => Ok(Unit::Partition),
        (Grain::Process | Grain::Nothing, _) => Err(RolloutError::Process(tried.setting.clone())),
    }
}

fn definition(resource: &Resource, setting: &str) -> Option<&'static Definition> {
    match resource.kind {
        ResourceKind::Broker => table::broker_setting(setting),
        ResourceKind::Topic => table::topic_setting(setting),
        ResourceKind::Group => table::group_setting(setting),
        ResourceKind::ClientMetrics => None,
    }
}

/// By what a rollout is measured; by the `usual` metrics, if it says nothing.
///
/// # Errors
/// `Metric`.
pub fn plan(rollout: &Rollout, usual: &[&str]) -> Result<Plan, RolloutError> {
    let usual: Vec<_> = usual.iter().map(|name| MetricRecord::named(name)).collect();
    let metrics = if rollout.metrics.is_empty() { &usual } else { &rollout.metrics };
    let metrics = metrics.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    Ok(Plan {
        metrics,
        samples_min: rollout.samples_min,
        bake: Duration::from_secs(rollout.bake_s),
        timeout: Duration::from_secs(rollout.timeout_s()),
        on_doubt: rollout.on_doubt,
        error_level: rollout.error_level,
    })
}

fn rule(given: &MetricRecord) -> Result<MetricRule, MetricError> {
    let metric: Metric = given.metric.parse()?;
    let margin = given.margin.unwrap_or(match metric {
        Metric::Errors => 0.5,
        Metric::Latency(_) | Metric::Counter(_) => 25.0,
        Metric::Throughput => 10.0,
    });
    let rule = MetricRule { metric, api: given.api.clone(), margin };
    rule.check().map(|()| rule)
}

impl Unit {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Group => "group",
            Self::Partition => "partition",
            Self::Instance => "instance",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(kind: ResourceKind, name: &str, setting: &str, value: &str) -> Tried {
        Tried {
            kind: Some(kind),
            name: Some(name.to_owned()),
            setting: setting.to_owned(),
            value: Some(value.to_owned()),
        }
    }

    fn of_brokers(setting: &str) -> Tried {
        tried(ResourceKind::Broker, "", setting, "1000")
    }

    fn outcome(name: &str, rollout: &Rollout) -> Result<Unit, String> {
        let wrong = Ask::Incremental(vec![("fetch.max.bytes".to_owned(), Op::Set("wrong".to_owned()))]);
        let allowed = |asked: &Alteration| match &asked.ask {
            ask if *ask == wrong => Err("not such a value".to_owned()),
            _ => Ok(()),
        };
        check(name, rollout, &allowed).map(|checked| checked.unit).map_err(|error| error.to_string())
    }

    fn refusal(change: impl FnOnce(&mut Rollout)) -> String {
        let mut rollout = Rollout::of(vec![of_brokers("fetch.max.bytes")]);
        change(&mut rollout);
        outcome("r", &rollout).expect_err("refused")
    }

    #[test]
    fn the_settings_say_what_has_a_value_of_its_own() {
        let unit = |changes| outcome("r", &Rollout::of(changes));
        assert_eq!(unit(vec![of_brokers("fetch.max.bytes")]), Ok(Unit::Client));
        assert_eq!(unit(vec![of_brokers("message.max.bytes")]), Ok(Unit::Partition));
        assert_eq!(unit(vec![tried(ResourceKind::Topic, "t", "segment.ms", "5000")]), Ok(Unit::Partition));
        assert_eq!(unit(vec![of_brokers("message.max.bytes"), of_brokers("log.roll.ms")]), Ok(Unit::Partition));
    }

    #[test]
    fn what_cannot_be_tried_is_refused_with_the_reason() {
        let refused = |changes: Vec<Tried>| refusal(|rollout| rollout.changes = changes);
        assert!(refused(vec![of_brokers("log.cleaner.threads")]).contains("applies to the whole process"));
        assert!(refused(vec![of_brokers("num.io.threads")]).contains("has no effect here"));
        assert_eq!(refused(vec![of_brokers("no.such")]), "broker (all) has no setting no.such");
        assert!(refused(vec![]).contains("1 to 32 changes"));
        assert!(refused(vec![of_brokers("fetch.max.bytes"); 2]).contains("tried twice"));
        assert!(
            refused(vec![of_brokers("fetch.max.bytes"), of_brokers("message.max.bytes")])
                .contains("one is of each client, the other of each partition")
        );
        assert_eq!(refused(vec![tried(ResourceKind::Broker, "", "fetch.max.bytes", "wrong")]), "not such a value");
        assert!(refused(vec![Tried { kind: None, ..of_brokers("fetch.max.bytes") }]).contains("names no resource"));
    }

    #[test]
    fn numbers_names_and_metrics_have_bounds() {
        for share in [0.0, 0.09, 50.1, -1.0, f64::NAN, f64::INFINITY] {
            assert!(refusal(|rollout| rollout.share = share).starts_with("share must be"), "{share}");
        }
        assert!(refusal(|rollout| rollout.bake_s = 0).starts_with("bake_s"));
        assert!(refusal(|rollout| rollout.timeout_s = Some(1)).starts_with("timeout_s"));
        assert!(refusal(|rollout| rollout.bake_s = u64::MAX).starts_with("bake_s"));
        assert!(refusal(|rollout| rollout.error_level = 0.5).starts_with("error_level"));
        let metric = MetricRecord::named;
        assert!(refusal(|rollout| rollout.metrics = vec![metric("Speed!")]).contains("is not a metric"));
        assert!(refusal(|rollout| rollout.metrics = vec![metric("errors"); 17]).starts_with("metrics"));
        for name in ["", "a b", "ä", "x".repeat(101).as_str()] {
            let rollout = Rollout::of(vec![of_brokers("fetch.max.bytes")]);
            assert!(outcome(name, &rollout).expect_err("refused").starts_with("the name of a rollout"), "{name}");
        }
    }
}
