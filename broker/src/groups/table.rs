//! The groups of one partition of `__consumer_offsets`, rebuilt from its records.
//!
//! What must always hold: `apply` is the only way in for records, at replay and after an append alike. A group is
//! here as long as it has members or offsets, or was not found to be empty since.
//!
//! Source: Apache Kafka, `GroupMetadataManager.replay`, `OffsetMetadataManager.replay`.

use std::collections::BTreeMap;

use catena_protocol::group_records::Record;

use super::classic::{ClassicGroup, Limits, Now, Turn};
use super::offsets::Offsets;
use super::types::{GROUP_TYPE_CLASSIC, ListFilter, ListedGroup};

/// A group, its offsets, and when it wants to be woken.
#[derive(Debug, Default)]
pub struct Group {
    /// Members and their rebalances.
    pub classic: ClassicGroup,
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
    pub fn apply(&mut self, record: &Record, now: Now, limits: impl FnOnce(&str) -> Limits) {
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
                let limits = limits(id);
                let mut turn = Turn::new(now, &limits);
                self.groups.entry(id.clone()).or_default().classic.apply(metadata, &mut turn);
            }
            Record::Group(id, None) => {
                self.groups.remove(id);
            }
            Record::Modern(..) | Record::Unknown(_) => {}
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
        if !passes(&filter.types, GROUP_TYPE_CLASSIC) {
            return Vec::new();
        }
        let shown = self.groups.iter().filter(|(_, group)| passes(&filter.states, group.classic.state().name()));
        let listed = |(id, group): (&String, &Group)| ListedGroup {
            group_id: id.clone(),
            protocol_type: group.classic.protocol_type().to_owned(),
            state: group.classic.state(),
        };
        shown.map(listed).collect()
    }
}

fn simple(now: Now) -> Group {
    Group { classic: ClassicGroup::simple(now), ..Group::default() }
}
