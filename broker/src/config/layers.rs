//! Which value of the broker's settings wins.
//!
//! What must always hold: what this broker was given while it ran comes before what all were given, and both before the
//! file and the command line (Kafka's `DynamicBrokerConfig`). A start and a change come to what runs by `in_force`.

use std::collections::BTreeMap;

use tracing::error;

use crate::config::resolve::resolve;
use crate::config::resource::{Resource, ResourceKind};
use crate::config::settings::Settings;
use crate::config::state::State;
use crate::config::{Config, ConfigError};

/// The broker's settings, layer by layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// What the file and the command line say.
    pub fixed: Settings,
    /// What all brokers were given while they ran.
    pub all_brokers: BTreeMap<String, String>,
    /// What this broker was given while it ran.
    pub this_broker: BTreeMap<String, String>,
}

impl Layers {
    /// The layers as they are in `state`.
    pub fn of(fixed: &Settings, state: &State, node_id: i32) -> Self {
        Self {
            fixed: fixed.clone(),
            all_brokers: state.values(&Resource::all_brokers()),
            this_broker: state.values(&Resource::new(ResourceKind::Broker, node_id.to_string())),
        }
    }

    /// All layers in one, the winning values.
    pub fn merged(&self) -> Settings {
        self.fixed.under(&self.all_brokers).under(&self.this_broker)
    }

    /// What the broker runs with. Values that cannot be used, because a newer broker wrote them or the file was changed under them, are
    /// left out, with an ERROR for each, so that the broker runs.
    ///
    /// # Errors
    /// When not even the file can be used.
    pub fn in_force(&self) -> Result<Config, ConfigError> {
        match resolve(self.merged()) {
            Ok((config, _)) => Ok(config),
            Err(_) => self.usable(),
        }
    }

    fn usable(&self) -> Result<Config, ConfigError> {
        let (mut config, _) = resolve(self.fixed.clone())?;
        for (name, value) in self.all_brokers.iter().chain(&self.this_broker) {
            let one = BTreeMap::from([(name.clone(), value.clone())]);
            match resolve(config.settings.under(&one)) {
                Ok((more, _)) => config = more,
                Err(why) => error!(setting = name, "a value in __config cannot be used and is left out: {why}"),
            }
        }
        Ok(config)
    }
}

/// Puts a value over those that are there; none takes away what is there.
pub fn overlay(values: &mut BTreeMap<String, String>, setting: &str, value: Option<&str>) {
    match value {
        Some(value) => drop(values.insert(setting.to_owned(), value.to_owned())),
        None => drop(values.remove(setting)),
    }
}
