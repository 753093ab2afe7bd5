//! `kafka-configs --alter` for everything that has settings, and what is described afterwards.

use compat_tests::tools::Answer;
use compat_tests::tools::class::{CONFIGS, TOPICS};

use crate::{Bench, on_both};

on_both!(
    settings_of_a_topic_are_changed,
    settings_of_brokers_are_changed,
    settings_of_a_group_are_changed,
    subscriptions_of_client_metrics_are_changed,
    levels_of_loggers_are_changed,
);

/// A call of `kafka-configs` after the type of the resource, and what it says.
type Step<'a> = (&'a str, &'a [&'a str]);

/// Takes one step after the other. Kafka's brokers learn of changes a little later, so what is described is awaited.
fn play(bench: &mut Bench, entity_type: &str, steps: &[Step]) {
    for (call, expected) in steps {
        let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
        let call = format!("{verb} --entity-type {entity_type} {rest}");
        bench.call_until(CONFIGS, call.trim_end(), |answer| said(answer) == *expected);
    }
}

/// The lines of a success, or the reason of a failure.
fn said(answer: &Answer) -> Vec<String> {
    if answer.exit == 0 {
        return answer.lines();
    }
    let mut lines = answer.stderr.lines().filter(|line| !line.starts_with("Error while executing config command"));
    let reason = lines.next().unwrap_or_default();
    vec![reason.rsplit_once("org.apache.kafka.common.errors.").map_or(reason, |(_, error)| error).to_owned()]
}

fn settings_of_a_topic_are_changed(bench: &mut Bench) {
    bench.topic("altered", 1);
    let policy = "cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, \
                  DEFAULT_CONFIG:log.cleanup.policy=delete}";
    let done: &[&str] = &["Completed updating config for topic altered."];
    let title = "Dynamic configs for topic altered are:";
    let retention = "retention.ms=60000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=60000}";
    play(
        bench,
        "topics",
        &[
            ("--alter --entity-name altered --add-config retention.ms=60000,cleanup.policy=[compact,delete]", done),
            ("--describe --entity-name altered", &[title, policy, retention]),
            ("--alter --entity-name altered --delete-config retention.ms", done),
            ("--describe --entity-name altered", &[title, policy]),
            ("--alter --entity-name altered --delete-config retention.ms", done),
            (
                "--alter --entity-name altered --add-config flush.ms=5,retention.ms=soon",
                &[
                    "InvalidConfigurationException: Invalid value soon for configuration retention.ms: Not a number of type LONG",
                ],
            ),
            (
                "--alter --entity-name altered --add-config no.such=1",
                &["InvalidConfigurationException: Unknown topic config name: no.such"],
            ),
            ("--describe --entity-name altered", &[title, policy]),
            (
                "--alter --entity-name nobody --add-config retention.ms=5",
                &["UnknownTopicOrPartitionException: The topic 'nobody' does not exist."],
            ),
            (
                "--alter --entity-name bad/name --add-config retention.ms=5",
                &[
                    "InvalidTopicException: Topic name is invalid: 'bad/name' contains one or more characters other than ASCII \
                   alphanumerics, '.', '_' and '-'",
                ],
            ),
        ],
    );
    let described = bench.lines(TOPICS, "--describe --topic altered");
    assert!(described[0].ends_with("ReplicationFactor: 1 Configs: cleanup.policy=compact,delete"), "{described:?}");
    let refused = bench.call(TOPICS, "--alter --topic altered --config retention.ms=5");
    assert!(refused.stderr.contains("the kafka-configs tool can be used"), "{refused}");
}

fn settings_of_brokers_are_changed(bench: &mut Bench) {
    let one: &[&str] = &["Completed updating config for broker 1."];
    let all: &[&str] = &["Completed updating default config for brokers in the cluster."];
    let title = "Dynamic configs for broker 1 are:";
    let title_of_all = "Default configs for brokers in the cluster are:";
    let first = "message.max.bytes=2000000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:message.max.bytes=2000000, \
                 DEFAULT_CONFIG:message.max.bytes=1048588}";
    let both = "message.max.bytes=2000000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:message.max.bytes=2000000, \
                DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=3000000, DEFAULT_CONFIG:message.max.bytes=1048588}";
    let of_all =
        "message.max.bytes=3000000 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=3000000}";
    play(
        bench,
        "brokers",
        &[
            ("--alter --entity-name 1 --add-config message.max.bytes=2000000", one),
            ("--describe --entity-name 1", &[title, first]),
            ("--alter --entity-default --add-config message.max.bytes=3000000", all),
            ("--describe --entity-default", &[title_of_all, of_all]),
            ("--describe", &[title, both, title_of_all, of_all]),
            ("--alter --entity-name 1 --delete-config message.max.bytes", one),
            ("--alter --entity-default --delete-config message.max.bytes", all),
            ("--describe", &[title, title_of_all]),
            (
                "--alter --entity-name 1 --add-config broker.id=7",
                &["InvalidRequestException: Cannot update these configs dynamically: [broker.id]"],
            ),
            (
                "--alter --entity-name 1 --add-config message.max.bytes=many",
                &[
                    "InvalidRequestException: Invalid value many for configuration message.max.bytes: Not a number of type INT",
                ],
            ),
            (
                "--alter --entity-name one --add-config message.max.bytes=5",
                &["The entity name for brokers must be a valid integer broker id, but it is: one"],
            ),
            ("--describe", &[title, title_of_all]),
        ],
    );
}

