//! Creating topics: what a request asks for, against the rules; nothing here touches the catalog.
//!
//! What must always hold:
//! - A plan is made before anything is created, and validate-only requests get the answer the real one would get.
//! - The partitions planned by one request are at most `PARTITIONS_MAX_PER_REQUEST`, and no memory is taken for a
//!   partition before that is known.
//!
//! Source: Apache Kafka, `ControllerApis.createTopics`, `ReplicationControlManager.createTopics`.

use std::collections::{BTreeSet, HashMap, HashSet};

use catena_storage::NewTopic;
use thiserror::Error;

use crate::config::topic::TopicConfigs;
use crate::config::topic_values::{self, InvalidConfigs};
use crate::topics::assignment::{self, InvalidAssignment, OneNode};
use crate::topics::name::{self, InvalidName};
use crate::topics::repeated;

/// Most partitions that one request may create, over all its topics: as many as one batch of Kafka's controller holds.
pub const PARTITIONS_MAX_PER_REQUEST: u32 = 10_000;

/// A topic as a client asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicRequest {
    /// The name, not checked.
    pub name: String,
    /// Number of partitions; -1 for the default.
    pub partitions: i32,
    /// Copies of each partition; -1 for the default.
    pub replication_factor: i16,
    /// Brokers by partition; empty to leave it to the broker.
    pub assignments: Vec<Assignment>,
    /// Settings by name; the last one of a name counts.
    pub configs: Vec<(String, Option<String>)>,
}

/// The brokers a client wants for a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Index of the partition.
    pub partition: i32,
    /// Ids of brokers, the leader first.
    pub brokers: Vec<i32>,
}

/// What the broker adds to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// The one broker.
    pub broker: OneNode,
    /// Partitions of a topic that does not say how many.
    pub partitions: i32,
    /// Replication factor of a topic that does not say which.
    pub replication_factor: i16,
}

/// Why a topic cannot be created. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CreateError {
    /// The name appears more than once in the request.
    #[error("Duplicate topic name.")]
    Duplicate,
    /// The name of KRaft's own log.
    #[error("Creation of internal topic __cluster_metadata is prohibited.")]
    ClusterMetadata,
    /// The topic that keeps configuration, other than the broker makes it.
    #[error("__config holds what was changed while the broker ran; the broker makes it itself.")]
    Configuration,
    /// The name breaks a rule.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The name differs from another only in `.` and `_`.
    #[error("Topic '{name}' collides with existing topic: {existing}")]
    Collision {
        /// The name asked for.
        name: String,
        /// The topic that exists.
        existing: String,
    },
    /// A topic has the name already.
    #[error("Topic '{0}' already exists.")]
    Exists(String),
    /// A setting is unknown or has a value that it does not take.
    #[error(transparent)]
    Configs(#[from] InvalidConfigs),
    /// Brokers are named, and a replication factor too.
    #[error("A manual partition assignment was specified, but replication factor was not set to -1.")]
    FactorAndAssignment,
    /// Brokers are named, and a number of partitions too.
    #[error("A manual partition assignment was specified, but numPartitions was not set to -1.")]
    PartitionsAndAssignment,
    /// The brokers named cannot have the partitions.
    #[error(transparent)]
    Assignment(#[from] InvalidAssignment),
    /// A replication factor that is no number of copies.
    #[error("Replication factor must be larger than 0, or -1 to use the default value.")]
    NoReplicas,
    /// More copies than brokers.
    #[error(
        "Unable to replicate the partition {0} time(s): The target replication factor of {0} cannot be reached because \
         only 1 broker(s) are registered or some brokers have all their log directories cordoned."
    )]
    TooManyReplicas(i16),
    /// The one broker takes nothing new.
    #[error(
        "Unable to replicate the partition {0} time(s): All brokers are currently fenced, or have all their log directories \
         cordoned."
    )]
    Cordoned(i16),
    /// A number of partitions that is none.
    #[error("Number of partitions was set to an invalid non-positive value.")]
    NoPartitions,
    /// The request would create more partitions than `PARTITIONS_MAX_PER_REQUEST`.
    #[error("Excessively large number of partitions per request.")]
    TooManyPartitions,
}

/// The names that are taken.
#[derive(Debug, Default)]
pub struct Taken {
    names: HashSet<String>,
    by_collision_key: HashMap<String, String>,
}

impl Taken {
    /// The names of existing topics.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut taken = Self::default();
        for name in names {
            taken.by_collision_key.extend(name::collision_key(name).map(|key| (key, name.to_owned())));
            taken.names.insert(name.to_owned());
        }
        taken
    }

    fn colliding(&self, name: &str) -> Option<&String> {
        self.by_collision_key.get(&name::collision_key(name)?)
    }
}

/// What comes of one topic of a request.
pub type Planned = (String, Result<NewTopic, CreateError>);

