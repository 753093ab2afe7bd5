//! Small groups, as text: what members have after each change.

use super::Assignor::*;
use super::*;

/// What happens to the group.
enum Change {
    Joins(&'static str, &'static [u64]),
    JoinsAs(&'static str, &'static str, &'static [u64]),
    Leaves(&'static str),
    Resubscribes(&'static str, &'static [u64]),
    Grows(u64, u32),
    Goes(u64),
}
use Change::*;

/// Changes one by one, each with what members have after it.
fn play(assignor: Assignor, sizes: &[u32], steps: &[(&[Change], &str)]) {
    let mut group = Group::reading(sizes);
    for (changes, expected) in steps {
        changes.iter().for_each(|change| group.apply(change));
        group.assign(assignor);
        assert_eq!(group.text(), *expected);
    }
}

impl Group {
    fn apply(&mut self, change: &Change) {
        match change {
            Joins(name, topics) => self.join(name, topics),
            JoinsAs(name, instance, topics) => {
                self.join(name, topics);
                self.members.get_mut(*name).expect("joined").instance = Some((*instance).to_owned());
            }
            Leaves(name) => drop(self.members.remove(*name)),
            Resubscribes(name, topics) => {
                self.members.get_mut(*name).expect("a member").topics = topics.iter().map(|topic| id(*topic)).collect();
            }
            Grows(topic, size) => drop(self.sizes.insert(id(*topic), *size)),
            Goes(topic) => drop(self.sizes.remove(&id(*topic))),
        }
    }
}

#[test]
fn names_are_those_of_kafka() {
    for assignor in [Uniform, Range, Simple] {
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
    }
    assert_eq!([Uniform, Range, Simple].map(Assignor::name), ["uniform", "range", "simple"]);
    assert_eq!(Assignor::from_name("Range"), None);
}

#[test]
fn without_members_or_topics_there_is_nothing_to_assign() {
    for assignor in [Uniform, Range, Simple] {
        play(
            assignor,
            &[2],
            &[
                (&[], ""),
                (&[Joins("a", &[])], "a: -"),
                (&[Joins("b", &[9])], "a: -, b: -"),
                (&[Resubscribes("a", &[9])], "a: -, b: -"),
                (&[Resubscribes("a", &[1, 9])], "a: 1/0-1, b: -"),
                (&[Goes(1)], "a: -, b: -"),
            ],
        );
    }
}

#[test]
fn range_assigns_topics_of_one_size_alike() {
    play(Range, &[3, 3], &[(&[Joins("a", &[1, 2]), Joins("b", &[1, 2])], "a: 1/0-1 2/0-1, b: 1/2 2/2")]);
}

#[test]
fn range_gives_the_first_members_one_more() {
    let join = [Joins("a", &[1]), Joins("b", &[1]), Joins("c", &[1])];
    play(Range, &[8], &[(&join, "a: 1/0-2, b: 1/3-5, c: 1/6-7")]);
    let join = [Joins("a", &[1]), Joins("b", &[1]), Joins("c", &[1])];
    play(Range, &[2], &[(&join, "a: 1/0, b: 1/1, c: -")]);
}

#[test]
fn range_cuts_each_topic_among_its_subscribers() {
    let join = [Joins("a", &[1, 2]), Joins("b", &[2, 3]), Joins("c", &[3])];
    play(Range, &[2, 3, 4], &[(&join, "a: 1/0-1 2/0-1, b: 2/2 3/0-1, c: 3/2-3")]);
}

#[test]
fn range_orders_by_member_whoever_came_first() {
    play(Range, &[4], &[(&[Joins("b", &[1])], "b: 1/0-3"), (&[Joins("a", &[1])], "a: 1/0-1, b: 1/2-3")]);
}

#[test]
fn range_puts_static_members_first_and_gives_a_returning_one_what_it_had() {
    play(
        Range,
        &[3],
        &[
            (&[Joins("a", &[1]), JoinsAs("y", "i-2", &[1]), JoinsAs("z", "i-1", &[1])], "a: 1/2, y: 1/1, z: 1/0"),
            (&[Leaves("z"), JoinsAs("c", "i-1", &[1])], "a: 1/2, c: 1/0, y: 1/1"),
        ],
    );
}

#[test]
fn ids_are_ordered_as_java_orders_strings() {
    // U+10000 is a pair of surrogates in Java, and these come before U+FFFD.
    play(Range, &[2], &[(&[Joins("\u{fffd}", &[1]), Joins("\u{10000}", &[1])], "\u{fffd}: 1/1, \u{10000}: 1/0")]);
}

#[test]
fn uniform_moves_as_little_as_can_be_as_members_come_and_go() {
    play(
        Uniform,
        &[3, 3],
        &[
            (&[Joins("a", &[1, 2]), Joins("b", &[1, 2])], "a: 1/0-2, b: 2/0-2"),
            (&[Joins("c", &[1, 2])], "a: 1/0-1, b: 2/0-1, c: 1/2 2/2"),
            (&[Leaves("a")], "b: 1/0 2/0-1, c: 1/1-2 2/2"),
            (&[Leaves("b")], "c: 1/0-2 2/0-2"),
        ],
    );
}

#[test]
fn uniform_leaves_one_more_to_those_who_have_it() {
    play(
        Uniform,
        &[5],
        &[
            (&[Joins("a", &[1]), Joins("b", &[1])], "a: 1/0-1, b: 1/2-4"),
            (&[Joins("c", &[1])], "a: 1/0-1, b: 1/2-3, c: 1/4"),
            (&[Grows(1, 7)], "a: 1/0-1, b: 1/2-3, c: 1/4-6"),
        ],
    );
}

#[test]
fn uniform_evens_out_loads_over_overlapping_subscriptions() {
    play(
        Uniform,
        &[4, 4],
        &[
            (&[Joins("a", &[1]), Joins("b", &[1, 2])], "a: 1/0-3, b: 2/0-3"),
            (&[Joins("c", &[2])], "a: 1/0-2, b: 1/3 2/0-1, c: 2/2-3"),
            (&[Grows(2, 7)], "a: 1/0-2, b: 1/3 2/0-1,6, c: 2/2-5"),
            (&[Leaves("b")], "a: 1/0-3, c: 2/0-6"),
        ],
    );
}

#[test]
fn uniform_takes_what_is_no_longer_subscribed() {
    play(
        Uniform,
        &[2, 2],
        &[
            (&[Joins("a", &[1, 2]), Joins("b", &[1, 2])], "a: 1/0-1, b: 2/0-1"),
            (&[Resubscribes("a", &[2])], "a: 2/0-1, b: 1/0-1"),
            (&[Resubscribes("b", &[2])], "a: 2/0, b: 2/1"),
        ],
    );
}

#[test]
fn what_two_members_hold_or_what_is_gone_is_set_right() {
    for topics in [[1, 1], [1, 2]] {
        let mut group = Group::reading(&[4, 1]);
        topics.iter().zip(["a", "b"]).for_each(|(topic, name)| group.join(name, &[1, *topic]));
        for member in group.members.values_mut() {
            member.held = Partitions::from([(id(1), BTreeSet::from([-1, 0, 1, 9])), (id(7), BTreeSet::from([0]))]);
        }
        group.assign(Uniform);
        assert!(group.sharers().into_values().all(|owners| owners == 1 || topics == [1, 1]), "{}", group.text());
        assert_eq!(group.sharers()[&(id(1), 0)], 1);
    }
}

#[test]
fn topics_are_ordered_by_ids_as_signed_numbers() {
    let (negative, positive) = (Uuid::from_u64_pair(u64::MAX, 1), id(1));
    let mut group = Group { sizes: [(negative, 1), (positive, 1)].into(), ..Group::default() };
    for (name, topics) in [("a", vec![negative, positive]), ("b", vec![negative, positive, id(9)])] {
        group.members.insert(name.to_owned(), Member { topics: topics.into_iter().collect(), ..Member::default() });
    }
    group.assign(Uniform);
    assert_eq!(group.members["a"].held.keys().collect::<Vec<_>>(), [&negative]);
    assert_eq!(group.members["b"].held.keys().collect::<Vec<_>>(), [&positive]);
}

#[test]
fn simple_gives_each_partition_to_one_member_while_there_are_enough() {
    play(
        Simple,
        &[4],
        &[
            (&[Joins("a", &[1])], "a: 1/0-3"),
            (&[Joins("b", &[1])], "a: 1/0-1, b: 1/2-3"),
            (&[Joins("c", &[1])], "a: 1/0-1, b: 1/2, c: 1/3"),
        ],
    );
}

#[test]
fn simple_shares_partitions_when_members_are_more() {
    play(
        Simple,
        &[2],
        &[
            (
                &[Joins("a", &[1]), Joins("b", &[1]), Joins("c", &[1]), Joins("d", &[1])],
                "a: 1/0, b: 1/1, c: 1/0, d: 1/1",
            ),
            (&[Joins("e", &[1])], "a: 1/0, b: 1/1, c: 1/0, d: 1/1, e: 1/0-1"),
            (&[Leaves("a")], "b: 1/1, c: 1/0, d: 1/1, e: 1/0"),
            (&[Grows(1, 4)], "b: 1/2, c: 1/3, d: 1/1, e: 1/0"),
        ],
    );
}

#[test]
fn simple_spreads_each_topic_by_itself_where_subscriptions_differ() {
    play(
        Simple,
        &[2, 2],
        &[
            (&[Joins("a", &[1]), Joins("b", &[2]), Joins("c", &[1, 2])], "a: 1/0, b: 2/0, c: 1/1 2/1"),
            (&[Resubscribes("a", &[2])], "a: 2/0-1, b: 2/0, c: 1/0-1 2/1"),
        ],
    );
}

#[test]
fn simple_lets_another_member_share_what_the_last_one_already_has() {
    let join = [Joins("a", &[1]), Joins("b", &[1]), Joins("c", &[1])];
    let mut group = Group::reading(&[2]);
    join.iter().for_each(|change| group.apply(change));
    for (name, partition) in [("a", 0), ("b", 0), ("c", 1)] {
        group.members.get_mut(name).expect("joined").held = Partitions::from([(id(1), BTreeSet::from([partition]))]);
    }
    group.assign(Simple);
    assert_eq!(group.text(), "a: 1/0-1, b: 1/0, c: 1/1");
}

#[test]
fn simple_waits_until_a_partition_can_be_assigned() {
    let mut group = Group::reading(&[3]);
    group.join("a", &[1]);
    group.not_assignable = [(id(1), 1)].into();
    group.assign(Simple);
    assert_eq!(group.text(), "a: 1/0,2");
    group.not_assignable.clear();
    group.assign(Simple);
    assert_eq!(group.text(), "a: 1/0-2");
}
