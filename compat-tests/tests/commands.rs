//! The commands that talk to a broker: the same words, the same answers, from Apache Kafka and from Catena; and what they leave in
//! `__config`, as Kafka's own console consumer shows it.

use std::process::Command;
use std::time::Duration;

use compat_tests::catena::{Options, binary};
use compat_tests::program::{self, Output};
use compat_tests::tools::class::CONSOLE_CONSUMER;
use compat_tests::wire::Connection;
use compat_tests::{Broker, Catena, Kafka, Tools, java};

const LIMIT: Duration = Duration::from_secs(60);

fn catena(broker: &dyn Broker, line: &str) -> Output {
    let mut command = Command::new(binary());
    command.args(line.split(' ')).args(["--bootstrap-server", &broker.bootstrap()]);
    program::run(command, LIMIT)
}

/// The lines of a command that did what it should, columns parted by single spaces.
fn lines(broker: &dyn Broker, line: &str) -> Vec<String> {
    let output = catena(broker, line).expect_success();
    output.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn refusal(broker: &dyn Broker, line: &str) -> String {
    let output = catena(broker, line);
    assert_eq!(output.status.and_then(|status| status.code()), Some(1), "{output}");
    output.stderr.trim_end().to_owned()
}

#[test]
fn kafka_is_changed_and_read() {
    if java::available() {
        exercise(Kafka::shared());
    }
}

#[test]
fn catena_is_changed_and_read_as_kafka_is() {
    exercise(&Catena::start(Options::new().set("node.id", 1)));
}

fn exercise(broker: &dyn Broker) {
    let topic = Connection::to(broker).unwrap().create_topic("commands", 1, &[]).unwrap();
    settings_of_a_topic(broker);
    settings_of_other_resources(broker);
    refusals_are_told_in_the_brokers_words(broker);
    records_are_written_and_read_back(broker);
    assert_eq!(topic.partitions, 1);
}

fn settings_of_a_topic(broker: &dyn Broker) {
    assert_eq!(lines(broker, "config get topic/commands"), ["nothing is set"]);
    let set = "config set topic/commands retention.ms=5000 cleanup.policy=compact";
    assert_eq!(lines(broker, set), ["topic/commands: 2 settings changed"]);
    until(broker, "config get topic/commands", |lines| lines.len() == 3);
    assert_eq!(
        lines(broker, "config get topic/commands"),
        [
            "SETTING VALUE SOURCE BEHIND IT",
            "cleanup.policy compact DYNAMIC_TOPIC_CONFIG DEFAULT_CONFIG:log.cleanup.policy=delete",
            "retention.ms 5000 DYNAMIC_TOPIC_CONFIG",
        ]
    );
    assert_eq!(lines(broker, "config unset topic/commands retention.ms"), ["topic/commands: retention.ms changed"]);
    until(broker, "config get topic/commands", |lines| lines.len() == 2);
    let default = lines(broker, "config get topic/commands segment.ms --json");
    assert!(default[0].contains(r#""source":"DEFAULT_CONFIG""#), "{default:?}");
}

fn settings_of_other_resources(broker: &dyn Broker) {
    for (resource, setting, value, source) in [
        ("broker", "log.retention.ms", "7200000", "DYNAMIC_DEFAULT_BROKER_CONFIG"),
        ("broker/1", "log.cleaner.threads", "2", "DYNAMIC_BROKER_CONFIG"),
        ("group/g", "consumer.session.timeout.ms", "50000", "DYNAMIC_GROUP_CONFIG"),
        ("client-metrics/s", "interval.ms", "5000", "DYNAMIC_CLIENT_METRICS_CONFIG"),
    ] {
        lines(broker, &format!("config set {resource} {setting}={value}"));
        let wanted = format!("{setting} {value} {source}");
        until(broker, &format!("config get {resource}"), |lines| lines.iter().any(|line| line.starts_with(&wanted)));
        lines(broker, &format!("config unset {resource} {setting}"));
        until(broker, &format!("config get {resource}"), |lines| !lines.iter().any(|line| line.starts_with(&wanted)));
    }
}

fn refusals_are_told_in_the_brokers_words(broker: &dyn Broker) {
    assert_eq!(
        refusal(broker, "config set topic/commands retention.ms=many"),
        "catena: INVALID_CONFIG: Invalid value many for configuration retention.ms: Not a number of type LONG"
    );
    let unknown = refusal(broker, "config set topic/untold retention.ms=5");
    assert!(unknown.starts_with("catena: UNKNOWN_TOPIC_OR_PARTITION"), "{unknown}");
    lines(broker, "config set topic/commands retention.ms=7 --validate-only");
    assert_eq!(lines(broker, "config get topic/commands").len(), 2);
}

/// Versions grow because what was written is read back.
fn records_are_written_and_read_back(broker: &dyn Broker) {
    assert_eq!(lines(broker, "config-topic set commands a=1 b=2"), ["commands: a version 1, b version 1"]);
    assert_eq!(lines(broker, "config-topic set commands b=3"), ["commands: b version 2"]);
    assert_eq!(lines(broker, "config-topic unset commands b"), ["commands: b version 3"]);
}

/// Kafka's changes take effect some time after they were answered.
fn until(broker: &dyn Broker, line: &str, enough: impl Fn(&[String]) -> bool) {
    let deadline = std::time::Instant::now() + LIMIT;
    loop {
        let seen = lines(broker, line);
        if enough(&seen) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{}: {line}: {seen:#?}", broker.name());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn kafkas_console_consumer_shows_what_was_changed() {
    if !java::available() {
        return;
    }
    let broker = Catena::start(Options::new());
    lines(&broker, "config set broker fetch.max.bytes=9000000 --reason seen");
    lines(&broker, "rollout start calm broker fetch.max.bytes=8000000 --share 5");
    let bootstrap = broker.bootstrap();
    let read = |partition| {
        let line = format!(
            "--bootstrap-server {bootstrap} --topic __config --partition {partition} --offset earliest \
             --max-messages 1 --timeout-ms 20000 --formatter-property print.key=true --formatter-property key.separator=|"
        );
        let words: Vec<&str> = line.split_whitespace().collect();
        Tools::start().call(CONSOLE_CONSUMER, &words, "").success().trim_end().to_owned()
    };
    let control = read(0);
    let (key, value) = control.split_once('|').expect("a key and a value");
    assert_eq!(key, r#"{"resource":"broker","name":"","setting":"fetch.max.bytes"}"#);
    assert!(value.starts_with(r#"{"v":1,"value":"9000000","version":1,"time":""#), "{value}");
    assert!(value.contains(r#""client_id":"catena-cli"},"reason":"seen"}"#), "{value}");
    let canary = read(1);
    let (key, value) = canary.split_once('|').expect("a key and a value");
    assert_eq!(key, r#"{"rollout":"calm"}"#);
    assert!(value.contains(r#""setting":"fetch.max.bytes","value":"8000000""#), "{value}");
}
