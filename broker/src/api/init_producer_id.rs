//! InitProducerId (22), versions 0 to 5: a producer id for an idempotent producer.
//!
//! v3 lets a producer present the id it has; without a transactional id Kafka gives it a new one all the same.
//!
//! Not done: transactional ids. They are refused with UNSUPPORTED_VERSION, which clients report as fatal instead of
//! retrying, because nothing here could keep the promise of a transaction.
//!
//! Source: Apache Kafka, `KafkaApis.handleInitProducerIdRequest`, `TransactionCoordinator.handleInitProducerId`.

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use crate::broker::{Broker, RequestContext};
use crate::errors;

const NO_ID: i64 = -1;
const NO_EPOCH: i16 = -1;

/// Answers with a new producer id in epoch 0.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    match new_id(broker, &request).await {
        Ok(id) => InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id(ProducerId(NO_ID))
            .with_producer_epoch(NO_EPOCH),
    }
}

async fn new_id(broker: &Broker, request: &InitProducerIdRequest) -> Result<i64, ErrorCode> {
    if (request.producer_id.0 == NO_ID) != (request.producer_epoch == NO_EPOCH) {
        return Err(ErrorCode::InvalidRequest);
    }
    match request.transactional_id.as_ref().map(|id| id.as_str()) {
        Some("") => return Err(ErrorCode::InvalidRequest),
        Some(_) => return Err(ErrorCode::UnsupportedVersion),
        None => {}
    }
    let storage = broker.storage.clone();
    let taken = tokio::task::spawn_blocking(move || storage.next_producer_id()).await;
    taken.map_err(|_| ErrorCode::UnknownServerError)?.map_err(|error| errors::store(&error))
}
