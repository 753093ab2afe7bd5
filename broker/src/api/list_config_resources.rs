//! ListConfigResources (74), versions 0 and 1: what has settings.
//!
//! v0 lists the subscriptions of client metrics; v1 those and groups with settings, all topics, the broker and its
//! loggers, or some of these types. A type that nobody knows spoils the request.
//!
//! Source: Apache Kafka, `KafkaApis.handleListConfigResources` (KIP-1142).

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use kafka_protocol::protocol::StrBytes;

use super::alterations::{self, CLIENT_METRICS, TYPES};
use crate::broker::{Broker, RequestContext};
use crate::config::resource::ResourceKind;

/// Lists.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let asked = &request.resource_types;
    if context.api_version > 0 && asked.iter().any(|type_id| !TYPES.contains(type_id)) {
        return ListConfigResourcesResponse::default().with_error_code(ErrorCode::UnsupportedVersion.code());
    }
    let is_asked = |type_id: &i8| match context.api_version {
        0 => *type_id == CLIENT_METRICS,
        _ => asked.is_empty() || asked.contains(type_id),
    };
    let found = TYPES.into_iter().filter(is_asked).flat_map(|type_id| {
        let resource = move |name| {
            ConfigResource::default().with_resource_name(StrBytes::from_string(name)).with_resource_type(type_id)
        };
        names(broker, type_id).into_iter().map(resource)
    });
    ListConfigResourcesResponse::default().with_config_resources(found.collect())
}

fn names(broker: &Broker, type_id: i8) -> Vec<String> {
    match alterations::kind(type_id) {
        Some(ResourceKind::Topic) => broker.storage.topics().iter().map(|topic| topic.name.clone()).collect(),
        None | Some(ResourceKind::Broker) => vec![broker.node_id.to_string()],
        Some(kind @ (ResourceKind::Group | ResourceKind::ClientMetrics)) => with_settings(broker, kind),
    }
}

/// Those that have a value of their own for something.
fn with_settings(broker: &Broker, kind: ResourceKind) -> Vec<String> {
    let state = broker.configs.known().state();
    state.with_values(kind).into_iter().map(str::to_owned).collect()
}
