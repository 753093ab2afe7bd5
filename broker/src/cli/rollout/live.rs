//! What the broker says of rollouts that are not decided yet: it keeps their figures in memory, and tells them where settings are told.
//!
//! What must always hold: a broker that tells nothing, or something else, takes nothing away from what the topic tells.

use std::collections::BTreeMap;

use catena_broker::config::resource::{Resource, ResourceKind};
use catena_protocol::client::DescribeConfigs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::client::Client;
use super::super::error::CliError;
use super::super::log::CONFIG_TOPIC;
use super::super::notation::resource_type;

/// No setting, but told like one.
const ROLLOUTS: &str = "catena.rollouts";

/// What is told of a config topic's rollouts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Told {
    /// The rollouts that stand in the canary partition.
    #[serde(default)]
    pub rollouts: Vec<Live>,
    /// Processes of a fleet: of `control`, and of each rollout's arm.
    #[serde(default)]
    pub instances: BTreeMap<String, Presence>,
}

/// One rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// Its name.
    pub rollout: String,
    /// What it waits for.
    #[serde(default)]
    pub why: Option<String>,
    /// Seconds measured.
    #[serde(default)]
    pub seconds: u64,
    /// What was measured.
    #[serde(default)]
    pub figures: Value,
}

/// How many processes there are in an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Those that report.
    #[serde(default)]
    pub reporting: u64,
    /// Those that fell silent.
    #[serde(default)]
    pub silent: u64,
}

impl Told {
    /// Asks the broker about the rollouts of a config topic.
    pub fn ask(client: &mut Client, topic: &str) -> Result<Self, CliError> {
        let resource = match topic {
            CONFIG_TOPIC => Resource::all_brokers(),
            fleet => Resource::new(ResourceKind::Topic, fleet),
        };
        let (resource_type, resource_name) = (resource_type(resource.kind), resource.name.as_str());
        let call = DescribeConfigs { resource_type, resource_name, setting: Some(ROLLOUTS) };
        let told = client.call(&call)?.unwrap_or_default();
        let text = told.into_iter().find(|told| told.name == ROLLOUTS).and_then(|told| told.value);
        Ok(text.and_then(|text| Self::read(&text)).unwrap_or_default())
    }

    /// Reads what is told: of fleets an object, of the broker's own a list.
    pub fn read(text: &str) -> Option<Self> {
        let of_broker = || serde_json::from_str(text).ok().map(|rollouts| Self { rollouts, ..Self::default() });
        if text.starts_with('[') { of_broker() } else { serde_json::from_str(text).ok() }
    }

    /// What is told of one.
    pub fn of(&self, name: &str) -> Option<&Live> {
        self.rollouts.iter().find(|live| live.rollout == name)
    }
}

impl Live {
    /// What it waits for, or what the figures still lack.
    pub fn missing(&self) -> Option<String> {
        let figures = || self.figures.pointer("/verdict/why").and_then(Value::as_str).map(str::to_owned);
        self.why.clone().or_else(figures)
    }
}
