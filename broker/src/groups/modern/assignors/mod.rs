//! Who reads which partition, decided by the server: `uniform` and `range` for consumer groups, `simple` for share groups.
//!
//! What must always hold:
//! - Every member is in the result, and has only partitions that exist, of topics it subscribes to.
//! - `uniform` and `range`: a partition with a subscriber has exactly one owner. `simple`: at least one.
//! - The same input gives the same result, in whatever order the members come. Apache Kafka's results depend in places
//!   on the order of a hash map; here static members come first, by instance id, then the others by member id.
//!
//! Racks are not looked at. Kafka offers them (`MemberSubscription.rackId`, `SubscribedTopicDescriber.racksForPartition`),
//! and none of its assignors asks: neither `RangeAssignor`, nor the two builders of `UniformAssignor`, nor those of
//! `SimpleAssignor`, which says so.
//!
//! | file | |
//! |---|---|
//! | `range` | each topic in runs of partitions |
//! | `uniform` | one owner each, as even as can be |
//! | `simple` | as many members per partition as it takes to keep all busy |
//! | `pool` | partitions that all members may have: the common part of `uniform` and `simple` |
//! | `overlap` | partitions that some members may have: the other part of `uniform` |
//! | `levels` | whose turn it is there to give and to get |

mod levels;
mod overlap;
mod pool;
mod range;
mod simple;
mod uniform;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use uuid::Uuid;

/// Partitions by topic id.
pub type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// A member as assignors see it.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber<'a> {
    /// The member id.
    pub member_id: &'a str,
    /// The instance id of a static member.
    pub instance_id: Option<&'a str>,
    /// The ids of the topics it subscribes to.
    pub topics: &'a BTreeSet<Uuid>,
    /// What it has by the target assignment so far.
    pub held: &'a Partitions,
}

/// A member, as an index into the list of members, and a partition it gets.
type Given = (usize, (Uuid, i32));

/// The topics there are.
pub trait TopicSizes {
    /// How many partitions the topic has; 0 if there is no such topic.
    fn partitions(&self, topic: Uuid) -> u32;

    /// Whether `simple` may give the partition to members. A share group has its state of a partition initialized
    /// first (`GroupSpec.isPartitionAssignable`); the other assignors do not ask.
    fn assignable(&self, _topic: Uuid, _partition: i32) -> bool {
        true
    }
}

/// A server-side assignor, called as in `group.consumer.assignors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Kafka's `UniformAssignor`: even first, then sticky.
    Uniform,
    /// Kafka's `RangeAssignor`: topics with equal numbers of partitions are assigned alike.
    Range,
    /// Kafka's `SimpleAssignor`, that of share groups.
    Simple,
}

impl Assignor {
    /// Its name in requests, records and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
            Self::Simple => "simple",
        }
    }

    /// The assignor of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Uniform, Self::Range, Self::Simple].into_iter().find(|assignor| assignor.name() == name)
    }

    /// What each member shall have.
    pub fn assign(self, members: &[Subscriber<'_>], topics: &dyn TopicSizes) -> BTreeMap<String, Partitions> {
        let mut members = members.to_vec();
        members.sort_by(static_first);
        let given = match self {
            Self::Uniform => uniform::assign(&members, topics),
            Self::Range => range::assign(&members, topics),
            Self::Simple => simple::assign(&members, topics),
        };
        let mut assigned = vec![Partitions::new(); members.len()];
        for (member, (topic, partition)) in given {
            assigned[member].entry(topic).or_default().insert(partition);
        }
        members.iter().map(|member| member.member_id.to_owned()).zip(assigned).collect()
    }
}

/// The order of `RangeAssignor.sortMemberIds`. A static member comes back under the same instance id, so what it has does
/// not depend on its member id.
fn static_first(a: &Subscriber<'_>, b: &Subscriber<'_>) -> Ordering {
    match (a.instance_id, b.instance_id) {
        (Some(a), Some(b)) => as_in_java(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => as_in_java(a.member_id, b.member_id),
    }
}

/// Java compares UTF-16 units, so it differs from the order of bytes past the basic plane.
fn as_in_java(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// The partitions of a topic.
fn all_of(topic: Uuid, topics: &dyn TopicSizes) -> Range<i32> {
    0..i32::try_from(topics.partitions(topic)).unwrap_or(i32::MAX)
}

/// Whether all members subscribe to the same topics.
fn subscribe_alike(members: &[Subscriber<'_>]) -> bool {
    members.windows(2).all(|pair| pair[0].topics == pair[1].topics)
}

/// The members that subscribe to each topic, as indices, in order.
fn subscribers(members: &[Subscriber<'_>]) -> BTreeMap<Uuid, Vec<usize>> {
    let mut subscribers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        for topic in member.topics {
            subscribers.entry(*topic).or_default().push(index);
        }
    }
    subscribers
}
