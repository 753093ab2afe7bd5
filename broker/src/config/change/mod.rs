//! Changes of settings: what a request comes to, decided before anything is stored.
//!
//! What must always hold:
//! - `plan` is pure: what it needs to know comes in with `View`, what is to be stored goes out with `Plan`.
//! - A plan holds all changes of one resource, or there is none: one value that is wrong refuses the whole alteration.
//! - What is planned is checked against the whole configuration that results from it, by the function that a start
//!   resolves it with.
//!
//! Source: Apache Kafka, `ConfigurationControlManager`, `ConfigAdminManager`, `ControllerConfigurationValidator`.

use std::collections::BTreeMap;

use crate::config::resource::{Resource, ResourceKind};
use crate::config::settings::Settings;

mod broker;
mod client_metrics;
pub mod error;
mod group;
pub mod logger;
mod ops;
pub mod request;
#[cfg(test)]
mod tests;
mod topic;

pub use error::AlterError;

/// Settings that have a value of their own in one layer, in the normal form of `config::value`.
pub type Values = BTreeMap<String, String>;

/// Why the change is made: not a setting, but said with them.
pub const REASON: &str = "catena.change.reason";
/// The version that the one changed setting must have now: not a setting, but said with them.
pub const VERSION: &str = "catena.change.version";

/// What is to be done with one setting (Kafka's `AlterConfigOp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// It gets this value.
    Set(String),
    /// It gets what stands behind it.
    Delete,
    /// These items of a list are added, where they are not in it.
    Append(String),
    /// These items of a list are taken away, where they are in it.
    Subtract(String),
}

/// How a resource is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The settings named (IncrementalAlterConfigs).
    Incremental(Vec<(String, Op)>),
    /// All settings: those not named lose their values (AlterConfigs).
    Replace(Vec<(String, String)>),
}

/// A change that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alteration {
    /// What is to be changed.
    pub resource: Resource,
    /// How.
    pub ask: Ask,
}

/// What is known when a change is planned.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Id of this broker.
    pub node_id: i32,
    /// What the settings file and the command line say.
    pub fixed: &'a Settings,
    /// What all brokers were given while they ran.
    pub all_brokers: &'a Values,
    /// What this broker was given while it ran.
    pub this_broker: &'a Values,
    /// What the resource to be changed sets itself now.
    pub own: &'a Values,
    /// Whether the resource exists. (Only topics can be missing.)
    pub exists: bool,
}

impl View<'_> {
    /// The broker's settings that are in force.
    fn broker(&self) -> Settings {
        self.fixed.under(self.all_brokers).under(self.this_broker)
    }
}

/// One setting's new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Name of the setting.
    pub setting: String,
    /// The value in its normal form; `None` takes the resource's own value away.
    pub value: Option<String>,
}

/// What is to be stored for one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The settings whose values change, by name, each once. Values of brokers are stored again though they are equal,
    /// so that what was changed behind the broker's back is read again; others are not.
    pub changes: Vec<Change>,
    /// Why, if it was said.
    pub reason: Option<String>,
    /// The version that the one changed setting must have now, if it was said.
    pub expected_version: Option<u64>,
}

/// Longest name or value that is kept, in bytes: the longest string of Kafka's protocol.
pub const VALUE_BYTES_MAX: usize = 32_767;

/// What an alteration comes to.
///
/// # Errors
/// The first rule that it breaks, in Kafka's order.
pub fn plan(view: &View<'_>, alteration: &Alteration) -> Result<Plan, AlterError> {
    let asked = ops::without_remarks(&alteration.ask)?;
    let name = alteration.resource.name.as_str();
    if name.len() > VALUE_BYTES_MAX {
        return Err(AlterError::LongName(name.len()));
    }
    let changes = match alteration.resource.kind {
        ResourceKind::Topic => topic::plan(view, name, &asked.ask),
        ResourceKind::Broker => broker::plan(view, name, &asked.ask),
        ResourceKind::Group => group::plan(view, name, &asked.ask),
        ResourceKind::ClientMetrics => client_metrics::plan(view, name, &asked.ask),
    }?;
    if asked.expected_version.is_some() && changes.len() != 1 {
        return Err(AlterError::VersionOfSeveral);
    }
    Ok(Plan { changes, reason: asked.reason, expected_version: asked.expected_version })
}
