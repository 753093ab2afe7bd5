//! Settings as they are described to clients: the value in force, where it comes from, and what it would be otherwise.
//!
//! What must always hold: no value of a sensitive setting leaves here; the first synonym's source is the source of the
//! value in force, when there are synonyms.
//!
//! Source: Apache Kafka, `ConfigHelper`.

use thiserror::Error;

use crate::config::definition::{Definition, Kind, Support};
use crate::config::settings::Settings;
use crate::config::topic::{self, Source, TopicConfigs};
use crate::config::{Config, table};

/// A setting and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The setting.
    pub definition: &'static Definition,
    /// The value in force; `None` when it is null or secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// Whether it can only be changed by a restart.
    pub read_only: bool,
    /// All values that are set for it, the one in force first, the default last.
    pub synonyms: Vec<Synonym>,
}

/// A value that would be in force if those before it were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    /// The setting that has it: the same, or a broker setting that stands behind it.
    pub name: &'static str,
    /// The value; `None` when it is secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// Why a resource has no settings. The texts are Kafka's where Kafka has the rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResourceError {
    /// Settings of another broker.
    #[error("Unexpected broker id, expected {0} or empty string, but received {1}")]
    OtherBroker(i32, String),
    /// Log levels of another broker.
    #[error("Unexpected broker id, expected {0} but received {1}")]
    OtherLogger(i32, String),
    /// A broker that is no number.
    #[error("Broker id must be an integer, but it is: {0}")]
    BrokerNotANumber(String),
    /// Log levels of no broker.
    #[error("Broker id must not be empty")]
    NoBroker,
    /// Client metrics of no name.
    #[error("Client metrics subscription name must not be empty")]
    NoSubscription,
    /// A group without a name.
    #[error("Group name must not be empty")]
    NoGroup,
    /// More settings in one answer than this broker gives.
    #[error("The request asks for too many settings at once")]
    TooMany,
}

/// Every setting of a topic that sets `own`.
pub fn of_topic(own: &TopicConfigs, broker: &Settings) -> Vec<Described> {
    table::topic_settings().iter().map(|definition| layered(definition, own, broker, Behind::FallbackOnly)).collect()
}

/// Every setting of a group; groups set nothing themselves yet.
pub fn of_group(broker: &Settings) -> Vec<Described> {
    let none = TopicConfigs::new();
    table::group_settings().iter().map(|definition| layered(definition, &none, broker, Behind::OwnName)).collect()
}

/// Every setting of the broker.
pub fn of_broker(settings: &Settings) -> Vec<Described> {
    table::broker_settings().iter().map(|definition| of_broker_setting(definition, settings)).collect()
}

/// The settings of a broker by its id as text; none for the empty text, which means what all brokers set while they run.
///
/// # Errors
/// `OtherBroker` or `BrokerNotANumber`.
pub fn of_broker_named(id: &str, config: &Config) -> Result<Vec<Described>, ResourceError> {
    if id.is_empty() {
        return Ok(Vec::new());
    }
    let other = |id| ResourceError::OtherBroker(config.node_id, id);
    check_broker(id, config.node_id, other).map(|()| of_broker(&config.settings))
}

/// Checks that log levels are asked for of the broker `node_id`.
///
/// # Errors
/// `NoBroker`, `OtherLogger` or `BrokerNotANumber`.
pub fn check_logger(id: &str, node_id: i32) -> Result<(), ResourceError> {
    if id.is_empty() {
        return Err(ResourceError::NoBroker);
    }
    check_broker(id, node_id, |id| ResourceError::OtherLogger(node_id, id))
}

fn check_broker(id: &str, node_id: i32, other: impl Fn(String) -> ResourceError) -> Result<(), ResourceError> {
    match id.parse::<i32>() {
        Ok(number) if number == node_id => Ok(()),
        Ok(_) => Err(other(id.to_owned())),
        Err(_) => Err(ResourceError::BrokerNotANumber(id.to_owned())),
    }
}

/// What is named as the default of a setting behind which no broker setting stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// Nothing.
    FallbackOnly,
    /// The setting itself.
    OwnName,
}

fn layered(definition: &'static Definition, own: &TopicConfigs, broker: &Settings, behind: Behind) -> Described {
    let (value, source) = topic::effective(definition, own, broker);
    let mut synonyms = Vec::new();
    let mut add = |name, value: Option<&str>, source| {
        synonyms.extend(value.map(|value| Synonym { name, value: Some(value.to_owned()), source }));
    };
    add(definition.name, own.get(definition.name).map(String::as_str), Source::Topic);
    for fallback in &definition.fallbacks {
        add(fallback.name, broker.given(fallback.name), Source::Broker);
    }
    match definition.fallbacks.first().and_then(|fallback| table::broker_setting(fallback.name)) {
        Some(first) => add(first.name, first.default, Source::Default),
        None if behind == Behind::OwnName => add(definition.name, definition.default, Source::Default),
        None => {}
    }
    hide_secrets(Described { definition, value, source, read_only: false, synonyms })
}

fn of_broker_setting(definition: &'static Definition, settings: &Settings) -> Described {
    let name = definition.name;
    let synonym = |value: &str, source| Synonym { name, value: Some(value.to_owned()), source };
    let given = settings.given(name).map(|value| synonym(value, Source::Broker));
    let default = definition.default.map(|value| synonym(value, Source::Default));
    let synonyms: Vec<_> = given.into_iter().chain(default).collect();
    let value = settings.effective(definition).map(str::to_owned);
    let source = synonyms.first().map_or(Source::Default, |first| first.source);
    // Nothing changes while the broker runs.
    hide_secrets(Described { definition, value, source, read_only: true, synonyms })
}

