//! Settings of topics: what a topic sets, over what the broker sets, over the defaults.
//!
//! What must always hold: the settings a log runs with (`log_config`) and the settings that are described
//! (`effective`) come from the same table and the same order of precedence.

use std::collections::BTreeMap;

use catena_storage::{LogConfig, TimestampType};

use crate::config::bounds::list_items;
use crate::config::definition::Definition;
use crate::config::error::ConfigError;
use crate::config::settings::Settings;
use crate::config::table;

/// Settings stored with a topic, by name.
pub type TopicConfigs = BTreeMap<String, String>;

/// Where a value in force comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The topic itself.
    Topic,
    /// The broker's settings file or command line.
    Broker,
    /// Nobody set it.
    Default,
}

/// The value of a topic setting and where it comes from; `None` is Kafka's `null`.
pub fn effective(definition: &Definition, topic: &TopicConfigs, broker: &Settings) -> (Option<String>, Source) {
    if let Some(value) = topic.get(definition.name) {
        return (Some(value.clone()), Source::Topic);
    }
    match broker_value(definition, broker) {
        Some(value) => (Some(value), Source::Broker),
        None => (definition.default.map(str::to_owned), Source::Default),
    }
}

fn broker_value(definition: &Definition, broker: &Settings) -> Option<String> {
    let given = |fallback: &crate::config::definition::Fallback| {
        let value = broker.given(fallback.name)?;
        if fallback.factor == 1 {
            return Some(value.to_owned());
        }
        let number: i64 = value.parse().ok()?;
        Some(number.saturating_mul(fallback.factor).to_string())
    };
    definition.fallbacks.iter().find_map(given)
}

/// The log settings of topics that set nothing themselves.
///
/// # Errors
/// `NotInTable`, when the table lacks one of the settings.
pub fn log_defaults(settings: &Settings) -> Result<LogConfig, ConfigError> {
    let none = TopicConfigs::new();
    let mut values = TopicConfigs::new();
    for definition in table::topic_settings() {
        values.extend(effective(definition, &none, settings).0.map(|value| (definition.name.to_owned(), value)));
    }
    let number = |name| {
        let value = values.get(name).and_then(|text| text.parse::<i64>().ok());
        value.ok_or(ConfigError::NotInTable { name, kind: "number" })
    };
    let unset = LogConfig {
        max_message_bytes: count(number("max.message.bytes")?),
        segment_bytes: bytes(number("segment.bytes")?),
        index_interval_bytes: bytes(number("index.interval.bytes")?),
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: number("message.timestamp.before.max.ms")?,
        timestamp_after_max_ms: number("message.timestamp.after.max.ms")?,
        compacted: false,
        producer_id_expiration_ms: settings.number("producer.id.expiration.ms")?,
    };
    Ok(log_config(&values, &unset))
}

/// The log settings of a topic: its own configs over `defaults`. A stored value that cannot be read counts as not set
/// (values are checked before they are stored).
pub fn log_config(topic: &TopicConfigs, defaults: &LogConfig) -> LogConfig {
    let number = |name: &str| topic.get(name).and_then(|text| text.parse::<i64>().ok());
    LogConfig {
        max_message_bytes: number("max.message.bytes").map_or(defaults.max_message_bytes, count),
        segment_bytes: number("segment.bytes").map_or(defaults.segment_bytes, bytes),
        index_interval_bytes: number("index.interval.bytes").map_or(defaults.index_interval_bytes, bytes),
        timestamp_type: match topic.get("message.timestamp.type").map(String::as_str) {
            Some("LogAppendTime") => TimestampType::LogAppendTime,
            Some(_) => TimestampType::CreateTime,
            None => defaults.timestamp_type,
        },
        timestamp_before_max_ms: number("message.timestamp.before.max.ms").unwrap_or(defaults.timestamp_before_max_ms),
        timestamp_after_max_ms: number("message.timestamp.after.max.ms").unwrap_or(defaults.timestamp_after_max_ms),
        compacted: match topic.get("cleanup.policy") {
            Some(policy) => list_items(policy).any(|item| item == "compact"),
            None => defaults.compacted,
        },
        producer_id_expiration_ms: defaults.producer_id_expiration_ms,
    }
}

/// Numbers with a lower bound of 0 in the table.
fn count(value: i64) -> usize {
    usize::try_from(value).unwrap_or_default()
}

fn bytes(value: i64) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(overrides: &[&str]) -> Settings {
        let overrides: Vec<_> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Settings::read(None, &overrides).expect("valid").0
    }

    fn topic(configs: &[(&str, &str)]) -> TopicConfigs {
        configs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn in_force(name: &str, configs: &[(&str, &str)], broker: &[&str]) -> (Option<String>, Source) {
        let definition = table::topic_setting(name).expect("in the table");
        effective(definition, &topic(configs), &settings(broker))
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn the_topics_own_value_wins_then_the_brokers_then_the_default() {
        let broker = ["log.retention.hours=2"];
        let own = [("retention.ms", "5")];
        assert_eq!(in_force("retention.ms", &own, &broker), (text("5"), Source::Topic));
        assert_eq!(in_force("retention.ms", &[], &broker), (text("7200000"), Source::Broker));
        assert_eq!(in_force("retention.ms", &[], &[]), (text("604800000"), Source::Default));
    }

    #[test]
    fn the_finer_unit_of_a_broker_setting_wins() {
        let broker = ["log.retention.hours=2", "log.retention.minutes=3", "log.retention.ms=4"];
        assert_eq!(in_force("retention.ms", &[], &broker).0, text("4"));
        assert_eq!(in_force("retention.ms", &[], &broker[..2]).0, text("180000"));
    }

    #[test]
    fn a_log_runs_with_the_topics_settings_over_the_brokers() {
        let broker = settings(&["message.max.bytes=77", "log.message.timestamp.type=LogAppendTime"]);
        let defaults = log_defaults(&broker).expect("in the table");
        assert_eq!(defaults.max_message_bytes, 77);
        assert_eq!(defaults.timestamp_type, TimestampType::LogAppendTime);
        let own = topic(&[("message.timestamp.type", "CreateTime"), ("cleanup.policy", "delete, compact")]);
        let resolved = log_config(&own, &defaults);
        let expected = LogConfig { timestamp_type: TimestampType::CreateTime, compacted: true, ..defaults.clone() };
        assert_eq!(resolved, expected);
    }

    #[test]
    fn without_settings_a_log_runs_with_kafkas_defaults() {
        let expected = LogConfig {
            max_message_bytes: 1_048_588,
            segment_bytes: 1 << 30,
            index_interval_bytes: 4096,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compacted: false,
            producer_id_expiration_ms: 86_400_000,
        };
        assert_eq!(log_defaults(&Settings::default()).expect("in the table"), expected);
    }
}
