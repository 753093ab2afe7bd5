//! What consumers of the classic protocol tell each other through the coordinator: what they want, and what they get.
//!
//! What must always hold: newer versions only add fields behind those known here, so a newer version is read as the
//! newest one known.
//!
//! | version of a subscription | adds |
//! |---|---|
//! | 0 | topics, user data |
//! | 1 | partitions that are owned |
//! | 2 | generation |
//! | 3 | rack |
//!
//! Source: Apache Kafka, `ConsumerProtocol`, `ConsumerProtocolSubscription.json`, `ConsumerProtocolAssignment.json`.

use bytes::Bytes;

use crate::fields::{Reader, RecordError, Writer};

/// Bytes of an empty topic name, and of a topic without partitions.
const TOPIC_LEN_MIN: usize = 2;
const PARTITIONS_LEN_MIN: usize = 6;
const PARTITION_LEN: usize = 4;

const OWNED_SINCE: i16 = 1;
const GENERATION_SINCE: i16 = 2;
const RACK_SINCE: i16 = 3;
const NEWEST: i16 = 3;
/// "null", for bytes.
const NO_USER_DATA: i32 = -1;

/// Partitions by topic name.
pub type NamedPartitions = Vec<(String, Vec<i32>)>;

/// What a consumer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSubscription {
    /// The version it was written in.
    pub version: i16,
    /// The topics it wants.
    pub topics: Vec<String>,
    /// What it holds.
    pub owned: NamedPartitions,
    /// Its rack.
    pub rack_id: Option<String>,
}

/// What a consumer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerAssignment {
    /// Its partitions.
    pub partitions: NamedPartitions,
    /// Whether the assignor sends something of its own along.
    pub has_user_data: bool,
}

/// The topics a member of protocol type "consumer" subscribes to, in its order.
///
/// # Errors
/// When the metadata is none of a consumer, which Kafka takes as a group whose topics are not known.
pub fn subscribed_topics(metadata: &[u8]) -> Result<Vec<&str>, RecordError> {
    let mut reader = Reader::new(metadata);
    let _version = version(&mut reader)?;
    let topics = topics(&mut reader)?;
    let _user_data = reader.nullable_bytes(false)?;
    Ok(topics)
}

fn version(reader: &mut Reader<'_>) -> Result<i16, RecordError> {
    let version = reader.i16()?;
    if version < 0 { Err(RecordError::UnknownVersion(version)) } else { Ok(version) }
}

fn topics<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>, RecordError> {
    let count = reader.count(false, TOPIC_LEN_MIN)?;
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        topics.push(reader.str(false)?);
    }
    Ok(topics)
}

fn named_partitions(reader: &mut Reader<'_>) -> Result<NamedPartitions, RecordError> {
    let count = reader.count(false, PARTITIONS_LEN_MIN)?;
    let mut named = Vec::with_capacity(count);
    for _ in 0..count {
        let name = reader.string()?;
        let count = reader.count(false, PARTITION_LEN)?;
        let mut partitions = Vec::with_capacity(count);
        for _ in 0..count {
            partitions.push(reader.i32()?);
        }
        named.push((name, partitions));
    }
    Ok(named)
}

impl ConsumerSubscription {
    /// Reads a member's metadata.
    ///
    /// # Errors
    /// When it is none of a consumer.
    pub fn decode(metadata: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(metadata);
        let version = version(&mut reader)?;
        let topics = topics(&mut reader)?.into_iter().map(str::to_owned).collect();
        let _user_data = reader.nullable_bytes(false)?;
        let owned = if version >= OWNED_SINCE { named_partitions(&mut reader)? } else { Vec::new() };
        let _generation = if version >= GENERATION_SINCE { reader.i32()? } else { -1 };
        let rack_id = if version >= RACK_SINCE { reader.nullable_str(false)?.map(str::to_owned) } else { None };
        Ok(Self { version, topics, owned, rack_id })
    }
}

impl ConsumerAssignment {
    /// Reads an assignment; no bytes at all are no partitions.
    ///
    /// # Errors
    /// When it is none of a consumer.
    pub fn decode(assignment: &[u8]) -> Result<Self, RecordError> {
        if assignment.is_empty() {
            return Ok(Self { partitions: Vec::new(), has_user_data: false });
        }
        let mut reader = Reader::new(assignment);
        let _version = version(&mut reader)?;
        let partitions = named_partitions(&mut reader)?;
        let user_data = reader.nullable_bytes(false)?;
        Ok(Self { partitions, has_user_data: user_data.is_some_and(|data| !data.is_empty()) })
    }

    /// Writes an assignment for a consumer whose subscription is of `version`.
    pub fn encode(version: i16, partitions: &[(String, Vec<i32>)]) -> Bytes {
        let mut out = Writer::new(version.clamp(0, NEWEST), 64);
        out.count(partitions.len());
        for (name, partitions) in partitions {
            out.string(name);
            out.count(partitions.len());
            partitions.iter().for_each(|partition| out.i32(*partition));
        }
        out.i32(NO_USER_DATA);
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_comes_back_as_it_was_written() {
        let partitions = vec![("t".to_owned(), vec![0, 2]), ("u".to_owned(), vec![])];
        let written = ConsumerAssignment::encode(9, &partitions);
        assert_eq!(&written[..2], [0, 3]);
        assert_eq!(ConsumerAssignment::decode(&written), Ok(ConsumerAssignment { partitions, has_user_data: false }));
        for len in 1..written.len() {
            assert!(ConsumerAssignment::decode(&written[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_subscription_of_each_version_is_read() {
        let of_0: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255];
        let read = ConsumerSubscription::decode(of_0).expect("version 0");
        assert_eq!((read.topics, read.owned, read.rack_id), (vec!["t".to_owned()], vec![], None));
        let mut of_3 = of_0.to_vec();
        of_3[1] = 3;
        of_3.extend([0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 5, 0, 1, b'r']);
        let read = ConsumerSubscription::decode(&of_3).expect("version 3");
        assert_eq!(
            (read.version, read.owned, read.rack_id),
            (3, vec![("t".to_owned(), vec![7])], Some("r".to_owned()))
        );
        for len in 0..of_3.len() {
            assert!(ConsumerSubscription::decode(&of_3[..len]).is_err(), "{len} bytes");
        }
    }
}
