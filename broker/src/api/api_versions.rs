//! ApiVersions (18), versions 0 to 4: what this broker answers, and which features are on.
//!
//! v3 adds the client's software name and version (checked), and features; v4 lets features begin at level 0.
//! A version that is too new is answered in version 0 with UNSUPPORTED_VERSION and the table, so that the client can
//! come down.
//!
//! Features: `metadata.version` alone. Kafka's others (`group.version`, `transaction.version`, `share.version`,
//! `streams.version`, `eligible.leader.replicas.version`) turn on protocols that this broker does not have yet, so
//! they are neither supported nor finalized; `kraft.version` is about a quorum that does not exist here.
//!
//! Source: Apache Kafka, `KafkaApis.handleApiVersionsRequest`, `ApiVersionsRequest.isValid`.

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};

const METADATA_VERSION: &str = "metadata.version";
/// Level of Kafka 3.3-IV3, the oldest that Kafka 4 supports.
const METADATA_VERSION_MIN: i16 = 7;
/// Level of Kafka 4.4-IV2.
const METADATA_VERSION_MAX: i16 = 33;
/// The version from which clients say what software they are.
const SOFTWARE_NAME_SINCE: i16 = 3;

/// Answers with the table and the features.
pub async fn handle(broker: &Broker, context: &RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse {
    if context.api_version >= SOFTWARE_NAME_SINCE && !is_valid(&request) {
        return with_error(broker, ErrorCode::InvalidRequest).with_api_keys(Vec::new());
    }
    let supported = SupportedFeatureKey::default()
        .with_name(StrBytes::from_static_str(METADATA_VERSION))
        .with_min_version(METADATA_VERSION_MIN)
        .with_max_version(METADATA_VERSION_MAX);
    let finalized = FinalizedFeatureKey::default()
        .with_name(StrBytes::from_static_str(METADATA_VERSION))
        .with_min_version_level(METADATA_VERSION_MAX)
        .with_max_version_level(METADATA_VERSION_MAX);
    with_error(broker, ErrorCode::None)
        .with_supported_features(vec![supported])
        .with_finalized_features(vec![finalized])
        .with_finalized_features_epoch(broker.storage.broker_epoch())
}

/// The answer, in version 0, to a version that is not supported.
pub fn unsupported_version(broker: &Broker) -> ApiVersionsResponse {
    with_error(broker, ErrorCode::UnsupportedVersion)
}

fn with_error(broker: &Broker, error: ErrorCode) -> ApiVersionsResponse {
    let row = |api: &crate::broker::ApiVersionRange| {
        ApiVersion::default().with_api_key(api.key).with_min_version(api.min).with_max_version(api.max)
    };
    ApiVersionsResponse::default().with_error_code(error.code()).with_api_keys(broker.apis.iter().map(row).collect())
}

fn is_valid(request: &ApiVersionsRequest) -> bool {
    is_software_name(&request.client_software_name) && is_software_name(&request.client_software_version)
}

/// Letters and digits, and between them dots and dashes.
fn is_software_name(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let bytes = text.as_bytes();
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_are_words_of_letters_digits_dots_and_dashes() {
        for good in ["a", "apache-kafka-java", "4.4.0", "a--b", "9"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a.", "a b", "ä", "a_b"] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }
}
