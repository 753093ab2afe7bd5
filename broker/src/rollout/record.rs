//! A rollout as its author writes it into a canary partition (docs/config-topics.md).
//!
//! What must always hold: fields that are not known are refused, so that a misspelt share is not a default share.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::record::{Author, FORMAT};
use crate::config::resource::{Resource, ResourceKind};
use crate::rollout::verdict::OnDoubt;

/// Places of units: the CRC-32 of a unit's id modulo this.
pub const PLACES: u32 = 1_000_000;

/// A rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The format.
    pub v: u64,
    /// What is tried, all of it together.
    #[serde(with = "crate::rollout::changes")]
    pub changes: Vec<Tried>,
    /// Percent of the units that get it.
    #[serde(default = "share")]
    pub share: f64,
    /// What is compared; empty for the usual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// Samples that each arm must have before anything is approved.
    #[serde(default = "samples_min")]
    pub samples_min: u64,
    /// Shortest time before anything is approved, seconds.
    #[serde(default = "bake_s")]
    pub bake_s: u64,
    /// When doubt is over, seconds after the start; ten times `bake_s` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
    /// What doubt means.
    #[serde(default)]
    pub on_doubt: OnDoubt,
    /// Chance of a wrong verdict.
    #[serde(default = "error_level")]
    pub error_level: f64,
    /// What the author wants done.
    #[serde(default)]
    pub state: Wanted,
    /// Who gets it: written by the broker when it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<Arm>,
    /// Grows by one with each record of the rollout; a plain producer may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A value that is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// Of what kind the resource is; nothing in a user's config topic.
    #[serde(default, rename = "resource", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ResourceKind>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The setting.
    pub setting: String,
    /// The value; `None`: as if it were not set.
    pub value: Option<String>,
}

/// Something that is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name: `errors`, `latency_p99`, `throughput`, or a counter's.
    pub metric: String,
    /// Only of this API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// By how much it may be worse; in the metric's own measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
}

/// What the author wants done with a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// To begin when there is room, and to be decided by the figures.
    #[default]
    Start,
    /// To be in nobody's way until further notice.
    Pause,
    /// To be approved, whatever the figures say.
    Approve,
    /// To be rejected.
    Reject,
}

/// The places whose units get the tried values: from one up to, but not including, the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The first place.
    pub from: u32,
    /// The place after the last.
    pub to: u32,
}

impl Rollout {
    /// The places that the share asks for.
    pub fn places(&self) -> u32 {
        // Checked to be at most 50 percent.
        (self.share / 100.0 * f64::from(PLACES)).round() as u32
    }

    /// The record with which it begins.
    #[must_use]
    pub fn begun(self, arm: Arm, time: Timestamp) -> Self {
        let version = Some(self.version.unwrap_or(0) + 1);
        Self { arm: Some(arm), version, time: Some(time), ..self }
    }

    /// Seconds after which doubt is over.
    pub fn timeout_s(&self) -> u64 {
        self.timeout_s.unwrap_or_else(|| self.bake_s.saturating_mul(10))
    }

    /// An empty rollout with the usual rules.
    pub fn of(changes: Vec<Tried>) -> Self {
        Self {
            v: FORMAT,
            changes,
            share: share(),
            metrics: Vec::new(),
            samples_min: samples_min(),
            bake_s: bake_s(),
            timeout_s: None,
            on_doubt: OnDoubt::default(),
            error_level: error_level(),
            state: Wanted::default(),
            arm: None,
            version: None,
            time: None,
            author: None,
            reason: None,
        }
    }
}

impl Metric {
    /// A metric with its usual margin.
    pub fn named(name: &str) -> Self {
        Self { metric: name.to_owned(), api: None, margin: None }
    }
}

impl Tried {
    /// The resource whose setting it is; `None` in a user's config topic.
    pub fn resource(&self) -> Option<Resource> {
        Some(Resource::new(self.kind?, self.name.clone().unwrap_or_default()))
    }
}

impl Arm {
    /// Whether a unit at `place` is in it.
    pub fn contains(self, place: u32) -> bool {
        (self.from..self.to).contains(&place)
    }
}

fn share() -> f64 {
    10.0
}

fn samples_min() -> u64 {
    1000
}

fn bake_s() -> u64 {
    60
}

fn error_level() -> f64 {
    0.05
}
