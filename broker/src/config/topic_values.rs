//! Settings of a topic as clients give them: known names, checked values.
//!
//! What must always hold: what `check` returns can be stored: every name is in the table of topic settings, every value
//! passed its type and bounds, and the values agree with each other.
//!
//! Source: Apache Kafka, `ReplicationControlManager.computeConfigChanges`, `LogConfig.validate`.

use thiserror::Error;

use crate::config::definition::Definition;
use crate::config::topic::{TopicConfigs, is_config_topic};
use crate::config::{InvalidValue, table, value};

/// Why settings are refused. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidConfigs {
    /// Settings without a value.
    #[error("Null value not supported for topic configs: {0}")]
    Null(String),
    /// No topic has such a setting.
    #[error("Unknown topic config name: {0}")]
    Unknown(String),
    /// A value of the wrong type or out of bounds.
    #[error(transparent)]
    Value(#[from] InvalidValue),
    /// A record would have to be compacted before it may be.
    #[error("conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})")]
    CompactionLag {
        /// `min.compaction.lag.ms`.
        min: i64,
        /// `max.compaction.lag.ms`.
        max: i64,
    },
    /// A config topic is read from its beginning: the last record of each key must be there.
    #[error("catena.config.topic needs cleanup.policy=compact")]
    ConfigTopic,
    /// Remote storage is switched on for a topic, but there is none.
    #[error(
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
    )]
    RemoteStorage,
}

/// Checks settings as a client gave them; the last value of a name counts.
///
/// # Errors
/// `InvalidConfigs`, the first by Kafka's order of rules.
pub fn check(given: &[(String, Option<String>)]) -> Result<TopicConfigs, InvalidConfigs> {
    let nulls: Vec<_> = given.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()).collect();
    if !nulls.is_empty() {
        return Err(InvalidConfigs::Null(nulls.join(",")));
    }
    let known = |(name, value): &(String, Option<String>)| {
        let definition = table::topic_setting(name).ok_or_else(|| InvalidConfigs::Unknown(name.clone()))?;
        Ok((definition, value.clone().unwrap_or_default()))
    };
    let known = given.iter().map(known).collect::<Result<Vec<(&Definition, String)>, InvalidConfigs>>()?;
    let mut configs = TopicConfigs::new();
    for (definition, text) in known {
        configs.insert(definition.name.to_owned(), value::check(definition, &text)?);
    }
    check_together(&configs)?;
    Ok(configs)
}

fn check_together(configs: &TopicConfigs) -> Result<(), InvalidConfigs> {
    let number = |name: &str| configs.get(name).and_then(|text| text.parse::<i64>().ok());
    let (min, max) =
        (number("min.compaction.lag.ms").unwrap_or(0), number("max.compaction.lag.ms").unwrap_or(i64::MAX));
    if min > max {
        return Err(InvalidConfigs::CompactionLag { min, max });
    }
    let is_compacted = configs.get("cleanup.policy").is_some_and(|policy| policy == "compact");
    if is_config_topic(configs) && !is_compacted {
        return Err(InvalidConfigs::ConfigTopic);
    }
    if configs.get("remote.storage.enable").is_some_and(|value| value == "true") {
        return Err(InvalidConfigs::RemoteStorage);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(given: &[(&str, Option<&str>)]) -> Result<TopicConfigs, String> {
        let owned = |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
        check(&given.iter().map(owned).collect::<Vec<_>>()).map_err(|error| error.to_string())
    }

    fn refusal(given: &[(&str, Option<&str>)]) -> String {
        outcome(given).expect_err("refused")
    }

    #[test]
    fn settings_are_stored_in_their_normal_form_and_the_last_of_a_name_counts() {
        let given = [("preallocate", Some("TRUE")), ("retention.ms", Some("1")), ("retention.ms", Some(" 2 "))];
        let expected = [("preallocate", "true"), ("retention.ms", "2")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(outcome(&given), Ok(TopicConfigs::from(expected)));
    }

    #[test]
    fn wrong_settings_are_refused_with_kafkas_words() {
        assert_eq!(refusal(&[("no.such", Some("1"))]), "Unknown topic config name: no.such");
        assert_eq!(refusal(&[("num.partitions", Some("1"))]), "Unknown topic config name: num.partitions");
        assert_eq!(
            refusal(&[("retention.ms", None), ("no.such", Some("1")), ("segment.ms", None)]),
            "Null value not supported for topic configs: retention.ms,segment.ms"
        );
        assert_eq!(
            refusal(&[("retention.ms", Some("x"))]),
            "Invalid value x for configuration retention.ms: Not a number of type LONG"
        );
        assert_eq!(
            refusal(&[("min.compaction.lag.ms", Some("9")), ("max.compaction.lag.ms", Some("8"))]),
            "conflict topic config setting min.compaction.lag.ms (9) > max.compaction.lag.ms (8)"
        );
        assert!(refusal(&[("remote.storage.enable", Some("true"))]).starts_with("Tiered Storage"));
    }
}
