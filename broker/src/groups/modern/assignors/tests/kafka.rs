//! Random groups, step by step, as Apache Kafka's own assignors decided (`compat-tests/java/assignors`). They got the
//! members in our order, so that nothing depends on the order of a hash map but which partition a member gives up or
//! gets among equals.

use serde_json::Value;

use super::*;

const GOLDEN: &str = include_str!("kafka-4.4.0.jsonl");

/// A decision of Kafka.
struct Case {
    line: &'static str,
    group: Group,
    assigned: BTreeMap<String, Partitions>,
}

fn decisions_of(assignor: Assignor) -> Vec<Case> {
    let parsed = GOLDEN.lines().map(|line| (line, serde_json::from_str::<Value>(line).expect("a line of JSON")));
    let of_it = parsed.filter(|(_, value)| value["assignor"] == assignor.name());
    let cases: Vec<_> = of_it.map(|(line, value)| case(line, &value)).collect();
    assert!(cases.len() >= 100, "{} cases of {}", cases.len(), assignor.name());
    cases
}

fn case(line: &'static str, value: &Value) -> Case {
    let sizes: Vec<u32> = serde_json::from_value(value["sizes"].clone()).expect("sizes");
    let group = Group { members: by_name(&value["members"], member), ..Group::reading(&sizes) };
    Case { line, group, assigned: by_name(&value["assigned"], partitions) }
}

fn by_name<T>(value: &Value, parse: impl Fn(&Value) -> T) -> BTreeMap<String, T> {
    value.as_object().expect("by name").iter().map(|(name, value)| (name.clone(), parse(value))).collect()
}

fn member(value: &Value) -> Member {
    let topics: Vec<u64> = serde_json::from_value(value["topics"].clone()).expect("topics");
    let instance = value["instance"].as_str().map(str::to_owned);
    Member { instance, topics: topics.into_iter().map(id).collect(), held: partitions(&value["held"]) }
}

fn partitions(value: &Value) -> Partitions {
    let topics: BTreeMap<u64, BTreeSet<i32>> = serde_json::from_value(value.clone()).expect("partitions");
    topics.into_iter().map(|(topic, partitions)| (id(topic), partitions)).collect()
}

impl Case {
    fn are_alike(&self) -> bool {
        let topics: BTreeSet<_> = self.group.members.values().map(|member| &member.topics).collect();
        topics.len() == 1
    }

    /// What `simple` spreads at once: all topics if subscriptions are alike, else each by itself.
    fn pools(&self) -> Vec<BTreeSet<Uuid>> {
        let subscribed: BTreeSet<Uuid> = self.group.members.values().flat_map(|member| member.topics.clone()).collect();
        match self.are_alike() {
            true => vec![subscribed],
            false => subscribed.into_iter().map(|topic| BTreeSet::from([topic])).collect(),
        }
    }

    /// How `assigned` spreads the topics of a pool.
    fn spread(&self, pool: &BTreeSet<Uuid>, assigned: &BTreeMap<String, Partitions>) -> Spread {
        let subscribers = self.group.members.iter().filter(|(_, member)| !member.topics.is_disjoint(pool));
        let mut group = Group {
            members: subscribers.map(|(name, member)| (name.clone(), member.clone())).collect(),
            ..self.group.clone()
        };
        group.sizes.retain(|topic, _| pool.contains(topic));
        let mut kept_of_it = 0;
        for (name, member) in &mut group.members {
            let of_pool = assigned[name].iter().filter(|(topic, _)| pool.contains(*topic));
            let new = of_pool.map(|(topic, partitions)| (*topic, partitions.clone())).collect();
            kept_of_it += kept(&member.held, &new).len();
            member.held = new;
        }
        Spread { loads: sorted(group.loads()), sharers: sorted(group.sharers().into_values()), kept: kept_of_it }
    }
}

/// What `simple` makes of a pool of partitions.
struct Spread {
    /// Partitions per member.
    loads: Vec<usize>,
    /// Members per partition.
    sharers: Vec<usize>,
    /// How much stays where it was.
    kept: usize,
}

fn sorted(numbers: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut numbers: Vec<_> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn range_decides_what_kafka_decides() {
    for case in decisions_of(Assignor::Range) {
        assert_eq!(case.group.decide(Assignor::Range), case.assigned, "{}", case.line);
    }
}

#[test]
fn uniform_decides_what_kafka_decides_where_subscriptions_differ() {
    for case in decisions_of(Assignor::Uniform).into_iter().filter(|case| !case.are_alike()) {
        assert_eq!(case.group.decide(Assignor::Uniform), case.assigned, "{}", case.line);
    }
}

#[test]
fn uniform_lets_each_member_keep_what_kafka_does_and_gives_it_as_much_where_subscriptions_are_alike() {
    for case in decisions_of(Assignor::Uniform).into_iter().filter(Case::are_alike) {
        let decided = case.group.decide(Assignor::Uniform);
        for (name, member) in &case.group.members {
            let (ours, kafkas) = (&decided[name], &case.assigned[name]);
            assert_eq!(kept(&member.held, ours), kept(&member.held, kafkas), "{name} keeps: {}", case.line);
            assert_eq!(count(ours), count(kafkas), "{name} has: {}", case.line);
        }
    }
}

/// Which members give up what they share is a matter of hash order with Kafka, so it may be luckier in one pool; over
/// all, ours keep more.
#[test]
fn simple_shares_as_evenly_as_kafka_and_moves_less() {
    let (mut ours_kept, mut kafkas_kept) = (0, 0);
    for case in decisions_of(Assignor::Simple) {
        let decided = case.group.decide(Assignor::Simple);
        for pool in case.pools() {
            let (ours, kafkas) = (case.spread(&pool, &decided), case.spread(&pool, &case.assigned));
            assert_eq!(ours.sharers.first(), ours.sharers.last(), "members per partition of {pool:?}: {}", case.line);
            // Where a member already has all that is left, Kafka leaves partitions with fewer members.
            if ours.sharers == kafkas.sharers {
                assert_eq!(ours.loads, kafkas.loads, "partitions per member of {pool:?}: {}", case.line);
            } else {
                assert!(ours.sharers > kafkas.sharers, "members per partition of {pool:?}: {}", case.line);
            }
            ours_kept += ours.kept;
            kafkas_kept += kafkas.kept;
        }
    }
    assert!(ours_kept > kafkas_kept, "{ours_kept} stay, {kafkas_kept} with Kafka");
}
