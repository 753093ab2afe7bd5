//! Events, and stores that follow.

use super::change::EVENTS_MAX;
use super::*;

/// `to` learns what `from` has announced.
fn catch_up(to: &Case, from: &Case) -> usize {
    let mut rows = 0;
    while let Some(news) = from.catalog.news(to.catalog.followed(from.catalog.store()).unwrap()).unwrap() {
        to.catalog.follow(from.catalog.store(), news.up_to, &news.rows).unwrap();
        rows += news.rows.len();
    }
    rows
}

#[test]
fn each_row_has_an_event_and_what_is_not_new_has_none() {
    let case = Case::new();
    let a = topic("a");
    let open = chain(&a, 0, 0, 0, None);
    case.apply(&[Row::Topic(a.clone()), Row::Chain(open.clone()), reservation(&open, 9), producers(&open, 1)]);
    case.apply(&[Row::Topic(a.clone())]);
    case.catalog.learn(&[other_store(2)]).unwrap();
    case.apply(&[Row::Chain(open.clone())]);
    let case = case.reopened();
    let (topic, chain) = (RowKey::Topic(a.id), RowKey::Chain(open.partition, open.id));
    assert_eq!(case.events(0).unwrap(), [(1, topic), (2, chain), (3, chain)]);
    assert_eq!(case.events(2).unwrap(), [(3, chain)]);
    assert_eq!(case.events(3).unwrap(), []);
    let versions = case.catalog.own_chains().unwrap().iter().map(|chain| chain.version).collect::<Vec<_>>();
    assert_eq!(versions, [3]);
}

#[test]
fn a_follower_has_the_same_rows_announces_none_of_them_and_takes_each_once() {
    let (one, two) = (Case::new(), Case::of(2));
    let a = topic("a");
    one.apply(&[Row::Topic(a.clone()), Row::Chain(chain(&a, 0, 0, 0, None))]);
    one.apply(&[other_store(2), Row::Chain(chain(&a, 0, 0, 0, Some(10))), Row::Chain(chain(&a, 1, 0, 0, None))]);
    catch_up(&two, &one);
    assert_eq!(two.catalog.rows().unwrap(), one.catalog.rows().unwrap());
    assert_eq!(two.events(0).unwrap(), []);
    assert_eq!(catch_up(&two, &one), 0);
    let two = two.reopened();
    assert_eq!(two.catalog.followed(store(1)).unwrap(), 5);
    one.apply(&[Row::TopicGone(a.id)]);
    assert_eq!(catch_up(&two, &one), 1);
    assert_eq!(two.keys(), [RowKey::Store(store(2))]);
    assert_eq!(one.keys(), [RowKey::Store(store(2)), RowKey::Topic(a.id)]);
}

#[test]
fn who_has_missed_too_much_takes_all_rows() {
    let (one, two) = (Case::new(), Case::of(2));
    let a = topic("a");
    one.apply(&[Row::Topic(a.clone())]);
    catch_up(&two, &one);
    let sealed: Vec<Row> = (0..10).map(|index| Row::Chain(chain(&a, index, 0, 0, Some(10)))).collect();
    let many: Vec<Row> = sealed.iter().cycle().take(EVENTS_MAX as usize + 1).cloned().collect();
    one.apply(&many);
    assert_eq!(one.events(1), None);
    assert_eq!(one.events(2).unwrap().len(), 100);
    assert_eq!(catch_up(&two, &one), 11);
    assert_eq!(two.catalog.rows().unwrap(), one.catalog.rows().unwrap());
    assert_eq!(two.catalog.followed(store(1)).unwrap(), EVENTS_MAX + 2);
}

#[test]
fn who_has_seen_another_history_takes_all_rows() {
    let case = Case::new();
    case.apply(&[Row::Topic(topic("a"))]);
    assert_eq!(case.events(2), None);
    assert_eq!(case.catalog.news(u64::MAX).unwrap().map(|news| (news.up_to, news.rows.len())), Some((1, 1)));
}

#[test]
fn a_copy_of_a_chain_never_replaces_what_its_own_store_wrote_later() {
    let (one, two) = (Case::new(), Case::of(2));
    let a = topic("a");
    one.apply(&[Row::Topic(a.clone()), Row::Chain(chain(&a, 0, 0, 0, None))]);
    catch_up(&two, &one);
    one.apply(&[Row::Chain(chain(&a, 0, 0, 0, Some(10)))]);
    one.catalog.learn(&two.catalog.rows().unwrap()).unwrap();
    assert_eq!(one.catalog.own_chains().unwrap()[0].end, Some(10));
}
