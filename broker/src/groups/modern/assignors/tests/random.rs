//! Random groups whose members come, go and change their minds. What must hold after each change is checked; who had
//! what before is known, so what moved is as well.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const SEEDS: u64 = 100;
const STEPS: usize = 12;

/// What may change in a random group.
struct Life {
    random: StdRng,
    group: Group,
    alike: bool,
    born: usize,
}

#[test]
fn uniform_is_even_and_sticky() {
    lives(Assignor::Uniform, |before, after| {
        one_owner_each(after);
        if alike(after) {
            even(after);
            moves_only_what_it_must(before, after);
        }
    });
}

#[test]
fn range_gives_each_partition_one_owner() {
    lives(Assignor::Range, |_, after| {
        one_owner_each(after);
        for topic in after.sizes.keys() {
            let subscribers = after.members.values().filter(|member| member.topics.contains(topic));
            even_loads(subscribers.map(|member| member.held.get(topic).map_or(0, BTreeSet::len)).collect());
        }
    });
}

#[test]
fn simple_gives_each_partition_a_member_and_each_member_a_partition() {
    lives(Assignor::Simple, |before, after| {
        assert!(sharers_of_subscribed(after).iter().all(|sharers| *sharers >= 1), "a partition is nobody's");
        if alike(after) {
            even(after);
            let partitions = sharers_of_subscribed(after).len();
            let idle = after.members.values().any(|member| member.held.is_empty());
            assert!(partitions == 0 || after.members.len() < partitions || !idle, "a member is idle");
            if before.sharers().values().all(|sharers| *sharers <= 1) && after.members.len() <= partitions {
                moves_only_what_it_must(before, after);
            }
        }
    });
}

/// Lets groups live and checks each change by `check`, which gets the group before and after the assignment.
fn lives(assignor: Assignor, check: impl Fn(&Group, &Group)) {
    let first = rand::random::<u64>();
    for seed in first..first.saturating_add(SEEDS) {
        println!("seed {seed}");
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.change();
            let before = life.group.clone();
            life.group.assign(assignor);
            only_what_is_subscribed(&life.group);
            check(&before, &life.group);
            settled(&life.group, assignor);
        }
    }
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let sizes: Vec<u32> = (0..random.random_range(1..6)).map(|_| random.random_range(0..20)).collect();
        let mut life = Self { alike: random.random(), group: Group::reading(&sizes), random, born: 0 };
        (0..life.random.random_range(1..10)).for_each(|_| life.join());
        life
    }

    fn change(&mut self) {
        match self.random.random_range(0..6) {
            0 | 1 => self.join(),
            2 | 3 if self.group.members.len() > 1 => {
                let name = self.anyone();
                self.group.members.remove(&name);
            }
            4 => self.resubscribe(),
            _ => {
                let topic = id(self.random.random_range(1..=self.group.sizes.len() as u64));
                *self.group.sizes.get_mut(&topic).expect("a topic") += self.random.random_range(1..5);
            }
        }
    }

    fn join(&mut self) {
        self.born += 1;
        let name = format!("m{}-{}", self.random.random_range(0..100), self.born);
        let like = self.group.members.values().next().filter(|_| self.alike).map(|member| member.topics.clone());
        let topics = like.unwrap_or_else(|| self.some_topics());
        let instance = self.random.random_bool(0.2).then(|| format!("i{name}"));
        self.group.members.insert(name, Member { topics, instance, ..Member::default() });
    }

    fn resubscribe(&mut self) {
        let (topics, one) = (self.some_topics(), self.anyone());
        let changed = self.group.members.iter_mut().filter(|(name, _)| self.alike || **name == one);
        changed.for_each(|(_, member)| member.topics = topics.clone());
    }

    fn some_topics(&mut self) -> BTreeSet<Uuid> {
        let topics: Vec<_> = self.group.sizes.keys().copied().collect();
        topics.into_iter().filter(|_| self.random.random_bool(0.7)).collect()
    }

    fn anyone(&mut self) -> String {
        let at = self.random.random_range(0..self.group.members.len());
        self.group.members.keys().nth(at).expect("a member").clone()
    }
}

fn alike(group: &Group) -> bool {
    group.members.values().map(|member| &member.topics).collect::<BTreeSet<_>>().len() == 1
}

fn only_what_is_subscribed(group: &Group) {
    for member in group.members.values() {
        for (topic, partition) in each(&member.held) {
            assert!(member.topics.contains(&topic) && (partition as u32) < group.sizes[&topic], "{}", group.text());
        }
    }
}

fn settled(group: &Group, assignor: Assignor) {
    let mut again = group.clone();
    again.assign(assignor);
    assert_eq!(again.text(), group.text(), "something moves although nothing changed");
}

fn sharers_of_subscribed(group: &Group) -> Vec<usize> {
    let subscribed: BTreeSet<_> = group.members.values().flat_map(|member| &member.topics).collect();
    group
        .sharers()
        .into_iter()
        .filter(|((topic, _), _)| subscribed.contains(topic))
        .map(|(_, sharers)| sharers)
        .collect()
}

fn one_owner_each(group: &Group) {
    assert!(sharers_of_subscribed(group).iter().all(|owners| *owners == 1), "{}", group.text());
}

fn even(group: &Group) {
    even_loads(group.loads());
}

fn even_loads(loads: Vec<usize>) {
    assert!(loads.iter().max() <= loads.iter().min().map(|least| least + 1).as_ref(), "{loads:?}");
}

/// With loads of `least` or one more, a member can keep what it had up to that, and so many can have one more.
fn moves_only_what_it_must(before: &Group, after: &Group) {
    let (total, members) = (after.loads().iter().sum::<usize>(), after.members.len());
    let still_subscribed =
        |member: &Member| each(&member.held).filter(|(topic, _)| member.topics.contains(topic)).count();
    let had: Vec<_> = before.members.values().map(still_subscribed).collect();
    let above = had.iter().filter(|had| **had > total / members).count();
    let could_keep = had.iter().map(|had| (*had).min(total / members)).sum::<usize>() + above.min(total % members);
    let keep: usize =
        after.members.iter().map(|(name, member)| kept(&before.members[name].held, &member.held).len()).sum();
    assert_eq!(keep, could_keep, "of {} stay in {}", before.text(), after.text());
}
