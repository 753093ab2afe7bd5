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

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use catena_storage::{LogConfig, ReadError, Storage, Topic};
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::broker::Broker;
use crate::config::change::{self, AlterError, Alteration, Plan, Values, View};
use crate::config::layers::Layers;
use crate::config::live::Current;
use crate::config::log::{ConfigLog, NotKept};
use crate::config::record::{Author, FORMAT, Record, SettingKey, SettingValue};
use crate::config::resource::{Resource, ResourceKind};
use crate::config::settings::Settings;
use crate::config::state::{Changed, Side, State};
use crate::config::topic::{TopicConfigs, log_config};
use crate::config::{Config, ConfigError};
use crate::internal_log::Found;
use crate::topics::name::CONFIG;

/// Changes that may wait for the owner.
const QUEUED_MAX: usize = 1024;
/// How soon what could not be read is tried again.
const RETRY: Duration = Duration::from_secs(5);

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

/// What is known to those who ask.
pub struct Known {
    fixed: Settings,
    node_id: i32,
    state: RwLock<State>,
    wake: Arc<Notify>,
}

/// The other end: the task.
pub struct Owner {
    known: Arc<Known>,
    queue: mpsc::Receiver<Message>,
    log: Option<ConfigLog>,
    unread: bool,
}

enum Message {
    Alter(Ask, oneshot::Sender<Vec<Result<(), AlterFailed>>>),
    TopicDeleted(String, Uuid),
}

/// What somebody wants changed.
struct Ask {
    alterations: Vec<Alteration>,
    only_check: bool,
    author: Author,
}

/// What a reading changed.
#[derive(Default)]
struct Effects {
    brokers: bool,
    topics: BTreeSet<String>,
}