fn hide_secrets(mut described: Described) -> Described {
    if described.definition.is_sensitive() {
        described.value = None;
        described.synonyms.iter_mut().for_each(|synonym| synonym.value = None);
    }
    described
}

/// The sentence that explains a setting; it says so when the setting is not obeyed.
pub fn documentation(definition: &Definition) -> Option<String> {
    let meaning = Some(definition.documentation).filter(|text| !text.is_empty());
    let effect = match definition.support {
        Support::Honoured => None,
        Support::Only(obeyed) => Some(format!("Only {obeyed} is obeyed.")),
        Support::Meaningless(reason) => Some(format!("Without effect: {reason}")),
        Support::Refused(reason) => Some(format!("Only the default is taken: {reason}")),
    };
    let sentences: Vec<_> = meaning.map(str::to_owned).into_iter().chain(effect).collect();
    Some(sentences.join(" ")).filter(|text| !text.is_empty())
}

/// The type's number in DescribeConfigs, Kafka's `DescribeConfigsResponse.ConfigType`.
pub fn type_id(kind: Kind) -> i8 {
    match kind {
        Kind::Boolean => 1,
        Kind::String => 2,
        Kind::Int => 3,
        Kind::Short => 4,
        Kind::Long => 5,
        Kind::Double => 6,
        Kind::List => 7,
        Kind::Class => 8,
        Kind::Password => 9,
    }
}

/// The source's number in DescribeConfigs, Kafka's `DescribeConfigsResponse.ConfigSource`.
pub fn source_id(source: Source) -> i8 {
    match source {
        Source::Topic => 1,
        Source::Broker => 4,
        Source::Default => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(overrides: &[&str]) -> Settings {
        let overrides: Vec<_> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Settings::read(None, &overrides).expect("valid").0
    }

    fn find(described: Vec<Described>, name: &str) -> Described {
        described.into_iter().find(|found| found.definition.name == name).expect("in the table")
    }

    /// Value, source and synonyms as text.
    fn told(described: &Described) -> String {
        let synonym = |of: &Synonym| format!("{}={}", of.name, of.value.as_deref().unwrap_or("hidden"));
        let synonyms: Vec<_> = described.synonyms.iter().map(synonym).collect();
        format!("{:?} {:?} [{}]", described.value.as_deref(), described.source, synonyms.join(" "))
    }

    #[test]
    fn a_topics_value_comes_with_what_stands_behind_it() {
        let own = TopicConfigs::from([("retention.ms".to_owned(), "5".to_owned())]);
        let broker = settings(&["log.retention.hours=2", "log.segment.bytes=1048576"]);
        let of = |name| told(&find(of_topic(&own, &broker), name));
        assert_eq!(of("retention.ms"), "Some(\"5\") Topic [retention.ms=5 log.retention.hours=2]");
        assert_eq!(
            of("segment.bytes"),
            "Some(\"1048576\") Broker [log.segment.bytes=1048576 log.segment.bytes=1073741824]"
        );
        assert_eq!(of("max.message.bytes"), "Some(\"1048588\") Default [message.max.bytes=1048588]");
        assert_eq!(of("segment.ms"), "Some(\"604800000\") Default []");
        assert_eq!(of("remote.storage.enable"), "Some(\"false\") Default []");
    }

    #[test]
    fn the_source_of_a_value_is_that_of_its_first_synonym() {
        let own = TopicConfigs::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
        let broker =
            settings(&["log.retention.minutes=2", "message.max.bytes=9", "group.share.delivery.count.limit=3"]);
        for described in [of_topic(&own, &broker), of_group(&broker), of_broker(&broker)].concat() {
            let first = described.synonyms.first().map_or(Source::Default, |first| first.source);
            assert_eq!(described.source, first, "{}", described.definition.name);
        }
    }

    #[test]
    fn secrets_are_described_without_their_values() {
        let definition = table::broker_setting("ssl.key.password").expect("in the table");
        let value = Some("hunter2".to_owned());
        let synonyms = vec![Synonym { name: definition.name, value: value.clone(), source: Source::Broker }];
        let open = Described { definition, value, source: Source::Broker, read_only: true, synonyms };
        assert_eq!(told(&hide_secrets(open)), "None Broker [ssl.key.password=hidden]");
    }

    #[test]
    fn a_broker_is_named_by_its_own_id_or_by_nothing() {
        let config = Config::load(None, &["node.id=7".to_owned()]).expect("valid").config;
        let count = |id| of_broker_named(id, &config).map(|described| described.len());
        assert_eq!(count("7"), Ok(table::broker_settings().len()));
        assert_eq!(count(""), Ok(0));
        let refusal = |id| of_broker_named(id, &config).expect_err("refused").to_string();
        assert_eq!(refusal("8"), "Unexpected broker id, expected 7 or empty string, but received 8");
        assert_eq!(refusal("x"), "Broker id must be an integer, but it is: x");
        assert_eq!(check_logger("", 7), Err(ResourceError::NoBroker));
        assert_eq!(check_logger("8", 7), Err(ResourceError::OtherLogger(7, "8".to_owned())));
        assert_eq!(check_logger("7", 7), Ok(()));
    }
}
