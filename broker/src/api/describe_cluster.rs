//! DescribeCluster (60), versions 0 to 2: the cluster's id and its brokers.
//!
//! v1 adds the endpoint type (brokers or KRaft controllers: here are only brokers), v2 fenced brokers, of which there are
//! none.
//!
//! Source: Apache Kafka, `AuthHelper.computeDescribeClusterResponse`.

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use super::operations;
use crate::broker::{Broker, RequestContext};

/// The endpoint types of KIP-919.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;
/// No controller is known.
const NO_CONTROLLER: BrokerId = BrokerId(-1);

/// Answers with this broker.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    match request.endpoint_type {
        BROKERS => cluster(broker, context, &request),
        CONTROLLERS => refused(
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
                .to_owned(),
        ),
        other => refused(ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {other}")),
    }
}

fn cluster(broker: &Broker, context: &RequestContext, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    let this = BrokerId(broker.node_id);
    let rack = context.config.rack.clone().map(StrBytes::from_string);
    let described = broker.advertised(&context.listener).map(|advertised| {
        DescribeClusterBroker::default()
            .with_broker_id(this)
            .with_host(StrBytes::from_string(advertised.host.clone()))
            .with_port(i32::from(advertised.port))
            .with_rack(rack)
    });
    DescribeClusterResponse::default()
        .with_endpoint_type(BROKERS)
        .with_cluster_id(StrBytes::from_string(broker.storage.cluster_id().to_owned()))
        .with_controller_id(if described.is_some() { this } else { NO_CONTROLLER })
        .with_brokers(described.into_iter().collect())
        .with_cluster_authorized_operations(operations::of_cluster(request.include_cluster_authorized_operations))
        .with_error_message(None)
}

fn refused(error: ErrorCode, message: String) -> DescribeClusterResponse {
    DescribeClusterResponse::default()
        .with_error_code(error.code())
        .with_error_message(Some(StrBytes::from_string(message)))
        .with_endpoint_type(BROKERS)
        .with_controller_id(NO_CONTROLLER)
        .with_cluster_authorized_operations(operations::NOT_ASKED)
}
