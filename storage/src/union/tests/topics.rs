//! Topics, what stores lack, and tombstones.

use super::*;

#[test]
fn the_latest_version_counts_whoever_has_it_and_a_tombstone_before_all() {
    let (a, gone) = (topic("a", 1, 1), topic("gone", 1, 1));
    let grown = TopicRecord { version: 2, partitions: 5, ..a.clone() };
    let stores = [
        rows(1, &[Row::Topic(a), Row::TopicGone(gone.id)]),
        rows(2, &[Row::Topic(grown.clone()), Row::Topic(TopicRecord { version: 9, ..gone })]),
    ];
    let union = Union::of(&stores, 1);
    assert_eq!(union.topics.values().collect::<Vec<_>>(), [&grown]);
}

#[test]
fn of_two_topics_with_one_name_the_later_gives_way_for_ever() {
    let (older, newer, newest) = (topic("a", 1, 1), topic("a", 2, 4), topic("a", 2, 5));
    let squatter = topic(&format!("a.{}", store(2)), 1, 1);
    let mut stores = [
        rows(1, &[Row::Topic(older.clone()), Row::Topic(squatter.clone())]),
        rows(2, &[Row::Topic(newest.clone()), Row::Topic(newer.clone())]),
    ];
    let union = Union::of(&stores, 1);
    let names = |union: &Union| union.topics.iter().map(|(name, topic)| (name.clone(), topic.id)).collect::<Vec<_>>();
    let expected = [
        ("a".to_owned(), older.id),
        ("a.00000002".to_owned(), squatter.id),
        ("a.00000002.00000002".to_owned(), newer.id),
        ("a.00000002.00000002.00000002".to_owned(), newest.id),
    ];
    assert_eq!(names(&union), expected);
    assert_eq!(union.renamed.iter().map(|renamed| renamed.id).collect::<Vec<_>>(), [newer.id, newest.id]);
    stores.iter_mut().for_each(|store| learn(store, &union.missing[&store.store]));
    // Either store alone knows it now.
    for stores in [&stores[..], &stores[..1], &stores[1..]] {
        let again = Union::of(stores, 2);
        assert_eq!(names(&again), expected);
        assert!(again.renamed.is_empty() && again.missing.is_empty());
    }
}

#[test]
fn a_store_that_comes_back_learns_what_it_missed_and_tells_what_it_knows() {
    let (a, b, gone) = (topic("a", 1, 1), topic("b", 2, 1), topic("gone", 1, 1));
    let stayed = rows(1, &[store_row(1), store_row(2), Row::Topic(a.clone()), Row::TopicGone(gone.id)]);
    let back = rows(2, &[store_row(1), store_row(2), Row::Topic(b.clone()), Row::Topic(gone.clone())]);
    let union = Union::of(&[stayed, back], 1);
    assert_eq!(union.missing[&store(1)], [Row::Topic(b)]);
    let mut expected = [Row::Topic(a), Row::TopicGone(gone.id)];
    expected.sort_by_key(Row::key);
    assert_eq!(union.missing[&store(2)], expected);
}

#[test]
fn tombstones_are_forgotten_when_no_known_store_is_away() {
    let gone = topic("gone", 1, 1);
    let one = rows(1, &[store_row(1), store_row(2), Row::TopicGone(gone.id)]);
    let two = rows(2, &[store_row(1), store_row(2), Row::Topic(gone.clone())]);
    let away = Union::of(std::slice::from_ref(&one), 1);
    assert_eq!((away.forgettable.as_slice(), away.stores.len()), (&[][..], 2));
    let union = Union::of(&[one, two], 1);
    assert_eq!(union.forgettable, [RowKey::Topic(gone.id)]);
    assert_eq!(union.missing[&store(2)], [Row::TopicGone(gone.id)]);
    assert!(!union.missing.contains_key(&store(1)), "who has nothing to forget needs no tombstone");
}

#[test]
fn rows_of_unknown_topics_are_left_out_and_not_spread() {
    let gone = topic("gone", 1, 1);
    let id = PartitionId { topic: gone.id, index: 0 };
    let orphan = Row::Partition(PartitionRecord { id, log_start: 7, cleaned_to: 0 });
    let union = Union::of(&[rows(1, &[orphan]), rows(2, &[])], 1);
    assert!(union.partitions.is_empty() && union.missing.is_empty());
    assert_eq!(union.partition(id).next_offset, Some(0));
}

/// Store 3 was away when a chain of store 1 was opened behind its own, never used, and removed; it came back to store 1 alone, was not told of
/// the removal as it had nothing of that chain, and had its own chain sealed behind the start of the other. Then store 1 went, store 2 came
/// with the reservation for the chain that was no more, and records that consumers had read were another chain's.
#[test]
fn who_comes_back_learns_what_was_removed_while_another_one_may_know_it_still() {
    let (kept, gone) = (topic("kept", 1, 1), topic("gone", 1, 1));
    let partition = PartitionId { topic: kept.id, index: 0 };
    let chain = |of, sequence, start, end| ChainRecord {
        partition,
        id: ChainId { epoch: 0, sequence, store: store(of) },
        counts_as: ChainId { epoch: 0, sequence, store: store(of) },
        version: 1,
        start,
        end,
        segments: Vec::new(),
        replaces: Vec::new(),
        leader_epochs: Vec::new(),
    };
    let (first, second) = (chain(3, 0, 0, Some(18)), chain(1, 1, 12, None));
    let known = || [store_row(1), store_row(2), store_row(3), Row::Topic(kept.clone())];
    let with = |of, news: &[Row]| rows(of, &[&known()[..], news].concat());
    let one = with(1, &[Row::ChainGone(partition, second.id), Row::TopicGone(gone.id)]);
    let mut three = with(3, &[Row::Chain(first)]);
    let met = Union::of(&[one, three.clone()], 1);
    learn(&mut three, &met.missing[&store(3)]);
    let reserved = ReservationRecord { partition, chain: second.id, start: second.start, end: 112 };
    let two = with(2, &[Row::Reservation(reserved), Row::Topic(gone)]);
    let union = Union::of(&[two, three], 1);
    assert_eq!(union.partition(partition).conflicts, []);
    assert_eq!(union.topics.keys().collect::<Vec<_>>(), ["kept"], "a deleted topic does not come back either");
}
