//! DescribeConfigs (32), versions 1 to 4: settings in force, where they come from and what stands behind them.
//!
//! v3 adds types and documentation, v4 is flexible. Resources: topics, this broker, what all brokers were given while they
//! ran, the loggers of this broker, subscriptions of client metrics, groups.
//! One answer holds at most `SETTINGS_MAX` settings; the resources beyond are refused.
//!
//! Source: Apache Kafka, `ConfigHelper.describeConfigs`.

use std::collections::HashSet;

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use super::alterations::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC, TYPES};
use super::explain;
use crate::broker::{Broker, RequestContext};
use crate::config::Config;
use crate::config::change::Values;
use crate::config::describe::{self, Brokers, Described, ResourceError, Synonym};
use crate::config::layers::Layers;
use crate::config::resource::{Resource, ResourceKind};
use crate::errors;
use crate::loggers::{self, Level};
use crate::topics::name;

/// Most settings in one answer: those of some ten thousand topics.
const SETTINGS_MAX: usize = 400_000;

/// No setting, but told like one: where the rollouts stand.
const ROLLOUTS: &str = "catena.rollouts";
/// The source of what nobody set.
const DEFAULT_SOURCE: i8 = 5;
/// The source of a log level.
const LOGGER_SOURCE: i8 = 6;

/// Why a resource has no settings: a code, and a message where Kafka has one.
struct Refusal(ErrorCode, Option<StrBytes>);

/// Answers for each resource.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let understood = request.resources.iter().all(|resource| TYPES.contains(&resource.resource_type));
    let asked = Asked { broker, config: &broker.config(), layers: &broker.configs.known().layers() };
    let mut room = SETTINGS_MAX;
    let mut answer = |resource: &DescribeConfigsResource| {
        let settings = if understood { asked.settings(&request, resource) } else { Err(unknown_type()) };
        result(resource, settings.and_then(|settings| within(&mut room, settings)))
    };
    DescribeConfigsResponse::default().with_results(request.resources.iter().map(&mut answer).collect())
}

/// What is known when a request is answered.
struct Asked<'a> {
    broker: &'a Broker,
    config: &'a Config,
    layers: &'a Layers,
}

impl Asked<'_> {
    fn settings(
        &self,
        request: &DescribeConfigsRequest,
        resource: &DescribeConfigsResource,
    ) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
        let (name, keys) = (resource.resource_name.as_str(), Keys::of(resource));
        let brokers = Brokers { in_force: &self.config.settings, layers: self.layers };
        let described = match resource.resource_type {
            TOPIC => self.of_topic(name, brokers)?,
            BROKER => describe::of_broker_named(name, self.config, self.layers)?,
            GROUP if name.is_empty() => return Err(ResourceError::NoGroup.into()),
            GROUP => describe::of_group(&self.own(ResourceKind::Group, name), brokers),
            BROKER_LOGGER => {
                describe::check_logger(name, self.broker.node_id)?;
                let levels = loggers::levels().into_iter().filter(|(logger, _)| keys.contain(logger));
                return Ok(levels.map(|(logger, level)| log_level(logger, level)).collect());
            }
            CLIENT_METRICS if name.is_empty() => return Err(ResourceError::NoSubscription.into()),
            _ => describe::of_client_metrics(&self.own(ResourceKind::ClientMetrics, name), brokers),
        };
        let asked = described.into_iter().filter(|found| keys.contain(found.definition.name));
        let rollouts = keys.name(ROLLOUTS).then(|| self.rollouts(resource)).flatten();
        Ok(asked.map(|found| setting(request, found)).chain(rollouts).collect())
    }

    /// Where the rollouts stand, as JSON: told to those who ask for it by name.
    fn rollouts(&self, resource: &DescribeConfigsResource) -> Option<DescribeConfigsResourceResult> {
        let told = match resource.resource_type {
            BROKER => serde_json::to_string(&self.broker.configs.known().rollouts()),
            TOPIC => {
                let topic = self.broker.storage.topic(&resource.resource_name)?;
                serde_json::to_string(&self.broker.fleets.of(topic.id)?.shown())
            }
            _ => return None,
        };
        let result = DescribeConfigsResourceResult::default().with_name(StrBytes::from_static_str(ROLLOUTS));
        Some(
            result
                .with_value(told.ok().map(StrBytes::from_string))
                .with_read_only(true)
                .with_config_source(DEFAULT_SOURCE),
        )
    }

    fn of_topic(&self, name: &str, brokers: Brokers<'_>) -> Result<Vec<Described>, Refusal> {
        name::check(name).map_err(|error| Refusal(errors::topic_name(&error), Some(explain::message(&error))))?;
        let topic = self.broker.storage.topic(name).ok_or(Refusal(ErrorCode::UnknownTopicOrPartition, None))?;
        let own = self.broker.configs.known().topic_configs(&topic.name, topic.id, &topic.configs);
        Ok(describe::of_topic(&own, brokers))
    }

    fn own(&self, kind: ResourceKind, name: &str) -> Values {
        self.broker.configs.known().state().values(&Resource::new(kind, name))
    }
}

