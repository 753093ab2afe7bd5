//! `simple`: as many members per partition as it takes to keep all busy; then as little moved as can be.
//!
//! Where subscriptions differ, each topic is spread over its subscribers by itself, as `SimpleAssignor` does it: loads
//! are even per topic, not over all.

use uuid::Uuid;

use super::{Given, Subscriber, TopicSizes, all_of, pool, subscribe_alike, subscribers};

/// As `SimpleAssignor` assigns to members in this order.
pub(super) fn assign(members: &[Subscriber<'_>], topics: &dyn TopicSizes) -> Vec<Given> {
    if subscribe_alike(members) {
        let subscribed = members.first().into_iter().flat_map(|member| member.topics);
        let pool: Vec<_> = subscribed.flat_map(|topic| assignable(*topic, topics)).collect();
        return share(&pool, members).collect();
    }
    let mut given = Vec::new();
    for (topic, subscribers) in subscribers(members) {
        let pool: Vec<_> = assignable(topic, topics).collect();
        let subscribed: Vec<_> = subscribers.iter().map(|index| members[*index]).collect();
        given.extend(share(&pool, &subscribed).map(|(at, partition)| (subscribers[at], partition)));
    }
    given
}

fn assignable(topic: Uuid, topics: &dyn TopicSizes) -> impl Iterator<Item = (Uuid, i32)> {
    let assignable = all_of(topic, topics).filter(move |partition| topics.assignable(topic, *partition));
    assignable.map(move |partition| (topic, partition))
}

fn share(pool: &[(Uuid, i32)], members: &[Subscriber<'_>]) -> impl Iterator<Item = Given> {
    pool::assign(pool, members, members.len().div_ceil(pool.len().max(1)))
}
