//! Changes of a group's settings.
//!
//! What must always hold: what a group ends with lies within the limits that the broker has now, whichever of its
//! settings was changed.
//!
//! Source: Apache Kafka 4.4, `GroupConfig.validate`.

use super::error::GroupRule;
use super::ops::{self, Lists};
use super::{AlterError, Ask, Change, Values, View};
use crate::config::bounds::list_items;
use crate::config::settings::Settings;
use crate::config::{table, value};

const TAGS: &str = "streams.rack.aware.assignment.tags";
const ASSIGNOR: &str = "streams.assignor.name";
const OFFSET_RESET: &str = "share.auto.offset.reset";
const DEAD_LETTERS: &str = "errors.deadletterqueue.topic.name";

/// Settings, and the broker's settings between whose values theirs must lie.
const LIMITS: [(&str, Option<&str>, &str); 13] = [
    (
        "consumer.heartbeat.interval.ms",
        Some("group.consumer.min.heartbeat.interval.ms"),
        "group.consumer.max.heartbeat.interval.ms",
    ),
    (
        "consumer.session.timeout.ms",
        Some("group.consumer.min.session.timeout.ms"),
        "group.consumer.max.session.timeout.ms",
    ),
    (
        "consumer.assignment.interval.ms",
        Some("group.consumer.min.assignment.interval.ms"),
        "group.consumer.max.assignment.interval.ms",
    ),
    (
        "share.heartbeat.interval.ms",
        Some("group.share.min.heartbeat.interval.ms"),
        "group.share.max.heartbeat.interval.ms",
    ),
    ("share.session.timeout.ms", Some("group.share.min.session.timeout.ms"), "group.share.max.session.timeout.ms"),
    (
        "share.record.lock.duration.ms",
        Some("group.share.min.record.lock.duration.ms"),
        "group.share.max.record.lock.duration.ms",
    ),
    (
        "share.delivery.count.limit",
        Some("group.share.min.delivery.count.limit"),
        "group.share.max.delivery.count.limit",
    ),
    (
        "share.partition.max.record.locks",
        Some("group.share.min.partition.max.record.locks"),
        "group.share.max.partition.max.record.locks",
    ),
    (
        "share.assignment.interval.ms",
        Some("group.share.min.assignment.interval.ms"),
        "group.share.max.assignment.interval.ms",
    ),
    (
        "streams.heartbeat.interval.ms",
        Some("group.streams.min.heartbeat.interval.ms"),
        "group.streams.max.heartbeat.interval.ms",
    ),
    (
        "streams.session.timeout.ms",
        Some("group.streams.min.session.timeout.ms"),
        "group.streams.max.session.timeout.ms",
    ),
    ("streams.num.standby.replicas", None, "group.streams.max.standby.replicas"),
    (
        "streams.assignment.interval.ms",
        Some("group.streams.min.assignment.interval.ms"),
        "group.streams.max.assignment.interval.ms",
    ),
];

/// Session timeouts, and the intervals of the heartbeats that keep the sessions.
const SESSIONS: [(&str, &str); 3] = [
    ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"),
    ("share.session.timeout.ms", "share.heartbeat.interval.ms"),
    ("streams.session.timeout.ms", "streams.heartbeat.interval.ms"),
];

/// Plans for the group `name`.
pub fn plan(view: &View<'_>, name: &str, ask: &Ask) -> Result<Vec<Change>, AlterError> {
    // Kafka takes no list of a group apart.
    let mut touched = ops::touched(view.own, ask, &Lists { is_list: &|_| false, behind: &|_| None })?;
    if name.is_empty() {
        return Err(GroupRule::NoName.into());
    }
    if let Some(unknown) = ops::unknown(&touched, |setting| table::group_setting(setting).is_some()) {
        return Err(GroupRule::Unknown(unknown.to_owned()).into());
    }
    check_tags(&ops::resulting(view.own, &touched))?;
    for (setting, value) in &mut touched {
        if let (Some(text), Some(definition)) = (value, table::group_setting(setting)) {
            *text = value::check(definition, text)?;
            check_offset_reset(setting, text)?;
        }
    }
    check_together(&ops::resulting(view.own, &touched), &view.broker())?;
    Ok(ops::changes(view.own, touched, false))
}

