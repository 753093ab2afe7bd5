//! What stands in `__config`, or in a user's config topic: the last record of each key.
//!
//! What must always hold:
//! - Pure. `apply` is the only way in; it takes the records of a start and fresh ones alike, in the order of their log.
//! - A setting's version never falls. Values of a topic belong to one topic id: those of a topic that was made anew
//!   under the name take the place of the old ones.
//! - A record that is newer than this broker, or nonsense, changes nothing but a count.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::config::record::{Record, SettingKey, SettingValue, Verdict};
use crate::config::resource::{Resource, ResourceKind};
use crate::rollout::record::Rollout;

/// The partitions of a config topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What rules.
    Control,
    /// What is tried.
    Canary,
}

impl Side {
    /// Both, in the order in which they are read.
    pub const BOTH: [Self; 2] = [Self::Control, Self::Canary];

    /// The partition's index.
    pub fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Canary => 1,
        }
    }

    /// The side of a partition.
    pub fn of_index(index: i32) -> Option<Self> {
        Self::BOTH.into_iter().find(|side| i32::try_from(side.index()) == Ok(index))
    }
}

/// Settings of one resource that have a value of their own, or had one. Boxed: most resources have one or two, and a node of the map has
/// room for eleven.
pub type Entries = BTreeMap<String, Box<SettingValue>>;

/// A rollout as it stands in the canary partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Where its last record stands.
    pub offset: i64,
    /// That record.
    pub rollout: Rollout,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    settings: BTreeMap<Resource, Entries>,
    plain: Entries,
    rollouts: BTreeMap<String, Standing>,
    verdicts: BTreeMap<String, Verdict>,
    /// Records in a format that a newer broker writes.
    pub newer: u64,
    /// Records that are none of configuration, or in the wrong partition.
    pub strange: u64,
}

/// What a record changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Nothing that runs.
    Nothing,
    /// A setting of this resource.
    Resource(Resource),
    /// A setting of a user's config topic.
    Plain(String),
    /// A rollout, or its verdict.
    Rollout(String),
}

impl State {
    /// Takes a record over.
    pub fn apply(&mut self, side: Side, offset: i64, record: Record) -> Changed {
        match (side, record) {
            (Side::Control, Record::Setting(key, value)) => self.set(key, value),
            (Side::Control, Record::Plain(key, value)) => {
                put(&mut self.plain, key.setting.clone(), value.map(Box::new));
                Changed::Plain(key.setting)
            }
            (Side::Control, Record::Verdict(name, verdict)) => {
                put(&mut self.verdicts, name.clone(), verdict);
                Changed::Rollout(name)
            }
            (Side::Canary, Record::Rollout(name, rollout)) => {
                put(&mut self.rollouts, name.clone(), rollout.map(|rollout| Standing { offset, rollout }));
                Changed::Rollout(name)
            }
            (_, Record::Newer(_)) => {
                self.newer += 1;
                Changed::Nothing
            }
            (Side::Control, Record::Rollout(..))
            | (Side::Canary, Record::Setting(..) | Record::Plain(..) | Record::Verdict(..)) => self.strange(),
        }
    }

    /// Counts something that is no record of configuration.
    pub fn strange(&mut self) -> Changed {
        self.strange += 1;
        Changed::Nothing
    }

    fn set(&mut self, key: SettingKey, value: Option<SettingValue>) -> Changed {
        let SettingKey { kind, name, setting } = key;
        let resource = Resource { kind, name };
        let entries = self.settings.entry(resource.clone()).or_default();
        if value.as_ref().is_some_and(|value| value.topic_id != id_of(entries)) {
            entries.clear();
        }
        put(entries, setting, value.map(Box::new));
        if entries.is_empty() {
            self.settings.remove(&resource);
        }
        Changed::Resource(resource)
    }

    /// The records of a resource, also those that say that there is no value.
    pub fn entries(&self, resource: &Resource) -> Option<&Entries> {
        self.settings.get(resource)
    }

