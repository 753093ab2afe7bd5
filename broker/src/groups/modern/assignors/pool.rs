//! Partitions that all members may have, each to be had by the same number of them.
//!
//! 1. Each member has a quota; quotas differ by one at most. The larger ones go to members that hold more than the
//!    smaller quota, so they need not give up one more.
//! 2. Members keep what they hold, up to their quota, what they share with the fewest first.
//! 3. Partitions that more members hold than shall have them are taken from the first of these.
//! 4. Members in order fill their quota with partitions that lack the most members.
//! 5. Where several members share a partition, the last members may lack just what they have. Then other members take
//!    the larger quota in their place, if they can. Else a partition stays with fewer members, but at least one:
//!    Kafka's `SimpleHomogeneousAssignmentBuilder` tolerates that as well.
//!
//! What must always hold: what members lack by their quotas is as much as what partitions lack. So a partition that
//! nobody has finds a member in step 4. Quotas are one or two where a partition is shared.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use uuid::Uuid;

use super::{Given, Subscriber};

/// Gives the partitions of `pool`, which is sorted, to `members` that all subscribe to them, each to `sharing` members.
pub(super) fn assign(pool: &[(Uuid, i32)], members: &[Subscriber<'_>], sharing: usize) -> impl Iterator<Item = Given> {
    let topics: BTreeSet<Uuid> = pool.iter().map(|(topic, _)| *topic).collect();
    let held = members.iter().map(|member| held_of(pool, &topics, member)).collect();
    let given = spread(pool.len(), sharing, held).into_iter().enumerate();
    given.flat_map(move |(member, own)| own.into_iter().map(move |index| (member, pool[index])))
}

/// What the member holds, as indices into the pool.
fn held_of(pool: &[(Uuid, i32)], topics: &BTreeSet<Uuid>, member: &Subscriber<'_>) -> Vec<usize> {
    let held = topics.iter().filter_map(|topic| member.held.get_key_value(topic));
    let each = held.flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)));
    each.filter_map(|partition| pool.binary_search(&partition).ok()).collect()
}

/// From what each member holds to what it shall have; partitions are `0..partitions`.
fn spread(partitions: usize, sharing: usize, mut held: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    if held.is_empty() {
        return held;
    }
    let quotas = quotas(partitions * sharing, &held);
    let mut sharers = vec![0; partitions];
    for &partition in held.iter().flatten() {
        sharers[partition] += 1;
    }
    give_up_beyond_quota(&mut held, &quotas, &mut sharers);
    give_up_beyond_sharing(&mut held, sharing, &mut sharers);
    for (lacks, Reverse(partition)) in fill(&mut held, &quotas, sharing, &sharers) {
        give(&mut held, partitions * sharing, lacks, partition);
    }
    held
}

/// Step 1. Where the larger quotas are more than those who need them, the last of the others have them, as in Kafka's
/// `UniformHomogeneousAssignmentBuilder`.
fn quotas(total: usize, held: &[Vec<usize>]) -> Vec<usize> {
    let smaller = total / held.len();
    let above = (0..held.len()).filter(|member| held[*member].len() > smaller);
    let others = (0..held.len()).rev().filter(|member| held[*member].len() <= smaller);
    let mut quotas = vec![smaller; held.len()];
    for member in above.chain(others).take(total % held.len()) {
        quotas[member] += 1;
    }
    quotas
}

/// Step 2.
fn give_up_beyond_quota(held: &mut [Vec<usize>], quotas: &[usize], sharers: &mut [usize]) {
    for (own, quota) in held.iter_mut().zip(quotas) {
        if own.len() > *quota {
            own.sort_by_key(|partition| sharers[*partition]);
            own.drain(quota..).for_each(|partition| sharers[partition] -= 1);
        }
    }
}

/// Step 3.
fn give_up_beyond_sharing(held: &mut [Vec<usize>], sharing: usize, sharers: &mut [usize]) {
    for own in held {
        own.retain(|partition| {
            let keep = sharers[*partition] <= sharing;
            sharers[*partition] -= usize::from(!keep);
            keep
        });
    }
}

/// Step 4. Says what partitions lack then, and how many members each.
fn fill(held: &mut [Vec<usize>], quotas: &[usize], sharing: usize, sharers: &[usize]) -> Vec<(usize, Reverse<usize>)> {
    let lacking = sharers.iter().enumerate().filter(|(_, have)| **have < sharing);
    let mut lacking: BinaryHeap<_> = lacking.map(|(partition, have)| (sharing - have, Reverse(partition))).collect();
    for (own, quota) in held.iter_mut().zip(quotas) {
        let mut later = Vec::new();
        while own.len() < *quota
            && let Some((lacks, Reverse(partition))) = lacking.pop()
        {
            // What lacks all its members is nobody's yet; with one member each this is always so, and `own` may be long.
            let has_it = lacks < sharing && own.contains(&partition);
            if !has_it {
                own.push(partition);
            }
            if has_it || lacks > 1 {
                later.push((lacks - usize::from(!has_it), Reverse(partition)));
            }
        }
        lacking.extend(later);
    }
    lacking.into_sorted_vec()
}

/// Step 5.
fn give(held: &mut [Vec<usize>], total: usize, lacks: usize, partition: usize) {
    let smaller = total / held.len();
    let able = held.iter_mut().filter(|own| own.len() <= smaller && !own.contains(&partition));
    able.take(lacks).for_each(|own| own.push(partition));
}
