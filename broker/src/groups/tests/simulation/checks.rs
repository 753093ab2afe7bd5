//! What must hold.

use std::collections::{BTreeMap, BTreeSet};

use regex_automata::meta::Regex;
use uuid::Uuid;

use super::super::*;
use super::consumer::Wants;
use super::process::Process;
use super::server::Server;
use super::{Held, Simulation};
use crate::groups::modern::Topics;

#[derive(Default)]
pub struct Checks {
    /// Nothing goes wrong any more.
    pub quiet: bool,
    /// The group's epoch, as it was.
    epoch: i32,
    /// It was a classic group that was not stable.
    rebalanced: bool,
    offsets: BTreeMap<(String, i32), i64>,
}

impl Checks {
    /// The end of the log may be lost: the group is what it was then.
    pub fn loaded(&mut self, server: &Server) {
        self.epoch = server.consumers().map_or(0, |group| group.epoch);
        self.offsets = offsets(server);
    }

    pub fn committing(&mut self, server: &Server) {
        self.offsets = offsets(server);
    }

    /// Whatever was committed, it was further on.
    pub fn committed(&mut self, server: &Server) {
        for (place, offset) in offsets(server) {
            let before = self.offsets.get(&place).copied().unwrap_or(0);
            assert!(before <= offset, "the offset of {place:?} goes back from {before} to {offset}");
        }
        self.offsets = offsets(server);
    }

    pub fn all(&mut self, server: &mut Server, processes: &mut [Process]) {
        server.check_log();
        let kind = server.kind();
        // What cooperative members hold while a classic group looks for an assignment, neither Kafka nor Catena knows.
        let upgraded = self.rebalanced && kind.0 == "consumer";
        processes.iter_mut().for_each(|process| process.look(server, upgraded));
        self.rebalanced = kind.0 == "classic" && kind.1 != "Stable";
        check_beliefs(processes, server);
        let Some(group) = server.consumers() else {
            self.epoch = 0;
            return;
        };
        assert!(group.epoch >= self.epoch, "the group's epoch goes back from {} to {}", self.epoch, group.epoch);
        assert!(group.target_epoch <= group.epoch, "the target is of an epoch to come");
        self.epoch = group.epoch;
        let mut owners = BTreeSet::new();
        for member in &group.members {
            assert!(member.epoch <= group.epoch, "a member's epoch is to come");
            for topic in &member.target {
                for partition in &topic.partitions {
                    assert!(owners.insert((topic.topic_id, *partition)), "two shall hold {} {partition}", topic.name);
                }
            }
        }
    }
}

fn offsets(server: &Server) -> BTreeMap<(String, i32), i64> {
    let names = server.topics.names();
    let of_topic = |name: &String| {
        let partitions = server.topics.named(name).map_or(0, |(_, partitions)| partitions);
        let name = name.clone();
        (0..partitions as i32).map(move |at| (name.clone(), at))
    };
    names.iter().flat_map(of_topic).map(|place| (place.clone(), server.committed(&place.0, place.1))).collect()
}

/// Nobody holds what another holds, unless the coordinator need not count on it any more.
fn check_beliefs(processes: &[Process], server: &Server) {
    let mut holders: BTreeMap<(Uuid, i32), usize> = BTreeMap::new();
    for process in processes.iter().filter(|process| !process.is_excused(server)) {
        let Some(member) = &process.member else { continue };
        for (topic, partitions) in member.holds() {
            for partition in partitions {
                let other = holders.insert((*topic, *partition), process.name);
                assert_eq!(other, None, "m{} too holds {topic} {partition}", process.name);
            }
        }
    }
}

impl Simulation {
    /// The group has found its rest.
    pub fn check_rest(&mut self) {
        match self.server.consumers() {
            Some(group) => self.check_consumers(&group),
            None => assert_eq!(self.server.kind(), ("classic", "Stable")),
        }
        assert_eq!(self.held(), self.wanted(), "not all that is wanted is held");
        self.check_silence();
    }

    fn check_consumers(&self, group: &DescribedModern) {
        assert_eq!(group.members.len(), self.processes.len(), "somebody is missing or too much");
        for process in &self.processes {
            let consumer = process.member.as_ref().expect("on");
            let member = group.members.iter().find(|member| member.member_id == consumer.id()).expect("a member");
            assert_eq!((member.epoch, consumer.epoch()), (group.epoch, group.epoch), "{} is behind", consumer.id());
            let of_topic = |topic: &NamedPartitions| (topic.topic_id, topic.partitions.iter().copied().collect());
            let target: Held = member.target.iter().map(of_topic).collect();
            assert_eq!(*consumer.holds(), target, "{} does not hold what it shall", consumer.id());
        }
    }

    fn held(&self) -> BTreeSet<(Uuid, i32)> {
        let consumers = self.processes.iter().filter_map(|process| process.member.as_ref());
        let held = consumers.flat_map(|member| member.holds());
        held.flat_map(|(topic, partitions)| partitions.iter().map(|at| (*topic, *at))).collect()
    }

    fn wanted(&self) -> BTreeSet<(Uuid, i32)> {
        let mut wanted = BTreeSet::new();
        for name in self.server.topics.names() {
            let Some((id, partitions)) = self.server.topics.named(&name) else { continue };
            if self.processes.iter().any(|process| wants(&process.subscribed(), &name)) {
                wanted.extend((0..partitions as i32).map(|at| (id, at)));
            }
        }
        wanted
    }

    /// Heartbeats of a group at rest write nothing; only commits do.
    fn check_silence(&mut self) {
        let now_ms = self.now_ms();
        let written = self.server.members_written();
        self.run(now_ms + 20_000, false);
        assert_eq!(self.server.members_written(), written, "a group at rest writes");
    }
}

fn wants(wants: &Wants, name: &str) -> bool {
    match wants {
        Wants::Names(names) => names.iter().any(|each| each == name),
        Wants::Matching(regex) => Regex::new(&format!("^(?:{regex})$")).expect("a pattern").is_match(name),
    }
}
