//! IncrementalAlterConfigs (44), versions 0 and 1: settings are set, deleted, appended to and subtracted from.
//!
//! v1 is flexible. All or nothing for each resource; what was changed has taken effect when the answer leaves.
//! Resources: topics, this broker, all brokers (the empty name), groups, subscriptions of client metrics, and the loggers
//! of this broker, whose levels last as long as the process. An operation that nobody knows is INVALID_REQUEST for
//! topics, groups and subscriptions too; Kafka answers UNKNOWN_SERVER_ERROR.
//!
//! Source: Apache Kafka, `KafkaApis.handleIncrementalAlterConfigsRequest`, `ConfigAdminManager`.

use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use super::alterations::{self, Manner, Wanted};
use crate::broker::{Broker, RequestContext};
use crate::config::change::request::Wish;

/// Answers for each resource.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let named: Vec<_> = request.resources.iter().map(|one| (one.resource_type, one.resource_name.clone())).collect();
    let wanted = request.resources.into_iter().map(wanted).collect();
    let outcomes = alterations::alter(broker, context, wanted, Manner::Incremental, request.validate_only).await;
    let responses = named.into_iter().zip(outcomes).map(|((type_id, name), outcome)| {
        let (code, message) = outcome.fields();
        AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(type_id)
            .with_resource_name(name)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn wanted(resource: AlterConfigsResource) -> Wanted {
    let wish = |config: AlterableConfig| Wish {
        setting: config.name.to_string(),
        operation: config.config_operation,
        value: config.value.map(|value| value.to_string()),
    };
    Wanted {
        type_id: resource.resource_type,
        name: resource.resource_name,
        wishes: resource.configs.into_iter().map(wish).collect(),
    }
}
