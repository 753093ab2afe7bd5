//! `kafka-configs --describe`, `kafka-broker-api-versions`, `kafka-cluster`.

use compat_tests::tools::class::{CLUSTER, CONFIGS, TOPICS};

use crate::{Bench, on_both};

on_both!(settings_of_a_topic_are_described, settings_of_the_broker_are_described, the_cluster_has_an_id);

fn settings_of_a_topic_are_described(bench: &mut Bench) {
    bench.topic("plain", 1);
    bench.lines(TOPICS, "--create --topic tuned --config retention.ms=86400000 --config cleanup.policy=compact,delete");
    bench.call_until(CONFIGS, "--describe --entity-type topics --entity-name tuned", |answer| answer.lines().len() > 1);
    let describe = |what: &str| format!("--describe --entity-type topics --entity-name {what}");
    assert_eq!(bench.lines(CONFIGS, &describe("plain")), ["Dynamic configs for topic plain are:"]);
    assert_eq!(
        bench.lines(CONFIGS, &describe("tuned")),
        [
            "Dynamic configs for topic tuned are:",
            "cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, \
             DEFAULT_CONFIG:log.cleanup.policy=delete}",
            "retention.ms=86400000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=86400000}",
        ]
    );
    let all = bench.lines(CONFIGS, &describe("tuned --all"));
    assert_eq!(all[0], "All configs for topic tuned are:");
    for line in [
        "compression.type=producer sensitive=false synonyms={DEFAULT_CONFIG:compression.type=producer}",
        "max.message.bytes=1048588 sensitive=false synonyms={DEFAULT_CONFIG:message.max.bytes=1048588}",
        "min.insync.replicas=1 sensitive=false synonyms={DEFAULT_CONFIG:min.insync.replicas=1}",
        "segment.bytes=1073741824 sensitive=false synonyms={DEFAULT_CONFIG:log.segment.bytes=1073741824}",
        "message.timestamp.type=CreateTime sensitive=false synonyms={DEFAULT_CONFIG:log.message.timestamp.type=CreateTime}",
        "retention.bytes=-1 sensitive=false synonyms={DEFAULT_CONFIG:log.retention.bytes=-1}",
        "retention.ms=86400000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=86400000}",
    ] {
        assert!(all.contains(&line.to_owned()), "{line} is not in {all:#?}");
    }
    let unknown = bench.lines(CONFIGS, &describe("untold"));
    assert_eq!(unknown, ["The topic 'untold' doesn't exist and doesn't have dynamic config."]);
}

fn settings_of_the_broker_are_described(bench: &mut Bench) {
    let all = bench.lines(CONFIGS, "--describe --entity-type brokers --entity-name 1 --all");
    assert_eq!(all[0], "All configs for broker 1 are:");
    for line in [
        "group.initial.rebalance.delay.ms=0 sensitive=false synonyms={STATIC_BROKER_CONFIG:group.initial.rebalance.delay.ms=0, \
         DEFAULT_CONFIG:group.initial.rebalance.delay.ms=3000}",
        "num.partitions=1 sensitive=false synonyms={DEFAULT_CONFIG:num.partitions=1}",
        "auto.create.topics.enable=true sensitive=false synonyms={DEFAULT_CONFIG:auto.create.topics.enable=true}",
        "message.max.bytes=1048588 sensitive=false synonyms={DEFAULT_CONFIG:message.max.bytes=1048588}",
        "socket.request.max.bytes=104857600 sensitive=false synonyms={DEFAULT_CONFIG:socket.request.max.bytes=104857600}",
        "group.max.session.timeout.ms=1800000 sensitive=false synonyms={DEFAULT_CONFIG:group.max.session.timeout.ms=1800000}",
    ] {
        assert!(all.contains(&line.to_owned()), "{line} is not in {all:#?}");
    }
    let listener = "listeners=PLAINTEXT://127.0.0.1:";
    assert!(all.iter().any(|line| line.starts_with(listener)), "{listener}: {all:#?}");
    let dynamic = bench.lines(CONFIGS, "--describe --entity-type brokers --entity-name 1");
    assert_eq!(dynamic, ["Dynamic configs for broker 1 are:"]);
}

fn the_cluster_has_an_id(bench: &mut Bench) {
    let bootstrap = bench.broker.bootstrap();
    let answer = bench.tools.call(CLUSTER, &["cluster-id", "--bootstrap-server", &bootstrap], "");
    let id = answer.success().trim().strip_prefix("Cluster ID: ").unwrap_or_else(|| panic!("{answer}")).to_owned();
    assert_eq!(id.len(), 22, "{id}");
}
