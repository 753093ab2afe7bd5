//! AlterConfigs (33), versions 0 to 2: all settings of a resource are replaced; those not named lose their values.
//!
//! v2 is flexible. All or nothing for each resource; what was changed has taken effect when the answer leaves.
//! Resources as in IncrementalAlterConfigs, without loggers. A resource that appears more than once is refused; Kafka
//! never answers such a request.
//!
//! Source: Apache Kafka, `KafkaApis.handleAlterConfigsRequest`, `ConfigAdminManager`.

use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

use super::alterations::{self, Manner, Wanted};
use crate::broker::{Broker, RequestContext};
use crate::config::change::request::{SET, Wish};

/// Answers for each resource.
pub async fn handle(broker: &Broker, context: &RequestContext, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let named: Vec<_> = request.resources.iter().map(|one| (one.resource_type, one.resource_name.clone())).collect();
    let wanted = request.resources.into_iter().map(wanted).collect();
    let outcomes = alterations::alter(broker, context, wanted, Manner::Replace, request.validate_only).await;
    let responses = named.into_iter().zip(outcomes).map(|((type_id, name), outcome)| {
        let (code, message) = outcome.fields();
        AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(type_id)
            .with_resource_name(name)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

fn wanted(resource: AlterConfigsResource) -> Wanted {
    let wish = |config: AlterableConfig| Wish {
        setting: config.name.to_string(),
        operation: SET,
        value: config.value.map(|value| value.to_string()),
    };
    Wanted {
        type_id: resource.resource_type,
        name: resource.resource_name,
        wishes: resource.configs.into_iter().map(wish).collect(),
    }
}
