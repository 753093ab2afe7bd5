//! Settings as they are described to clients: the value in force, where it comes from, and what it would be otherwise.
//!
//! What must always hold: no value of a sensitive setting leaves here; the value described is the one in force; the
//! first synonym's source is its source, when there are synonyms.
//!
//! Source: Apache Kafka, `ConfigHelper`.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::config::definition::{Definition, Kind, Support};
use crate::config::layers::Layers;
use crate::config::settings::Settings;
use crate::config::topic::{self, TopicConfigs};
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

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The topic.
    Topic,
    /// The group.
    Group,
    /// The subscription of client metrics.
    ClientMetrics,
    /// This broker, which was given it while it ran.
    ThisBroker,
    /// All brokers, which were given it while they ran.
    AllBrokers,
    /// The broker's settings file or command line.
    File,
    /// Nobody set it.
    Default,
}

/// What is known of the broker's settings.
#[derive(Debug, Clone, Copy)]
pub struct Brokers<'a> {
    /// Those in force.
    pub in_force: &'a Settings,
    /// Where they come from.
    pub layers: &'a Layers,
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
pub fn of_topic(own: &TopicConfigs, brokers: Brokers<'_>) -> Vec<Described> {
    let one = |definition| layered(definition, (own, Source::Topic), brokers, Behind::Broker);
    table::topic_settings().iter().map(one).collect()
}

/// Every setting of a group that sets `own`.
pub fn of_group(own: &TopicConfigs, brokers: Brokers<'_>) -> Vec<Described> {
    let one = |definition| layered(definition, (own, Source::Group), brokers, Behind::OwnName);
    table::group_settings().iter().map(one).collect()
}

/// Every setting of a subscription of client metrics that sets `own`.
pub fn of_client_metrics(own: &TopicConfigs, brokers: Brokers<'_>) -> Vec<Described> {
    let one = |definition| layered(definition, (own, Source::ClientMetrics), brokers, Behind::Broker);
    table::client_metrics_settings().iter().map(one).collect()
}

/// Every setting of the broker.
pub fn of_broker(brokers: Brokers<'_>) -> Vec<Described> {
    table::broker_settings().iter().map(|definition| of_broker_setting(definition, brokers)).collect()
}

/// What all brokers were given while they ran, and nothing else.
pub fn of_all_brokers(layers: &Layers) -> Vec<Described> {
    let given = layers.all_brokers.iter();
    let one = |(name, value): (&String, &String)| {
        let definition = table::broker_setting(name)?;
        let synonym = Synonym { name: definition.name, value: Some(value.clone()), source: Source::AllBrokers };
        let read_only = !definition.is_dynamic();
        let (value, source, synonyms) = (Some(value.clone()), Source::AllBrokers, vec![synonym]);
        Some(hide_secrets(Described { definition, value, source, read_only, synonyms }))
    };
    given.filter_map(one).collect()
}

/// The settings of a broker by its id as text; of what all brokers were given for the empty text.
///
/// # Errors
/// `OtherBroker` or `BrokerNotANumber`.
pub fn of_broker_named(id: &str, config: &Config, layers: &Layers) -> Result<Vec<Described>, ResourceError> {
    if id.is_empty() {
        return Ok(of_all_brokers(layers));
    }
    let other = |id| ResourceError::OtherBroker(config.node_id, id);
    check_broker(id, config.node_id, other).map(|()| of_broker(Brokers { in_force: &config.settings, layers }))
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
    Broker,
    /// The setting itself.
    OwnName,
}

fn layered(
    definition: &'static Definition,
    (own, source): (&TopicConfigs, Source),
    brokers: Brokers<'_>,
    behind: Behind,
) -> Described {
    let own_value = own.get(definition.name).map(|value| synonym(definition.name, value, source));
    let mut synonyms: Vec<_> = own_value.into_iter().collect();
    let names: Vec<_> = definition.fallbacks.iter().map(|fallback| fallback.name).collect();
    match names.first() {
        Some(first) => synonyms.extend(behind_a_topic(&names, first, brokers.layers)),
        None if behind == Behind::OwnName => {
            synonyms.extend(definition.default.map(|value| synonym(definition.name, value, Source::Default)));
        }
        None => {}
    }
    let value = topic::effective(definition, own, brokers.in_force);
    described(definition, value, false, synonyms)
}