fn check_tags(values: &Values) -> Result<(), GroupRule> {
    let tags: Vec<_> = list_items(values.get(TAGS).map_or("", String::as_str)).collect();
    let twice = |at: usize| tags[..at].contains(&tags[at]);
    if (1..tags.len()).any(twice) { Err(GroupRule::SameTag) } else { Ok(()) }
}

fn check_offset_reset(setting: &str, text: &str) -> Result<(), GroupRule> {
    let is_duration = || text.strip_prefix("by_duration:").is_some_and(is_iso_duration);
    if setting != OFFSET_RESET || ["earliest", "latest"].contains(&text) || is_duration() {
        return Ok(());
    }
    Err(GroupRule::OffsetReset(text.to_owned()))
}

/// `PnDTnHnMn.nS`, each part at most once and at least one of them, as Java's `Duration.parse` reads it, not negative.
fn is_iso_duration(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let Some((days, time)) = text.strip_prefix('P').map(|rest| rest.split_once('T').unwrap_or((rest, ""))) else {
        return false;
    };
    let has_time = text.contains('T');
    are_parts(days, "D") && are_parts(time, "HMS") && has_time != time.is_empty() && text.len() > 1
}

/// Numbers, each with one of `units` behind it, in this order.
fn are_parts(mut text: &str, units: &str) -> bool {
    for unit in units.chars() {
        let Some((number, rest)) = text.split_once(unit) else { continue };
        let (whole, fraction) = number.split_once(['.', ',']).filter(|_| unit == 'S').unwrap_or((number, ""));
        let is_fraction = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
        if whole.parse::<u32>().is_err() || !is_fraction {
            return false;
        }
        text = rest;
    }
    text.is_empty()
}

fn check_together(values: &Values, broker: &Settings) -> Result<(), GroupRule> {
    LIMITS.iter().try_for_each(|(setting, min, max)| check_limits(values, broker, setting, *min, max))?;
    check_assignor(values, broker)?;
    SESSIONS.iter().try_for_each(|(session, heartbeat)| check_session(values, broker, session, heartbeat))?;
    if values.get(DEAD_LETTERS).is_some_and(|topic| topic.starts_with("__")) {
        return Err(GroupRule::DeadLetters);
    }
    Ok(())
}

fn check_limits(
    values: &Values,
    broker: &Settings,
    setting: &'static str,
    min: Option<&'static str>,
    max: &'static str,
) -> Result<(), GroupRule> {
    let Some(value) = own_number(values, setting) else { return Ok(()) };
    let limit = |name: &'static str| broker.number::<i64>(name).unwrap_or(value);
    match (min.map(limit), limit(max)) {
        (Some(min), max) if value < min || value > max => Err(GroupRule::OutOfRange { setting, min, max }),
        (None, max) if value > max => Err(GroupRule::Above { setting, max }),
        _ => Ok(()),
    }
}

fn check_assignor(values: &Values, broker: &Settings) -> Result<(), GroupRule> {
    let Some(assignor) = values.get(ASSIGNOR) else { return Ok(()) };
    let known: Vec<_> = list_items(broker.text("group.streams.assignors").ok().flatten().unwrap_or_default()).collect();
    if known.contains(&assignor.as_str()) {
        return Ok(());
    }
    Err(GroupRule::UnknownAssignor { assignor: assignor.clone(), known: known.join(", ") })
}

/// Only of sessions of which the group sets something: others are the broker's, and not the group's fault.
fn check_session(
    values: &Values,
    broker: &Settings,
    session: &'static str,
    heartbeat: &'static str,
) -> Result<(), GroupRule> {
    if !values.contains_key(session) && !values.contains_key(heartbeat) {
        return Ok(());
    }
    let number = |setting| own_number(values, setting).or_else(|| brokers_number(broker, setting));
    match (number(session), number(heartbeat)) {
        (Some(longer), Some(shorter)) if longer <= shorter => Err(GroupRule::NotAbove { session, heartbeat }),
        _ => Ok(()),
    }
}

fn own_number(values: &Values, setting: &str) -> Option<i64> {
    values.get(setting)?.parse().ok()
}

fn brokers_number(broker: &Settings, setting: &str) -> Option<i64> {
    let fallback = table::group_setting(setting)?.fallbacks.first()?;
    broker.number(fallback.name).ok()
}
