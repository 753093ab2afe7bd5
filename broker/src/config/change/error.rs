//! Why settings are not changed. The texts are Kafka's where Kafka has the rule.
//!
//! What must always hold: the value of a sensitive setting is in no text made here.

use thiserror::Error;

use crate::config::InvalidValue;
use crate::config::topic_values::InvalidConfigs;

/// Why an alteration is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AlterError {
    /// Items are added to or taken from what is no list.
    #[error("Can't {verb} to key {setting} because its type is not LIST.")]
    NotAList {
        /// Kafka's name of the operation.
        verb: &'static str,
        /// The setting.
        setting: String,
    },
    /// A remark is deleted or appended to.
    #[error("{0} says something about the change and can only be set")]
    RemarkNotSet(&'static str),
    /// An expected version that is no number.
    #[error("Invalid value {0} for catena.change.version: Not a number")]
    NotAVersion(String),
    /// A version is expected, but not of exactly one change.
    #[error("catena.change.version is the version of one setting, so exactly one must be changed")]
    VersionOfSeveral,
    /// The changed setting has another version than was expected: somebody else was faster.
    #[error("The setting has version {found}, not {expected}")]
    OtherVersion {
        /// Its version now.
        found: u64,
        /// The version expected.
        expected: u64,
    },
    /// Longer than is kept.
    #[error("The value of {setting} has {bytes} bytes, more than {}", super::VALUE_BYTES_MAX)]
    TooLong {
        /// The setting.
        setting: String,
        /// The length of its value.
        bytes: usize,
    },
    /// A name that is longer than any is kept.
    #[error("The name of the resource has {0} bytes, more than {max}", max = super::VALUE_BYTES_MAX)]
    LongName(usize),
    /// A value of the wrong type or out of bounds.
    #[error(transparent)]
    Value(#[from] InvalidValue),
    /// A rule of topics.
    #[error(transparent)]
    Topic(#[from] TopicRule),
    /// A rule of brokers.
    #[error(transparent)]
    Broker(#[from] BrokerRule),
    /// A rule of groups.
    #[error(transparent)]
    Group(#[from] GroupRule),
    /// A rule of subscriptions of client metrics.
    #[error(transparent)]
    ClientMetrics(#[from] ClientMetricsRule),
}

/// Rules of topics.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicRule {
    /// There is no default topic.
    #[error("Default topic resources are not allowed.")]
    NoName,
    /// There is no such topic.
    #[error("The topic '{0}' does not exist.")]
    Unknown(String),
    /// It holds what was changed, and has the settings that keep that.
    #[error("The settings of the topic '{0}' are its own: others could cost it what was changed while the broker ran.")]
    OfConfiguration(String),
    /// The settings are not known, wrong, or contradict each other.
    #[error(transparent)]
    Configs(#[from] InvalidConfigs),
}

/// Rules of brokers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BrokerRule {
    /// The broker is named by something that is no number.
    #[error("Node id must be an integer, but it is: {0}")]
    NotANumber(String),
    /// Another broker.
    #[error("Unexpected broker id, expected {expected}, but received {found}")]
    Other {
        /// This broker.
        expected: i32,
        /// The broker named.
        found: String,
    },
    /// Items are added to or taken from what is no list.
    #[error("Config value {verb} is not allowed for config key: {setting}")]
    NotAList {
        /// What is done to the list.
        verb: &'static str,
        /// The setting.
        setting: String,
    },
    /// Neither Kafka nor Catena knows the setting. (Kafka keeps it for plug-ins, which Catena has not.)
    #[error("Unknown config name: {0}")]
    Unknown(String),
    /// Settings that only a start can change.
    #[error("Cannot update these configs dynamically: [{0}]")]
    Restart(String),
    /// Settings of one listener, without the listener.
    #[error("These security configs can be dynamically updated only per-listener using the listener prefix: [{0}]")]
    WithoutListener(String),
    /// Settings that each broker has for itself.
    #[error("Cannot update these configs at default cluster level, broker id must be specified: [{0}]")]
    PerBroker(String),
    /// A value of the wrong type, out of bounds, or in contradiction to others.
    #[error("{0}")]
    Value(String),
    /// Secrets are not stored.
    #[error("{0} is a secret, and secrets are not stored; set it in the settings file")]
    Secret(&'static str),
    /// The setting asks for what Catena does not do.
    #[error("{setting} cannot be set: {reason}")]
    Refused {
        /// The setting.
        setting: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The broker could not start with what results.
    #[error("{0}")]
    Unresolvable(String),
}

/// Rules of groups.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GroupRule {
    /// There is no default group.
    #[error("Default group resources are not allowed.")]
    NoName,
    /// No group has such a setting.
    #[error("Unknown group config name: {0}")]
    Unknown(String),
    /// Less or more than the broker allows.
    #[error("{setting} must be in the range {min} to {max} inclusive.")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// Least that is allowed.
        min: i64,
        /// Most that is allowed.
        max: i64,
    },
    /// More than the broker allows.
    #[error("{setting} must be less than or equal to {max}")]
    Above {
        /// The setting.
        setting: &'static str,
        /// Most that is allowed.
        max: i64,
    },
    /// A session that ends before a heartbeat can keep it.
    #[error("{session} must be greater than {heartbeat}")]
    NotAbove {
        /// The session timeout.
        session: &'static str,
        /// The heartbeat interval.
        heartbeat: &'static str,
    },
    /// No place where a share group can begin.
    #[error(
        "Invalid value {0} for configuration share.auto.offset.reset: Invalid value `{0}` for configuration \
         share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format \
         'by_duration:<PnDTnHnMn.nS>'."
    )]
    OffsetReset(String),
    /// A tag that is named more than once.
    #[error("streams.rack.aware.assignment.tags must not contain duplicate tag keys.")]
    SameTag,
    /// An assignor that the broker has not.
    #[error(
        "streams.assignor.name '{assignor}' is not a registered task assignor. Registered assignors are: [{known}]."
    )]
    UnknownAssignor {
        /// The assignor asked for.
        assignor: String,
        /// Those of the broker.
        known: String,
    },
    /// Records that are given up must not go to an internal topic.
    #[error("errors.deadletterqueue.topic.name: DLQ topic name must not start with '__'")]
    DeadLetters,
}

/// Rules of subscriptions of client metrics (KIP-714).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClientMetricsRule {
    /// A subscription without a name.
    #[error("Subscription name can't be empty")]
    NoName,
    /// No subscription has such a setting.
    #[error("Unknown client metrics configuration: {0}")]
    Unknown(String),
    /// Too often or too seldom.
    #[error("Invalid value {0} for interval.ms, interval must be between 100 and 3600000 (1 hour)")]
    Interval(i32),
    /// A pattern that matches no client.
    #[error("Illegal client matching pattern: {0}")]
    Match(String),
}
