//! Who shall hold what: a new target when the group has a newer epoch than its target, and enough time has passed.
//!
//! What must always hold: only members whose target changes get a record; the record of the target's epoch comes last.
//!
//! Source: Apache Kafka, `TargetAssignmentBuilder`, `GroupMetadataManager.maybeUpdateTargetAssignment`.

use std::collections::BTreeMap;

use catena_protocol::group_records::{GroupKind, ModernRecord, TargetEpoch, TopicPartitions};
use uuid::Uuid;

use super::assignors::{Assignor, Subscriber, TopicSizes};
use super::member::Subscription;
use super::subscriptions::{Change, TopicIds};
use super::{ModernGroup, Partitions, Topics, World};

/// A target for one member, computed or not.
pub struct Target {
    /// Its epoch.
    pub epoch: i32,
    /// What the member shall hold.
    pub of_member: Partitions,
    /// What changed.
    pub records: Vec<ModernRecord>,
}

struct Sizes<'a>(&'a dyn Topics);

impl TopicSizes for Sizes<'_> {
    fn partitions(&self, topic: Uuid) -> u32 {
        self.0.with_id(topic).map_or(0, |(_, partitions)| partitions)
    }
}

impl ModernGroup {
    /// The target after a member said what it wants; `replaced` is the member whose place it takes.
    pub(super) fn next_target(
        &self,
        epoch: i32,
        member_id: &str,
        wants: &Subscription,
        replaced: Option<&str>,
        world: World,
    ) -> Target {
        if self.target_epoch >= epoch || !self.target_is_due(world) {
            let of_member = self.target.get(replaced.unwrap_or(member_id)).cloned().unwrap_or_default();
            return Target { epoch: self.target_epoch, of_member, records: Vec::new() };
        }
        let gone: Vec<&str> = replaced.into_iter().collect();
        let change = Change { gone: &gone, there: Some((member_id, wants)) };
        let mut assigned = self.assign(change, replaced, world);
        let mut records = self.target_records(&mut assigned, member_id, replaced);
        records.push(ModernRecord::TargetEpoch(Some(TargetEpoch { epoch, timestamp_ms: world.now.wall_ms })));
        Target { epoch, of_member: assigned.remove(member_id).unwrap_or_default(), records }
    }

    /// A clock that was set back does not keep a group waiting when the interval is 0.
    fn target_is_due(&self, world: World) -> bool {
        let interval_ms = world.rules.assignment_interval_ms;
        self.target_at_ms == 0 || interval_ms == 0 || world.now.wall_ms >= self.target_at_ms.saturating_add(interval_ms)
    }

    fn assign(&self, change: Change, replaced: Option<&str>, world: World) -> BTreeMap<String, Partitions> {
        let nothing = Partitions::new();
        let mut ids = TopicIds::new(self, world.topics);
        let wanted: Vec<_> = self.subscriptions(change).map(|(id, wants)| (id, wants, ids.of(wants))).collect();
        let there = change.there.map(|(id, _)| id);
        let held = |id: &str| {
            let id = if Some(id) == there { replaced.unwrap_or(id) } else { id };
            self.target.get(id).unwrap_or(&nothing)
        };
        let subscribers: Vec<Subscriber> = wanted
            .iter()
            .map(|(id, wants, topics)| Subscriber {
                member_id: id,
                instance_id: wants.instance_id.as_deref(),
                topics,
                held: held(id),
            })
            .collect();
        self.assignor(change, world).assign(&subscribers, &Sizes(world.topics))
    }

    /// What most members prefer; the first by name where as many prefer another.
    pub(super) fn assignor(&self, change: Change, world: World) -> Assignor {
        if self.kind == GroupKind::Share {
            return Assignor::Simple;
        }
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, wants) in self.subscriptions(change) {
            if let Some(name) = wants.assignor.as_deref() {
                *votes.entry(name).or_default() += 1;
            }
        }
        let preferred = votes.into_iter().rev().max_by_key(|(_, count)| *count);
        preferred.and_then(|(name, _)| Assignor::from_name(name)).unwrap_or(world.rules.assignor)
    }

    fn target_records(
        &self,
        assigned: &mut BTreeMap<String, Partitions>,
        member_id: &str,
        replaced: Option<&str>,
    ) -> Vec<ModernRecord> {
        let before = |id: &str| self.target.get(if id == member_id { replaced.unwrap_or(id) } else { id });
        let changed = assigned.iter().filter(|(id, partitions)| before(id) != Some(*partitions));
        changed.map(|(id, partitions)| target_record(id, partitions)).collect()
    }
}

/// The record of a member's target.
pub fn target_record(member_id: &str, partitions: &Partitions) -> ModernRecord {
    let of_topic = |(topic_id, partitions): (&Uuid, &std::collections::BTreeSet<i32>)| TopicPartitions {
        topic_id: *topic_id,
        partitions: partitions.iter().copied().collect(),
    };
    ModernRecord::Target(member_id.to_owned(), Some(partitions.iter().map(of_topic).collect()))
}
