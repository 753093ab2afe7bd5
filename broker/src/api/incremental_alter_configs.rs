//! IncrementalAlterConfigs (44), versions 0 and 1: settings are set, deleted, appended to and subtracted from.
//!
//! v1 is flexible. All or nothing for each resource; what was changed has taken effect when the answer leaves.
//! Resources: topics, this broker, all brokers (the empty name), groups, subscriptions of client metrics, and the loggers
//! of this broker, whose levels last as long as the process. An operation that nobody knows is INVALID_REQUEST for
//! topics, groups and subscriptions too; Kafka answers UNKNOWN_SERVER_ERROR.
//!
//! Source: Apache Kafka, `KafkaApis.handleIncrementalAlterConfigsRequest`, `ConfigAdminManager`.

use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use super::alterations::{self, Answer, Manner, Wanted};
use crate::broker::{Broker, RequestContext};

/// Answers for each resource.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let wanted = request.resources.into_iter().map(wanted).collect();
    let answers = alterations::alter(broker, context, wanted, Manner::Incremental, request.validate_only).await;
    let response = |answer: Answer| {
        AlterConfigsResourceResponse::default()
            .with_error_code(answer.code)
            .with_error_message(answer.message)
            .with_resource_type(answer.type_id)
            .with_resource_name(answer.name)
    };
    IncrementalAlterConfigsResponse::default().with_responses(answers.into_iter().map(response).collect())
}

fn wanted(resource: AlterConfigsResource) -> Wanted {
    let settings = resource.configs.into_iter().map(|config| (config.name, config.config_operation, config.value));
    Wanted::new(resource.resource_type, resource.resource_name, settings)
}
