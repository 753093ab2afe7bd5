//! The assignors at work. Here is the harness: a group with members, topics and what they have.

mod kafka;
mod random;
mod scenarios;
mod speed;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Assignor, Partitions, Subscriber, TopicSizes};

/// A member of a [`Group`].
#[derive(Clone, Debug, Default)]
struct Member {
    instance: Option<String>,
    topics: BTreeSet<Uuid>,
    held: Partitions,
}

/// A group and the topics it reads. Topic `n` has the id `n`.
#[derive(Clone, Debug, Default)]
struct Group {
    sizes: BTreeMap<Uuid, u32>,
    not_assignable: BTreeSet<(Uuid, i32)>,
    members: BTreeMap<String, Member>,
}

impl TopicSizes for Group {
    fn partitions(&self, topic: Uuid) -> u32 {
        self.sizes.get(&topic).copied().unwrap_or(0)
    }

    fn assignable(&self, topic: Uuid, partition: i32) -> bool {
        !self.not_assignable.contains(&(topic, partition))
    }
}

fn id(topic: u64) -> Uuid {
    Uuid::from_u64_pair(0, topic)
}

impl Group {
    /// Topics 1, 2, … with these numbers of partitions, and nobody yet.
    fn reading(sizes: &[u32]) -> Self {
        Self { sizes: (1..).map(id).zip(sizes.iter().copied()).collect(), ..Self::default() }
    }

    fn join(&mut self, name: &str, topics: &[u64]) {
        let topics = topics.iter().map(|topic| id(*topic)).collect();
        self.members.insert(name.to_owned(), Member { topics, ..Member::default() });
    }

    /// What the assignor decides.
    fn decide(&self, assignor: Assignor) -> BTreeMap<String, Partitions> {
        let members: Vec<_> = self.members.iter().map(|(name, member)| member.subscriber(name)).collect();
        assignor.assign(&members, self)
    }

    /// Lets the assignor decide, and all members take it.
    fn assign(&mut self, assignor: Assignor) {
        for (name, partitions) in self.decide(assignor) {
            self.members.get_mut(&name).expect("a member").held = partitions;
        }
    }

    /// How many partitions each member has.
    fn loads(&self) -> Vec<usize> {
        self.members.values().map(|member| count(&member.held)).collect()
    }

    /// How many members each partition that exists has.
    fn sharers(&self) -> BTreeMap<(Uuid, i32), usize> {
        let exist = self.sizes.iter().flat_map(|(topic, size)| (0..*size as i32).map(|partition| (*topic, partition)));
        let mut sharers: BTreeMap<_, usize> = exist.map(|partition| (partition, 0)).collect();
        for partition in self.members.values().flat_map(|member| each(&member.held)) {
            *sharers.get_mut(&partition).expect("a partition that exists") += 1;
        }
        sharers
    }

    /// What members have as text: `a: 1/0-2 2/5, b: -`.
    fn text(&self) -> String {
        let members: Vec<_> =
            self.members.iter().map(|(name, member)| format!("{name}: {}", text(&member.held))).collect();
        members.join(", ")
    }
}

impl Member {
    fn subscriber<'a>(&'a self, name: &'a str) -> Subscriber<'a> {
        Subscriber { member_id: name, instance_id: self.instance.as_deref(), topics: &self.topics, held: &self.held }
    }
}

fn each(partitions: &Partitions) -> impl Iterator<Item = (Uuid, i32)> {
    partitions.iter().flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
}

fn count(partitions: &Partitions) -> usize {
    each(partitions).count()
}

/// What of `before` is still there.
fn kept(before: &Partitions, after: &Partitions) -> BTreeSet<(Uuid, i32)> {
    let after: BTreeSet<_> = each(after).collect();
    each(before).filter(|partition| after.contains(partition)).collect()
}

fn text(partitions: &Partitions) -> String {
    let topics: Vec<_> =
        partitions.iter().map(|(topic, set)| format!("{}/{}", topic.as_u64_pair().1, runs(set))).collect();
    if topics.is_empty() { "-".to_owned() } else { topics.join(" ") }
}

/// `0-2,5`.
fn runs(partitions: &BTreeSet<i32>) -> String {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for partition in partitions {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *partition => *last = *partition,
            _ => runs.push((*partition, *partition)),
        }
    }
    let run = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    runs.into_iter().map(run).collect::<Vec<_>>().join(",")
}
