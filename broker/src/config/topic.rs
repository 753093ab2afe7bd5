//! Settings of topics: what a topic sets, over what the broker sets, over the defaults.
//!
//! What must always hold: the settings a log runs with (`log_config`) and the settings that are described
//! (`effective`) come from the same table and the same order of precedence.

use std::collections::BTreeMap;
use std::str::FromStr;

use catena_storage::{AcksAll, CleanupPolicy, CommitStrategy, Compression, CompressionType, LogConfig, TimestampType};

use crate::config::bounds::list_items;
use crate::config::definition::Definition;
use crate::config::error::ConfigError;
use crate::config::settings::{Settings, definition};
use crate::config::{table, value};

/// Settings stored with a topic, by name.
pub type TopicConfigs = BTreeMap<String, String>;

/// Whether these are the settings of a config topic of a user's fleet.
pub fn is_config_topic(configs: &TopicConfigs) -> bool {
    configs.get("catena.config.topic").is_some_and(|value| value == "true")
}

/// The value of a topic setting, or of one of a group; `None` is Kafka's `null`.
pub fn effective(definition: &Definition, own: &TopicConfigs, broker: &Settings) -> Option<String> {
    let own = own.get(definition.name).cloned();
    own.or_else(|| broker_value(definition, broker)).or_else(|| definition.default.map(str::to_owned))
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
/// `Invalid`, when Kafka's `KafkaConfig.validateValues` refuses the times; `NotInTable`, when the table lacks one of the
/// settings.
pub fn log_defaults(settings: &Settings) -> Result<LogConfig, ConfigError> {
    let none = TopicConfigs::new();
    let mut values = TopicConfigs::new();
    for definition in table::topic_settings() {
        values.extend(effective(definition, &none, settings).map(|value| (definition.name.to_owned(), value)));
    }
    check_times(&values)?;
    let producer_id_expiration_ms = settings.number("producer.id.expiration.ms")?;
    Ok(log_config(&values, &LogConfig { producer_id_expiration_ms, ..LogConfig::default() }))
}

/// Times for which the table has no bounds, since they can be given in other units too.
fn check_times(values: &TopicConfigs) -> Result<(), ConfigError> {
    for (name, of_broker, is_right, reason) in [
        ("retention.ms", "log.retention.ms", (|ms| ms != 0) as fn(i64) -> bool, "must be unlimited (-1) or at least 1"),
        ("segment.ms", "log.roll.ms", |ms| ms >= 1, "must be at least 1"),
        ("segment.jitter.ms", "log.roll.jitter.ms", |ms| ms >= 0, "must be at least 0"),
    ] {
        let value = values.get(name).and_then(|text| text.parse().ok());
        if let Some(wrong) = value.filter(|ms| !is_right(*ms)) {
            return Err(value::invalid(definition(of_broker)?, &wrong.to_string(), reason).into());
        }
    }
    Ok(())
}

/// The log settings of a topic: its own configs over `defaults`. A stored value that cannot be read counts as not set
/// (values are checked before they are stored).
pub fn log_config(topic: &TopicConfigs, defaults: &LogConfig) -> LogConfig {
    let own = Own(topic);
    LogConfig {
        max_message_bytes: own.number("max.message.bytes", defaults.max_message_bytes),
        segment_bytes: own.number("segment.bytes", defaults.segment_bytes),
        segment_ms: own.number("segment.ms", defaults.segment_ms),
        segment_jitter_ms: own.number("segment.jitter.ms", defaults.segment_jitter_ms),
        index_interval_bytes: own.number("index.interval.bytes", defaults.index_interval_bytes),
        timestamp_type: own.text("message.timestamp.type").map_or(defaults.timestamp_type, timestamp_type),
        timestamp_before_max_ms: own.number("message.timestamp.before.max.ms", defaults.timestamp_before_max_ms),
        timestamp_after_max_ms: own.number("message.timestamp.after.max.ms", defaults.timestamp_after_max_ms),
        cleanup: own.text("cleanup.policy").map_or(defaults.cleanup, cleanup_policy),
        retention_ms: own.limit("retention.ms", defaults.retention_ms),
        retention_bytes: own.limit("retention.bytes", defaults.retention_bytes),
        file_delete_delay_ms: own.number("file.delete.delay.ms", defaults.file_delete_delay_ms),
        min_compaction_lag_ms: own.number("min.compaction.lag.ms", defaults.min_compaction_lag_ms),
        max_compaction_lag_ms: own.number("max.compaction.lag.ms", defaults.max_compaction_lag_ms),
        min_cleanable_dirty_ratio: own.number("min.cleanable.dirty.ratio", defaults.min_cleanable_dirty_ratio),
        delete_retention_ms: own.number("delete.retention.ms", defaults.delete_retention_ms),
        compression: compression(&own, defaults.compression),
        max_decompressed_message_bytes: own
            .number("max.decompressed.message.bytes", defaults.max_decompressed_message_bytes),
        acks_all: own.text("catena.acks.all").map_or(defaults.acks_all, acks_all),
        flush_messages: own.number("flush.messages", defaults.flush_messages),
        flush_ms: own.number("flush.ms", defaults.flush_ms),
        commit_delay_ms: own.number("catena.commit.delay.ms", defaults.commit_delay_ms),
        commit_strategy: own.text("catena.commit.strategy").map_or(defaults.commit_strategy, commit_strategy),
        producer_id_expiration_ms: defaults.producer_id_expiration_ms,
    }
}

/// What a topic sets itself.
struct Own<'a>(&'a TopicConfigs);