fn of_broker_setting(definition: &'static Definition, brokers: Brokers<'_>) -> Described {
    let value = brokers.in_force.effective(definition).map(str::to_owned);
    let synonyms = from_main(in_layers(&units(definition.name), brokers.layers), definition.name);
    described(definition, value, !definition.is_dynamic(), synonyms)
}

fn described(
    definition: &'static Definition,
    value: Option<String>,
    read_only: bool,
    synonyms: Vec<Synonym>,
) -> Described {
    let source = synonyms.first().map_or(Source::Default, |first| first.source);
    hide_secrets(Described { definition, value, source, read_only, synonyms })
}

/// The settings that say the same as this one in other units, with it, the finest unit first.
fn units(name: &'static str) -> Vec<&'static str> {
    let names = |definition: &Definition| definition.fallbacks.iter().map(|fallback| fallback.name).collect::<Vec<_>>();
    let with_it = table::topic_settings().iter().map(names).find(|names| names.contains(&name));
    with_it.unwrap_or_else(|| vec![name])
}

/// What the layers say of the settings behind one of a topic. Kafka leaves out what stands before the first mention of
/// the finest unit, even if that is the value in force; here the source is the true one.
fn behind_a_topic(names: &[&'static str], first: &str, layers: &Layers) -> Vec<Synonym> {
    let all = in_layers(names, layers);
    let is_given = all.first().is_some_and(|synonym| synonym.source != Source::Default);
    if is_given { all } else { from_main(all, first) }
}

/// Leaves out what stands before the first mention of `main`.
fn from_main(all: Vec<Synonym>, main: &str) -> Vec<Synonym> {
    all.into_iter().skip_while(|synonym| synonym.name != main).collect()
}

/// What the layers say of settings that mean the same, the value in force first.
fn in_layers(names: &[&'static str], layers: &Layers) -> Vec<Synonym> {
    let dynamic = |values: &BTreeMap<String, String>, source| {
        let found = names.iter().filter_map(|name| Some(synonym(name, values.get(*name)?, source)));
        found.collect::<Vec<_>>()
    };
    let this_broker = dynamic(&layers.this_broker, Source::ThisBroker);
    let all_brokers = dynamic(&layers.all_brokers, Source::AllBrokers);
    let file = names.iter().filter_map(|name| Some(synonym(name, layers.fixed.given(name)?, Source::File)));
    let default = |name: &&str| table::broker_setting(name).and_then(|found| found.default);
    let defaults = names.iter().filter_map(|name| Some(synonym(name, default(name)?, Source::Default)));
    this_broker.into_iter().chain(all_brokers).chain(file).chain(defaults).collect()
}

fn synonym(name: &'static str, value: &str, source: Source) -> Synonym {
    Synonym { name, value: Some(value.to_owned()), source }
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
        Source::ThisBroker => 2,
        Source::AllBrokers => 3,
        Source::File => 4,
        Source::Default => 5,
        Source::ClientMetrics => 7,
        Source::Group => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(overrides: &[&str]) -> Settings {
        let overrides: Vec<_> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Settings::read(None, &overrides).expect("valid").0
    }

    fn values(of: &[(&str, &str)]) -> TopicConfigs {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn layers(file: &[&str], all_brokers: &[(&str, &str)], this_broker: &[(&str, &str)]) -> Layers {
        Layers { fixed: settings(file), all_brokers: values(all_brokers), this_broker: values(this_broker) }
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

    /// Calls `describe` with the settings that these layers bring in force.
    fn with<T>(layers: &Layers, describe: impl FnOnce(Brokers<'_>) -> T) -> T {
        describe(Brokers { in_force: &layers.merged(), layers })
    }

    #[test]
    fn a_topics_value_comes_with_what_stands_behind_it() {
        let own = values(&[("retention.ms", "5")]);
        let layers =
            layers(&["log.segment.bytes=1048576"], &[("message.max.bytes", "7")], &[("log.retention.ms", "8")]);
        let of = |name| told(&find(with(&layers, |brokers| of_topic(&own, brokers)), name));
        assert_eq!(of("retention.ms"), "Some(\"5\") Topic [retention.ms=5 log.retention.ms=8 log.retention.hours=168]");
        assert_eq!(
            of("segment.bytes"),
            "Some(\"1048576\") File [log.segment.bytes=1048576 log.segment.bytes=1073741824]"
        );
        assert_eq!(of("max.message.bytes"), "Some(\"7\") AllBrokers [message.max.bytes=7 message.max.bytes=1048588]");
        assert_eq!(of("segment.ms"), "Some(\"604800000\") Default []");
        assert_eq!(of("remote.storage.enable"), "Some(\"false\") Default []");
    }

    #[test]
    fn a_value_in_another_unit_is_told_where_it_is_in_force() {
        let layers = layers(&["log.retention.hours=2"], &[], &[]);
        let of_topics = find(with(&layers, |brokers| of_topic(&TopicConfigs::new(), brokers)), "retention.ms");
        assert_eq!(told(&of_topics), "Some(\"7200000\") File [log.retention.hours=2 log.retention.hours=168]");
        let of_broker = find(with(&layers, of_broker), "log.retention.ms");
        assert_eq!(told(&of_broker), "None Default []");
    }

    #[test]
    fn a_brokers_own_value_comes_before_that_of_all_brokers_and_the_file() {
        let given = layers(&["message.max.bytes=1"], &[("message.max.bytes", "2")], &[("message.max.bytes", "3")]);
        let of = |layers: &Layers| told(&find(with(layers, of_broker), "message.max.bytes"));
        let names = "message.max.bytes=3 message.max.bytes=2 message.max.bytes=1 message.max.bytes=1048588";
        assert_eq!(of(&given), format!("Some(\"3\") ThisBroker [{names}]"));
        assert_eq!(of(&layers(&[], &[], &[])), "Some(\"1048588\") Default [message.max.bytes=1048588]");
        let all: Vec<_> = of_all_brokers(&given).iter().map(told).collect();
        assert_eq!(all, ["Some(\"2\") AllBrokers [message.max.bytes=2]"]);
    }

    #[test]
    fn groups_and_subscriptions_are_described_with_their_own_values() {
        let own = values(&[("consumer.session.timeout.ms", "50000"), ("interval.ms", "100")]);
        let none = layers(&[], &[], &[]);
        let of = |name| told(&find(with(&none, |brokers| of_group(&own, brokers)), name));
        let names = "consumer.session.timeout.ms=50000 group.consumer.session.timeout.ms=45000";
        assert_eq!(of("consumer.session.timeout.ms"), format!("Some(\"50000\") Group [{names}]"));
        assert_eq!(of("share.auto.offset.reset"), "Some(\"latest\") Default [share.auto.offset.reset=latest]");
        let of = |name| told(&find(with(&none, |brokers| of_client_metrics(&own, brokers)), name));
        assert_eq!(of("interval.ms"), "Some(\"100\") ClientMetrics [interval.ms=100]");
        assert_eq!(of("metrics"), "Some(\"\") Default []");
    }

    #[test]
    fn the_source_of_a_value_is_that_of_its_first_synonym() {
        let own = values(&[("cleanup.policy", "compact")]);
        let file = ["log.retention.minutes=2", "message.max.bytes=9", "group.share.delivery.count.limit=3"];
        let layers = layers(&file, &[], &[]);
        let all =
            with(&layers, |brokers| [of_topic(&own, brokers), of_group(&own, brokers), of_broker(brokers)].concat());
        for described in all {
            let first = described.synonyms.first().map_or(Source::Default, |first| first.source);
            assert_eq!(described.source, first, "{}", described.definition.name);
        }
    }

    #[test]
    fn secrets_are_described_without_their_values() {
        let mut layers = layers(&[], &[], &[("ssl.key.password", "hunter2")]);
        layers.all_brokers = layers.this_broker.clone();
        for described in [of_all_brokers(&layers), with(&layers, of_broker)].concat() {
            let told = told(&described);
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_broker_is_named_by_its_own_id_or_by_nothing() {
        let config = Config::load(None, &["node.id=7".to_owned()]).expect("valid").config;
        let layers = layers(&["node.id=7"], &[], &[]);
        let count = |id| of_broker_named(id, &config, &layers).map(|described| described.len());
        assert_eq!(count("7"), Ok(table::broker_settings().len()));
        assert_eq!(count(""), Ok(0));
        let refusal = |id| of_broker_named(id, &config, &layers).expect_err("refused").to_string();
        assert_eq!(refusal("8"), "Unexpected broker id, expected 7 or empty string, but received 8");
        assert_eq!(refusal("x"), "Broker id must be an integer, but it is: x");
        assert_eq!(check_logger("", 7), Err(ResourceError::NoBroker));
        assert_eq!(check_logger("8", 7), Err(ResourceError::OtherLogger(7, "8".to_owned())));
        assert_eq!(check_logger("7", 7), Ok(()));
    }
}
