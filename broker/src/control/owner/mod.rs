//! The one task that changes configuration while the broker runs.
//!
//! What must always hold:
//! - What runs is what was read back from `__config`: `catch_up` is the only way from the log into the state and into the parts
//!   of the broker, at the start and afterwards.
//! - A change is answered when it is durable and applied. Changes come one after the other, so each is planned against all before it.
//! - No lock is held while something is read, written or waited for.
//!
//! ```text
//! Alter -> plan (pure) -> one batch per resource -> durable -> catch_up: read back -> State::apply -> parts -> answer
//! ```

mod alter;
mod rollouts;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use catena_storage::{CommitTicket, ReadError, Storage};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tracing::{error, info};
use uuid::Uuid;

use crate::broker::Broker;
use crate::config::change::{AlterError, Alteration};
use crate::config::log::{CONFIG, ConfigLog, NotKept, take};
use crate::config::record::{Author, Record};
use crate::config::settings::Settings;
use crate::config::state::{Changed, Side, State};
use crate::config::{Config, ConfigError};
use crate::control::Known;

use rollouts::Conductor;

/// Changes that may wait for the owner.
const QUEUED_MAX: usize = 1024;
/// How soon what could not be read is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How often the arms are compared.
const SECOND: Duration = Duration::from_secs(1);

/// Why an alteration was not made.
#[derive(Debug, Clone, Error)]
pub enum AlterFailed {
    /// It breaks a rule.
    #[error(transparent)]
    Rule(#[from] AlterError),
    /// It cannot be kept.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// The broker stops.
    #[error("the broker stops")]
    Stopping,
}

/// The configuration that can be changed while the broker runs.
pub struct Configs {
    known: Arc<Known>,
    queue: mpsc::Sender<Message>,
}

/// The other end: the task.
pub struct Owner {
    known: Arc<Known>,
    queue: mpsc::Receiver<Message>,
    log: Option<ConfigLog>,
    unread: bool,
    conductor: Conductor,
}

enum Message {
    Alter(Request, oneshot::Sender<Vec<Result<(), AlterFailed>>>),
    TopicDeleted(String, Uuid),
}

/// What somebody wants changed.
struct Request {
    alterations: Vec<Alteration>,
    only_check: bool,
    author: Author,
}

/// What a reading changed.
#[derive(Default)]
struct Effects {
    brokers: bool,
    topics: BTreeSet<Box<str>>,
}

impl Configs {
    /// What the settings of a start say, and nothing else yet.
    pub fn new(fixed: Settings, node_id: i32) -> (Self, Owner) {
        let known = Arc::new(Known::new(fixed, node_id));
        let (queue, messages) = mpsc::channel(QUEUED_MAX);
        let owner =
            Owner { known: known.clone(), queue: messages, log: None, unread: false, conductor: Conductor::default() };
        (Self { known, queue }, owner)
    }

    /// Makes alterations, or only checks them; answers in their order.
    pub async fn alter(
        &self,
        alterations: Vec<Alteration>,
        only_check: bool,
        author: Author,
    ) -> Vec<Result<(), AlterFailed>> {
        let count = alterations.len();
        let (to, answer) = oneshot::channel();
        let sent = self.queue.send(Message::Alter(Request { alterations, only_check, author }, to)).await;
        let stopping = || (0..count).map(|_| Err(AlterFailed::Stopping)).collect();
        if sent.is_err() { stopping() } else { answer.await.unwrap_or_else(|_| stopping()) }
    }

    /// Takes away what a deleted topic was given.
    pub async fn topic_deleted(&self, name: String, id: Uuid) {
        // Without an owner the broker stops; records of a topic that is not there have no effect.
        let _ = self.queue.send(Message::TopicDeleted(name, id)).await;
    }

    /// What is known.
    pub fn known(&self) -> &Arc<Known> {
        &self.known
    }
}

impl Owner {
    /// Reads what stands in `__config`, before anybody is served, and gives the settings to run with. Blocking.
    ///
    /// # Errors
    /// When the settings of the file cannot be used.
    pub fn load(&mut self, storage: &Storage) -> Result<Config, ConfigError> {
        self.find_log(storage);
        self.known.state_mut().make_room(self.log.as_ref().map_or(0, ConfigLog::unread));
        self.read();
        let config = self.known.layers().in_force()?;
        let state = self.known.state();
        if !state.is_empty() {
            info!(records = state.len(), newer = state.newer, strange = state.strange, "configuration loaded");
        }
        Ok(config)
    }

