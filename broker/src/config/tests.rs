//! Whole configurations: what is read from a file and from overrides, what is warned about, what is refused.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Config, ConfigError, Loaded, Warning};

fn load(overrides: &[&str]) -> Result<Loaded, ConfigError> {
    let overrides: Vec<_> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Config::load(None, &overrides)
}

fn load_file(text: &str, overrides: &[&str]) -> Result<Loaded, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    let overrides: Vec<_> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Config::load(Some(file.path()), &overrides)
}

fn refusal(overrides: &[&str]) -> String {
    load(overrides).expect_err("refused").to_string()
}

#[test]
fn without_any_setting_it_runs_with_the_defaults() {
    let Loaded { config, warnings } = load(&[]).expect("valid");
    assert_eq!(warnings, []);
    assert_eq!(config.node_id, 1);
    assert_eq!(config.data_dirs, [PathBuf::from("catena-data")]);
    assert_eq!(config.topics.num_partitions, 1);
    assert!(config.topics.auto_create && config.topics.deletion_enabled);
    assert_eq!(config.net.request_bytes_max, 104_857_600);
    assert_eq!(config.net.connection_idle_max, Some(Duration::from_secs(600)));
    assert_eq!(config.fetch.response_bytes_max, 57_671_680);
    assert_eq!(config.groups.session_timeout_min, Duration::from_secs(6));
    assert_eq!(config.groups.offsets_topic_partitions, 50);
    assert_eq!(config.groups.offsets_retention, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(config.metrics_listener, None);
}

#[test]
fn overrides_win_over_the_file_and_later_ones_over_earlier() {
    let file = "num.partitions=3\nnode.id = 7\nlog.dirs=/data/a\n";
    let config = load_file(file, &["num.partitions=4", "num.partitions=5"]).expect("valid").config;
    assert_eq!((config.topics.num_partitions, config.node_id), (5, 7));
    assert_eq!(config.data_dirs, [PathBuf::from("/data/a")]);
}

#[test]
fn a_kraft_server_properties_starts_with_warnings() {
    let file = "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
                listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
                advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
                controller.listener.names=CONTROLLER\nnum.network.threads=3\nlog.retention.hours=168\n\
                listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n\
                log.dirs=/tmp/kraft-combined-logs\noffsets.topic.replication.factor=1\nno.such.name=1\n";
    let Loaded { config, warnings } = load_file(file, &[]).expect("starts");
    assert_eq!(config.listeners.len(), 1);
    let kraft = "There is no KRaft controller.";
    let expected = [
        format!("configuration controller.listener.names has no effect here: {kraft}"),
        format!("configuration controller.quorum.voters has no effect here: {kraft}"),
        "configuration inter.broker.listener.name has no effect here: \
         There is one broker: it leads everything, and nothing is replicated."
            .to_owned(),
        "configuration no.such.name is unknown and ignored".to_owned(),
        "configuration offsets.topic.replication.factor has no effect here: \
         There is one broker: it leads everything, and nothing is replicated."
            .to_owned(),
        format!("configuration process.roles has no effect here: {kraft}"),
        "listener CONTROLLER is for KRaft controllers, which do not exist here, and is ignored".to_owned(),
    ];
    assert_eq!(warnings.iter().map(Warning::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn a_bad_value_is_refused_with_name_value_and_reason() {
    let cases = [
        ("num.partitions=abc", "Invalid value abc for configuration num.partitions: Not a number of type INT"),
        ("num.partitions=0", "Invalid value 0 for configuration num.partitions: Value must be at least 1"),
        (
            "auto.create.topics.enable=yes",
            "Invalid value yes for configuration auto.create.topics.enable: \
             Expected value to be either true or false",
        ),
        ("node.id=-1", "Invalid value -1 for configuration node.id: Value must be at least 0"),
        ("log.dirs=/a,/a", "Invalid value /a,/a for configuration log.dirs: must not name a directory twice"),
        ("log.dirs=", "Invalid value  for configuration log.dirs: must not be empty"),
        (
            "group.min.session.timeout.ms=1800001",
            "Invalid value 1800000 for configuration group.max.session.timeout.ms: \
             must not be below group.min.session.timeout.ms",
        ),
        (
            "default.replication.factor=0",
            "Invalid value 0 for configuration default.replication.factor: \
             Value must be at least 1 and at most 32767",
        ),
        (
            "authorizer.class.name=org.example.Strict",
            "Invalid value org.example.Strict for configuration authorizer.class.name: \
             There are no access control lists yet; everybody could do everything.",
        ),
        (
            "ssl.keystore.password=hunter2",
            "Invalid value [hidden] for configuration ssl.keystore.password: There is neither TLS nor authentication \
             yet; clients would be less protected than the value says.",
        ),
        (
            "connections.max.idle.ms=100",
            "Invalid value 100 for configuration connections.max.idle.ms: \
             connection.failed.authentication.delay.ms=100 should always be less than connections.max.idle.ms=100 \
             to prevent failed authentication responses from timing out",
        ),
        (
            "log.cleaner.io.buffer.load.factor=0",
            "Invalid value 0.0 for configuration log.cleaner.io.buffer.load.factor: \
             Value must be above 0, by a key at least, and no more than 1",
        ),
        (
            "max.connections.per.ip=0",
            "Invalid value 0 for configuration max.connections.per.ip: max.connections.per.ip can be set to zero \
             only if max.connections.per.ip.overrides property is set.",
        ),
        (
            "max.connections.per.ip.overrides=127.0.0.1",
            "Invalid value 127.0.0.1 for configuration max.connections.per.ip.overrides: \
             every item must be of the form host:connections",
        ),
        (
            "max.connections.per.ip.overrides=a b:1",
            "Invalid value a b:1 for configuration max.connections.per.ip.overrides: \
             max.connections.per.ip.overrides contains invalid addresses : a b",
        ),
        ("no-equals-sign", "the override 'no-equals-sign' is not of the form name=value"),
    ];
    for (entry, expected) in cases {
        assert_eq!(refusal(&[entry]), expected);
    }
}

#[test]
fn node_id_and_its_older_name_must_agree() {
    assert_eq!(load(&["broker.id=5"]).expect("valid").config.node_id, 5);
    assert_eq!(load(&["broker.id=5", "node.id=5"]).expect("valid").config.node_id, 5);
    assert_eq!(
        refusal(&["broker.id=5", "node.id=6"]),
        "Invalid value 5 for configuration broker.id: `node.id` and `broker.id` must be set to the same value"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Some("/no/such/file".as_ref()), &[]).expect_err("missing").to_string();
    assert!(error.starts_with("cannot read the configuration file /no/such/file: "), "{error}");
    let error = load_file("a=1\nb=\\uzzzz\n", &[]).expect_err("malformed").to_string();
    assert!(error.starts_with("line 2 of the configuration file"), "{error}");
}