impl Configs {
    /// What the settings of a start say, and nothing else yet.
    pub fn new(fixed: Settings, node_id: i32) -> (Self, Owner) {
        let known = Arc::new(Known { fixed, node_id, state: RwLock::default(), wake: Arc::default() });
        let (queue, messages) = mpsc::channel(QUEUED_MAX);
        let owner = Owner { known: known.clone(), queue: messages, log: None, unread: false };
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
        let sent = self.queue.send(Message::Alter(Ask { alterations, only_check, author }, to)).await;
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

impl Known {
    /// The state, for a look. Not to be held.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker's settings, layer by layer.
    pub fn layers(&self) -> Layers {
        Layers::of(&self.fixed, &self.state(), self.node_id)
    }

    /// What a topic sets itself: what it was created with, under what it was given since.
    pub fn topic_configs(&self, name: &str, id: Uuid, created: &TopicConfigs) -> TopicConfigs {
        let state = self.state();
        let Some(entries) = state.of_topic(name, id) else { return created.clone() };
        let mut configs = created.clone();
        for (setting, entry) in entries {
            match &entry.value {
                Some(value) => drop(configs.insert(setting.clone(), value.clone())),
                None => drop(configs.remove(setting)),
            }
        }
        configs
    }

    /// What a resource sets itself; of topics, what `storage` has of that name.
    pub fn own(&self, resource: &Resource, storage: &Storage) -> Values {
        match resource.kind {
            ResourceKind::Topic => storage
                .topic(&resource.name)
                .map(|topic| self.topic_configs(&topic.name, topic.id, &topic.configs))
                .unwrap_or_default(),
            ResourceKind::Broker | ResourceKind::Group | ResourceKind::ClientMetrics => self.state().values(resource),
        }
    }

    /// Gives the logs of a topic the settings that it has now.
    fn refresh_logs(&self, storage: &Storage, topic: &str, defaults: &LogConfig) {
        let Some(topic) = storage.topic(topic) else { return };
        let configs = self.topic_configs(&topic.name, topic.id, &topic.configs);
        topic.partitions.iter().for_each(|log| log.set_config(log_config(&configs, defaults)));
    }

    /// Somebody writes to the topic: the owner should look.
    pub fn written(&self) {
        self.wake.notify_one();
    }
}

impl Owner {
    /// Reads what stands in `__config`, before anybody is served, and gives the settings to run with. Blocking.
    ///
    /// # Errors
    /// When the settings of the file cannot be used.
    pub fn load(&mut self, storage: &Storage) -> Result<Config, ConfigError> {
        self.find_log(storage);
        let effects = self.read();
        let config = self.known.layers().in_force()?;
        effects.topics.iter().for_each(|topic| self.known.refresh_logs(storage, topic, &config.log));
        let state = self.known.state();
        if !state.is_empty() {
            info!(records = state.len(), newer = state.newer, strange = state.strange, "configuration loaded");
        }
        Ok(config)
    }

    /// Serves until the broker stops.
    pub async fn run(mut self, broker: Arc<Broker>) {
        let mut stopping = broker.stopping.clone();
        loop {
            self.find_log(&broker.storage);
            self.catch_up(&broker);
            let wake = self.known.wake.clone();
            tokio::select! {
                biased;
                () = stopping.wait() => return,
                message = self.queue.recv() => match message {
                    Some(message) => self.handle(&broker, message).await,
                    None => return,
                },
                () = wake.notified() => {}
                () = tokio::time::sleep(RETRY), if self.unread => self.read_again(&broker),
            }
        }
    }

    async fn handle(&mut self, broker: &Broker, message: Message) {
        match message {
            Message::Alter(ask, to) => {
                let answers = self.alter(broker, ask).await;
                // Whoever asked may be gone; what was changed stays changed.
                let _ = to.send(answers);
            }
            Message::TopicDeleted(name, id) => self.topic_deleted(broker, &name, id).await,
        }
    }

    async fn alter(&mut self, broker: &Broker, ask: Ask) -> Vec<Result<(), AlterFailed>> {
        let mut answers = Vec::with_capacity(ask.alterations.len());
        for alteration in &ask.alterations {
            answers.push(self.alter_one(broker, alteration, &ask).await);
        }
        answers
    }

    async fn alter_one(&mut self, broker: &Broker, alteration: &Alteration, ask: &Ask) -> Result<(), AlterFailed> {
        let plan = self.plan(broker, alteration)?;
        if ask.only_check || plan.changes.is_empty() {
            return Ok(());
        }
        let topic = (alteration.resource.kind == ResourceKind::Topic)
            .then(|| broker.storage.topic(&alteration.resource.name))
            .flatten();
        let records = self.records(&alteration.resource, topic.as_deref(), plan, &ask.author)?;
        self.keep(broker, Side::Control, &records).await?;
        info!(resource = %alteration.resource, by = ask.author.principal, "configuration changed");
        Ok(())
    }

    fn plan(&self, broker: &Broker, alteration: &Alteration) -> Result<Plan, AlterError> {
        let resource = &alteration.resource;
        let layers = self.known.layers();
        let own = self.known.own(resource, &broker.storage);
        let view = View {
            node_id: self.known.node_id,
            fixed: &layers.fixed,
            all_brokers: &layers.all_brokers,
            this_broker: &layers.this_broker,
            own: &own,
            exists: resource.kind != ResourceKind::Topic || broker.storage.topic(&resource.name).is_some(),
        };
        change::plan(&view, alteration)
    }

    fn records(
        &self,
        resource: &Resource,
        topic: Option<&Topic>,
        plan: Plan,
        author: &Author,
    ) -> Result<Vec<Record>, AlterError> {
        let state = self.known.state();
        let time = Timestamp::now();
        let of_another = topic.is_some_and(|topic| state.of_topic(&topic.name, topic.id).is_none());
        let mut records = Vec::with_capacity(plan.changes.len());
        for change in plan.changes {
            let found = if of_another { 0 } else { state.version(resource, &change.setting) };
            if let Some(expected) = plan.expected_version.filter(|expected| *expected != found) {
                return Err(AlterError::OtherVersion { found, expected });
            }
            let value = SettingValue {
                v: FORMAT,
                value: change.value,
                version: found + 1,
                time,
                author: author.clone(),
                reason: plan.reason.clone(),
                topic_id: topic.map(|topic| topic.id),
                rollout: None,
            };
            let key = SettingKey { kind: resource.kind, name: resource.name.clone(), setting: change.setting };
            records.push(Record::Setting(key, Some(value)));
        }
        Ok(records)
    }

    async fn topic_deleted(&mut self, broker: &Broker, name: &str, id: Uuid) {
        let tombstone = |setting: &String| {
            let key = SettingKey { kind: ResourceKind::Topic, name: name.to_owned(), setting: setting.clone() };
            Record::Setting(key, None)
        };
        let settings = self.known.state().of_topic(name, id).map(|entries| entries.keys().map(tombstone).collect());
        let Some(records): Option<Vec<Record>> = settings else { return };
        if let Err(why) = self.keep(broker, Side::Control, &records).await {
            warn!(topic = name, "the settings of a deleted topic stay in __config, without effect: {why}");
        }
    }

    /// Makes records durable, and applies them.
    async fn keep(&mut self, broker: &Broker, side: Side, records: &[Record]) -> Result<(), NotKept> {
        let log = match &self.log {
            Some(log) => log,
            None => self.made_log(broker).await?,
        };
        let appended = log.append(side, records, broker.now_ms())?;
        let durable = appended.commit.durable().await;
        self.catch_up(broker);
        Ok(durable?)
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
        if effects.brokers {
            put_in_force(&self.known, broker);
        }
        effects.topics.iter().for_each(|topic| self.known.refresh_logs(&broker.storage, topic, &broker.config().log));
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
        let (mut log, mut state) = (ConfigLog::new(topic), State::default());
        if broker.heavy.run(|| log.read(&mut |side, found| drop(take(&mut state, side, found)))).is_err() {
            return;
        }
        info!("__config can be read again");
        (self.log, self.unread) = (Some(log), false);
        *self.known.state_mut() = state;
        put_in_force(&self.known, broker);
    }
}

/// Makes one thing that was read part of the state.
fn take(state: &mut State, side: Side, found: Found) -> Changed {
    let Found::Record { offset, key, value } = found else { return state.strange() };
    match Record::decode(key, value) {
        Ok(record) => state.apply(side, offset, record),
        Err(why) => {
            warn!(partition = side.index(), offset, "a record in __config means nothing: {why}");
            state.strange()
        }
    }
}

/// Lets the broker run with what is known.
fn put_in_force(known: &Known, broker: &Broker) {
    match known.layers().in_force() {
        Ok(config) => broker.live.replace(Current { config: Arc::new(config), trials: None }),
        Err(why) => error!("the settings file cannot be used any more: {why}"),
    }
}

impl Effects {
    fn add(&mut self, changed: Changed) {
        match changed {
            Changed::Resource(Resource { kind: ResourceKind::Broker, .. }) => self.brokers = true,
            Changed::Resource(Resource { kind: ResourceKind::Topic, name }) => drop(self.topics.insert(name)),
            Changed::Resource(_) | Changed::Nothing | Changed::Rollout(_) => {}
        }
    }
}
