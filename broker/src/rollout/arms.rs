//! Who is in which arm.
//!
//! What must always hold: arms that run at once are disjoint intervals of places, so a unit is in one experimental arm at
//! most, and in control exactly when it is in none; a unit's place never changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{Arm, PLACES};
use super::tally::Tally;
use crate::config::Config;

/// What can have a value of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// A client, by client id and principal.
    Client,
    /// A group, by its id.
    Group,
    /// A partition, by topic and index.
    Partition,
    /// A process of a user's fleet, by its id.
    Instance,
}

/// The rollouts that run.
#[derive(Debug)]
pub struct Trials {
    /// What has a value of its own in all of them.
    pub unit: Unit,
    /// The experimental arms.
    pub arms: Vec<TriedArm>,
    /// What the units in none of them did.
    pub control: Arc<Tally>,
}

/// An experimental arm.
#[derive(Debug)]
pub struct TriedArm {
    /// The rollout's name.
    pub name: String,
    /// Where its record stands.
    pub offset: i64,
    /// The places of its units.
    pub places: Arm,
    /// The broker's settings that they get.
    pub config: Arc<Config>,
    /// The settings of topics that they get, over those that the topics have; `None` takes one away.
    pub topics: BTreeMap<String, BTreeMap<String, Option<String>>>,
    /// What they did.
    pub tally: Arc<Tally>,
}

/// A unit's seat in the trials.
#[derive(Debug, Clone)]
pub struct Seat {
    trials: Arc<Trials>,
    place: u32,
}

/// The place of a client.
pub fn place_of_client(client_id: &str, principal: &str) -> u32 {
    place(&[client_id.as_bytes(), b"@", principal.as_bytes()])
}

/// The place of a group.
pub fn place_of_group(group_id: &str) -> u32 {
    place(&[group_id.as_bytes()])
}

/// The place of a partition.
pub fn place_of_partition(topic: &str, index: u32) -> u32 {
    place(&[topic.as_bytes(), b"-", index.to_string().as_bytes()])
}

/// The place of a process of a fleet.
pub fn place_of_instance(id: &str) -> u32 {
    place(&[id.as_bytes()])
}

fn place(parts: &[&[u8]]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize() % PLACES
}

impl Trials {
    /// The experimental arm at a place.
    pub fn arm(&self, place: u32) -> Option<&TriedArm> {
        self.arms.iter().find(|arm| arm.places.contains(place))
    }

    /// Who counts what the unit at a place does.
    pub fn tally(&self, place: u32) -> &Tally {
        self.arm(place).map_or(&self.control, |arm| &arm.tally)
    }
}

impl Seat {
    /// The seat at `place`.
    pub fn new(trials: Arc<Trials>, place: u32) -> Self {
        Self { trials, place }
    }

    /// The settings of an experimental arm, if it is one.
    pub fn config(&self) -> Option<&Arc<Config>> {
        self.trials.arm(self.place).map(|arm| &arm.config)
    }

    /// Counts what the unit did.
    pub fn answered(&self, answered: super::tally::Answered) {
        self.trials.tally(self.place).answered(self.place, answered);
    }
}

/// Where an arm of `width` places fits between those `taken`, looked for from a place that depends on the rollout's name, so that
/// not always the same units try everything; together they may take half of the space.
pub fn fit(name: &str, width: u32, taken: &[Arm]) -> Option<Arm> {
    let sum: u32 = taken.iter().map(|arm| arm.to - arm.from).sum();
    if width == 0 || sum + width > PLACES / 2 {
        return None;
    }
    let begin = place(&[name.as_bytes()]);
    let after = taken.iter().map(|arm| arm.to);
    let mut starts: Vec<u32> = after.chain([0, begin]).collect();
    starts.sort_by_key(|start| (start + PLACES - begin) % PLACES);
    let free = |arm: &Arm| arm.to <= PLACES && taken.iter().all(|other| arm.to <= other.from || other.to <= arm.from);
    starts.into_iter().map(|from| Arm { from, to: from + width }).find(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_that_anybody_can_compute() {
        // python3: zlib.crc32(b"app-1@User:ANONYMOUS") % 1000000
        assert_eq!(place_of_client("app-1", "User:ANONYMOUS"), crc32fast::hash(b"app-1@User:ANONYMOUS") % PLACES);
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926, "as in zlib");
        assert_eq!((place_of_instance("größe-7"), place_of_instance("注文-12")), (609_858, 306_222), "of UTF-8");
        assert_eq!(place_of_partition("orders", 3), crc32fast::hash(b"orders-3") % PLACES);
    }

    #[test]
    fn arms_are_disjoint_and_leave_half_of_the_space() {
        let mut taken = Vec::new();
        for number in 0..200 {
            let width = 1_000 * (1 + number % 50);
            let Some(arm) = fit(&format!("rollout-{number}"), width, &taken) else { continue };
            assert!(arm.to - arm.from == width && arm.to <= PLACES);
            assert!(taken.iter().all(|other: &Arm| arm.to <= other.from || other.to <= arm.from));
            taken.push(arm);
        }
        let sum: u32 = taken.iter().map(|arm| arm.to - arm.from).sum();
        assert!((450_000..=500_000).contains(&sum), "{sum}");
        assert_eq!(fit("one more", 60_000, &taken), None);
    }

    #[test]
    fn an_arm_begins_elsewhere_for_another_name_and_at_the_same_place_for_the_same() {
        assert_eq!(fit("a", 100_000, &[]), fit("a", 100_000, &[]));
        let starts: std::collections::BTreeSet<_> =
            (0..20).filter_map(|at| fit(&at.to_string(), 1_000, &[])).map(|arm| arm.from).collect();
        assert!(starts.len() > 15, "{starts:?}");
    }

    #[test]
    fn an_arm_that_would_pass_the_end_begins_at_the_front() {
        let name = (0..).map(|at| at.to_string()).find(|name| place(&[name.as_bytes()]) > 800_000).unwrap();
        assert_eq!(fit(&name, 400_000, &[]), Some(Arm { from: 0, to: 400_000 }));
    }
}