fn settings_of_a_group_are_changed(bench: &mut Bench) {
    let done: &[&str] = &["Completed updating config for group members."];
    let described: &[&str] = &[
        "Dynamic configs for group members are:",
        "consumer.session.timeout.ms=50000 sensitive=false \
         synonyms={DYNAMIC_GROUP_CONFIG:consumer.session.timeout.ms=50000, DEFAULT_CONFIG:group.consumer.session.timeout.ms=45000}",
    ];
    play(
        bench,
        "groups",
        &[
            ("--alter --entity-name members --add-config consumer.session.timeout.ms=50000", done),
            ("--describe --entity-name members", described),
            ("--describe", described),
            (
                "--alter --entity-name members --add-config consumer.session.timeout.ms=5",
                &[
                    "InvalidConfigurationException: consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.",
                ],
            ),
            ("--alter --entity-name members --delete-config consumer.session.timeout.ms", done),
            (
                "--describe --entity-name members",
                &["The group 'members' doesn't exist and doesn't have dynamic config."],
            ),
        ],
    );
    let all = bench.lines(CONFIGS, "--describe --entity-type groups --entity-name members --all");
    assert_eq!((all[0].as_str(), all.len()), ("All configs for group members are:", 22), "{all:#?}");
    let default =
        "streams.assignor.name=sticky sensitive=false synonyms={DEFAULT_CONFIG:group.streams.assignors=sticky}";
    assert!(all.contains(&default.to_owned()), "{all:#?}");
}

fn subscriptions_of_client_metrics_are_changed(bench: &mut Bench) {
    let done: &[&str] = &["Completed updating config for client-metric slow."];
    let described: &[&str] = &[
        "Dynamic configs for client-metric slow are:",
        "interval.ms=5000 sensitive=false synonyms={DYNAMIC_CLIENT_METRICS_CONFIG:interval.ms=5000}",
        "metrics=a,b sensitive=false synonyms={DYNAMIC_CLIENT_METRICS_CONFIG:metrics=a,b}",
    ];
    play(
        bench,
        "client-metrics",
        &[
            ("--alter --entity-name slow --add-config interval.ms=5000,metrics=[a,b]", done),
            ("--describe --entity-name slow", described),
            ("--describe", described),
            (
                "--alter --entity-name slow --add-config interval.ms=5",
                &[
                    "InvalidRequestException: Invalid value 5 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
                ],
            ),
            ("--alter --entity-name slow --delete-config interval.ms,metrics", done),
            (
                "--describe --entity-name slow",
                &["The client-metric 'slow' doesn't exist and doesn't have dynamic config."],
            ),
            ("--describe", &[]),
        ],
    );
}

fn levels_of_loggers_are_changed(bench: &mut Bench) {
    let done: &[&str] = &["Completed updating config for broker-logger 1."];
    play(
        bench,
        "broker-loggers",
        &[
            ("--alter --entity-name 1 --add-config root=WARN", done),
            (
                "--alter --entity-name 1 --add-config root=LOUD",
                &[
                    "InvalidConfigurationException: Cannot set the log level of root to LOUD as it is not a supported log level. \
                   Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
                ],
            ),
            (
                "--alter --entity-name 1 --delete-config root",
                &["InvalidRequestException: Removing the log level of the root logger is not allowed"],
            ),
            ("--alter --entity-name 1 --add-config nobody=INFO", &["Invalid broker logger(s): nobody"]),
        ],
    );
    let all = bench.lines(CONFIGS, "--describe --entity-type broker-loggers --entity-name 1");
    assert!(all.contains(&"root=WARN sensitive=false synonyms={}".to_owned()), "{all:#?}");
    play(bench, "broker-loggers", &[("--alter --entity-name 1 --add-config root=INFO", done)]);
}
