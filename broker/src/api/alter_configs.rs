//! AlterConfigs (33), versions 0 to 2: all settings of a resource are replaced; those not named lose their values.
//!
//! v2 is flexible. All or nothing for each resource; what was changed has taken effect when the answer leaves.
//! Resources as in IncrementalAlterConfigs, without loggers. A resource that appears more than once is refused; Kafka
//! never answers such a request.
//!
//! Source: Apache Kafka, `KafkaApis.handleAlterConfigsRequest`, `ConfigAdminManager`.

use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

use super::alterations::{self, Answer, Manner, Wanted};
use crate::broker::{Broker, RequestContext};
use crate::config::change::request::SET;

/// Answers for each resource.
pub async fn handle(broker: &Broker, context: &RequestContext, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let wanted = request.resources.into_iter().map(wanted).collect();
    let answers = alterations::alter(broker, context, wanted, Manner::Replace, request.validate_only).await;
    let response = |answer: Answer| {
        AlterConfigsResourceResponse::default()
            .with_error_code(answer.code)
            .with_error_message(answer.message)
            .with_resource_type(answer.type_id)
            .with_resource_name(answer.name)
    };
    AlterConfigsResponse::default().with_responses(answers.into_iter().map(response).collect())
}

fn wanted(resource: AlterConfigsResource) -> Wanted {
    let settings = resource.configs.into_iter().map(|config| (config.name, SET, config.value));
    Wanted::new(resource.resource_type, resource.resource_name, settings)
}