/// What comes of each topic of a request, by name in the request's order; a name that appears twice is answered once.
/// When all of them together have too many partitions, none is created.
pub fn plan(requests: &[TopicRequest], taken: &Taken, defaults: Defaults) -> Vec<Planned> {
    let too_many = partitions_asked(requests, defaults) > u64::from(PARTITIONS_MAX_PER_REQUEST);
    let repeated = repeated(requests.iter().map(|topic| &topic.name));
    let mut answered = HashSet::new();
    let once = requests.iter().filter(|topic| answered.insert(&topic.name));
    let planned = once.map(|topic| {
        let plan = match repeated.contains(&topic.name) {
            _ if too_many => Err(CreateError::TooManyPartitions),
            true => Err(CreateError::Duplicate),
            false => one(topic, taken, defaults),
        };
        (topic.name.clone(), plan)
    });
    planned.collect()
}

/// Counted as asked for, before any other rule, as Kafka does.
fn partitions_asked(requests: &[TopicRequest], defaults: Defaults) -> u64 {
    let asked = |topic: &TopicRequest| match topic.partitions {
        -1 if topic.assignments.is_empty() => u64::try_from(defaults.partitions).unwrap_or_default(),
        -1 => topic.assignments.len() as u64,
        count => u64::try_from(count).unwrap_or_default(),
    };
    requests.iter().map(asked).sum()
}

fn one(topic: &TopicRequest, taken: &Taken, defaults: Defaults) -> Result<NewTopic, CreateError> {
    check_name(&topic.name, taken)?;
    if topic.name == name::CONFIG && *topic != super::config_topic() {
        return Err(CreateError::Configuration);
    }
    let configs = topic_values::check(&topic.configs)?;
    let partitions = partitions(topic, defaults)?;
    Ok(new_topic(&topic.name, partitions, configs))
}

/// A topic to be created whose name and number of partitions have been checked.
pub fn new_topic(name: &str, partitions: u32, configs: TopicConfigs) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions, configs, internal: name::is_internal(name) }
}

fn check_name(name: &str, taken: &Taken) -> Result<(), CreateError> {
    if name == name::CLUSTER_METADATA {
        return Err(CreateError::ClusterMetadata);
    }
    if taken.names.contains(name) {
        return Err(CreateError::Exists(name.to_owned()));
    }
    name::check(name)?;
    match taken.colliding(name) {
        Some(existing) => Err(CreateError::Collision { name: name.to_owned(), existing: existing.clone() }),
        None => Ok(()),
    }
}

fn partitions(topic: &TopicRequest, defaults: Defaults) -> Result<u32, CreateError> {
    if !topic.assignments.is_empty() {
        return assigned(topic, defaults.broker);
    }
    let factor = if topic.replication_factor == -1 { defaults.replication_factor } else { topic.replication_factor };
    match topic.replication_factor {
        ..=-2 | 0 => return Err(CreateError::NoReplicas),
        -1 | 1.. if topic.partitions == 0 || topic.partitions < -1 => return Err(CreateError::NoPartitions),
        _ if defaults.broker.is_cordoned => return Err(CreateError::Cordoned(factor)),
        _ if factor > 1 => return Err(CreateError::TooManyReplicas(factor)),
        _ => {}
    }
    let count = if topic.partitions == -1 { defaults.partitions } else { topic.partitions };
    u32::try_from(count).map_err(|_| CreateError::NoPartitions)
}

