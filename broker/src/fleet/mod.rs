//! Users' fleets: config topics whose rollouts are measured by what the processes of a service report (docs/config-topics.md).
//!
//! What must always hold: arms, verdicts and their records are those of the broker's own rollouts; only where values stand and
//! where figures come from differs.
//!
//! | file | |
//! |---|---|
//! | `report` | what a process says about itself |
//! | `instances` | who reported, who fell silent, what each arm did: pure |
//! | `intake` | what producers may write |
//! | `owner` | the task that carries a topic's rollouts out |

pub mod instances;
pub mod intake;
pub mod owner;
pub mod report;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use catena_storage::Topic;
use uuid::Uuid;

use crate::broker::Broker;
use crate::config::topic::is_config_topic;
use owner::{Fleet, Owner};

/// The partition that takes reports.
pub const REPORTS: u32 = 2;

/// The config topics there are, by topic id.
#[derive(Default)]
pub struct Fleets {
    by_topic: RwLock<HashMap<Uuid, Arc<Fleet>>>,
    broker: OnceLock<Weak<Broker>>,
}

impl Fleets {
    /// Looks after the config topics that are there at a start.
    pub fn begin(&self, broker: &Arc<Broker>) {
        // Set once, by the start.
        let _ = self.broker.set(Arc::downgrade(broker));
        broker.storage.topics().iter().for_each(|topic| self.look(broker, topic));
    }

    /// The fleet of a topic, if it is a config topic.
    pub fn of(&self, topic: Uuid) -> Option<Arc<Fleet>> {
        let fleets = self.by_topic.read().unwrap_or_else(PoisonError::into_inner);
        if fleets.is_empty() { None } else { fleets.get(&topic).cloned() }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Fleet>> {
        self.by_topic.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Begins to look after a topic that is a config topic by now, and stops when it is none any more.
    pub fn look(&self, broker: &Broker, topic: &Arc<Topic>) {
        let configs = broker.configs.known().topic_configs(&topic.name, topic.id, &topic.configs);
        let mut fleets = self.by_topic.write().unwrap_or_else(PoisonError::into_inner);
        match (is_config_topic(&configs), fleets.contains_key(&topic.id)) {
            (true, false) => {
                let Some(broker) = self.broker.get().and_then(Weak::upgrade) else { return };
                let fleet = Arc::new(Fleet::new(topic));
                fleets.insert(topic.id, fleet.clone());
                tokio::spawn(Owner::new(fleet, topic).run(broker));
            }
            (false, true) => fleets.remove(&topic.id).into_iter().for_each(|fleet| fleet.end()),
            (true, true) | (false, false) => {}
        }
    }

    /// Stops looking after a topic that was deleted.
    pub fn forget(&self, topic: Uuid) {
        let mut fleets = self.by_topic.write().unwrap_or_else(PoisonError::into_inner);
        fleets.remove(&topic).into_iter().for_each(|fleet| fleet.end());
    }
}
