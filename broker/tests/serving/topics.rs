//! CreateTopics, DeleteTopics, CreatePartitions, DescribeTopicPartitions, DescribeConfigs: what the comparison with
//! Apache Kafka cannot show (many clients at once, settings of the broker, restarts, the state of a whole broker).

use std::collections::BTreeSet;

use compat_tests::wire::Connection;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::describe_topic_partitions_request::Cursor;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    DescribeTopicPartitionsRequest, MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use crate::support::Running;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const TOPIC_ALREADY_EXISTS: i16 = 36;
const INVALID_PARTITIONS: i16 = 37;
const INVALID_REQUEST: i16 = 42;
const TOPIC_DELETION_DISABLED: i16 = 73;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

/// Creates a topic and returns the error code.
fn create(client: &mut Connection, topic: &str, partitions: i32, configs: &[(&str, &str)]) -> i16 {
    let config = |(name, value): &(&str, &str)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string((*name).to_owned()))
            .with_value(Some(StrBytes::from_string((*value).to_owned())))
    };
    let topic = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(-1)
        .with_configs(configs.iter().map(config).collect());
    let response = client.call(&CreateTopicsRequest::default().with_topics(vec![topic]), 7).unwrap();
    response.topics[0].error_code
}

/// Deletes a topic and returns the error code.
fn delete(client: &mut Connection, topic: &str, version: i16) -> i16 {
    let request = DeleteTopicsRequest::default();
    let request = match version {
        6.. => request.with_topics(vec![DeleteTopicState::default().with_name(Some(name(topic)))]),
        _ => request.with_topic_names(vec![name(topic)]),
    };
    client.call(&request, version).unwrap().responses[0].error_code
}

/// Error code, name, number of partitions and id of each topic.
fn metadata(client: &mut Connection, topics: &[String]) -> Vec<(i16, String, usize, uuid::Uuid)> {
    let asked = topics.iter().map(|topic| MetadataRequestTopic::default().with_name(Some(name(topic)))).collect();
    let request = MetadataRequest::default().with_topics(Some(asked)).with_allow_auto_topic_creation(true);
    let response = client.call(&request, 12).unwrap();
    let told = response.topics.into_iter().map(|topic| {
        (topic.error_code, topic.name.unwrap_or_default().to_string(), topic.partitions.len(), topic.topic_id)
    });
    told.collect()
}

/// A setting of a resource.
fn setting(client: &mut Connection, kind: i8, resource: &str, setting: &str) -> DescribeConfigsResourceResult {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(StrBytes::from_string(resource.to_owned()))
        .with_configuration_keys(Some(vec![StrBytes::from_string(setting.to_owned())]));
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true);
    client.call(&request, 4).unwrap().results.remove(0).configs.remove(0)
}

/// `value source [synonym=value ...]`
fn told(setting: &DescribeConfigsResourceResult) -> String {
    let text = |value: &Option<StrBytes>| value.as_ref().map_or("null".to_owned(), |value| value.to_string());
    let synonyms: Vec<_> = setting.synonyms.iter().map(|of| format!("{}={}", &*of.name, text(&of.value))).collect();
    format!("{} {} [{}]", text(&setting.value), setting.config_source, synonyms.join(" "))
}

#[test]
fn a_missing_topic_that_many_clients_ask_for_at_once_is_made_once() {
    let running = Running::start_with(&["num.partitions=2"]);
    let topics: Vec<_> = (0..20).map(|n| format!("asked-for-{n}")).collect();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let ask = || metadata(&mut running.connect(), &topics);
        let clients: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!(answer, &answers[0], "every client sees the same topics");
    }
    let made = answers[0].iter().map(|(error, name, partitions, _)| (*error, name.clone(), *partitions));
    assert_eq!(made.collect::<Vec<_>>(), topics.iter().map(|name| (0, name.clone(), 2)).collect::<Vec<_>>());
    assert_eq!(running.broker().storage.topics().len(), topics.len());
}

#[test]
fn of_many_clients_that_create_a_topic_one_succeeds() {
    let running = Running::start();
    let mut codes: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..12).map(|_| scope.spawn(|| create(&mut running.connect(), "contested", 3, &[]))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    codes.sort_unstable();
    assert_eq!(codes[0], 0);
    assert!(codes[1..].iter().all(|code| *code == TOPIC_ALREADY_EXISTS), "{codes:?}");
}

#[test]
fn topics_partitions_and_settings_are_there_after_a_restart_and_deleted_ones_are_not() {
    let mut running = Running::start();
    let mut client = running.connect();
    assert_eq!(create(&mut client, "kept", 1, &[("max.message.bytes", "77"), ("retention.ms", "5")]), 0);
    assert_eq!(create(&mut client, "deleted", 1, &[]), 0);
    let more = CreatePartitionsTopic::default().with_name(name("kept")).with_count(4).with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(vec![more]);
    assert_eq!(client.call(&request, 3).unwrap().results[0].error_code, 0);
    assert_eq!(client.call(&request, 3).unwrap().results[0].error_code, INVALID_PARTITIONS);
    assert_eq!(delete(&mut client, "deleted", 6), 0);
    assert_eq!(delete(&mut client, "deleted", 6), UNKNOWN_TOPIC_OR_PARTITION);
    let before = metadata(&mut client, &["kept".to_owned()]);
    running.restart();
    let mut client = running.connect();
    assert_eq!(metadata(&mut client, &["kept".to_owned()]), before);
    assert_eq!((before[0].0, before[0].2), (0, 4));
    assert_eq!(running.broker().storage.topics().len(), 1);
    assert_eq!(told(&setting(&mut client, TOPIC, "kept", "retention.ms")), "5 1 [retention.ms=5]");
    let log = &running.broker().storage.topic("kept").expect("it is there").partitions[3];
    assert_eq!(log.config().max_message_bytes, 77, "a new partition obeys the settings of its topic, too");
}

