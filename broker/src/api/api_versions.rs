//! ApiVersions (18), versions 0 to 5: what this broker answers, and which features are on.
//!
//! v3 adds the client's software name and version (checked), and features; v4 lets features begin at level 0;
//! v5 says whom the client believes to talk to: if that is somebody else it must begin again at its bootstrap servers.
//! A version that is too new is answered in version 0 with UNSUPPORTED_VERSION and the table, so that the client can
//! come down.
//!
//! Features: `metadata.version` alone. Kafka's others (`group.version`, `transaction.version`, `share.version`,
//! `streams.version`, `eligible.leader.replicas.version`) turn on protocols that this broker does not have yet, so
//! they are neither supported nor finalized; `kraft.version` is about a quorum that does not exist here.
//!
//! Source: Apache Kafka, `KafkaApis.handleApiVersionsRequest`, `ApiVersionsRequest.isValid`.

use catena_protocol::error_code::ErrorCode;
use catena_protocol::messages::api_versions::ApiVersionsRequest;
use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, RequestContext};

const METADATA_VERSION: &str = "metadata.version";
/// Level of Kafka 3.3-IV3, the oldest that Kafka 4 supports.
const METADATA_VERSION_MIN: i16 = 7;
/// Level of Kafka 4.4-IV2.
const METADATA_VERSION_MAX: i16 = 33;
/// The version from which clients say what software they are.
const SOFTWARE_NAME_SINCE: i16 = 3;
/// What a client says that has not chosen a node yet.
const NO_NODE: i32 = -1;

/// Answers with the table and the features.
pub async fn handle(broker: &Broker, context: &RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse {
    if let Err(error) = check(broker, context.api_version, &request) {
        return with_error(broker, error).with_api_keys(Vec::new());
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

fn check(broker: &Broker, version: i16, request: &ApiVersionsRequest) -> Result<(), ErrorCode> {
    let is_software =
        is_software_name(&request.client_software_name) && is_software_name(&request.client_software_version);
    let expected = Expected::of(request)?;
    if version >= SOFTWARE_NAME_SINCE && !is_software {
        return Err(ErrorCode::InvalidRequest);
    }
    if expected.is_none_or(|expected| {
        expected == Expected { cluster_id: broker.storage.cluster_id(), node_id: broker.node_id }
    }) {
        Ok(())
    } else {
        Err(ErrorCode::RebootstrapRequired)
    }
}

/// Whom a client believes to talk to.
#[derive(Debug, PartialEq, Eq)]
struct Expected<'a> {
    cluster_id: &'a str,
    node_id: i32,
}

impl<'a> Expected<'a> {
    /// Both or neither must be there.
    fn of(request: &'a ApiVersionsRequest) -> Result<Option<Self>, ErrorCode> {
        match (&request.cluster_id, request.node_id) {
            (None, NO_NODE) => Ok(None),
            (None, _) | (Some(_), NO_NODE) => Err(ErrorCode::InvalidRequest),
            (Some(cluster_id), node_id) => Ok(Some(Self { cluster_id, node_id })),
        }
    }
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

    #[test]
    fn a_client_names_both_cluster_and_node_or_neither() {
        let request = |cluster_id: Option<&'static str>, node_id| ApiVersionsRequest {
            client_software_name: StrBytes::default(),
            client_software_version: StrBytes::default(),
            cluster_id: cluster_id.map(StrBytes::from_static_str),
            node_id,
        };
        assert_eq!(Expected::of(&request(None, -1)), Ok(None));
        assert_eq!(Expected::of(&request(Some("c"), 1)), Ok(Some(Expected { cluster_id: "c", node_id: 1 })));
        assert_eq!(Expected::of(&request(Some("c"), -1)), Err(ErrorCode::InvalidRequest));
        assert_eq!(Expected::of(&request(None, 1)), Err(ErrorCode::InvalidRequest));
    }
}
