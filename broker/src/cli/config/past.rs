//! What the settings of a resource were at a moment.
//!
//! What must always hold: only what the log tells is told; what its oldest records cannot tell is unknown.

use std::collections::BTreeMap;

use catena_broker::config::record::{Record, SettingKey, SettingValue};
use catena_broker::config::resource::Resource;
use jiff::Timestamp;

use super::super::log::Entry;
use super::events::Before;

/// A moment in the life of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// What ruled then.
    Time(Timestamp),
    /// What one setting was in that version.
    Version(u64),
}

/// A setting that was something else at another moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The setting.
    pub setting: String,
    /// Its value at the one moment.
    pub from: Before,
    /// Its value at the other.
    pub to: Before,
}

/// Records of one setting in their order; `None` is a tombstone.
type Life<'a> = Vec<(Timestamp, Option<&'a SettingValue>)>;

/// The settings that differ between two moments.
pub fn differences(
    entries: &[Entry],
    of: &Resource,
    setting: Option<&str>,
    [from, to]: [Moment; 2],
) -> Vec<Difference> {
    let lives = lives(entries, of).into_iter().filter(|(key, _)| setting.is_none_or(|setting| setting == key.setting));
    let compared = lives.map(|(key, life)| Difference {
        setting: key.setting.clone(),
        from: value_at(&life, from),
        to: value_at(&life, to),
    });
    compared.filter(|difference| difference.from != difference.to).collect()
}

/// The value that a version of a setting had: `Some(None)` if it was the version in which it was not set; `None` when the log does
/// not have the version (any more).
pub fn value_of_version(entries: &[Entry], of: &Resource, setting: &str, version: u64) -> Option<Option<String>> {
    let lives = lives(entries, of);
    let (_, life) = lives.into_iter().find(|(key, _)| key.setting == setting)?;
    of_version(&life, version).map(|value| value.value.clone())
}

fn lives<'a>(entries: &'a [Entry], of: &Resource) -> BTreeMap<&'a SettingKey, Life<'a>> {
    let mut lives: BTreeMap<&SettingKey, Life<'_>> = BTreeMap::new();
    for entry in entries {
        if let Ok(Record::Setting(key, value)) = &entry.content
            && key.resource() == *of
        {
            lives.entry(key).or_default().push((entry.time(), value.as_ref()));
        }
    }
    lives
}

fn value_at(life: &Life<'_>, moment: Moment) -> Before {
    let value = |value: &SettingValue| value.value.clone().map_or(Before::NotSet, Before::Value);
    match moment {
        Moment::Version(version) => of_version(life, version).map_or(Before::Unknown, value),
        Moment::Time(time) => match life.iter().rev().find(|(at, _)| *at <= time) {
            Some((_, record)) => record.map_or(Before::NotSet, value),
            None => before_life(life),
        },
    }
}

/// What was before the oldest record that is left.
fn before_life(life: &Life<'_>) -> Before {
    match life.first() {
        Some((_, Some(first))) if first.version > 1 => Before::Unknown,
        Some((_, None)) => Before::Unknown,
        _ => Before::NotSet,
    }
}

/// The last record of a version: a topic that was made anew counts from the start.
fn of_version<'a>(life: &Life<'a>, version: u64) -> Option<&'a SettingValue> {
    life.iter().rev().filter_map(|(_, record)| *record).find(|record| record.version == version)
}
