//! Settings of topics that are made, deleted and described.

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{CreateTopicsRequest, DescribeTopicPartitionsRequest, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::scene::{Scene, Setting};

const TOPIC_DELETION_DISABLED: &str = "73";
const INVALID_REPLICATION_FACTOR: i16 = 38;

/// The partitions that a client finds of a topic that nobody made.
fn found(scene: &mut Scene, name: &str) -> usize {
    let topic = MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))));
    let request = MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(true);
    scene.client.call(&request, 12).unwrap().topics.iter().map(|topic| topic.partitions.len()).sum()
}

/// The code of creating a topic that says nothing about itself.
fn create(scene: &mut Scene) -> i16 {
    let topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("made")))
        .with_num_partitions(-1)
        .with_replication_factor(-1);
    scene.client.call(&CreateTopicsRequest::default().with_topics(vec![topic]), 7).unwrap().topics[0].error_code
}

pub fn auto_creation(setting: Setting) {
    let mut scene = Scene::start(&[]);
    assert_eq!(found(&mut scene, "first"), 1);
    scene.set(setting, "false");
    assert_eq!(found(&mut scene, "second"), 0);
}

pub fn partitions(setting: Setting) {
    let mut scene = Scene::start(&[]);
    scene.set(setting, "3");
    assert_eq!(found(&mut scene, "auto"), 3);
    assert_eq!(create(&mut scene), 0);
    assert_eq!(scene.client.topic("made").unwrap().partitions, 3);
}

pub fn replicas(setting: Setting) {
    let mut scene = Scene::start(&[]);
    scene.set(setting, "2");
    assert_eq!(create(&mut scene), INVALID_REPLICATION_FACTOR);
}

pub fn deletion(setting: Setting) {
    let mut scene = Scene::start(&[]);
    scene.set(setting, "false");
    let refused = scene.client.delete_topic("t").unwrap_err().to_string();
    assert!(refused.contains(TOPIC_DELETION_DISABLED), "{refused}");
    scene.set(setting, "true");
    scene.client.delete_topic("t").unwrap();
}

pub fn described(setting: Setting) {
    let mut scene = Scene::start_with_topic(&[], 5);
    assert_eq!(described_partitions(&mut scene), 5);
    scene.set(setting, "2");
    assert_eq!(described_partitions(&mut scene), 2);
}

fn described_partitions(scene: &mut Scene) -> usize {
    let topic = TopicRequest::default().with_name(TopicName(StrBytes::from_static_str("t")));
    let request =
        DescribeTopicPartitionsRequest::default().with_topics(vec![topic]).with_response_partition_limit(1_000);
    scene.client.call(&request, 0).unwrap().topics[0].partitions.len()
}
