//! FindCoordinator (10), versions 0 to 6: which broker coordinates a group. There is one broker, so it is this one.
//!
//! v1 adds the kind of key and the text of an error; v4 asks for several keys at once (KIP-699).
//!
//! The first look-up for a group creates `__consumer_offsets` and answers at once; Kafka answers
//! COORDINATOR_NOT_AVAILABLE until it is made, and the client asks again.
//!
//! Not done: coordinators of transactions and share groups. A look-up for a transaction is refused with
//! UNSUPPORTED_VERSION, which producers report as fatal, with the text, instead of asking again for a minute; one for a share
//! group, which only brokers ask for, with INVALID_REQUEST, like a kind of key that does not exist.
//!
//! Source: Apache Kafka, `KafkaApis.handleFindCoordinatorRequest`.

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{AdvertisedListener, Broker, RequestContext};

const KEYS_SINCE: i16 = 4;
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;
const NO_NODE: i32 = -1;
const NO_PORT: i32 = -1;
/// The text Kafka sends with success in versions that have a text.
const SUCCESS: &str = "NONE";
const NO_TEXT: &str = "";
const NO_TRANSACTIONS: &str = "Transactions are not supported.";
const UNAVAILABLE: &str = "The coordinator is not available.";
const INVALID_REQUEST: &str = "This most likely occurs because of a request being malformed by the client library or \
                               the message was sent to an incompatible broker. See the broker logs for more details.";

/// Answers for each key.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let found = find(broker, context, request.key_type).await;
    if context.api_version < KEYS_SINCE {
        return the_one(broker, found);
    }
    let keyed = |key| coordinator(broker, &found).with_key(key);
    FindCoordinatorResponse::default().with_coordinators(request.coordinator_keys.into_iter().map(keyed).collect())
}

/// Why there is no coordinator.
struct Refusal {
    code: ErrorCode,
    text: &'static str,
}

async fn find<'a>(
    broker: &'a Broker,
    context: &RequestContext,
    key_type: i8,
) -> Result<&'a AdvertisedListener, Refusal> {
    match key_type {
        GROUP => {}
        TRANSACTION => return Err(Refusal { code: ErrorCode::UnsupportedVersion, text: NO_TRANSACTIONS }),
        SHARE if context.api_version >= KEYS_SINCE => {
            return Err(Refusal { code: ErrorCode::InvalidRequest, text: NO_TEXT });
        }
        _ => return Err(Refusal { code: ErrorCode::InvalidRequest, text: INVALID_REQUEST }),
    }
    let unavailable = Refusal { code: ErrorCode::CoordinatorNotAvailable, text: UNAVAILABLE };
    if broker.topics.offsets_topic().await.is_err() {
        return Err(unavailable);
    }
    broker.advertised(&context.listener).ok_or(unavailable)
}

fn coordinator(broker: &Broker, found: &Result<&AdvertisedListener, Refusal>) -> Coordinator {
    match found {
        Ok(address) => Coordinator::default()
            .with_node_id(BrokerId(broker.node_id))
            .with_host(StrBytes::from_string(address.host.clone()))
            .with_port(i32::from(address.port))
            .with_error_message(Some(StrBytes::default())),
        Err(refusal) => Coordinator::default()
            .with_node_id(BrokerId(NO_NODE))
            .with_port(NO_PORT)
            .with_error_code(refusal.code.code())
            .with_error_message(Some(StrBytes::from_static_str(refusal.text))),
    }
}

/// A response of the form that versions before 4 have.
fn the_one(broker: &Broker, found: Result<&AdvertisedListener, Refusal>) -> FindCoordinatorResponse {
    let one = coordinator(broker, &found);
    let text = if found.is_ok() { Some(StrBytes::from_static_str(SUCCESS)) } else { one.error_message };
    FindCoordinatorResponse::default()
        .with_error_code(one.error_code)
        .with_error_message(text)
        .with_node_id(one.node_id)
        .with_host(one.host)
        .with_port(one.port)
}
