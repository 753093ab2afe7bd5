//! What a rollout is measured by: metrics with their margins, how long, how sure.
//!
//! What must always hold: the name of a metric as text says all about it, and reads back to the same metric.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest name of a counter.
const NAME_LENGTH_MAX: usize = 100;
/// Most digits of a quantile: p99999 is one sample in 100,000.
const QUANTILE_DIGITS_MAX: usize = 5;

/// The rule of one rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is compared. With none, only a gross failure of all requests together rejects.
    pub metrics: Vec<MetricRule>,
    /// Requests that each arm must have had before anything is approved.
    pub samples_min: u64,
    /// Shortest time before anything is approved.
    pub bake: Duration,
    /// When doubt is over.
    pub timeout: Duration,
    /// What happens then.
    pub on_doubt: OnDoubt,
    /// Chance of a wrong approval, and of a wrong rejection, over the whole life of the rollout.
    pub error_level: f64,
}

/// What happens to a value that is neither proven harmless nor harmful in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDoubt {
    /// It goes.
    #[default]
    Reject,
    /// It stays.
    Approve,
}

/// One metric and how much worse it may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRule {
    /// What is compared.
    pub metric: Metric,
    /// Of the requests of which API, in Kafka's words (`Produce`); none: all together. Counters have no API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// How much worse than control is still good enough. Errors: points of percent. Latency: percent of control's.
    /// Throughput: percent that it may be below control's. Counters: percent above, or, if negative, below.
    pub margin: f64,
}

/// What can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// `errors`: the share of requests that failed.
    Errors,
    /// `latency_p50`, `latency_p99`, `latency_p999`: a quantile of how long requests took.
    Latency(Quantile),
    /// `throughput`: bytes per second and unit; less is worse.
    Throughput,
    /// Anything else that is counted by arm, per second and unit; more is worse, unless the margin is negative.
    Counter(String),
}

/// A quantile as its digits: `99` is 0.99.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quantile(String);

/// Why a metric or its margin cannot be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MetricError {
    /// A quantile that is none.
    #[error("{0} is not a quantile of latency: latency_p50, latency_p99, latency_p999 for example")]
    Quantile(String),
    /// A name that cannot be a counter's.
    #[error("{0} is not a metric: errors, latency_p99, throughput, or a counter (a-z, 0-9, _ and . only)")]
    Name(String),
    /// A margin that cannot be compared with.
    #[error("the margin {margin} of {metric} must be {bounds}")]
    Margin {
        /// Of which metric.
        metric: Metric,
        /// As given.
        margin: String,
        /// What it may be.
        bounds: &'static str,
    },
    /// An API where there is none.
    #[error("{0} is not counted by API")]
    Api(Metric),
}

impl MetricRule {
    /// Refuses what cannot be compared: margins out of bounds, counters by API.
    pub fn check(&self) -> Result<(), MetricError> {
        let (allowed, bounds) = match self.metric {
            Metric::Errors => ((0.0..=50.0).contains(&self.margin), "0 to 50 (points of percent)"),
            Metric::Latency(_) => ((1.0..=900.0).contains(&self.margin), "1 to 900 (percent)"),
            Metric::Throughput => ((1.0..=99.0).contains(&self.margin), "1 to 99 (percent)"),
            Metric::Counter(_) => (
                (1.0..=900.0).contains(&self.margin) || (-99.0..=-1.0).contains(&self.margin),
                "1 to 900 (percent above control), or -99 to -1 (percent below)",
            ),
        };
        if !allowed {
            return Err(MetricError::Margin { metric: self.metric.clone(), margin: self.margin.to_string(), bounds });
        }
        match self.metric {
            Metric::Throughput | Metric::Counter(_) if self.api.is_some() => Err(MetricError::Api(self.metric.clone())),
            _ => Ok(()),
        }
    }
}

impl Metric {
    /// The counter that throughput is measured by: bytes to and from clients.
    pub const THROUGHPUT: &'static str = "throughput";

    /// Whether it is counted per unit and second, not per request.
    pub fn is_rate(&self) -> bool {
        matches!(self, Self::Throughput | Self::Counter(_))
    }
}

impl Quantile {
    /// As a share, between 0 and 1.
    pub fn share(&self) -> f64 {
        format!("0.{}", self.0).parse().unwrap_or(0.5)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors => f.write_str("errors"),
            Self::Latency(quantile) => write!(f, "latency_p{}", quantile.0),
            Self::Throughput => f.write_str(Self::THROUGHPUT),
            Self::Counter(name) => f.write_str(name),
        }
    }
}

impl FromStr for Metric {
    type Err = MetricError;

    fn from_str(text: &str) -> Result<Self, MetricError> {
        match text {
            "errors" => Ok(Self::Errors),
            Self::THROUGHPUT => Ok(Self::Throughput),
            _ => match text.strip_prefix("latency") {
                Some(quantile) => quantile_of(quantile).ok_or_else(|| MetricError::Quantile(text.to_owned())),
                None if is_name(text) => Ok(Self::Counter(text.to_owned())),
                None => Err(MetricError::Name(text.chars().take(NAME_LENGTH_MAX).collect())),
            },
        }
    }
}

impl TryFrom<String> for Metric {
    type Error = MetricError;

    fn try_from(text: String) -> Result<Self, MetricError> {
        text.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.to_string()
    }
}

fn quantile_of(text: &str) -> Option<Metric> {
    let digits = text.strip_prefix("_p")?;
    let fits = (2..=QUANTILE_DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let some = digits.bytes().any(|digit| digit != b'0');
    (fits && some).then(|| Metric::Latency(Quantile(digits.to_owned())))
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.';
    (1..=NAME_LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metrics_read_back() {
        for name in ["errors", "latency_p50", "latency_p99", "latency_p999", "throughput", "fetched_bytes", "a.b_9"] {
            let metric: Metric = name.parse().expect("a metric");
            assert_eq!(metric.to_string(), name);
            let json = serde_json::to_string(&metric).expect("JSON");
            assert_eq!(serde_json::from_str::<Metric>(&json).expect("reads back"), metric);
        }
    }

    #[test]
    fn what_is_no_metric_is_refused() {
        let long = "x".repeat(NAME_LENGTH_MAX + 1);
        for name in
            ["", "latency", "latency_p", "latency_p9", "latency_p00", "latency_p123456", "latency_pxx", "Errors", &long]
        {
            assert!(name.parse::<Metric>().is_err(), "{name}");
        }
    }

    #[test]
    fn quantiles_are_shares() {
        for (digits, share) in [("50", 0.5), ("99", 0.99), ("999", 0.999), ("05", 0.05)] {
            assert_eq!(Quantile(digits.to_owned()).share(), share);
        }
    }

    #[test]
    fn margins_have_bounds_and_counters_no_api() {
        let check = |metric: &str, margin, api: Option<&str>| {
            let metric = metric.parse().expect("a metric");
            MetricRule { metric, margin, api: api.map(str::to_owned) }.check().is_ok()
        };
        for (metric, good, bad) in [
            ("errors", 0.0, -0.1),
            ("errors", 50.0, 50.1),
            ("latency_p99", 1.0, 0.0),
            ("throughput", 10.0, 100.0),
            ("x", -50.0, 0.0),
            ("x", 900.0, f64::NAN),
        ] {
            assert!(check(metric, good, None) && !check(metric, bad, None), "{metric} {good} {bad}");
        }
        assert!(check("errors", 0.5, Some("Produce")) && !check("throughput", 10.0, Some("Produce")));
    }
}