#[test]
fn a_name_is_free_again_after_its_topic_was_deleted() {
    let running = Running::start();
    let mut client = running.connect();
    let topic = ["again".to_owned()];
    let mut ids = BTreeSet::new();
    for round in 0..5 {
        assert_eq!(create(&mut client, "again", 1, &[]), 0, "round {round}");
        ids.insert(metadata(&mut client, &topic)[0].3);
        assert_eq!(delete(&mut client, "again", 6), 0, "round {round}");
    }
    assert_eq!(ids.len(), 5, "each topic has an id of its own");
}

#[test]
fn a_broker_that_deletes_nothing_says_so_as_each_version_can() {
    let running = Running::start_with(&["delete.topic.enable=false"]);
    running.topic("kept", 1);
    let mut client = running.connect();
    for version in 1..=6 {
        let expected = if version < 3 { INVALID_REQUEST } else { TOPIC_DELETION_DISABLED };
        assert_eq!(delete(&mut client, "kept", version), expected, "version {version}");
    }
    assert_eq!(running.broker().storage.topics().len(), 1);
}

#[test]
fn all_topics_are_listed_in_pages_as_small_as_the_broker_wants() {
    let running = Running::start_with(&["max.request.partition.size.limit=3"]);
    for (topic, partitions) in [("c", 2), ("a", 4), ("b", 1)] {
        running.topic(topic, partitions);
    }
    let mut client = running.connect();
    let (mut cursor, mut pages) = (None, Vec::new());
    loop {
        let request =
            DescribeTopicPartitionsRequest::default().with_response_partition_limit(2000).with_cursor(cursor.take());
        let response = client.call(&request, 0).unwrap();
        let listed = response.topics.iter().flat_map(|topic| {
            let name = topic.name.clone().unwrap_or_default();
            topic.partitions.iter().map(move |partition| format!("{}{}", &*name, partition.partition_index))
        });
        pages.push(listed.collect::<Vec<_>>().join(" "));
        let Some(next) = response.next_cursor else { break };
        cursor = Some(Cursor::default().with_topic_name(next.topic_name).with_partition_index(next.partition_index));
    }
    assert_eq!(pages, ["a0 a1 a2", "a3 b0 c0", "c1"]);
}

#[test]
fn a_setting_of_the_broker_stands_behind_those_of_topics_and_secrets_stay_inside() {
    let running = Running::start_with(&["node.id=7", "log.retention.hours=2", "message.max.bytes=9999"]);
    running.topic_with("t", 1, &[("max.message.bytes", "5")]);
    let mut client = running.connect();
    let mut of = |kind, resource, name| told(&setting(&mut client, kind, resource, name));
    assert_eq!(of(TOPIC, "t", "retention.ms"), "7200000 4 [log.retention.hours=2 log.retention.hours=168]");
    let expected = "5 1 [max.message.bytes=5 message.max.bytes=9999 message.max.bytes=1048588]";
    assert_eq!(of(TOPIC, "t", "max.message.bytes"), expected);
    assert_eq!(of(BROKER, "7", "message.max.bytes"), "9999 4 [message.max.bytes=9999 message.max.bytes=1048588]");
    assert_eq!(of(BROKER, "7", "ssl.key.password"), "null 5 []");
    assert!(setting(&mut running.connect(), BROKER, "7", "ssl.key.password").is_sensitive);
}

#[test]
fn the_offsets_topic_is_made_once_with_the_settings_that_groups_need() {
    let running = Running::start_with(&[
        "offsets.topic.num.partitions=5",
        "offsets.topic.segment.bytes=2097152",
        "default.replication.factor=3",
    ]);
    let topics = &running.broker().topics;
    let both = running.block_on(async { tokio::join!(topics.offsets_topic(), topics.offsets_topic()) });
    let (first, second) = (both.0.expect("made"), both.1.expect("made"));
    assert_eq!((first.id, first.partitions.len()), (second.id, 5));
    let mut client = running.connect();
    let mut of = |name| told(&setting(&mut client, TOPIC, "__consumer_offsets", name));
    assert_eq!(of("cleanup.policy"), "compact 1 [cleanup.policy=compact log.cleanup.policy=delete]");
    assert!(of("segment.bytes").starts_with("2097152 1 "));
    let asked = ["__consumer_offsets".to_owned(), "__transaction_state".to_owned()];
    let answer = metadata(&mut client, &asked);
    assert_eq!((answer[0].0, answer[0].2), (0, 5));
    assert_eq!(answer[1].0, UNKNOWN_TOPIC_OR_PARTITION, "nobody here would write to it");
}