fn assigned(topic: &TopicRequest, broker: OneNode) -> Result<u32, CreateError> {
    if topic.replication_factor != -1 {
        return Err(CreateError::FactorAndAssignment);
    }
    if topic.partitions != -1 {
        return Err(CreateError::PartitionsAndAssignment);
    }
    let mut partitions = BTreeSet::new();
    for wanted in &topic.assignments {
        if !partitions.insert(wanted.partition) {
            return Err(InvalidAssignment::SamePartition(wanted.partition).into());
        }
        assignment::check(&wanted.brokers, broker)?;
    }
    let count = u32::try_from(partitions.len()).map_err(|_| CreateError::TooManyPartitions)?;
    let consecutive = partitions.iter().zip(0..).all(|(found, expected)| *found == expected);
    if consecutive { Ok(count) } else { Err(InvalidAssignment::Gap.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKER: OneNode = OneNode { id: 1, is_cordoned: false };
    const DEFAULTS: Defaults = Defaults { broker: BROKER, partitions: 3, replication_factor: 1 };

    fn named(name: &str) -> TopicRequest {
        TopicRequest { name: name.to_owned(), partitions: -1, replication_factor: -1, ..TopicRequest::default() }
    }

    fn assigned(name: &str, brokers: &[(i32, &[i32])]) -> TopicRequest {
        let assignments =
            brokers.iter().map(|(partition, brokers)| Assignment { partition: *partition, brokers: brokers.to_vec() });
        TopicRequest { assignments: assignments.collect(), ..named(name) }
    }

    fn planned(requests: &[TopicRequest], taken: &[&str]) -> Vec<(String, Result<NewTopic, CreateError>)> {
        plan(requests, &Taken::of(taken.iter().copied()), DEFAULTS)
    }

    /// Number of partitions, or the message of the one topic asked for.
    fn outcome(request: TopicRequest) -> Result<u32, String> {
        let mut answers = planned(&[request], &["taken", "a.b"]);
        let (_, answer) = answers.pop().expect("an answer");
        answer.map(|topic| topic.partitions).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        assert_eq!(outcome(named("orders")), Ok(3));
        assert_eq!(outcome(TopicRequest { partitions: 7, replication_factor: 1, ..named("orders") }), Ok(7));
        let other = Defaults { replication_factor: 2, ..DEFAULTS };
        let answers = plan(&[named("orders")], &Taken::default(), other);
        assert_eq!(answers[0].1.as_ref().err(), Some(&CreateError::TooManyReplicas(2)));
    }

    #[test]
    fn numbers_that_cannot_be_are_refused_with_kafkas_words() {
        let factor = |replication_factor| TopicRequest { replication_factor, ..named("t") };
        let count = |partitions| TopicRequest { partitions, ..named("t") };
        let no_replicas = "Replication factor must be larger than 0, or -1 to use the default value.";
        let no_partitions = "Number of partitions was set to an invalid non-positive value.";
        for (request, message) in [
            (factor(0), no_replicas),
            (factor(-2), no_replicas),
            (count(0), no_partitions),
            (count(-2), no_partitions),
            (count(i32::MIN), no_partitions),
            (TopicRequest { partitions: 0, replication_factor: 3, ..named("t") }, no_partitions),
            (
                factor(3),
                "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached \
                 because only 1 broker(s) are registered or some brokers have all their log directories cordoned.",
            ),
        ] {
            assert_eq!(outcome(request), Err(message.to_owned()));
        }
    }

    #[test]
    fn names_that_are_taken_alike_or_forbidden_are_refused() {
        let refusal = |name: &str| outcome(named(name)).expect_err(name);
        assert_eq!(refusal("taken"), "Topic 'taken' already exists.");
        assert_eq!(refusal("a.b"), "Topic 'a.b' already exists.");
        assert_eq!(refusal("a_b"), "Topic 'a_b' collides with existing topic: a.b");
        assert_eq!(refusal(""), "Topic name is invalid: the empty string is not allowed");
        assert_eq!(refusal("__cluster_metadata"), "Creation of internal topic __cluster_metadata is prohibited.");
    }

    #[test]
    fn a_name_twice_in_a_request_is_answered_once_and_not_created() {
        let answers = planned(&[named("x"), named("y"), named("x"), named("x")], &[]);
        let names: Vec<_> = answers.iter().map(|(name, answer)| (name.as_str(), answer.is_ok())).collect();
        assert_eq!(names, [("x", false), ("y", true)]);
        assert_eq!(answers[0].1.as_ref().err(), Some(&CreateError::Duplicate));
    }

    #[test]
    fn assignments_name_the_one_broker_for_each_partition_from_zero() {
        assert_eq!(outcome(assigned("t", &[(1, &[1]), (0, &[1])])), Ok(2));
        let refusal = |brokers| outcome(assigned("t", brokers)).expect_err("refused");
        assert_eq!(refusal(&[(0, &[1]), (0, &[1])]), "Found multiple manual partition assignments for partition 0");
        assert_eq!(refusal(&[(1, &[1])]), "partitions should be a consecutive 0-based integer sequence");
        assert_eq!(refusal(&[(-1, &[1]), (0, &[1])]), "partitions should be a consecutive 0-based integer sequence");
        assert_eq!(refusal(&[(0, &[])]), "The manual partition assignment includes an empty replica list.");
        let both = TopicRequest { replication_factor: 1, ..assigned("t", &[(0, &[1])]) };
        assert!(outcome(both).expect_err("refused").contains("replication factor was not set to -1"));
        let both = TopicRequest { partitions: 1, ..assigned("t", &[(0, &[1])]) };
        assert!(outcome(both).expect_err("refused").contains("numPartitions was not set to -1"));
    }

    #[test]
    fn more_partitions_than_one_request_may_create_are_refused_before_anything_is_made() {
        let count = |partitions| TopicRequest { partitions, ..named("t") };
        let refused = |requests: &[TopicRequest]| {
            let answers = plan(requests, &Taken::default(), DEFAULTS);
            answers.iter().all(|(_, answer)| answer.as_ref().err() == Some(&CreateError::TooManyPartitions))
        };
        assert!(!refused(&[count(10_000)]));
        assert!(refused(&[count(2_000_000_000)]));
        assert!(refused(&[count(9_998), named("u")]));
    }
}
