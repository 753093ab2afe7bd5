//! The configuration that runs: read by everybody, put in place by the owner of `__config` alone.
//!
//! What must always hold: who reads sees one whole configuration, never half of a change; reading takes no lock.

use std::sync::Arc;

use arc_swap::ArcSwap;
use arc_swap::cache::Cache;
use tokio::sync::watch;

use crate::config::Config;
use crate::rollout::arms::{Trials, Unit, place_of_group};

/// What runs now.
#[derive(Debug)]
pub struct Current {
    /// What applies to all that take part in no rollout.
    pub config: Arc<Config>,
    /// The rollouts that run, if any do.
    pub trials: Option<Arc<Trials>>,
}

/// The place where what runs now is found.
#[derive(Debug, Clone)]
pub struct Live {
    current: Arc<ArcSwap<Current>>,
    changed: watch::Sender<()>,
}

/// Finds it, quickly, again and again.
pub struct Watched(Cache<Arc<ArcSwap<Current>>, Arc<Current>>);

impl Current {
    /// The settings that apply to a group.
    pub fn config_of_group(&self, group_id: &str) -> &Arc<Config> {
        let trials = self.trials.as_ref().filter(|trials| trials.unit == Unit::Group);
        trials.and_then(|trials| trials.arm(place_of_group(group_id))).map_or(&self.config, |arm| &arm.config)
    }
}

impl Live {
    /// Begins with what a start resolved.
    pub fn new(config: Arc<Config>) -> Self {
        let current = Arc::new(ArcSwap::from_pointee(Current { config, trials: None }));
        Self { current, changed: watch::Sender::new(()) }
    }

    /// What runs now.
    pub fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// A reader that looks often.
    pub fn watch(&self) -> Watched {
        Watched(Cache::new(self.current.clone()))
    }

    /// Tells of each other configuration that is put in place from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Puts another in place.
    pub fn replace(&self, current: Current) {
        self.current.store(Arc::new(current));
        self.changed.send_replace(());
    }
}

impl Watched {
    /// What runs now.
    pub fn current(&mut self) -> &Arc<Current> {
        self.0.load()
    }
}
