//! What happened to settings, told from the records of a config topic.
//!
//! What must always hold: a value that no record tells is said to be unknown, never guessed; events are in the order of their times, those
//! of one partition in the order of their offsets.

use std::collections::{BTreeMap, BTreeSet};

use catena_broker::config::record::{Author, Key, Outcome, Record, SettingKey, SettingValue, Verdict};
use catena_broker::config::resource::Resource;
use catena_broker::rollout::record::Rollout;
use jiff::Timestamp;
use uuid::Uuid;

use super::super::log::Entry;

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
        /// Which setting.
        subject: Subject,
        /// The value before.
        from: Before,
        /// The value from then on, and all that is said about it.
        to: SettingValue,
        /// What became of the rollout that brought it.
        verdict: Option<(Outcome, String)>,
    },
    /// A setting's record was removed, because its resource went away.
    Removed {
        /// Which setting.
        subject: Subject,
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

/// A setting: of a resource, or of a user's config topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The resource; none in a user's config topic.
    pub resource: Option<Resource>,
    /// The setting.
    pub setting: String,
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
    let mut before: BTreeMap<Subject, &SettingValue> = BTreeMap::new();
    let mut events = Vec::new();
    let (rollouts, verdicts) = (rollouts_of(entries, about), verdicts(entries));
    for entry in entries {
        let change = change(entry);
        let what = match &change {
            Some((subject, value)) => changed(entry.offset, subject, *value, before.get(subject).copied(), &verdicts),
            None => other(entry),
        };
        match change {
            Some((subject, Some(value))) => drop(before.insert(subject, value)),
            Some((subject, None)) => drop(before.remove(&subject)),
            None => {}
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

/// The setting and its new value, if a record is about one.
fn change(entry: &Entry) -> Option<(Subject, Option<&SettingValue>)> {
    match entry.content.as_ref().ok()? {
        Record::Setting(key, value) => Some((Subject::of(key), value.as_ref())),
        Record::Plain(key, value) => Some((Subject { resource: None, setting: key.setting.clone() }, value.as_ref())),
        _ => None,
    }
}

fn changed(
    offset: i64,
    subject: &Subject,
    to: Option<&SettingValue>,
    known: Option<&SettingValue>,
    verdicts: &Verdicts<'_>,
) -> What {
    let subject = subject.clone();
    match to {
        Some(to) => What::Changed {
            subject,
            from: before_change(known, to),
            to: to.clone(),
            verdict: to.rollout.as_ref().and_then(|rollout| nearest(verdicts, rollout, offset)),
        },
        None => What::Removed { subject, from: known.map_or(Before::Unknown, value_before) },
    }
}

/// What a record says that is not about a setting.
fn other(entry: &Entry) -> What {
    let not_understood = |problem| What::NotUnderstood(entry.key.clone(), problem);
    match &entry.content {
        Ok(Record::Rollout(name, Some(rollout))) => What::Rollout(name.clone(), rollout.clone()),
        Ok(Record::Rollout(name, None)) => What::RolloutEnded(name.clone()),
        Ok(Record::Verdict(name, Some(verdict))) => What::Decided(name.clone(), verdict.verdict, verdict.why.clone()),
        Ok(Record::Verdict(_, None)) => not_understood("a verdict was removed".to_owned()),
        Ok(Record::Newer(format)) => not_understood(format!("format {format}, not understood")),
        Ok(Record::Setting(..) | Record::Plain(..)) => not_understood(String::new()),
        Err(error) => not_understood(error.clone()),
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

/// Verdicts by their rollouts' names, each with its offset.
type Verdicts<'a> = BTreeMap<&'a str, Vec<(i64, &'a Verdict)>>;

fn verdicts(entries: &[Entry]) -> Verdicts<'_> {
    let mut verdicts = Verdicts::new();
    for entry in entries {
        if let Ok(Record::Verdict(name, Some(verdict))) = &entry.content {
            verdicts.entry(name).or_default().push((entry.offset, verdict));
        }
    }
    verdicts
}

/// The verdict that brought a value: the one of the rollout's name that stands nearest; both are in one batch.
fn nearest(verdicts: &Verdicts<'_>, rollout: &str, offset: i64) -> Option<(Outcome, String)> {
    let (_, verdict) = verdicts.get(rollout)?.iter().min_by_key(|(at, _)| at.abs_diff(offset))?;
    Some((verdict.verdict, verdict.why.clone()))
}

/// The names of the rollouts that try something of what is asked about.
fn rollouts_of<'a>(entries: &'a [Entry], about: &About) -> BTreeSet<&'a str> {
    let concerned = |entry: &'a Entry| match &entry.content {
        Ok(Record::Rollout(name, Some(rollout))) => about.concerns(rollout).then_some(name.as_str()),
        _ => {
            let (subject, value) = change(entry)?;
            value.filter(|_| about.is_about(&subject))?.rollout.as_deref()
        }
    };
    entries.iter().filter_map(concerned).collect()
}

impl Subject {
    fn of(key: &SettingKey) -> Self {
        Self { resource: Some(key.resource()), setting: key.setting.clone() }
    }
}

impl About {
    fn is_about(&self, subject: &Subject) -> bool {
        (self.resource.is_none() || self.resource == subject.resource)
            && self.setting.as_ref().is_none_or(|setting| *setting == subject.setting)
    }

    /// Whether a rollout tries something of what is asked about.
    fn concerns(&self, rollout: &Rollout) -> bool {
        rollout
            .changes
            .iter()
            .any(|tried| self.is_about(&Subject { resource: tried.resource(), setting: tried.setting.clone() }))
    }

    fn includes(&self, what: &What, rollouts: &BTreeSet<&str>) -> bool {
        if self.resource.is_none() && self.setting.is_none() {
            return true;
        }
        match what {
            What::Changed { subject, .. } | What::Removed { subject, .. } => self.is_about(subject),
            What::Rollout(name, _) | What::RolloutEnded(name) | What::Decided(name, ..) => {
                rollouts.contains(name.as_str())
            }
            What::NotUnderstood(Some(Key::Setting(key)), _) => self.is_about(&Subject::of(key)),
            What::NotUnderstood(Some(Key::Plain(key)), _) => {
                self.is_about(&Subject { resource: None, setting: key.setting.clone() })
            }
            What::NotUnderstood(..) => false,
        }
    }
}
