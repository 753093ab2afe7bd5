//! `uniform`: one owner per partition; loads as even as can be, and then as little moved as can be.

use super::{Given, Subscriber, TopicSizes, all_of, overlap, pool, subscribe_alike};

/// As `UniformAssignor` assigns to members in this order.
pub(super) fn assign(members: &[Subscriber<'_>], topics: &dyn TopicSizes) -> Vec<Given> {
    if !subscribe_alike(members) {
        return overlap::assign(members, topics);
    }
    let subscribed = members.first().into_iter().flat_map(|member| member.topics);
    let pool: Vec<_> = subscribed.flat_map(|id| all_of(*id, topics).map(|partition| (*id, partition))).collect();
    pool::assign(&pool, members, 1).collect()
}
