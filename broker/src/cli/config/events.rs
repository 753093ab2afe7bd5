//! What happened to settings, told from the records of a config topic.
//!
//! What must always hold: a value that no record tells is said to be unknown, never guessed; events are in the order of their times, those
//! of one partition in the order of their offsets.

use std::collections::BTreeMap;

use catena_broker::config::record::{Author, Key, Outcome, Record, SettingKey, SettingValue};
use catena_broker::config::resource::Resource;
use catena_broker::rollout::record::Rollout;
use jiff::Timestamp;
use uuid::Uuid;

use super::super::log::{self, Entry};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// Where it is written.
    pub partition: i32,
    /// Where it is written.
    pub offset: i64,
    /// By whom, if that is said.
    pub author: Option<Author>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A setting got a value, or lost it.
    Changed {
        /// Of which resource.
        key: SettingKey,
        /// The value before.
        from: Before,
        /// The value from then on, and all that is said about it.
        to: SettingValue,
        /// What became of the rollout that brought it.
        verdict: Option<(Outcome, String)>,
    },
    /// A setting's record was removed, because its resource went away.
    Removed {
        /// Of which resource.
        key: SettingKey,
        /// The value before.
        from: Before,
    },
    /// A rollout was written: begun, or told what to do.
    Rollout(String, Rollout),
    /// A rollout is no longer there.
    RolloutEnded(String),
    /// A rollout was decided.
    Decided(String, Outcome, String),
    /// A record that this command does not understand.
    NotUnderstood(Option<Key>, String),
}

/// The value before a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Not set.
    NotSet,
    /// Set to this.
    Value(String),
    /// Its record is gone.
    Unknown,
}

impl Before {
    /// The value, if there is one and it is known.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Value(value) => Some(value),
            Self::NotSet | Self::Unknown => None,
        }
    }

    /// For people.
    pub fn shown(&self) -> &str {
        match self {
            Self::NotSet => "(not set)",
            Self::Value(value) => value,
            Self::Unknown => "(unknown)",
        }
    }
}

/// What to tell of.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Only of this resource.
    pub resource: Option<Resource>,
    /// Only of this setting.
    pub setting: Option<String>,
}

/// The events about something, oldest first.
pub fn events(entries: &[Entry], about: &About) -> Vec<Event> {
    let mut before: BTreeMap<&SettingKey, &SettingValue> = BTreeMap::new();
    let mut events = Vec::new();
    let rollouts = rollouts_of(entries, about);
    for entry in entries {
        let what = what(entry, &before, entries);
        if let Ok(Record::Setting(key, value)) = &entry.content {
            match value {
                Some(value) => before.insert(key, value),
                None => before.remove(key),
            };
        }
        if about.includes(&what, &rollouts) {
            let author = entry.author().cloned();
            events.push(Event { time: entry.time(), partition: entry.partition, offset: entry.offset, author, what });
        }
    }
    in_order(events)
}

/// Those of several partitions by their times; a clock that was set back turns nothing around within a partition.
fn in_order(events: Vec<Event>) -> Vec<Event> {
    let mut latest: BTreeMap<i32, Timestamp> = BTreeMap::new();
    let timed = events.into_iter().map(|event| {
        let latest = latest.entry(event.partition).or_insert(event.time);
        *latest = event.time.max(*latest);
        (*latest, event)
    });
    let mut timed: Vec<(Timestamp, Event)> = timed.collect();
    timed.sort_by_key(|(time, _)| *time);
    timed.into_iter().map(|(_, event)| event).collect()
}

fn what(entry: &Entry, before: &BTreeMap<&SettingKey, &SettingValue>, entries: &[Entry]) -> What {
    match &entry.content {
        Ok(Record::Setting(key, Some(to))) => What::Changed {
            key: key.clone(),
            from: before_change(before.get(key).copied(), to),
            to: to.clone(),
            verdict: to.rollout.as_ref().and_then(|rollout| verdict_near(entries, rollout, entry.offset)),
        },
        Ok(Record::Setting(key, None)) => {
            let known = before.get(key).copied();
            What::Removed { key: key.clone(), from: known.map_or(Before::Unknown, value_before) }
        }
        Ok(Record::Rollout(name, Some(rollout))) => What::Rollout(name.clone(), rollout.clone()),
        Ok(Record::Rollout(name, None)) => What::RolloutEnded(name.clone()),
        Ok(Record::Verdict(name, Some(verdict))) => What::Decided(name.clone(), verdict.verdict, verdict.why.clone()),
        Ok(Record::Newer(format)) => What::NotUnderstood(entry.key.clone(), format!("format {format}, not understood")),
        Ok(Record::Plain(..)) => What::NotUnderstood(entry.key.clone(), "a setting of no resource".to_owned()),
        Ok(Record::Verdict(_, None)) => What::NotUnderstood(entry.key.clone(), "a verdict was removed".to_owned()),
        Err(error) => What::NotUnderstood(entry.key.clone(), error.clone()),
    }
}

/// The value before a change: what the record before says, if that is of the same topic; nothing at the first version.
fn before_change(known: Option<&SettingValue>, to: &SettingValue) -> Before {
    let same_topic = |id: Option<Uuid>| id.is_none() || to.topic_id.is_none() || id == to.topic_id;
    match known {
        Some(known) if !same_topic(known.topic_id) => Before::NotSet,
        Some(known) if known.version.checked_add(1) == Some(to.version) => value_before(known),
        _ if to.version <= 1 => Before::NotSet,
        _ => Before::Unknown,
    }
}

fn value_before(value: &SettingValue) -> Before {
    value.value.clone().map_or(Before::NotSet, Before::Value)
}

/// The verdict that brought a value: the one of the rollout's name that stands nearest; both are in one batch.
fn verdict_near(entries: &[Entry], rollout: &str, offset: i64) -> Option<(Outcome, String)> {
    let verdicts = entries.iter().filter_map(|entry| match &entry.content {
        Ok(Record::Verdict(name, Some(verdict))) if name == rollout => Some((entry.offset, verdict)),
        _ => None,
    });
    let nearest = verdicts.min_by_key(|(at, _)| at.abs_diff(offset));
    nearest.map(|(_, verdict)| (verdict.verdict, verdict.why.clone()))
}

/// The names of the rollouts that try something of what is asked about.
fn rollouts_of<'a>(entries: &'a [Entry], about: &About) -> Vec<&'a str> {
    let concerned = |entry: &'a Entry| match (&entry.content, &about.resource) {
        (Ok(Record::Rollout(name, Some(rollout))), Some(resource)) => {
            log::concerns(rollout, resource, about.setting.as_deref()).then_some(name.as_str())
        }
        (Ok(Record::Setting(key, Some(value))), _) if about.is_about(key) => value.rollout.as_deref(),
        _ => None,
    };
    entries.iter().filter_map(concerned).collect()
}

impl About {
    fn is_about(&self, key: &SettingKey) -> bool {
        self.resource.as_ref().is_none_or(|resource| *resource == key.resource())
            && self.setting.as_ref().is_none_or(|setting| *setting == key.setting)
    }

    fn includes(&self, what: &What, rollouts: &[&str]) -> bool {
        if self.resource.is_none() {
            return true;
        }
        match what {
            What::Changed { key, .. } | What::Removed { key, .. } => self.is_about(key),
            What::Rollout(name, _) | What::RolloutEnded(name) | What::Decided(name, ..) => {
                rollouts.contains(&name.as_str())
            }
            What::NotUnderstood(Some(Key::Setting(key)), _) => self.is_about(key),
            What::NotUnderstood(..) => false,
        }
    }
}
