//! What stands in `__config`, or in a user's config topic: the last record of each key.
//!
//! What must always hold:
//! - Pure. `apply` is the only way in; it takes the records of a start and fresh ones alike, in the order of their log.
//! - A setting's version never falls. Values of a topic belong to one topic id: those of a topic that was made anew
//!   under the name take the place of the old ones.
//! - A record that is newer than this broker, or nonsense, changes nothing but a count.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::config::record::{Record, SettingKey, SettingValue, Verdict};
use crate::config::resource::{Resource, ResourceKind};
use crate::rollout::record::Rollout;

/// Resources for which a start makes room beforehand: some megabytes, of which nothing is touched that is not needed. Growing from
/// nothing to so many takes as long as a fifth of the start.
const ROOM_MAX: usize = 1 << 17;

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

/// A setting as it stands: its last record, as far as anything runs by it. (The log keeps the rest: who, when and why.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value; `None`: not set here.
    pub value: Option<Box<str>>,
    /// The version of the setting.
    pub version: u64,
}

/// What one resource was given: its settings that have a value of their own, or had one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// The topic that the records are of.
    topic_id: Option<Uuid>,
    /// By setting, in order: most resources have one or two.
    entries: Vec<(Box<str>, Entry)>,
}

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
    /// Not in order: a start puts many in, and few ask for all.
    given: HashMap<Resource, Given>,
    plain: BTreeMap<String, Entry>,
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
    /// Nothing that runs by settings.
    Nothing,
    /// A setting of brokers.
    Brokers,
    /// A setting of this topic.
    Topic(Box<str>),
    /// A setting of a user's config topic.
    Plain,
}

impl State {
    /// Makes room for so many records, and not for more than a start should take unseen.
    pub fn make_room(&mut self, records: usize) {
        self.given.reserve(records.min(ROOM_MAX));
    }

    /// Takes a record over.
    pub fn apply(&mut self, side: Side, offset: i64, record: Record) -> Changed {
        match (side, record) {
            (Side::Control, Record::Setting(key, value)) => return self.set(key, value),
            (Side::Control, Record::Plain(key, value)) => {
                put(&mut self.plain, key.setting, value.map(Entry::of));
                return Changed::Plain;
            }
            (Side::Control, Record::Verdict(name, verdict)) => put(&mut self.verdicts, name, verdict),
            (Side::Canary, Record::Rollout(name, rollout)) => {
                put(&mut self.rollouts, name, rollout.map(|rollout| Standing { offset, rollout }));
            }
            (_, Record::Newer(_)) => self.newer += 1,
            (Side::Control, Record::Rollout(..))
            | (Side::Canary, Record::Setting(..) | Record::Plain(..) | Record::Verdict(..)) => return self.strange(),
        }
        Changed::Nothing
    }

    /// Counts something that is no record of configuration.
    pub fn strange(&mut self) -> Changed {
        self.strange += 1;
        Changed::Nothing
    }

    fn set(&mut self, key: SettingKey, value: Option<SettingValue>) -> Changed {
        let SettingKey { kind, name, setting } = key;
        let changed = match kind {
            ResourceKind::Broker => Changed::Brokers,
            ResourceKind::Topic => Changed::Topic(name.clone().into_boxed_str()),
            ResourceKind::Group | ResourceKind::ClientMetrics => Changed::Nothing,
        };
        match self.given.entry(Resource { kind, name }) {
            Occupied(mut given) => {
                given.get_mut().put(setting, value);
                if given.get().entries.is_empty() {
                    given.remove();
                }
            }
            Vacant(none) => drop(value.map(|value| none.insert(Given::default()).put(setting, Some(value)))),
        }
        changed
    }

    /// The settings of a user's config topic.
    pub fn plain(&self) -> &BTreeMap<String, Entry> {
        &self.plain
    }

    /// What a resource was given while the broker ran.
    pub fn values(&self, resource: &Resource) -> BTreeMap<String, String> {
        let values = self.given.get(resource).into_iter().flat_map(Given::values);
        values.filter_map(|(setting, value)| Some((setting.to_owned(), value?.to_owned()))).collect()
    }

    /// What stands over the settings that a topic was created with; `None` values hide them.
    pub fn of_topic(&self, name: &str, id: Uuid) -> Option<&Given> {
        let given = self.given.get(&Resource::new(ResourceKind::Topic, name))?;
        (given.topic_id == Some(id)).then_some(given)
    }

    /// The version of a setting; 0 if it never had one.
    pub fn version(&self, resource: &Resource, setting: &str) -> u64 {
        let given = self.given.get(resource);
        given.and_then(|given| Some(given.entries[given.find(setting).ok()?].1.version)).unwrap_or(0)
    }

    /// The names of the resources of a kind that have a value for something, in order.
    pub fn with_values(&self, kind: ResourceKind) -> Vec<&str> {
        let has_value = |given: &Given| given.values().any(|(_, value)| value.is_some());
        let found = self.given.iter().filter(|(resource, given)| resource.kind == kind && has_value(given));
        let mut names: Vec<&str> = found.map(|(resource, _)| resource.name.as_str()).collect();
        names.sort_unstable();
        names
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
        let settings: usize = self.given.values().map(|given| given.entries.len()).sum();
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

impl Entry {
    fn of(value: SettingValue) -> Self {
        Self { value: value.value.map(String::into_boxed_str), version: value.version }
    }
}

impl Given {
    /// The settings and their values.
    pub fn values(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.entries.iter().map(|(setting, entry)| (&**setting, entry.value.as_deref()))
    }

    fn find(&self, setting: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(other, _)| (**other).cmp(setting))
    }

    fn put(&mut self, setting: String, value: Option<SettingValue>) {
        if let Some(value) = &value
            && value.topic_id != self.topic_id
        {
            *self = Self { topic_id: value.topic_id, entries: Vec::new() };
        }
        match (self.find(&setting), value.map(Entry::of)) {
            (Ok(at), Some(entry)) => self.entries[at].1 = entry,
            (Err(at), Some(entry)) => {
                // Most have one or two: room for more would be most of a start's memory.
                self.entries.reserve_exact(1);
                self.entries.insert(at, (setting.into_boxed_str(), entry));
            }
            (Ok(at), None) => drop(self.entries.remove(at)),
            (Err(_), None) => {}
        }
    }
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
        assert_eq!(state.of_topic("orders", Uuid::from_u128(7)).map(|given| given.values().count()), Some(2));
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
        assert_eq!(of_new.values().collect::<Vec<_>>(), [("segment.ms", Some("2"))]);
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
