//! What a consumer's metadata for a group's protocol says about topics.
//!
//! What must always hold: only the fields of version 0 are read. They begin every version, so that a client's newer
//! version is understood.
//!
//! Source: Apache Kafka, `ClassicGroup.computeSubscribedTopics`, `ConsumerProtocolSubscription.json`.

use crate::fields::{Reader, RecordError};

/// Bytes of an empty topic name.
const TOPIC_LEN_MIN: usize = 2;

/// The topics a member of protocol type "consumer" subscribes to, in its order.
///
/// # Errors
/// When the metadata is none of a consumer, which Kafka takes as a group whose topics are not known.
pub fn subscribed_topics(metadata: &[u8]) -> Result<Vec<&str>, RecordError> {
    let mut reader = Reader::new(metadata);
    let version = reader.i16()?;
    if version < 0 {
        return Err(RecordError::UnknownVersion(version));
    }
    let count = reader.count(false, TOPIC_LEN_MIN)?;
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        topics.push(reader.str(false)?);
    }
    let _user_data = reader.nullable_bytes(false)?;
    Ok(topics)
}
