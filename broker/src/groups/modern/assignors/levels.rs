//! Who gives a partition and who gets one, in rounds over members of the same load.
//!
//! What must always hold: the caller changes the load of the member it was told by one before it asks again. So
//! after a round, all members of the level have the same load again, and those that have come to it join.

use std::collections::{BTreeMap, VecDeque};

/// The least loaded members, again and again.
pub(super) struct Receivers {
    /// By load at the start, the least first.
    members: Vec<usize>,
    /// How many of them are in the level.
    level: usize,
    /// How many of the level had their turn in this round.
    served: usize,
}

impl Receivers {
    /// Over at least one member, the least loaded first.
    pub(super) fn new(members: Vec<usize>) -> Self {
        Self { members, level: 0, served: 0 }
    }

    /// Who is to get the next partition.
    pub(super) fn next(&mut self, loads: &[usize]) -> usize {
        if self.served == self.level {
            let load = loads[self.members[0]];
            self.level += self.members[self.level..].iter().take_while(|member| loads[**member] == load).count();
            self.served = 0;
        }
        self.served += 1;
        self.members[self.served - 1]
    }
}

/// The most loaded members that have a partition of the topic, again and again.
pub(super) struct Donors {
    /// Those below the level, the least loaded first.
    below: Vec<usize>,
    /// The level. A round goes from its back to its front.
    level: VecDeque<usize>,
    /// How many of the level have their turn yet.
    waiting: usize,
}

impl Donors {
    /// Over members, the least loaded first.
    pub(super) fn new(members: Vec<usize>) -> Self {
        Self { below: members, level: VecDeque::new(), waiting: 0 }
    }

    /// Who is to give the next partition and which one: the last of those it had at the start, taken out of `owned`.
    pub(super) fn next(&mut self, loads: &[usize], owned: &mut BTreeMap<usize, Vec<usize>>) -> Option<(usize, usize)> {
        loop {
            if self.waiting == 0 {
                self.start_round(loads)?;
            }
            self.waiting -= 1;
            let donor = self.level[self.waiting];
            if let Some(partition) = owned.get_mut(&donor).and_then(Vec::pop) {
                return Some((donor, partition));
            }
            // It has nothing to give. That the last one takes its place is how Kafka's `MemberAssignmentBalancer`
            // does it, and decides who gives first in the next round.
            self.level.swap_remove_back(self.waiting);
        }
    }

    /// `None`: nobody has anything to give.
    fn start_round(&mut self, loads: &[usize]) -> Option<()> {
        let load = loads[*self.level.front().or(self.below.last())?];
        while let Some(member) = self.below.pop_if(|member| loads[*member] == load) {
            self.level.push_front(member);
        }
        self.waiting = self.level.len();
        Some(())
    }
}
