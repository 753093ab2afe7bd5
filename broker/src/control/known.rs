//! What is known of the configuration, for everybody who asks.
//!
//! What must always hold: only the owner changes it; nobody holds the lock while waiting.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use catena_storage::Storage;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::config::change::error::TopicRule;
use crate::config::change::{self, AlterError, Alteration, Plan, Values, View};
use crate::config::layers::{Layers, overlay};
use crate::config::resource::{Resource, ResourceKind};
use crate::config::settings::Settings;
use crate::config::state::{Given, State};
use crate::config::topic::TopicConfigs;
use crate::rollout::check::{Checked, RolloutError, check};
use crate::rollout::machine::Status;
use crate::rollout::record::Rollout;
use crate::topics::name::CONFIG;

/// What is known.
pub struct Known {
    fixed: Settings,
    /// This broker.
    pub node_id: i32,
    state: RwLock<State>,
    rollouts: RwLock<Vec<Status>>,
    pub(super) wake: Arc<Notify>,
}

impl Known {
    /// What the settings of a start say, and nothing else yet.
    pub fn new(fixed: Settings, node_id: i32) -> Self {
        Self { fixed, node_id, state: RwLock::default(), rollouts: RwLock::default(), wake: Arc::default() }
    }

    /// The state, for a look. Not to be held.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker's settings, layer by layer.
    pub fn layers(&self) -> Layers {
        Layers::of(&self.fixed, &self.state(), self.node_id)
    }

    /// What a topic sets itself: what it was created with, under what it was given since.
    pub fn topic_configs(&self, name: &str, id: Uuid, created: &TopicConfigs) -> TopicConfigs {
        let state = self.state();
        let given = state.of_topic(name, id).into_iter().flat_map(Given::values);
        let mut configs = created.clone();
        given.for_each(|(setting, value)| overlay(&mut configs, setting, value));
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

    /// What a group sets itself.
    pub fn own_of_group(&self, id: &str) -> Values {
        self.state().values(&Resource::new(ResourceKind::Group, id.to_owned()))
    }

    /// Somebody writes to the topic: the owner should look.
    pub fn written(&self) {
        self.wake.notify_one();
    }

    /// What an alteration would come to now.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn plan(&self, storage: &Storage, alteration: &Alteration) -> Result<Plan, AlterError> {
        let resource = &alteration.resource;
        if resource.kind == ResourceKind::Topic && resource.name == CONFIG {
            return Err(TopicRule::OfConfiguration(resource.name.clone()).into());
        }
        let layers = self.layers();
        let own = self.own(resource, storage);
        let view = View {
            node_id: self.node_id,
            fixed: &layers.fixed,
            all_brokers: &layers.all_brokers,
            this_broker: &layers.this_broker,
            own: &own,
            exists: resource.kind != ResourceKind::Topic || storage.topic(&resource.name).is_some(),
        };
        change::plan(&view, alteration)
    }

    /// Whether a rollout can be tried now.
    ///
    /// # Errors
    /// Why not.
    pub fn check_rollout(&self, storage: &Storage, name: &str, rollout: &Rollout) -> Result<Checked, RolloutError> {
        let allowed =
            |alteration: &Alteration| self.plan(storage, alteration).map(drop).map_err(|error| error.to_string());
        check(name, rollout, &allowed)
    }

    /// Where the rollouts stand.
    pub fn rollouts(&self) -> Vec<Status> {
        self.rollouts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn tell_rollouts(&self, statuses: Vec<Status>) {
        *self.rollouts.write().unwrap_or_else(PoisonError::into_inner) = statuses;
    }
}
