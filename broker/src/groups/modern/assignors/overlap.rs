//! Partitions that some members may have: one owner each, where subscriptions differ.
//!
//! 1. Members keep what they hold and still subscribe to.
//! 2. Topic by topic, those with most partitions per subscriber first, what has no owner goes to the least loaded
//!    subscriber.
//! 3. Topic by topic, in the same order, partitions go from the most loaded subscriber that has one to the least loaded,
//!    as long as their loads differ by two or more; again from the first topic until nothing moves.
//!
//! What must always hold: every choice is that of Kafka's `UniformHeterogeneousAssignmentBuilder` for members in this
//! order, down to who comes first among equals. Members are indices into the list that was given.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::levels::{Donors, Receivers};
use super::{Given, Subscriber, TopicSizes, all_of, subscribers};

/// Kafka's `MAX_ITERATION_COUNT`: overlapping subscriptions can take long to even out, and each round halves what is
/// left, roughly.
const ROUNDS_MAX: usize = 16;

/// A topic while its partitions find their owners.
struct Topic {
    id: Uuid,
    subscribers: Vec<usize>,
    owners: Vec<Option<usize>>,
}

/// Assigns to members whose subscriptions differ.
pub(super) fn assign(members: &[Subscriber<'_>], topics: &dyn TopicSizes) -> Vec<Given> {
    let sized = subscribers(members).into_iter().map(|(id, subscribers)| {
        let owners = all_of(id, topics).map(|_| None).collect();
        Topic { id, subscribers, owners }
    });
    let mut topics: Vec<Topic> = sized.filter(|topic| !topic.owners.is_empty()).collect();
    topics.sort_by(by_partitions_per_subscriber);
    let mut loads = vec![0; members.len()];
    topics.iter_mut().for_each(|topic| topic.keep(members, &mut loads));
    topics.iter_mut().for_each(|topic| topic.fill(&mut loads));
    for _ in 0..ROUNDS_MAX {
        let moved: usize = topics.iter_mut().map(|topic| topic.balance(&mut loads)).sum();
        if moved == 0 {
            break;
        }
    }
    topics.iter().flat_map(Topic::given).collect()
}

/// The most per subscriber first, then fewer subscribers, then Kafka's order of ids, which is that of signed numbers.
fn by_partitions_per_subscriber(a: &Topic, b: &Topic) -> Ordering {
    let [a_density, b_density] = [(a, b), (b, a)].map(|(one, other)| one.owners.len() * other.subscribers.len());
    let signed = |id: Uuid| {
        let (high, low) = id.as_u64_pair();
        (high.cast_signed(), low.cast_signed())
    };
    let fewer = || a.subscribers.len().cmp(&b.subscribers.len());
    b_density.cmp(&a_density).then_with(fewer).then_with(|| signed(a.id).cmp(&signed(b.id)))
}

impl Topic {
    /// Step 1.
    fn keep(&mut self, members: &[Subscriber<'_>], loads: &mut [usize]) {
        for &member in &self.subscribers {
            for partition in members[member].held.get(&self.id).into_iter().flatten() {
                let owner = usize::try_from(*partition).ok().and_then(|partition| self.owners.get_mut(partition));
                if let Some(owner @ None) = owner {
                    *owner = Some(member);
                    loads[member] += 1;
                }
            }
        }
    }

    /// Step 2.
    fn fill(&mut self, loads: &mut [usize]) {
        if self.owners.iter().all(Option::is_some) {
            return;
        }
        let mut receivers = Receivers::new(self.by_load(loads));
        for owner in self.owners.iter_mut().filter(|owner| owner.is_none()) {
            let receiver = receivers.next(loads);
            *owner = Some(receiver);
            loads[receiver] += 1;
        }
    }

    /// Step 3 for this topic: how many partitions moved.
    fn balance(&mut self, loads: &mut [usize]) -> usize {
        if self.is_even(loads) {
            return 0;
        }
        let by_load = self.by_load(loads);
        let mut owned = self.owned();
        let mut donors = Donors::new(by_load.clone());
        let mut receivers = Receivers::new(by_load);
        let mut moved = 0;
        while let Some((donor, partition)) = donors.next(loads, &mut owned) {
            let receiver = receivers.next(loads);
            if loads[donor] <= loads[receiver] + 1 {
                break;
            }
            self.owners[partition] = Some(receiver);
            loads[donor] -= 1;
            loads[receiver] += 1;
            moved += 1;
        }
        moved
    }

    fn is_even(&self, loads: &[usize]) -> bool {
        let loads = || self.subscribers.iter().map(|member| loads[*member]);
        loads().max() <= loads().min().map(|least| least + 1)
    }

    /// The subscribers, the least loaded first.
    fn by_load(&self, loads: &[usize]) -> Vec<usize> {
        let mut subscribers = self.subscribers.clone();
        subscribers.sort_by_key(|member| loads[*member]);
        subscribers
    }

    /// The partitions of each owner, ascending.
    fn owned(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in self.owners.iter().enumerate() {
            owner.iter().for_each(|owner| owned.entry(*owner).or_default().push(partition));
        }
        owned
    }

    fn given(&self) -> impl Iterator<Item = Given> {
        let owned = (0..).zip(&self.owners);
        owned.filter_map(|(partition, owner)| owner.map(|owner| (owner, (self.id, partition))))
    }
}