    /// Serves until the broker stops.
    pub async fn run(mut self, broker: Arc<Broker>) {
        let mut stopping = broker.stopping.clone();
        let mut second = tokio::time::interval(SECOND);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.find_log(&broker.storage);
            self.catch_up(&broker);
            self.conduct(&broker).await;
            let wake = self.known.wake.clone();
            tokio::select! {
                biased;
                () = stopping.wait() => return,
                message = self.queue.recv() => match message {
                    Some(message) => self.handle(&broker, message).await,
                    None => return,
                },
                () = wake.notified() => {}
                _ = second.tick(), if self.conductor.has_to_look() => self.conductor.measure(&broker),
                () = tokio::time::sleep(RETRY), if self.unread => self.read_again(&broker),
            }
        }
    }

    async fn handle(&mut self, broker: &Broker, message: Message) {
        match message {
            Message::Alter(request, to) => {
                let answers = self.alter(broker, request).await;
                // Whoever asked may be gone; what was changed stays changed.
                let _ = to.send(answers);
            }
            Message::TopicDeleted(name, id) => self.topic_deleted(broker, &name, id).await,
        }
    }

    /// Makes records durable, and applies them.
    async fn keep(&mut self, broker: &Broker, side: Side, records: &[Record]) -> Result<(), NotKept> {
        let durable = self.append(broker, side, records).await?.durable().await;
        self.catch_up(broker);
        Ok(durable?)
    }

    /// Writes records, all or none.
    async fn append(&mut self, broker: &Broker, side: Side, records: &[Record]) -> Result<CommitTicket, NotKept> {
        let log = match &self.log {
            Some(log) => log,
            None => self.made_log(broker).await?,
        };
        Ok(log.append(side, records, broker.now_ms())?.commit)
    }

    async fn made_log(&mut self, broker: &Broker) -> Result<&ConfigLog, NotKept> {
        let topic = broker.topics.config_topic().await.map_err(|error| NotKept::NoTopic(error.to_string()))?;
        Ok(self.log.insert(ConfigLog::new(topic)))
    }

    fn find_log(&mut self, storage: &Storage) {
        if self.log.is_none() {
            self.log = storage.topic(CONFIG).map(ConfigLog::new);
        }
        if let Some(log) = &self.log {
            log.notify(&self.known.wake);
        }
    }

    /// Brings state and parts to what stands in the log.
    fn catch_up(&mut self, broker: &Broker) {
        let effects = broker.heavy.run(|| self.read());
        self.bring_about(broker, &effects);
    }

    fn bring_about(&mut self, broker: &Broker, effects: &Effects) {
        if effects.brokers {
            self.put_in_force(broker);
        }
        self.conductor.control_changed(broker, effects.brokers, !effects.topics.is_empty());
        let topics = effects.topics.iter().filter_map(|topic| broker.storage.topic(topic));
        topics.for_each(|topic| {
            broker.storage.refresh_log_configs_of(topic.id);
            broker.fleets.look(broker, &topic);
        });
    }

    /// Reads what is new into the state.
    fn read(&mut self) -> Effects {
        let mut effects = Effects::default();
        let Some(log) = &mut self.log else { return effects };
        let known = &self.known;
        let read = log.read(&mut |side, found| effects.add(take(&mut known.state_mut(), side, found)));
        if let Err(why) = read {
            self.unreadable(&why);
        }
        effects
    }

    /// The broker goes on with what it knows; what it could not read is looked for later, with everything else.
    fn unreadable(&mut self, why: &ReadError) {
        if !self.unread {
            error!("__config cannot be read, the broker goes on without what stands there: {why:?}");
        }
        self.unread = true;
        if let Some(log) = &mut self.log {
            log.skip();
        }
    }

    /// Reads everything once more. Until that works, the broker goes on with what it knows.
    fn read_again(&mut self, broker: &Broker) {
        let Some(topic) = broker.storage.topic(CONFIG) else { return };
        let (mut log, mut state, mut effects) = (ConfigLog::new(topic), State::default(), Effects::default());
        if broker.heavy.run(|| log.read(&mut |side, found| effects.add(take(&mut state, side, found)))).is_err() {
            return;
        }
        info!("__config can be read again");
        (self.log, self.unread) = (Some(log), false);
        *self.known.state_mut() = state;
        // What is not there any more has no record that says so.
        effects.brokers = true;
        self.bring_about(broker, &effects);
    }

    /// Lets the broker run with what is known.
    fn put_in_force(&mut self, broker: &Broker) {
        match self.known.layers().in_force() {
            Ok(config) => self.conductor.rule(broker, config),
            Err(why) => error!("the settings file cannot be used any more: {why}"),
        }
    }
}

impl Effects {
    fn add(&mut self, changed: Changed) {
        match changed {
            Changed::Brokers => self.brokers = true,
            Changed::Topic(name) => drop(self.topics.insert(name)),
            Changed::Plain | Changed::Nothing => {}
        }
    }
}