fn log_level(logger: &'static str, level: Level) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(logger))
        .with_value(Some(StrBytes::from_static_str(level.name())))
        .with_config_source(LOGGER_SOURCE)
        .with_documentation(Some(StrBytes::default()))
}

/// The settings asked for. No list, or an empty one, means all.
struct Keys<'a>(HashSet<&'a str>);

impl<'a> Keys<'a> {
    fn of(resource: &'a DescribeConfigsResource) -> Self {
        Self(resource.configuration_keys.iter().flatten().map(|key| key.as_str()).collect())
    }

    /// Whether it is asked for by name.
    fn name(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn contain(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.contains(name)
    }
}

fn within<T>(room: &mut usize, settings: Vec<T>) -> Result<Vec<T>, Refusal> {
    match room.checked_sub(settings.len()) {
        Some(left) => *room = left,
        None => return Err(ResourceError::TooMany.into()),
    }
    Ok(settings)
}

fn setting(request: &DescribeConfigsRequest, described: Described) -> DescribeConfigsResourceResult {
    let definition = described.definition;
    let synonyms = if request.include_synonyms { described.synonyms } else { Vec::new() };
    let documentation = request.include_documentation.then(|| describe::documentation(definition)).flatten();
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(definition.name))
        .with_value(described.value.map(StrBytes::from_string))
        .with_read_only(described.read_only)
        .with_config_source(describe::source_id(described.source))
        .with_is_sensitive(definition.is_sensitive())
        .with_synonyms(synonyms.into_iter().map(synonym).collect())
        .with_config_type(describe::type_id(definition.kind))
        .with_documentation(documentation.map(StrBytes::from_string))
}

fn synonym(synonym: Synonym) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym::default()
        .with_name(StrBytes::from_static_str(synonym.name))
        .with_value(synonym.value.map(StrBytes::from_string))
        .with_source(describe::source_id(synonym.source))
}

fn result(
    resource: &DescribeConfigsResource,
    settings: Result<Vec<DescribeConfigsResourceResult>, Refusal>,
) -> DescribeConfigsResult {
    let answer = DescribeConfigsResult::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone());
    match settings {
        Ok(settings) => answer.with_configs(settings),
        Err(Refusal(error, message)) => {
            answer.with_error_code(error.code()).with_error_message(message.or_else(|| Some(StrBytes::default())))
        }
    }
}

impl From<ResourceError> for Refusal {
    fn from(error: ResourceError) -> Self {
        Self(errors::config_resource(&error), Some(explain::message(&error)))
    }
}

/// One resource of a type that nobody knows spoils the request, as in Kafka.
fn unknown_type() -> Refusal {
    let message = "This most likely occurs because of a request being malformed by the client library or the message \
                   was sent to an incompatible broker. See the broker logs for more details.";
    Refusal(ErrorCode::InvalidRequest, Some(StrBytes::from_static_str(message)))
}
