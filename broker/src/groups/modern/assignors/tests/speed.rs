//! 1,000 members and 10,000 partitions: a decision holds up all groups of its task, so it must be short.

use std::time::Duration;

use compat_tests::bench::usage::thread_cpu;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const MEMBERS: u64 = 1_000;
const TOPICS: u64 = 100;
const PARTITIONS: u32 = 100;
const TIME_MAX: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 5;

#[test]
fn a_thousand_members_and_ten_thousand_partitions_take_fifty_milliseconds() {
    for assignor in [Assignor::Uniform, Assignor::Range, Assignor::Simple] {
        for every in [1, 2, 20] {
            let mut group = large(every);
            report(assignor, &group, &format!("first, 1 topic in {every}"));
            group.assign(assignor);
            group.members.pop_first();
            report(assignor, &group, &format!("one leaves, 1 topic in {every}"));
        }
    }
}

/// Every member subscribes to one topic in `every`, each to others.
fn large(every: u32) -> Group {
    let mut group = Group::reading(&vec![PARTITIONS; TOPICS as usize]);
    let mut random = StdRng::seed_from_u64(1);
    for member in 0..MEMBERS {
        let topics: Vec<_> = (1..=TOPICS).filter(|_| random.random_ratio(1, every)).collect();
        group.join(&format!("member-{member}"), &topics);
    }
    group
}

/// The CPU time of one decision: what else the machine does is not counted.
fn report(assignor: Assignor, group: &Group, what: &str) {
    let start = thread_cpu();
    for _ in 0..ATTEMPTS {
        assert_eq!(group.decide(assignor).len(), group.members.len());
    }
    let one = (thread_cpu() - start) / ATTEMPTS;
    println!("{}: {what}: {one:?}", assignor.name());
    assert!(cfg!(debug_assertions) || one < TIME_MAX, "{}: {what}: {one:?}", assignor.name());
}
