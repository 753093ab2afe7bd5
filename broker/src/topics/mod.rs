//! Topics: creating, growing, deleting and listing them.
//!
//! What must always hold:
//! - What a client asks for is checked against the rules by pure functions (`creation`, `growth`, `deletion`,
//!   `listing`); this file alone carries their plans to storage, in threads that may block.
//! - A name is created once, however many connections ask for it at the same time; those that come second get the
//!   topic, not an error, unless they asked to create it themselves.

pub mod assignment;
pub mod creation;
pub mod deletion;
pub mod growth;
pub mod listing;
pub mod name;
pub mod reassignment;

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use catena_storage::{NewTopic, Storage, Topic, TopicError};
use thiserror::Error;
use tokio::task::spawn_blocking;
use tracing::{info, warn};
use uuid::Uuid;

use crate::config::live::Live;
use crate::config::topic::TopicConfigs;
use crate::config::{TopicDefaults, table};
use crate::topics::assignment::OneNode;
use crate::topics::creation::{CreateError, Defaults, Taken, TopicRequest};
use crate::topics::deletion::{DeleteError, Deletion, Named};
use crate::topics::growth::{Growth, GrowthError, GrowthRequest, Size};
use crate::topics::name::InvalidName;

pub use name::is_internal;

/// The topics of a broker.
pub struct Topics {
    storage: Arc<Storage>,
    live: Live,
    node_id: i32,
}

/// A topic that was created, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id; nil when it was only to be checked.
    pub id: Uuid,
    /// Its partitions.
    pub partitions: u32,
    /// What it sets itself.
    pub configs: TopicConfigs,
}

/// Why the catalog was not changed.
#[derive(Debug, Error)]
pub enum ChangeError<E> {
    /// The request breaks a rule.
    #[error(transparent)]
    Rule(E),
    /// Storage refuses: somebody else was quicker, or the disk cannot.
    #[error(transparent)]
    Storage(TopicError),
    /// The broker stops, or failed.
    #[error("the change was interrupted")]
    Interrupted,
}

/// Why a topic that a client named is neither there nor made.
#[derive(Debug, Error)]
pub enum AutoCreateError {
    /// The name can be no topic's.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// There is none, and it may not be made.
    #[error("no such topic")]
    NotThere,
    /// It could not be made.
    #[error(transparent)]
    Create(#[from] ChangeError<CreateError>),
}

/// What came of one topic of a request, by its name.
pub type Outcome<T, E> = (String, Result<T, ChangeError<E>>);

impl Topics {
    /// The one broker, as it is now.
    pub fn broker(&self) -> OneNode {
        OneNode { id: self.node_id, is_cordoned: !self.storage.takes_new_partitions() }
    }

    /// The topics in `storage`, on the broker `node_id`, with the settings that run.
    pub fn new(storage: Arc<Storage>, live: Live, node_id: i32) -> Self {
        Self { storage, live, node_id }
    }

    /// Creates topics, or only checks whether they could be; each name is answered once, in the request's order.
    pub async fn create(
        &self,
        requests: Vec<TopicRequest>,
        only_check: bool,
        rules: &TopicDefaults,
    ) -> Vec<Outcome<Created, CreateError>> {
        if requests.is_empty() {
            return Vec::new();
        }
        let names: Vec<_> = requests.iter().map(|topic| topic.name.clone()).collect();
        let (broker, partitions) = (self.broker(), rules.num_partitions);
        let defaults = Defaults { broker, partitions, replication_factor: rules.replication_factor };
        let storage = self.storage.clone();
        let created = spawn_blocking(move || create(&storage, &requests, defaults, only_check)).await;
        created.unwrap_or_else(|_| names.into_iter().map(|name| (name, Err(ChangeError::Interrupted))).collect())
    }

