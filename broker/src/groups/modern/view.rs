//! What ConsumerGroupDescribe and ShareGroupDescribe show.
//!
//! Source: Apache Kafka, `ConsumerGroup.asDescribedGroup`, `ConsumerGroupMember.asConsumerGroupDescribeMember`.

use catena_protocol::group_records::GroupKind;

use super::assignors::Assignor;
use super::member::{Held, Member, partitions};
use super::subscriptions::Change;
use super::{ModernGroup, Partitions, Topics, World};
use crate::groups::types::{DescribedModern, DescribedModernMember, NamedPartitions};

impl ModernGroup {
    /// The group and its members.
    pub fn describe(&self, world: World) -> DescribedModern {
        DescribedModern {
            state: self.state(),
            epoch: self.epoch,
            target_epoch: self.target_epoch,
            assignor: match self.kind {
                GroupKind::Share => Assignor::Simple.name(),
                GroupKind::Consumer => self.assignor(Change::default(), world).name(),
            },
            members: self.members.iter().map(|(id, member)| self.described(id, member, world.topics)).collect(),
        }
    }

    fn described(&self, id: &str, member: &Member, topics: &dyn Topics) -> DescribedModernMember {
        let wants = &member.wants;
        let nothing = Partitions::new();
        DescribedModernMember {
            member_id: id.to_owned(),
            instance_id: wants.instance_id.clone(),
            rack_id: wants.rack_id.clone(),
            epoch: member.holds.epoch,
            client_id: wants.client_id.clone(),
            client_host: wants.client_host.clone(),
            topics: wants.topics.iter().cloned().collect(),
            regex: wants.regex.clone(),
            assigned: named(&all_held(member), topics),
            target: named(self.target.get(id).unwrap_or(&nothing), topics),
            is_classic: member.is_classic(),
        }
    }
}

/// What it shall give up it still answers for.
fn all_held(member: &Member) -> Partitions {
    let mut held: Partitions = partitions(&member.holds.assigned);
    let revoking: &Held = &member.holds.revoking;
    for (topic, partitions) in revoking {
        held.entry(*topic).or_default().extend(partitions.keys());
    }
    held
}

/// With names; topics that are gone are not shown.
fn named(held: &Partitions, topics: &dyn Topics) -> Vec<NamedPartitions> {
    let of_topic = |(id, partitions): (&uuid::Uuid, &std::collections::BTreeSet<i32>)| {
        let (name, _) = topics.with_id(*id)?;
        Some(NamedPartitions { topic_id: *id, name, partitions: partitions.iter().copied().collect() })
    };
    held.iter().filter_map(of_topic).collect()
}