impl Own<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number<T: FromStr>(&self, name: &str, default: T) -> T {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// A number for which a negative one means that there is no limit.
    fn limit<T: TryFrom<i64>>(&self, name: &str, default: Option<T>) -> Option<T> {
        let value: Option<i64> = self.text(name).and_then(|text| text.parse().ok());
        value.map_or(default, |value| Some(value).filter(|value| *value >= 0).and_then(|value| T::try_from(value).ok()))
    }
}

fn acks_all(name: &str) -> AcksAll {
    if name == "memory" { AcksAll::Memory } else { AcksAll::Disk }
}

fn commit_strategy(name: &str) -> CommitStrategy {
    match name {
        "journal" => CommitStrategy::Journal,
        "direct" => CommitStrategy::Direct,
        _ => CommitStrategy::Auto,
    }
}

fn timestamp_type(name: &str) -> TimestampType {
    if name == "LogAppendTime" { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
}

fn cleanup_policy(list: &str) -> CleanupPolicy {
    let has = |wanted| list_items(list).any(|item| item == wanted);
    CleanupPolicy { delete: has("delete"), compact: has("compact") }
}

fn compression(own: &Own<'_>, defaults: Compression) -> Compression {
    Compression {
        codec: own.text("compression.type").map_or(defaults.codec, compression_type),
        gzip_level: own.number("compression.gzip.level", defaults.gzip_level),
        lz4_level: own.number("compression.lz4.level", defaults.lz4_level),
        zstd_level: own.number("compression.zstd.level", defaults.zstd_level),
    }
}

fn compression_type(name: &str) -> CompressionType {
    match name {
        "uncompressed" => CompressionType::Uncompressed,
        "gzip" => CompressionType::Gzip,
        "snappy" => CompressionType::Snappy,
        "lz4" => CompressionType::Lz4,
        "zstd" => CompressionType::Zstd,
        _ => CompressionType::Producer,
    }
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

    fn in_force(name: &str, configs: &[(&str, &str)], broker: &[&str]) -> Option<String> {
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
        assert_eq!(in_force("retention.ms", &own, &broker), text("5"));
        assert_eq!(in_force("retention.ms", &[], &broker), text("7200000"));
        assert_eq!(in_force("retention.ms", &[], &[]), text("604800000"));
    }

    #[test]
    fn the_finer_unit_of_a_broker_setting_wins() {
        let broker = ["log.retention.hours=2", "log.retention.minutes=3", "log.retention.ms=4"];
        assert_eq!(in_force("retention.ms", &[], &broker), text("4"));
        assert_eq!(in_force("retention.ms", &[], &broker[..2]), text("180000"));
    }

    #[test]
    fn a_log_runs_with_the_topics_settings_over_the_brokers() {
        let broker = settings(&["message.max.bytes=77", "log.message.timestamp.type=LogAppendTime"]);
        let defaults = log_defaults(&broker).expect("in the table");
        assert_eq!(defaults.max_message_bytes, 77);
        assert_eq!(defaults.timestamp_type, TimestampType::LogAppendTime);
        let own = topic(&[("message.timestamp.type", "CreateTime"), ("cleanup.policy", "delete, compact")]);
        let resolved = log_config(&own, &defaults);
        let expected = LogConfig {
            timestamp_type: TimestampType::CreateTime,
            cleanup: CleanupPolicy { delete: true, compact: true },
            ..defaults.clone()
        };
        assert_eq!(resolved, expected);
    }

    #[test]
    fn a_negative_limit_is_none_and_an_empty_policy_keeps_everything() {
        let broker = settings(&["log.retention.ms=5", "log.retention.bytes=6", "compression.gzip.level=7"]);
        let defaults = log_defaults(&broker).expect("in the table");
        assert_eq!((defaults.retention_ms, defaults.retention_bytes), (Some(5), Some(6)));
        let own = topic(&[("retention.ms", "-1"), ("retention.bytes", "-1"), ("cleanup.policy", "")]);
        let resolved = log_config(&own, &defaults);
        assert_eq!((resolved.retention_ms, resolved.retention_bytes), (None, None));
        assert_eq!(resolved.cleanup, CleanupPolicy { delete: false, compact: false });
        let own = topic(&[("compression.type", "gzip")]);
        let expected = Compression { codec: CompressionType::Gzip, gzip_level: 7, ..Compression::default() };
        assert_eq!(log_config(&own, &defaults).compression, expected);
    }

    #[test]
    fn without_settings_a_log_runs_with_kafkas_defaults() {
        let expected = LogConfig::default();
        assert_eq!(log_defaults(&Settings::default()).expect("in the table"), expected);
    }
}
