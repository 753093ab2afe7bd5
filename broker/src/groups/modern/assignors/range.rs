//! `range`: each topic is cut into runs of partitions, one per subscriber in order, the first ones longer by one.
//!
//! What must always hold: what a member gets of a topic depends only on the number of partitions and on the subscribers.
//! So topics of one size with the same subscribers are assigned alike (co-partitioned), and what members held is not
//! looked at: who stays at its place in the order keeps what it has.

use super::{Given, Subscriber, TopicSizes, all_of, subscribers};

/// As `RangeAssignor` assigns to members in this order.
pub(super) fn assign(members: &[Subscriber<'_>], topics: &dyn TopicSizes) -> Vec<Given> {
    let mut given = Vec::new();
    for (topic, subscribers) in subscribers(members) {
        let mut rest = all_of(topic, topics);
        for (at, member) in subscribers.iter().enumerate() {
            let share = rest.len().div_ceil(subscribers.len() - at);
            given.extend(rest.by_ref().take(share).map(|partition| (*member, (topic, partition))));
        }
    }
    given
}
