//! The groups of one partition of `__consumer_offsets`, rebuilt from its records.
//!
//! What must always hold: `apply` is the only way in for records, at replay and after an append alike. A group is
//! here as long as it has members or offsets, or was not found to be empty since.
//!
//! Source: Apache Kafka, `GroupMetadataManager.replay`, `OffsetMetadataManager.replay`.

use std::collections::BTreeMap;

use catena_protocol::group_records::{GroupKind, ModernRecord, Record};

use super::classic::{ClassicGroup, Now, Turn};
use super::coordinator::GroupRules;
use super::membership::Membership;
use super::modern::Life;
use super::offsets::Offsets;
use super::types::{ListFilter, ListedGroup};

/// A group, its offsets, and when it wants to be woken.
#[derive(Debug, Default)]
pub struct Group {
    /// Members, by the rules of the group's kind.
    pub members: Membership,
    /// Committed offsets.
    pub offsets: Offsets,
    /// The entry the group has among the deadlines (steady clock).
    pub wake_at_ms: Option<u64>,
}

/// Groups by id.
#[derive(Debug, Default)]
pub struct GroupTable {
    groups: BTreeMap<String, Group>,
}

impl GroupTable {
    /// Takes over a record. Members it brings begin their session; the group's `next_deadline_ms` knows.
    pub fn apply(&mut self, record: &Record, now: Now, rules: impl FnOnce(&str) -> GroupRules) {
        match record {
            Record::Offset(key, Some(offset)) => {
                let group = self.groups.entry(key.group.clone()).or_insert_with(|| simple(now));
                group.offsets.put(&key.topic, key.partition, offset.clone());
            }
            Record::Offset(key, None) => {
                if let Some(group) = self.groups.get_mut(&key.group) {
                    group.offsets.remove(&key.topic, key.partition);
                }
            }
            Record::Group(id, Some(metadata)) => {
                let limits = rules(id).limits;
                let mut turn = Turn::new(now, &limits);
                let group = self.groups.entry(id.clone()).or_default();
                group.members.change_classic(|classic| classic.apply(metadata, &mut turn));
            }
            Record::Group(id, None) => self.remove_classic(id, now),
            Record::Modern(kind, id, ModernRecord::Epoch(None)) => self.remove_modern(*kind, id, now),
            Record::Modern(kind, id, record) => self.apply_modern(*kind, id, record, now, rules),
            Record::Unknown(_) => {}
        }
    }

    /// The end of a classic group is not that of its offsets, and not that of the group it was turned into.
    fn remove_classic(&mut self, id: &str, now: Now) {
        if self.groups.get(id).is_some_and(|group| group.members.modern().is_none()) {
            self.remove_members(id, now);
        }
    }

    fn remove_modern(&mut self, kind: GroupKind, id: &str, now: Now) {
        if self.groups.get(id).is_some_and(|group| group.members.modern_of(kind).is_some()) {
            self.remove_members(id, now);
        }
    }

    fn remove_members(&mut self, id: &str, now: Now) {
        match self.groups.get_mut(id) {
            Some(group) if group.offsets.len() > 0 => group.members = Membership::Classic(ClassicGroup::simple(now)),
            Some(_) | None => drop(self.groups.remove(id)),
        }
    }

    fn apply_modern(
        &mut self,
        kind: GroupKind,
        id: &str,
        record: &ModernRecord,
        now: Now,
        rules: impl FnOnce(&str) -> GroupRules,
    ) {
        if record.is_tombstone() && !self.groups.contains_key(id) {
            return;
        }
        let group = self.groups.entry(id.to_owned()).or_default();
        let life = Life { now, session_timeout_ms: rules(id).of_kind(kind).session_timeout_ms };
        if let Some(members) = group.members.make_modern(kind) {
            members.apply(record, life);
        }
    }

    /// A group, if it is there.
    pub fn get(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    /// A group, if it is there.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.groups.get_mut(id)
    }

    /// All groups.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Group)> {
        self.groups.iter()
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The groups that pass the filter.
    pub fn list(&self, filter: &ListFilter) -> Vec<ListedGroup> {
        let passes = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|each| each.trim().eq_ignore_ascii_case(name))
        };
        let shown = self.groups.iter().filter(|(_, group)| {
            passes(&filter.types, group.members.type_name()) && passes(&filter.states, group.members.state())
        });
        let listed = |(id, group): (&String, &Group)| ListedGroup {
            group_id: id.clone(),
            protocol_type: group.members.protocol_type().to_owned(),
            state: group.members.state(),
            group_type: group.members.type_name(),
        };
        shown.map(listed).collect()
    }
}

fn simple(now: Now) -> Group {
    Group { members: Membership::Classic(ClassicGroup::simple(now)), ..Group::default() }
}
