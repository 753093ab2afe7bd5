//! The calls a test needs besides produce, fetch and groups.
//!
//! What must always hold: a call whose answer carries an error code returns it as an error, so that a test that goes
//! on has what it asked for.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, DeleteTopicsRequest, InitProducerIdRequest,
    ListOffsetsRequest, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::batch::{NO_PRODUCER, Producer};
use super::connection::{Connection, Result, invalid, kafka_error};

const COORDINATOR_LOADING: i16 = 14;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const CREATE_TIMEOUT_MS: i32 = 60_000;
const POLL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);
/// Kafka makes directories and files one after the other.
const PATIENCE_PER_PARTITION: Duration = Duration::from_millis(50);

/// A topic that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
}

impl Topic {
    pub(super) fn wire_name(&self) -> TopicName {
        TopicName(str_bytes(&self.name))
    }

    /// All its partitions.
    pub fn all(&self) -> Vec<i32> {
        (0..self.partitions).collect()
    }
}

impl Connection {
    /// Asks for the table of APIs.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn api_versions(&mut self) -> Result<ApiVersionsResponse> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("wire"))
            .with_client_software_version(StrBytes::from_static_str("1"));
        let response = self.call(&request, 3)?;
        kafka_error("ApiVersions", response.error_code)?;
        Ok(response)
    }

    /// Creates a topic with one replica and waits until its partitions have a leader.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<Topic> {
        let configs = configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default().with_name(str_bytes(name)).with_value(Some(str_bytes(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(TopicName(str_bytes(name)))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(CREATE_TIMEOUT_MS);
        let response = self.call(&request, 7)?;
        let created = response.topics.first().ok_or_else(|| invalid("CreateTopics without a topic"))?;
        kafka_error("CreateTopics", created.error_code)?;
        let topic = Topic { name: name.to_owned(), id: created.topic_id, partitions };
        self.await_leaders(&topic)?;
        Ok(topic)
    }

    /// Deletes a topic by name.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn delete_topic(&mut self, name: &str) -> Result<()> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![TopicName(str_bytes(name))])
            .with_timeout_ms(CREATE_TIMEOUT_MS);
        let response = self.call(&request, 5)?;
        let deleted = response.responses.first().ok_or_else(|| invalid("DeleteTopics without a topic"))?;
        kafka_error("DeleteTopics", deleted.error_code)
    }

    /// Metadata of one topic (without creating it), or of all when `name` is none.
    ///
    /// # Errors
    /// Of the socket; error codes are in the answer.
    pub fn metadata(&mut self, name: Option<&str>) -> Result<MetadataResponse> {
        let topics = name.map(|name| vec![MetadataRequestTopic::default().with_name(Some(TopicName(str_bytes(name))))]);
        self.call(&MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false), 12)
    }

    /// A topic by its name.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn topic(&mut self, name: &str) -> Result<Topic> {
        let response = self.metadata(Some(name))?;
        let found = response.topics.first().ok_or_else(|| invalid("Metadata without the topic"))?;
        kafka_error("Metadata", found.error_code)?;
        Ok(Topic { name: name.to_owned(), id: found.topic_id, partitions: found.partitions.len() as i32 })
    }

    /// A new producer id.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn init_producer(&mut self) -> Result<Producer> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(NO_PRODUCER.id.into())
            .with_producer_epoch(NO_PRODUCER.epoch);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.call(&request, 4)?;
            if response.error_code == COORDINATOR_LOADING && Instant::now() < deadline {
                std::thread::sleep(POLL);
                continue;
            }
            kafka_error("InitProducerId", response.error_code)?;
            return Ok(Producer { id: response.producer_id.0, epoch: response.producer_epoch });
        }
    }

    /// The end offsets (high watermarks) of partitions, in the order asked.
    ///
    /// # Errors
    /// Of the socket, or the first of the broker's error codes.
    pub fn end_offsets(&mut self, topic: &Topic, partitions: &[i32]) -> Result<Vec<i64>> {
        self.list_offsets(topic, partitions, LATEST)
    }

    /// The first offsets of partitions, in the order asked.
    ///
    /// # Errors
    /// Of the socket, or the first of the broker's error codes.
    pub fn start_offsets(&mut self, topic: &Topic, partitions: &[i32]) -> Result<Vec<i64>> {
        self.list_offsets(topic, partitions, EARLIEST)
    }

    /// Offsets by timestamp (milliseconds since 1970, or one of Kafka's negative values), in the order asked.
    ///
    /// # Errors
    /// Of the socket, or the first of the broker's error codes.
    pub fn list_offsets(&mut self, topic: &Topic, partitions: &[i32], timestamp: i64) -> Result<Vec<i64>> {
        let asked = partitions
            .iter()
            .map(|p| ListOffsetsPartition::default().with_partition_index(*p).with_timestamp(timestamp));
        let asked = ListOffsetsTopic::default().with_name(topic.wire_name()).with_partitions(asked.collect());
        let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![asked]);
        let response = self.call(&request, 7)?;
        let answers: Vec<_> = response.topics.into_iter().flat_map(|topic| topic.partitions).collect();
        partitions
            .iter()
            .map(|wanted| {
                let answer = answers.iter().find(|answer| answer.partition_index == *wanted);
                let answer = answer.ok_or_else(|| invalid(format!("ListOffsets without partition {wanted}")))?;
                kafka_error("ListOffsets", answer.error_code).map(|()| answer.offset)
            })
            .collect()
    }

    fn await_leaders(&mut self, topic: &Topic) -> Result<()> {
        let deadline = Instant::now() + PATIENCE + PATIENCE_PER_PARTITION * topic.partitions.unsigned_abs();
        loop {
            let response = self.metadata(Some(&topic.name))?;
            let partitions = response.topics.first().map(|found| found.partitions.as_slice()).unwrap_or_default();
            let led = partitions.iter().filter(|p| p.error_code == 0 && p.leader_id.0 >= 0).count();
            // Kafka tells of a leader a moment before the leader knows.
            if led == topic.partitions as usize && self.end_offsets(topic, &topic.all()).is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(invalid(format!(
                    "{led} of {} partitions of {} have a leader",
                    topic.partitions, topic.name
                )));
            }
            std::thread::sleep(POLL);
        }
    }
}

pub(super) fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Bytes a group member or test sends as an opaque field.
pub(super) fn opaque(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
