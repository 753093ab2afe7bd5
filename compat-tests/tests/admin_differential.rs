//! Topics and settings, asked of Catena and of Apache Kafka 4.4.0 in the same words: their answers must be equal.
//!
//! What may differ is named in one place: [`normal`] and [`KNOWN_DIFFERENCES`].

use std::collections::BTreeMap;
use std::time::Duration;

use compat_tests::catena::Options;
use compat_tests::differential::{self, ask, until};
use compat_tests::java::Program;
use compat_tests::{Broker, Catena, Kafka, java, maven, program};
use serde_json::{Value, json};

/// Far more than it takes: only a program that hangs is to be ended.
const DEADLINE: Duration = Duration::from_secs(300);
const NIL: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// Texts in Kafka's answers, what stands for them here, and why.
const KNOWN_DIFFERENCES: &[(&str, &str, &str)] = &[(
    " are registered or some brokers have all their log directories cordoned.",
    " are registered.",
    "there are no log directories that could be cordoned",
)];

/// Topic settings that differ, and why. Catena's own begin with `catena.`.
const KNOWN_SETTINGS: &[(&str, &str)] =
    &[("min.insync.replicas", "a freshly formatted Kafka sets it dynamically, for eligible leader replicas")];
const OWN_SETTINGS: &str = "catena.";

/// Broker settings that Kafka reads and does not describe, or only once they are set.
const HIDDEN_BY_KAFKA: [&str; 4] = [
    "producer.id.expiration.check.interval.ms",
    "leader.replication.throttled.rate",
    "follower.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second",
];

/// Waits until a topic is known.
fn known(topic: &str) -> Value {
    until(described(topic), "\"errorCode\":0")
}

/// Waits until a topic is gone.
fn gone(topic: &str) -> Value {
    until(described(topic), "\"errorCode\":3")
}

/// Waits until a partition is led: Kafka's brokers know a topic a moment before they have its logs.
fn led(topic: &str, partition: i32) -> Value {
    let partitions = json!([{"partitionIndex": partition, "currentLeaderEpoch": -1, "timestamp": -1}]);
    let body = json!({"replicaId": -1, "isolationLevel": 0, "topics": [{"name": topic, "partitions": partitions}]});
    until(ask("LIST_OFFSETS", 7, body), "\"errorCode\":0")
}

/// A setting of a topic.
fn described(topic: &str) -> Value {
    describe(&[(2, topic, Some(&["retention.ms"]))])
}

/// The answers of a broker, normalised, in the order of the questions.
fn answers(broker: &dyn Broker, questions: &[Value]) -> Vec<Value> {
    let normal = |(answer, question): (Value, &Value)| normal(without_ids_of_a_check(answer, question));
    differential::answers(broker, questions).into_iter().zip(questions).map(normal).collect()
}

/// Kafka tells the id of a topic that was only to be checked, and that no topic will ever have.
fn without_ids_of_a_check(mut answer: Value, question: &Value) -> Value {
    let topics = answer["response"]["topics"].as_array_mut().filter(|_| question["body"]["validateOnly"] == true);
    topics.into_iter().flatten().for_each(|topic| topic["topicId"] = Value::Null);
    answer
}

/// Asks both brokers and compares, question by question.
fn assert_alike(questions: &[Value]) {
    if !java::available() {
        return;
    }
    let catena = Catena::start(Options::new());
    let (found, expected) = (answers(&catena, questions), answers(Kafka::shared(), questions));
    for ((question, found), expected) in questions.iter().zip(found).zip(expected) {
        assert!(found == expected, "{question}\ncatena {found:#}\nkafka {expected:#}");
    }
}