    /// Creates the topics of these names with the broker's defaults, where both sides allow it; the answers are in the
    /// order of the names. A topic that is there by now is an answer, not an error.
    pub async fn auto_create(
        &self,
        names: Vec<String>,
        allowed: bool,
        rules: &TopicDefaults,
    ) -> Vec<Result<Arc<Topic>, AutoCreateError>> {
        let request = |name: &String| self.auto_creatable(name, allowed, rules);
        let requests = names.iter().filter_map(|name| request(name).ok()).collect();
        let mut outcomes = self.create(requests, false, rules).await.into_iter();
        let mut answers = Vec::with_capacity(names.len());
        for name in names {
            answers.push(match request(&name) {
                Ok(_) => self.made(&name, outcomes.next()),
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// The topic that keeps groups and committed offsets; made if it is not there yet.
    ///
    /// # Errors
    /// What keeps it from being made.
    pub async fn offsets_topic(&self) -> Result<Arc<Topic>, AutoCreateError> {
        self.internal_topic(self.new_offsets_topic()).await
    }

    /// The topic that keeps configuration; made if it is not there yet.
    ///
    /// # Errors
    /// What keeps it from being made.
    pub async fn config_topic(&self) -> Result<Arc<Topic>, AutoCreateError> {
        self.internal_topic(config_topic()).await
    }

    async fn internal_topic(&self, request: TopicRequest) -> Result<Arc<Topic>, AutoCreateError> {
        if let Some(topic) = self.storage.topic(&request.name) {
            return Ok(topic);
        }
        let name = request.name.clone();
        let rules = self.live.current().config.topics.clone();
        let outcome = self.create(vec![request], false, &rules).await.pop();
        self.made(&name, outcome)
    }

    /// Deletes the topics that a request names; what it names twice is answered once.
    ///
    /// # Errors
    /// `Disabled`, when this broker deletes no topics.
    pub async fn delete(
        &self,
        request: Vec<Named>,
        rules: &TopicDefaults,
    ) -> Result<Vec<(Named, Verdict)>, DeleteError> {
        if !rules.deletion_enabled {
            return Err(DeleteError::Disabled);
        }
        let plan = deletion::plan(request, self);
        let storage = self.storage.clone();
        let ids: Vec<_> = plan.iter().filter(|one| one.verdict.is_ok()).map(|one| one.topic.id).collect();
        let deleted =
            if ids.is_empty() { Ok(Vec::new()) } else { spawn_blocking(move || storage.delete_topics(&ids)).await };
        let mut deleted = deleted.unwrap_or_default().into_iter();
        let answer = |Deletion { topic, verdict }| match verdict {
            Err(rule) => (topic, Err(ChangeError::Rule(rule))),
            Ok(()) => {
                let deleted = stored(deleted.next()).inspect(|()| info!(topic = topic.name, "topic deleted"));
                (topic, deleted)
            }
        };
        Ok(plan.into_iter().map(answer).collect())
    }

    /// Adds partitions to topics, or only checks whether that could be; each name is answered once.
    pub async fn grow(&self, requests: Vec<GrowthRequest>, only_check: bool) -> Vec<Outcome<(), GrowthError>> {
        let size = |name: &str| {
            let topic = self.storage.topic(name)?;
            Some(Size { id: topic.id, partitions: u32::try_from(topic.partitions.len()).ok()? })
        };
        let mut answers = Vec::new();
        for (name, plan) in growth::plan(&requests, size, self.broker()) {
            let grown = match plan {
                Ok(_) if only_check => Ok(()),
                Ok(growth) => self.grow_one(growth).await,
                Err(rule) => Err(ChangeError::Rule(rule)),
            };
            answers.push((name, grown));
        }
        answers
    }

    async fn grow_one(&self, growth: Growth) -> Result<(), ChangeError<GrowthError>> {
        let storage = self.storage.clone();
        let grown = spawn_blocking(move || storage.add_partitions(growth.id, growth.total)).await;
        stored(grown.ok().map(|grown| grown.map(drop)))
    }

    fn new_offsets_topic(&self) -> TopicRequest {
        let config = &self.live.current().config.groups;
        offsets_topic(config.offsets_topic_partitions, config.offsets_topic_segment_bytes)
    }

    fn auto_creatable(
        &self,
        name: &str,
        allowed: bool,
        rules: &TopicDefaults,
    ) -> Result<TopicRequest, AutoCreateError> {
        name::check(name)?;
        match name {
            // Who may make topics may begin a rollout, also where other topics do not come by themselves.
            name::CONFIG if allowed => Ok(config_topic()),
            _ if !rules.auto_create || !allowed => Err(AutoCreateError::NotThere),
            name::CONSUMER_OFFSETS => Ok(self.new_offsets_topic()),
            // Nobody here would write to them.
            name::TRANSACTION_STATE | name::SHARE_GROUP_STATE => Err(AutoCreateError::NotThere),
            _ => Ok(TopicRequest {
                name: name.to_owned(),
                partitions: -1,
                replication_factor: -1,
                ..TopicRequest::default()
            }),
        }
    }

    /// The topic of that name, whoever made it; else why there is none.
    fn made(&self, name: &str, outcome: Option<Outcome<Created, CreateError>>) -> Result<Arc<Topic>, AutoCreateError> {
        match (self.storage.topic(name), outcome) {
            (Some(topic), _) => Ok(topic),
            (None, Some((_, Err(error)))) => Err(error.into()),
            // Made, and deleted again at once.
            (None, _) => Err(AutoCreateError::NotThere),
        }
    }
}

/// What came of deleting one topic.
pub type Verdict = Result<(), ChangeError<DeleteError>>;

impl deletion::Catalog for Topics {
    fn id(&self, name: &str) -> Option<Uuid> {
        self.storage.topic(name).map(|topic| topic.id)
    }

    fn name(&self, id: Uuid) -> Option<String> {
        self.storage.topic_by_id(id).map(|topic| topic.name.clone())
    }
}

/// As Kafka's `GroupCoordinatorService.groupMetadataTopicConfigs`.
fn offsets_topic(partitions: i32, segment_bytes: i32) -> TopicRequest {
    let configs = [("compression.type", "producer"), ("segment.bytes", &segment_bytes.to_string())];
    compacted_topic(name::CONSUMER_OFFSETS, partitions, &configs)
}

/// Control and canary. What is compacted is older than 90 days, so that the log tells the history; it is never compressed,
/// so that what a producer compressed can be read back like the rest.
fn config_topic() -> TopicRequest {
    let configs = [
        ("compression.type", "uncompressed"),
        ("max.message.bytes", "8388608"),
        ("min.compaction.lag.ms", "7776000000"),
        ("segment.bytes", "104857600"),
    ];
    compacted_topic(name::CONFIG, 2, &configs)
}

/// A topic that the broker keeps for itself; one copy, whatever the default for topics is.
fn compacted_topic(name: &str, partitions: i32, configs: &[(&str, &str)]) -> TopicRequest {
    let config = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
    let configs = [("cleanup.policy", "compact")].iter().chain(configs).map(config).collect();
    TopicRequest { name: name.to_owned(), partitions, replication_factor: 1, assignments: Vec::new(), configs }
}

/// Plans against the topics there are now, and creates what the plan allows. Blocking.
fn create(
    storage: &Storage,
    requests: &[TopicRequest],
    defaults: Defaults,
    only_check: bool,
) -> Vec<Outcome<Created, CreateError>> {
    let existing = storage.topics();
    let planned = creation::plan(requests, &Taken::of(existing.iter().map(|topic| topic.name.as_str())), defaults);
    if only_check {
        return planned.into_iter().map(|(name, plan)| (name, plan.map(checked).map_err(ChangeError::Rule))).collect();
    }
    let allowed: Vec<_> = planned.iter().filter_map(|(_, plan)| plan.as_ref().ok().cloned()).collect();
    let mut made = if allowed.is_empty() { Vec::new() } else { storage.create_topics(allowed) }.into_iter();
    let answer = |(name, plan): creation::Planned| match plan {
        Ok(_) => (name, stored(made.next()).map(|topic| created(&topic))),
        Err(rule) => (name, Err(ChangeError::Rule(rule))),
    };
    planned.into_iter().map(answer).collect()
}

fn checked(topic: NewTopic) -> Created {
    Created { id: Uuid::nil(), partitions: topic.partitions, configs: topic.configs }
}

fn created(topic: &Topic) -> Created {
    let partitions = u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
    info!(topic = topic.name, id = %topic.id, partitions, "topic created");
    let unobeyed = topic
        .configs
        .iter()
        .filter(|(name, value)| table::topic_setting(name).is_some_and(|found| found.ignores(value)));
    for (setting, _) in unobeyed.filter(|_| !is_internal(&topic.name)) {
        warn!(topic = topic.name, setting, "the topic has a setting without effect");
    }
    Created { id: topic.id, partitions, configs: topic.configs.clone() }
}

fn stored<T, E>(answer: Option<Result<T, TopicError>>) -> Result<T, ChangeError<E>> {
    answer.ok_or(ChangeError::Interrupted)?.map_err(ChangeError::Storage)
}

/// What appears more than once.
fn repeated<T: Eq + Hash + Copy>(all: impl Iterator<Item = T>) -> HashSet<T> {
    let mut seen = HashSet::new();
    all.filter(|one| !seen.insert(*one)).collect()
}
