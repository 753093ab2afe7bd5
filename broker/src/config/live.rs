//! The configuration that runs: read by everybody, put in place by the owner of `__config` alone.
//!
//! What must always hold: who reads sees one whole configuration, never half of a change; reading takes no lock.

use std::sync::Arc;

use arc_swap::ArcSwap;
use arc_swap::cache::Cache;

use crate::config::Config;
use crate::rollout::arms::Trials;

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
pub struct Live(Arc<ArcSwap<Current>>);

/// Finds it, quickly, again and again.
pub struct Watched(Cache<Arc<ArcSwap<Current>>, Arc<Current>>);

impl Live {
    /// Begins with what a start resolved.
    pub fn new(config: Arc<Config>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Current { config, trials: None })))
    }

    /// What runs now.
    pub fn current(&self) -> Arc<Current> {
        self.0.load_full()
    }

    /// A reader that looks often.
    pub fn watch(&self) -> Watched {
        Watched(Cache::new(self.0.clone()))
    }

    /// Puts another in place.
    pub fn replace(&self, current: Current) {
        self.0.store(Arc::new(current));
    }
}

impl Watched {
    /// What runs now.
    pub fn current(&mut self) -> &Arc<Current> {
        self.0.load()
    }
}
