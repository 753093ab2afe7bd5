//! Adding partitions to topics: what a request asks for, against the rules; nothing here touches the catalog.
//!
//! What must always hold: a topic never loses a partition, and the partitions planned by one request are at most
//! `PARTITIONS_MAX_PER_REQUEST`.
//!
//! Source: Apache Kafka, `ControllerApis.createPartitions`, `ReplicationControlManager.createPartitions`.

use std::collections::HashSet;

use thiserror::Error;
use uuid::Uuid;

use crate::topics::assignment::{self, InvalidAssignment, OneNode};
use crate::topics::creation::PARTITIONS_MAX_PER_REQUEST;
use crate::topics::repeated;

/// A topic that shall have more partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrowthRequest {
    /// The topic's name.
    pub name: String,
    /// Partitions it shall have in all.
    pub total: i32,
    /// Brokers of each new partition; `None` to leave it to the broker.
    pub assignments: Option<Vec<Vec<i32>>>,
}

/// A topic that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Its id.
    pub id: Uuid,
    /// Its partitions.
    pub partitions: u32,
}

/// A topic that may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Its id.
    pub id: Uuid,
    /// Partitions it shall have in all.
    pub total: u32,
}

/// Why a topic cannot grow so. The texts are Kafka's where Kafka has the rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GrowthError {
    /// The name appears more than once in the request.
    #[error("Duplicate topic name.")]
    Duplicate,
    /// No topic has the name.
    #[error("This server does not host this topic-partition.")]
    Unknown,
    /// As many as there are.
    #[error("Topic already has {0} partition(s).")]
    Same(u32),
    /// Fewer than there are.
    #[error("The topic {name} currently has {now} partition(s); {asked} would not be an increase.")]
    Fewer {
        /// The topic.
        name: String,
        /// Its partitions.
        now: u32,
        /// What was asked for.
        asked: i32,
    },
    /// The brokers named cannot have the partitions.
    #[error(transparent)]
    Assignment(#[from] InvalidAssignment),
    /// The one broker takes nothing new.
    #[error("All brokers are currently fenced, or have all their log directories cordoned.")]
    Cordoned,
    /// The request would create more partitions than `PARTITIONS_MAX_PER_REQUEST`.
    #[error("Excessively large number of additional partitions per request.")]
    TooMany,
}

/// What comes of each topic of a request, in its order; a name that appears twice is answered once. When all of them
/// together would get too many partitions, none grows.
pub fn plan(
    requests: &[GrowthRequest],
    size: impl Fn(&str) -> Option<Size>,
    broker: OneNode,
) -> Vec<(String, Result<Growth, GrowthError>)> {
    let too_many = partitions_asked(requests, &size) > u64::from(PARTITIONS_MAX_PER_REQUEST);
    let repeated = repeated(requests.iter().map(|topic| &topic.name));
    let mut answered = HashSet::new();
    let once = requests.iter().filter(|topic| answered.insert(&topic.name));
    let planned = once.map(|topic| {
        let plan = match repeated.contains(&topic.name) {
            true => Err(GrowthError::Duplicate),
            false if too_many => Err(GrowthError::TooMany),
            false => one(topic, size(&topic.name), broker),
        };
        (topic.name.clone(), plan)
    });
    planned.collect()
}

/// Counted as asked for, before any other rule, as Kafka does.
fn partitions_asked(requests: &[GrowthRequest], size: impl Fn(&str) -> Option<Size>) -> u64 {
    let added = |topic: &GrowthRequest| {
        let now = i64::from(size(&topic.name)?.partitions);
        u64::try_from(i64::from(topic.total) - now).ok()
    };
    requests.iter().filter_map(added).sum()
}

fn one(topic: &GrowthRequest, now: Option<Size>, broker: OneNode) -> Result<Growth, GrowthError> {
    let Size { id, partitions: now } = now.ok_or(GrowthError::Unknown)?;
    let fewer = || GrowthError::Fewer { name: topic.name.clone(), now, asked: topic.total };
    let total = u32::try_from(topic.total).map_err(|_| fewer())?;
    match total.checked_sub(now) {
        None => Err(fewer()),
        Some(0) => Err(GrowthError::Same(now)),
        Some(added) => {
            check_assignments(topic.assignments.as_deref(), added, broker)?;
            Ok(Growth { id, total })
        }
    }
}

fn check_assignments(given: Option<&[Vec<i32>]>, added: u32, broker: OneNode) -> Result<(), GrowthError> {
    let Some(given) = given else {
        return if broker.is_cordoned { Err(GrowthError::Cordoned) } else { Ok(()) };
    };
    if u32::try_from(given.len()) != Ok(added) {
        return Err(InvalidAssignment::Count { added, given: given.len() }.into());
    }
    given.iter().try_for_each(|brokers| Ok(assignment::check(brokers, broker)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKER: OneNode = OneNode { id: 1, is_cordoned: false };
    const ID: Uuid = Uuid::from_u128(7);

    /// A broker with the topic `three`, of three partitions.
    fn size(name: &str) -> Option<Size> {
        (name == "three").then_some(Size { id: ID, partitions: 3 })
    }

    fn to(name: &str, total: i32) -> GrowthRequest {
        GrowthRequest { name: name.to_owned(), total, assignments: None }
    }

    fn outcome(request: GrowthRequest) -> Result<u32, String> {
        let (_, answer) = plan(&[request], size, BROKER).pop().expect("an answer");
        answer.map(|growth| growth.total).map_err(|error| error.to_string())
    }

    #[test]
    fn a_topic_grows_and_never_shrinks() {
        assert_eq!(outcome(to("three", 4)), Ok(4));
        assert_eq!(outcome(to("three", 3)), Err("Topic already has 3 partition(s).".to_owned()));
        for asked in [2, 0, -1, i32::MIN] {
            let message = format!("The topic three currently has 3 partition(s); {asked} would not be an increase.");
            assert_eq!(outcome(to("three", asked)), Err(message));
        }
        assert_eq!(outcome(to("none", 4)), Err("This server does not host this topic-partition.".to_owned()));
        assert!(outcome(to("three", i32::MAX)).is_err());
        assert_eq!(outcome(to("three", 10_003)), Ok(10_003));
        assert!(outcome(to("three", 10_004)).is_err());
    }

    #[test]
    fn brokers_are_named_for_each_new_partition_or_for_none() {
        let with = |assignments: &[&[i32]]| {
            let assignments = assignments.iter().map(|brokers| brokers.to_vec()).collect();
            outcome(GrowthRequest { assignments: Some(assignments), ..to("three", 5) })
        };
        assert_eq!(with(&[&[1], &[1]]), Ok(5));
        let message = "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.";
        assert_eq!(with(&[&[1]]), Err(message.to_owned()));
        assert!(with(&[&[1], &[2]]).expect_err("no broker 2").contains("no such broker is registered"));
        assert!(with(&[&[1], &[]]).expect_err("no broker").contains("empty replica list"));
    }

    #[test]
    fn a_name_twice_in_a_request_is_answered_once_and_does_not_grow() {
        let answers = plan(&[to("three", 4), to("three", 5)], size, BROKER);
        assert_eq!(answers, [("three".to_owned(), Err(GrowthError::Duplicate))]);
    }
}