    /// The settings of a user's config topic.
    pub fn plain(&self) -> &Entries {
        &self.plain
    }

    /// What a resource was given while the broker ran.
    pub fn values(&self, resource: &Resource) -> BTreeMap<String, String> {
        let entries = self.settings.get(resource).into_iter().flatten();
        entries.filter_map(|(name, entry)| Some((name.clone(), entry.value.clone()?))).collect()
    }

    /// What stands over the settings that a topic was created with; `None` values hide them.
    pub fn of_topic(&self, name: &str, id: Uuid) -> Option<&Entries> {
        let entries = self.settings.get(&Resource::new(ResourceKind::Topic, name))?;
        (id_of(entries) == Some(id)).then_some(entries)
    }

    /// The version of a setting; 0 if it never had one.
    pub fn version(&self, resource: &Resource, setting: &str) -> u64 {
        self.settings.get(resource).and_then(|entries| entries.get(setting)).map_or(0, |entry| entry.version)
    }

    /// The resources of a kind that have records, with these.
    pub fn resources(&self, kind: ResourceKind) -> impl Iterator<Item = (&Resource, &Entries)> {
        let from = Resource::new(kind, "");
        self.settings.range(from..).take_while(move |(resource, _)| resource.kind == kind)
    }

    /// The rollouts that stand in the canary partition and are not decided, by name.
    pub fn open_rollouts(&self) -> impl Iterator<Item = (&str, &Standing)> {
        let all = self.rollouts.iter().map(|(name, standing)| (name.as_str(), standing));
        all.filter(|(name, standing)| !self.is_decided(name, standing.offset))
    }

    /// The rollouts that are decided and still stand in the canary partition.
    pub fn decided_rollouts(&self) -> impl Iterator<Item = &str> {
        let decided = self.rollouts.iter().filter(|(name, standing)| self.is_decided(name, standing.offset));
        decided.map(|(name, _)| name.as_str())
    }

    /// The rollouts and verdicts alone.
    #[must_use]
    pub fn clone_rollouts(&self) -> Self {
        Self { rollouts: self.rollouts.clone(), verdicts: self.verdicts.clone(), ..Self::default() }
    }

    /// A rollout as it stands in the canary partition.
    pub fn rollout(&self, name: &str) -> Option<&Standing> {
        self.rollouts.get(name)
    }

    /// What became of a rollout of that name, last.
    pub fn verdict(&self, name: &str) -> Option<&Verdict> {
        self.verdicts.get(name)
    }

    fn is_decided(&self, name: &str, offset: i64) -> bool {
        self.verdicts.get(name).is_some_and(|verdict| verdict.rollout_offset >= offset)
    }