/// An answer without ids, addresses and the order of topics and settings.
fn normal(answer: Value) -> Value {
    match answer {
        Value::Object(fields) => Value::Object(fields.into_iter().map(normal_field).collect()),
        Value::Array(items) => {
            let known = |item: &Value| {
                let name = item["name"].as_str().unwrap_or_default();
                name.starts_with(OWN_SETTINGS) || KNOWN_SETTINGS.iter().any(|(known, _)| name == *known)
            };
            let mut items: Vec<_> = items.into_iter().filter(|item| !known(item)).map(normal).collect();
            if items.iter().all(Value::is_object) {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        Value::String(text) => {
            let replaced = KNOWN_DIFFERENCES.iter().fold(text, |text, (kafka, catena, _)| text.replace(kafka, catena));
            Value::String(replaced)
        }
        other => other,
    }
}

fn normal_field((name, value): (String, Value)) -> (String, Value) {
    let value = match name.as_str() {
        "topicId" if value != NIL => json!("an id"),
        "clusterId" if value != "" => json!("an id"),
        "port" => json!("a port"),
        // The sentences are Catena's own.
        "documentation" => json!(value.is_string()),
        _ => normal(value),
    };
    (name, value)
}

/// A topic for CreateTopics.
fn topic(name: &str, partitions: i32, replicas: i16, configs: &[(&str, Option<&str>)]) -> Value {
    let configs: Vec<_> = configs.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({"name": name, "numPartitions": partitions, "replicationFactor": replicas, "assignments": [], "configs": configs})
}

/// Brokers by partition.
type Brokers<'a> = &'a [(i32, &'a [i32])];

/// A topic with brokers by partition for CreateTopics.
fn assigned(name: &str, partitions: i32, replicas: i16, brokers: Brokers) -> Value {
    let of = |(partition, brokers): &(i32, &[i32])| json!({"partitionIndex": partition, "brokerIds": brokers});
    let assignments: Vec<_> = brokers.iter().map(of).collect();
    json!({"name": name, "numPartitions": partitions, "replicationFactor": replicas, "assignments": assignments, "configs": []})
}

fn create(version: i16, topics: &[Value]) -> Value {
    ask("CREATE_TOPICS", version, json!({"topics": topics, "timeoutMs": 30_000, "validateOnly": false}))
}

fn check(version: i16, topics: &[Value]) -> Value {
    ask("CREATE_TOPICS", version, json!({"topics": topics, "timeoutMs": 30_000, "validateOnly": true}))
}

fn describe(resources: &[(i8, &str, Option<&[&str]>)]) -> Value {
    let resource = |(kind, name, keys): &(i8, &str, Option<&[&str]>)| json!({"resourceType": kind, "resourceName": name, "configurationKeys": keys});
    let resources: Vec<_> = resources.iter().map(resource).collect();
    let body = json!({"resources": resources, "includeSynonyms": true, "includeDocumentation": true});
    ask("DESCRIBE_CONFIGS", 4, body)
}

#[test]
fn topics_are_created_in_every_version() {
    let mut questions = Vec::new();
    for version in 2..=7 {
        let name = |what: &str| format!("created-v{version}-{what}");
        let (plain, set) = (name("plain"), name("set"));
        let configs = [("cleanup.policy", Some("compact")), ("segment.bytes", Some("2097152"))];
        questions.push(create(version, &[topic(&plain, 3, 1, &[]), topic(&set, 1, 1, &configs)]));
        questions.push(create(version, &[topic(&plain, 3, 1, &[])]));
        questions.push(create(version, &[assigned(&name("assigned"), -1, -1, &[(1, &[1]), (0, &[1])])]));
    }
    questions.push(create(7, &[topic("created-defaults", -1, -1, &[])]));
    questions.push(create(7, &[]));
    assert_alike(&questions);
}

#[test]
fn topics_that_cannot_be_are_refused_with_the_same_words() {
    let long = "x".repeat(250);
    let names = ["", ".", "..", "a b", "a/b", "ä", &long, "__cluster_metadata", "refused_names", "refused.other"];
    let names: Vec<_> = names.iter().map(|name| topic(name, 1, 1, &[])).collect();
    let numbers = [(0, 1), (-2, 1), (1, 0), (1, -2), (1, 2), (1, 3), (0, 3), (-5, 0)];
    let numbers = numbers
        .iter()
        .map(|(partitions, replicas)| topic(&format!("refused-{partitions}-{replicas}"), *partitions, *replicas, &[]));
    let assignments: [(i32, i16, Brokers); 9] = [
        (-1, -1, &[(0, &[1, 2])]),
        (-1, -1, &[(0, &[1, 1])]),
        (-1, -1, &[(0, &[])]),
        (-1, -1, &[(1, &[1])]),
        (-1, -1, &[(-1, &[1]), (0, &[1])]),
        (-1, -1, &[(0, &[1]), (0, &[1])]),
        (-1, -1, &[(0, &[3, 2])]),
        (-1, 1, &[(0, &[1])]),
        (1, -1, &[(0, &[1])]),
    ];
    let assignments = assignments.iter().enumerate();
    let assignments = assignments.map(|(n, (partitions, replicas, brokers))| {
        assigned(&format!("refused-a{n}"), *partitions, *replicas, brokers)
    });
    let twice = [topic("twice", 1, 1, &[]), topic("once", 1, 1, &[]), topic("twice", 2, 1, &[])];
    assert_alike(&[
        create(7, &[topic("refused.names", 1, 1, &[])]),
        check(7, &names),
        check(7, &numbers.collect::<Vec<_>>()),
        check(7, &assignments.collect::<Vec<_>>()),
        check(7, &twice),
        check(4, &twice),
        check(7, &[topic("big", 2_000_000_000, 1, &[]), topic("small", 1, 1, &[])]),
        check(7, &[topic("big", 9_000, 1, &[]), topic("big-too", 1_001, 1, &[])]),
    ]);
}

#[test]
fn settings_of_new_topics_are_checked_with_the_same_words() {
    let wrong = [
        ("no.such.setting", Some("1")),
        ("num.partitions", Some("1")),
        ("retention.ms", None),
        ("retention.ms", Some("abc")),
        ("retention.ms", Some("-2")),
        ("retention.ms", Some("")),
        ("cleanup.policy", Some("shrink")),
        ("compression.type", Some("zip")),
        ("max.message.bytes", Some("2147483648")),
        ("max.message.bytes", Some("-1")),
        ("min.cleanable.dirty.ratio", Some("1.5")),
        ("preallocate", Some("maybe")),
        ("segment.bytes", Some("10")),
        ("segment.ms", Some("0")),
        ("message.timestamp.type", Some("x")),
        ("min.insync.replicas", Some("0")),
        ("compression.gzip.level", Some("0")),
        ("compression.lz4.level", Some("18")),
        ("leader.replication.throttled.replicas", Some("x")),
        ("remote.storage.enable", Some("true")),
        ("local.retention.ms", Some("-3")),
    ];
    let wrong = wrong.iter().enumerate().map(|(n, config)| topic(&format!("wrong-{n}"), 1, 1, &[*config]));
    let lags = [("min.compaction.lag.ms", Some("9")), ("max.compaction.lag.ms", Some("8"))];
    let nulls = [("retention.ms", None), ("segment.ms", None)];
    let twice = [("retention.ms", Some("1")), ("retention.ms", Some("2"))];
    let right = [("cleanup.policy", Some("compact,delete")), ("retention.ms", Some("-1")), ("flush.ms", Some("0"))];
    assert_alike(&[
        check(7, &wrong.collect::<Vec<_>>()),
        check(7, &[topic("lags", 1, 1, &lags), topic("nulls", 1, 1, &nulls)]),
        check(7, &[topic("twice-set", 1, 1, &twice), topic("right", 1, 1, &right)]),
    ]);
}

#[test]
fn partitions_are_added_and_refused_alike() {
    let grow = |version, only_check, topics: &[(&str, i32, Value)]| {
        let topics: Vec<_> = topics
            .iter()
            .map(|(name, count, assignments)| json!({"name": name, "count": count, "assignments": assignments}))
            .collect();
        ask("CREATE_PARTITIONS", version, json!({"topics": topics, "timeoutMs": 30_000, "validateOnly": only_check}))
    };
    let on = |brokers: &[&[i32]]| json!(brokers.iter().map(|ids| json!({"brokerIds": ids})).collect::<Vec<_>>());
    let any = Value::Null;
    let size = |name: &str, partitions: i32| {
        let body = json!({"topics": [{"name": name}], "responsePartitionLimit": 100, "cursor": null});
        until(ask("DESCRIBE_TOPIC_PARTITIONS", 0, body), &format!("\"partitionIndex\":{}", partitions - 1))
    };
    assert_alike(&[
        create(7, &[topic("grow-a", 3, 1, &[]), topic("grow-b", 2, 1, &[])]),
        grow(3, true, &[("grow-a", 5, any.clone()), ("grow-b", 3, on(&[&[1]]))]),
        size("grow-a", 3),
        grow(3, false, &[("grow-a", 5, any.clone()), ("grow-b", 3, on(&[&[1]]))]),
        size("grow-a", 5),
        size("grow-b", 3),
        grow(3, false, &[("grow-a", 5, any.clone()), ("grow-b", 1, any.clone()), ("grow-none", 4, any.clone())]),
        grow(3, false, &[("grow-a", 0, any.clone()), ("grow-b", -1, any.clone()), ("bad name", 4, any.clone())]),
        grow(3, false, &[("grow-a", 9, any.clone()), ("grow-b", 4, any.clone()), ("grow-a", 8, any.clone())]),
        size("grow-a", 5),
        size("grow-b", 4),
        grow(3, false, &[("grow-a", 6, on(&[])), ("grow-b", 6, on(&[&[1], &[2]]))]),
        grow(3, false, &[("grow-a", 6, on(&[&[]])), ("grow-b", 5, on(&[&[1], &[1]]))]),
        grow(3, false, &[("grow-a", 6, on(&[&[1, 1]])), ("grow-b", 5, on(&[&[-1]]))]),
        grow(
            3,
            false,
            &[("grow-a", 2_000_000_000, any.clone()), ("grow-b", 5, any.clone()), ("grow-none", 1, any.clone())],
        ),
        size("grow-b", 4),
        grow(0, false, &[("grow-a", 6, any.clone())]),
        grow(1, false, &[("grow-a", 7, any.clone())]),
        grow(2, false, &[("grow-a", 8, any)]),
        size("grow-a", 8),
    ]);
}

#[test]
fn topics_are_deleted_by_name_and_by_id_alike() {
    let delete = |topics: &[(Option<&str>, &str)]| {
        let topics: Vec<_> = topics.iter().map(|(name, id)| json!({"name": name, "topicId": id})).collect();
        ask("DELETE_TOPICS", 6, json!({"topics": topics, "timeoutMs": 30_000}))
    };
    let by_name =
        |version, names: &[&str]| ask("DELETE_TOPICS", version, json!({"topicNames": names, "timeoutMs": 30_000}));
    let names: Vec<_> = (1..=9).map(|n| format!("delete-{n}")).collect();
    let topics: Vec<_> = names.iter().map(|name| topic(name, 1, 1, &[])).collect();
    let unknown = "AAAAAAAAAAAAAAAAAAAAZQ";
    let left = |n: usize| known(&names[n - 1]);
    let deleted = |n: usize| gone(&names[n - 1]);
    assert_alike(&[
        create(7, &topics),
        left(9),
        delete(&[
            (None, NIL),
            (Some("delete-1"), "$id:delete-1"),
            (Some("nope"), NIL),
            (None, unknown),
            (Some("bad name"), NIL),
        ]),
        delete(&[
            (Some("delete-1"), NIL),
            (Some("delete-2"), NIL),
            (Some("delete-1"), NIL),
            (None, "$id:delete-3"),
            (None, "$id:delete-3"),
        ]),
        left(1),
        deleted(2),
        left(3),
        delete(&[(Some("delete-1"), NIL), (None, "$id:delete-1"), (None, "$id:delete-4")]),
        left(1),
        deleted(4),
        delete(&[(None, "$id:delete-4")]),
        by_name(1, &["delete-5", "nope"]),
        by_name(2, &["delete-6", "nope", "nope"]),
        by_name(3, &["delete-7", "delete-7"]),
        by_name(4, &["delete-8", "nope", ""]),
        by_name(5, &["delete-9", "nope"]),
        deleted(9),
        create(7, &topics[8..]),
    ]);
}

#[test]
fn records_that_are_not_there_are_deleted_alike() {
    let of = |topic: &str, partitions: &[(i32, i64)]| {
        let partition = |(index, offset): &(i32, i64)| json!({"partitionIndex": index, "offset": offset});
        json!({"name": topic, "partitions": partitions.iter().map(partition).collect::<Vec<_>>()})
    };
    let delete =
        |version, topics: &[Value]| ask("DELETE_RECORDS", version, json!({"topics": topics, "timeoutMs": 9000}));
    let compact = topic("compacted-records", 1, 1, &[("cleanup.policy", Some("compact"))]);
    let both = topic("both-records", 1, 1, &[("cleanup.policy", Some("compact,delete"))]);
    let mut questions = vec![
        create(7, &[topic("no-records", 2, 1, &[]), compact, both]),
        led("no-records", 0),
        led("no-records", 1),
        led("compacted-records", 0),
        led("both-records", 0),
    ];
    for version in 0..=2 {
        questions.push(delete(version, &[of("no-records", &[(0, 0), (1, -1)])]));
    }
    for offset in [1, -2, i64::MAX, i64::MIN] {
        questions.push(delete(2, &[of("no-records", &[(0, offset), (1, 0)])]));
    }
    questions.extend([
        delete(2, &[of("no-records", &[(2, 0), (-1, 0), (i32::MAX, -1)]), of("no-such-records", &[(0, 0)])]),
        delete(2, &[of("no-records", &[(0, 7), (0, 0)])]),
        delete(2, &[of("no-records", &[(0, 0)]), of("no-records", &[(0, 7)])]),
        delete(2, &[of("compacted-records", &[(0, -1)])]),
        delete(2, &[of("compacted-records", &[(0, 9)]), of("both-records", &[(0, -1)])]),
        delete(2, &[]),
        delete(2, &[of("no-records", &[])]),
        delete(2, &[of("", &[(0, 0)])]),
    ]);
    assert_alike(&questions);
}

#[test]
fn partitions_are_described_in_the_same_pages() {
    let page = |names: &[&str], limit: i32, cursor: Option<(&str, i32)>| {
        let topics: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        let cursor = cursor.map(|(name, partition)| json!({"topicName": name, "partitionIndex": partition}));
        ask(
            "DESCRIBE_TOPIC_PARTITIONS",
            0,
            json!({"topics": topics, "responsePartitionLimit": limit, "cursor": cursor}),
        )
    };
    let both = ["page-b", "page-a"];
    assert_alike(&[
        create(7, &[topic("page-a", 4, 1, &[]), topic("page-b", 2, 1, &[])]),
        known("page-b"),
        page(&both, 2000, None),
        page(&both, 3, None),
        page(&both, 3, Some(("page-a", 3))),
        page(&both, 4, None),
        page(&both, 6, None),
        page(&both, -3, Some(("page-b", 1))),
        page(&["page-a"], 2000, Some(("page-a", 4))),
        page(&["page-a", "none", "bad name", "page-a", "zzz"], 4, None),
        page(&["page-a", "none", "bad name", "page-a", "__consumer_offsets_"], 2000, None),
        page(&both, 2000, Some(("page-aa", 0))),
        page(&both, 2000, Some(("page-a", -1))),
    ]);
}

#[test]
fn the_cluster_is_described_alike() {
    let cluster = |version, body| ask("DESCRIBE_CLUSTER", version, body);
    assert_alike(&[
        cluster(0, json!({"includeClusterAuthorizedOperations": true})),
        cluster(1, json!({"includeClusterAuthorizedOperations": false, "endpointType": 1})),
        cluster(1, json!({"includeClusterAuthorizedOperations": false, "endpointType": 2})),
        cluster(1, json!({"includeClusterAuthorizedOperations": true, "endpointType": 7})),
        cluster(
            2,
            json!({"includeClusterAuthorizedOperations": true, "endpointType": 1, "includeFencedBrokers": true}),
        ),
    ]);
}

#[test]
fn topics_are_named_alike_in_metadata() {
    let metadata = |topics: Value, create: bool| {
        let body =
            json!({"topics": topics, "allowAutoTopicCreation": create, "includeTopicAuthorizedOperations": true});
        ask("METADATA", 13, body)
    };
    let named =
        |names: &[&str]| json!(names.iter().map(|name| json!({"topicId": NIL, "name": name})).collect::<Vec<_>>());
    let by_id = |ids: &[&str]| json!(ids.iter().map(|id| json!({"topicId": id, "name": null})).collect::<Vec<_>>());
    assert_alike(&[
        create(7, &[topic("metadata-a", 2, 1, &[])]),
        known("metadata-a"),
        metadata(named(&["metadata-a", "metadata-a", "none", "bad name", "__transaction_state"]), false),
        metadata(named(&["bad name", "__transaction_state"]), true),
        metadata(by_id(&["$id:metadata-a", "AAAAAAAAAAAAAAAAAAAAZQ"]), true),
    ]);
}

#[test]
fn the_settings_of_a_topic_are_described_alike() {
    let configs = [
        ("cleanup.policy", Some("delete, compact")),
        ("retention.ms", Some(" 10 ")),
        ("preallocate", Some("TRUE")),
        ("min.cleanable.dirty.ratio", Some("0.25")),
        ("message.timestamp.type", Some("LogAppendTime")),
        ("leader.replication.throttled.replicas", Some("0:1,1:1")),
    ];
    let keys: &[&str] = &["retention.ms", "no.such", "retention.ms", "segment.bytes"];
    let old = |version| {
        let resources =
            json!([{"resourceType": 2, "resourceName": "set", "configurationKeys": ["cleanup.policy", "segment.ms"]}]);
        ask("DESCRIBE_CONFIGS", version, json!({"resources": resources, "includeSynonyms": true}))
    };
    assert_alike(&[
        create(4, &[topic("set", 1, 1, &configs), topic("unset", 1, 1, &[])]),
        known("unset"),
        describe(&[(2, "set", None), (2, "unset", None)]),
        describe(&[(2, "set", Some(keys)), (2, "set", Some(&[])), (2, "set", Some(&["nothing"]))]),
        describe(&[(2, "none", None), (2, "bad name", None), (2, "", None), (2, "__cluster_metadata", None)]),
        old(1),
        old(2),
    ]);
}

#[test]
fn resources_without_settings_are_refused_with_the_same_words() {
    assert_alike(&[
        describe(&[(4, "7", None), (4, "x", None), (4, "-1", None), (8, "", None), (8, "2", None), (8, "y", None)]),
        describe(&[(16, "", None), (32, "", None)]),
        describe(&[(3, "1", None), (32, "some-group", None)]),
        describe(&[(0, "", None)]),
        describe(&[]),
    ]);
}

#[test]
fn the_settings_of_a_group_are_described_alike() {
    assert_alike(&[describe(&[(32, "some-group", None), (32, "other", Some(&["share.isolation.level"]))])]);
}

/// Every setting that Kafka describes of its broker is described by Catena with the same type, and with the same value
/// where neither was told another one.
#[test]
fn the_settings_of_the_broker_have_kafkas_names_types_and_defaults() {
    if !java::available() {
        return;
    }
    let question = [describe(&[(4, "1", None)])];
    let settings = |broker: &dyn Broker| -> BTreeMap<String, Value> {
        let answer = answers(broker, &question).remove(0);
        let configs = answer["response"]["results"][0]["configs"].as_array().expect("settings").clone();
        configs.into_iter().map(|config| (config["name"].as_str().expect("a name").to_owned(), config)).collect()
    };
    let (catena, kafka) = (settings(&Catena::start(Options::new())), settings(Kafka::shared()));
    // Catena needs no file to start; these defaults are its own.
    let own_default = ["listeners", "log.dir", "node.id"];
    const DEFAULT: i8 = 5;
    for (name, expected) in &kafka {
        let found = catena.get(name).unwrap_or_else(|| panic!("Catena does not describe {name}"));
        for field in ["configType", "isSensitive"] {
            assert_eq!(found[field], expected[field], "{field} of {name}");
        }
        let untold = expected["configSource"] == DEFAULT && found["configSource"] == DEFAULT;
        if untold && !own_default.contains(&name.as_str()) {
            assert_eq!(found["value"], expected["value"], "{name}");
            assert_eq!(found["synonyms"], expected["synonyms"], "{name}");
        }
    }
    assert!(kafka.len() > 300, "only {} settings", kafka.len());
    let foreign: Vec<_> = catena.keys().filter(|name| !kafka.contains_key(*name)).collect();
    assert!(
        foreign.iter().all(|name| name.starts_with("catena.") || HIDDEN_BY_KAFKA.contains(&name.as_str())),
        "{foreign:?}"
    );
}

/// Kafka's own Admin client does the same with both, step by step.
#[test]
fn an_administrator_sees_no_difference() {
    if !java::available() {
        return;
    }
    let survey = Program::compile("admin", maven::KAFKA_44);
    let steps = |broker: &dyn Broker| {
        let mut command = survey.command("AdminSurvey", 256);
        command.arg(broker.bootstrap());
        program::run(command, DEADLINE).expect_success().json_lines()
    };
    let (found, expected) = (steps(&Catena::start(Options::new())), steps(Kafka::shared()));
    assert!(expected.len() > 30, "only {} steps", expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, &normal(expected.clone()), "catena (left) and Kafka (right) differ");
    }
    assert_eq!(found.len(), expected.len());
}
