//! What was found, for people and for records: names and units here are a format that is stored.
//!
//! What must always hold: fields are only added, never renamed; a reader that lacks one reads its default.

use serde::{Deserialize, Serialize};

/// The state of a rollout's measurement, and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Each metric of the plan, in its order.
    pub metrics: Vec<MetricJudgement>,
    /// What follows.
    pub verdict: Verdict,
}

/// One metric: both arms, how much worse the canary is, and what that means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricJudgement {
    /// As in the plan: `errors`, `latency_p99`, `throughput`, a counter.
    pub metric: String,
    /// As in the plan; none: all requests together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Of `control` and `canary`: `%`, `us`, or `/s` (per unit).
    pub unit: String,
    /// Measured in the control arm.
    pub control: Option<f64>,
    /// Measured in the canary arm.
    pub canary: Option<f64>,
    /// Requests (of counters: events) that `control` is of.
    pub control_samples: u64,
    /// Requests (of counters: events) that `canary` is of.
    pub canary_samples: u64,
    /// How much worse the canary may be: points of percent for errors, else percent of control.
    pub margin: f64,
    /// How much worse it was, in the unit of the margin; negative: better.
    pub worse: Option<f64>,
    /// How much worse it is at least.
    pub worse_low: Option<f64>,
    /// How much worse it is at most.
    pub worse_high: Option<f64>,
    /// How many of these samples say as much as one independent sample; at least 1.
    pub design_effect: f64,
    /// What the bounds say about the margin.
    pub outcome: Outcome,
}

/// What the bounds say about the margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The canary is better than control.
    Better,
    /// It is not worse by more than the margin.
    NotInferior,
    /// It is worse by more than the margin.
    Inferior,
    /// Not known yet.
    Undecided,
}

/// What follows from the figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Go on measuring.
    Undecided {
        /// What is missing.
        why: String,
    },
    /// The value may rule.
    Approve {
        /// By what.
        why: String,
    },
    /// The value goes.
    Reject {
        /// By what.
        why: String,
        /// It failed so badly that it did not take a bake time to see it.
        gross: bool,
    },
}

impl Verdict {
    /// Whether measuring is over.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Undecided { .. })
    }
}