    /// Settings, rollouts and verdicts held.
    pub fn len(&self) -> usize {
        let settings: usize = self.settings.values().map(BTreeMap::len).sum();
        settings + self.plain.len() + self.rollouts.len() + self.verdicts.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn put<T>(map: &mut BTreeMap<String, T>, name: String, value: Option<T>) {
    match value {
        Some(value) => drop(map.insert(name, value)),
        None => drop(map.remove(&name)),
    }
}

/// The topic that the records are of; all are of the same.
fn id_of(entries: &Entries) -> Option<Uuid> {
    entries.values().next().and_then(|entry| entry.topic_id)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::config::record::{ANONYMOUS, Author, FORMAT, Outcome};

    fn author() -> Author {
        Author { principal: ANONYMOUS.to_owned(), client_id: String::new() }
    }

    fn value(value: Option<&str>, version: u64, topic: Option<u128>) -> SettingValue {
        SettingValue {
            v: FORMAT,
            value: value.map(str::to_owned),
            version,
            time: Timestamp::UNIX_EPOCH,
            author: author(),
            reason: None,
            topic_id: topic.map(Uuid::from_u128),
            rollout: None,
        }
    }

    fn topic(setting: &str, value: Option<SettingValue>) -> Record {
        let key = SettingKey { kind: ResourceKind::Topic, name: "orders".to_owned(), setting: setting.to_owned() };
        Record::Setting(key, value)
    }

    fn verdict(rollout_offset: i64) -> Record {
        let verdict = Verdict {
            v: FORMAT,
            verdict: Outcome::Rejected,
            rollout_offset,
            time: Timestamp::UNIX_EPOCH,
            author: author(),
            why: String::new(),
            figures: serde_json::Value::Null,
        };
        Record::Verdict("r".to_owned(), Some(verdict))
    }

    fn applied(records: impl IntoIterator<Item = (Side, Record)>) -> State {
        let mut state = State::default();
        for (offset, (side, record)) in (0..).zip(records) {
            state.apply(side, offset, record);
        }
        state
    }

    #[test]
    fn the_last_record_of_a_key_counts_and_a_tombstone_takes_it_away() {
        use Side::Control;
        let orders = Resource::new(ResourceKind::Topic, "orders");
        let mut state = applied([
            (Control, topic("retention.ms", Some(value(Some("1"), 1, Some(7))))),
            (Control, topic("retention.ms", Some(value(Some("2"), 2, Some(7))))),
            (Control, topic("segment.ms", Some(value(None, 1, Some(7))))),
        ]);
        assert_eq!(state.values(&orders), BTreeMap::from([("retention.ms".to_owned(), "2".to_owned())]));
        assert_eq!((state.version(&orders, "retention.ms"), state.version(&orders, "segment.ms")), (2, 1));
        assert_eq!(state.of_topic("orders", Uuid::from_u128(7)).map(BTreeMap::len), Some(2));
        state.apply(Control, 3, topic("retention.ms", None));
        state.apply(Control, 4, topic("segment.ms", None));
        assert_eq!(state, State::default());
    }

    #[test]
    fn values_of_a_topic_do_not_become_those_of_another_of_its_name() {
        let state = applied([
            (Side::Control, topic("retention.ms", Some(value(Some("1"), 1, Some(7))))),
            (Side::Control, topic("segment.ms", Some(value(Some("2"), 1, Some(8))))),
        ]);
        assert_eq!(state.of_topic("orders", Uuid::from_u128(7)), None);
        let of_new = state.of_topic("orders", Uuid::from_u128(8)).expect("has records");
        assert_eq!(of_new.keys().collect::<Vec<_>>(), ["segment.ms"]);
    }

    #[test]
    fn a_rollout_is_open_until_a_verdict_of_it_or_a_later_one_stands_in_control() {
        let rollout = || Record::Rollout("r".to_owned(), Some(Rollout::of(Vec::new())));
        let open = |state: &State| state.open_rollouts().map(|(_, standing)| standing.offset).collect::<Vec<_>>();
        let state = applied([(Side::Canary, rollout()), (Side::Control, verdict(0))]);
        assert_eq!((open(&state), state.decided_rollouts().count()), (vec![], 1));
        // Read in the other order, as a start may.
        assert!(open(&applied([(Side::Control, verdict(1)), (Side::Canary, rollout())])).is_empty());
        // Begun anew under its name.
        let state = applied([(Side::Canary, rollout()), (Side::Control, verdict(0)), (Side::Canary, rollout())]);
        assert_eq!((open(&state), state.decided_rollouts().count()), (vec![2], 0));
    }

    #[test]
    fn what_does_not_belong_there_changes_nothing_and_is_counted() {
        let state = applied([
            (Side::Canary, topic("retention.ms", Some(value(Some("1"), 1, None)))),
            (Side::Control, Record::Rollout("r".to_owned(), None)),
            (Side::Control, Record::Newer(2)),
        ]);
        assert_eq!((state.strange, state.newer, state.is_empty()), (2, 1, true));
    }
}
