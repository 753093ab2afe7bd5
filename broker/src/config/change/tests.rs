//! Plans, by what is asked and what was there. (Kafka's own answers are compared in `compat-tests`.)

use super::*;

/// What is known before a change.
#[derive(Default)]
struct Scene {
    file: Vec<&'static str>,
    all_brokers: Values,
    this_broker: Values,
    own: Values,
    is_missing: bool,
}

const NODE_ID: i32 = 1;

fn values(of: &[(&str, &str)]) -> Values {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A resource that sets `own`.
fn with(own: &[(&str, &str)]) -> Scene {
    Scene { own: values(own), ..Scene::default() }
}

impl Scene {
    fn plan(&self, kind: ResourceKind, name: &str, ask: Ask) -> Result<Plan, String> {
        let overrides: Vec<_> = self.file.iter().map(|text| (*text).to_owned()).collect();
        let (fixed, _) = Settings::read(None, &overrides).expect("valid");
        let own = match (kind, name) {
            (ResourceKind::Broker, "") => &self.all_brokers,
            (ResourceKind::Broker, _) => &self.this_broker,
            _ => &self.own,
        };
        let (all_brokers, this_broker) = (&self.all_brokers, &self.this_broker);
        let view = View { node_id: NODE_ID, fixed: &fixed, all_brokers, this_broker, own, exists: !self.is_missing };
        plan(&view, &Alteration { resource: Resource::new(kind, name), ask }).map_err(|error| error.to_string())
    }

    /// What is stored after incremental operations, as `name=value` or `name-`.
    fn stored(&self, kind: ResourceKind, name: &str, ops: &[(&str, Op)]) -> Result<Vec<String>, String> {
        let ops = ops.iter().map(|(name, op)| ((*name).to_owned(), op.clone())).collect();
        self.plan(kind, name, Ask::Incremental(ops)).map(|plan| changes(&plan))
    }

    fn of_topic(&self, ops: &[(&str, Op)]) -> Result<Vec<String>, String> {
        self.stored(ResourceKind::Topic, "orders", ops)
    }

    fn of_broker(&self, ops: &[(&str, Op)]) -> Result<Vec<String>, String> {
        self.stored(ResourceKind::Broker, "1", ops)
    }

    fn of_all_brokers(&self, ops: &[(&str, Op)]) -> Result<Vec<String>, String> {
        self.stored(ResourceKind::Broker, "", ops)
    }

    fn of_group(&self, ops: &[(&str, Op)]) -> Result<Vec<String>, String> {
        self.stored(ResourceKind::Group, "readers", ops)
    }
}

fn changes(plan: &Plan) -> Vec<String> {
    let text = |change: &Change| match &change.value {
        Some(value) => format!("{}={value}", change.setting),
        None => format!("{}-", change.setting),
    };
    plan.changes.iter().map(text).collect()
}

fn set(value: &str) -> Op {
    Op::Set(value.to_owned())
}

fn append(value: &str) -> Op {
    Op::Append(value.to_owned())
}

fn subtract(value: &str) -> Op {
    Op::Subtract(value.to_owned())
}

fn is(expected: &[&str]) -> Result<Vec<String>, String> {
    Ok(expected.iter().map(|text| (*text).to_owned()).collect())
}

fn refused(text: &str) -> Result<Vec<String>, String> {
    Err(text.to_owned())
}

#[test]
fn values_are_stored_in_their_normal_form() {
    let ops =
        [("preallocate", set("TRUE")), ("retention.ms", set(" +5 ")), ("cleanup.policy", set("delete , compact"))];
    assert_eq!(with(&[]).of_topic(&ops), is(&["cleanup.policy=delete,compact", "preallocate=true", "retention.ms=5"]));
}

#[test]
fn what_a_topic_has_already_is_no_change_but_a_broker_stores_it_again() {
    let same = [("retention.ms", set("5")), ("flush.ms", Op::Delete)];
    assert_eq!(with(&[("retention.ms", "5")]).of_topic(&same), is(&[]));
    let scene = Scene { this_broker: values(&[("message.max.bytes", "5")]), ..Scene::default() };
    assert_eq!(scene.of_broker(&[("message.max.bytes", set("5"))]), is(&["message.max.bytes=5"]));
    assert_eq!(scene.of_broker(&[("log.retention.ms", Op::Delete), ("nobody.knows", Op::Delete)]), is(&[]));
}

#[test]
fn lists_grow_and_shrink_from_what_they_are() {
    let policy = |op| [("cleanup.policy", op)];
    assert_eq!(with(&[]).of_topic(&policy(append("compact"))), is(&["cleanup.policy=delete,compact"]));
    let both = with(&[("cleanup.policy", "delete,compact")]);
    assert_eq!(both.of_topic(&policy(append("compact,delete"))), is(&[]));
    assert_eq!(both.of_topic(&policy(subtract("delete"))), is(&["cleanup.policy=compact"]));
    assert_eq!(both.of_topic(&policy(subtract("delete,compact"))), is(&["cleanup.policy="]));
    let no_list = [("retention.ms", append("1"))];
    assert_eq!(both.of_topic(&no_list), refused("Can't APPEND to key retention.ms because its type is not LIST."));
}

#[test]
fn one_wrong_value_refuses_all() {
    let ops = [("flush.ms", set("5")), ("retention.ms", set("soon"))];
    let expected = "Invalid value soon for configuration retention.ms: Not a number of type LONG";
    assert_eq!(with(&[]).of_topic(&ops), refused(expected));
}

#[test]
fn a_value_is_checked_against_those_that_were_there() {
    let scene = with(&[("min.compaction.lag.ms", "9")]);
    let expected = "conflict topic config setting min.compaction.lag.ms (9) > max.compaction.lag.ms (8)";
    assert_eq!(scene.of_topic(&[("max.compaction.lag.ms", set("8"))]), refused(expected));
    let both = [("max.compaction.lag.ms", set("8")), ("min.compaction.lag.ms", Op::Delete)];
    assert_eq!(scene.of_topic(&both), is(&["max.compaction.lag.ms=8", "min.compaction.lag.ms-"]));
}

#[test]
fn what_a_replacement_does_not_name_is_taken_away() {
    let scene = with(&[("flush.ms", "5"), ("retention.ms", "6"), ("segment.ms", "7")]);
    let ask =
        Ask::Replace(vec![("retention.ms".to_owned(), "6".to_owned()), ("segment.ms".to_owned(), "8".to_owned())]);
    let planned = scene.plan(ResourceKind::Topic, "orders", ask).map(|plan| changes(&plan));
    assert_eq!(planned, is(&["flush.ms-", "segment.ms=8"]));
}

#[test]
fn a_topic_must_be_there() {
    let missing = Scene { is_missing: true, ..Scene::default() };
    assert_eq!(missing.of_topic(&[]), refused("The topic 'orders' does not exist."));
}

#[test]
fn remarks_are_kept_apart_from_settings() {
    let asked = |ops: &[(&str, Op)]| {
        let ops = ops.iter().map(|(name, op)| ((*name).to_owned(), op.clone())).collect();
        with(&[]).plan(ResourceKind::Topic, "orders", Ask::Incremental(ops))
    };
    let plan = asked(&[(REASON, set("why not")), (VERSION, set(" 7 ")), ("flush.ms", set("5"))]).expect("planned");
    assert_eq!(
        (changes(&plan), plan.reason.as_deref(), plan.expected_version),
        (vec!["flush.ms=5".to_owned()], Some("why not"), Some(7))
    );
    let refusal = |ops: &[(&str, Op)]| asked(ops).expect_err("refused");
    let one_version = "catena.change.version is the version of one setting, so exactly one must be changed";
    assert_eq!(refusal(&[(VERSION, set("7")), ("flush.ms", set("5")), ("segment.ms", set("6"))]), one_version);
    assert_eq!(refusal(&[(VERSION, set("x"))]), "Invalid value x for catena.change.version: Not a number");
    assert_eq!(
        refusal(&[(REASON, Op::Delete)]),
        "catena.change.reason says something about the change and can only be set"
    );
}

#[test]
fn a_value_that_no_start_would_take_is_refused_when_it_is_set() {
    let scene = Scene { file: vec!["group.min.session.timeout.ms=9000"], ..Scene::default() };
    let too_small = [("group.max.session.timeout.ms", set("8000"))];
    let expected = "Invalid value 8000 for configuration group.max.session.timeout.ms: must not be below \
                    group.min.session.timeout.ms";
    assert_eq!(scene.of_broker(&too_small), refused(expected));
    assert_eq!(scene.of_all_brokers(&too_small), refused(expected));
}

/// The default of all brokers is checked for this broker, under what it sets itself.
#[test]
fn a_default_is_checked_under_the_brokers_own_values() {
    let this_broker = values(&[("group.max.session.timeout.ms", "7000")]);
    let scene = Scene { this_broker, ..Scene::default() };
    let ops = |max| [("group.min.session.timeout.ms", set(max))];
    assert!(scene.of_all_brokers(&ops("8000")).expect_err("refused").contains("must not be below"));
    assert_eq!(scene.of_all_brokers(&ops("6500")), is(&["group.min.session.timeout.ms=6500"]));
    let hidden = [("group.max.session.timeout.ms", set("9000"))];
    assert_eq!(scene.of_all_brokers(&hidden), is(&["group.max.session.timeout.ms=9000"]));
}

#[test]
fn settings_that_cannot_be_changed_so_are_refused_before_their_values_are_looked_at() {
    let scene = with(&[]);
    let one = |setting, value: &str| scene.of_broker(&[(setting, set(value))]);
    assert_eq!(one("broker.id", "x"), refused("Cannot update these configs dynamically: [broker.id]"));
    assert_eq!(one("nobody.knows", "1"), refused("Unknown config name: nobody.knows"));
    let tls = "These security configs can be dynamically updated only per-listener using the listener prefix: ";
    assert_eq!(one("ssl.keystore.location", "/x"), refused(&format!("{tls}[ssl.keystore.location]")));
    let of_all = scene.of_all_brokers(&[("sasl.jaas.config", set("x"))]);
    let per_broker =
        "Cannot update these configs at default cluster level, broker id must be specified: [sasl.jaas.config]";
    assert_eq!(of_all, refused(per_broker));
}

#[test]
fn secrets_are_neither_stored_nor_told() {
    let error = with(&[]).of_broker(&[("sasl.jaas.config", set("hunter2"))]).expect_err("refused");
    assert!(error.starts_with("sasl.jaas.config is a secret") && !error.contains("hunter2"), "{error}");
}

#[test]
fn what_would_do_harm_if_it_were_ignored_is_refused_with_the_reason() {
    let error = with(&[]).of_broker(&[("config.providers", set("file"))]).expect_err("refused");
    assert!(error.starts_with("config.providers cannot be set: "), "{error}");
}

#[test]
fn groups_stay_within_the_brokers_limits() {
    let scene = Scene { file: vec!["group.consumer.max.session.timeout.ms=70000"], ..Scene::default() };
    let session = |ms: &str| [("consumer.session.timeout.ms", set(ms))];
    assert_eq!(scene.of_group(&session("70000")), is(&["consumer.session.timeout.ms=70000"]));
    let range = "consumer.session.timeout.ms must be in the range 45000 to 70000 inclusive.";
    assert_eq!(scene.of_group(&session("70001")), refused(range));
    let narrow = Scene {
        file: vec!["group.consumer.min.session.timeout.ms=5000", "group.consumer.session.timeout.ms=6000"],
        ..Scene::default()
    };
    let expected = "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms";
    assert_eq!(narrow.of_group(&session("5000")), refused(expected));
    assert_eq!(narrow.of_group(&session("5001")), is(&["consumer.session.timeout.ms=5001"]));
}

#[test]
fn a_share_group_begins_where_java_would_let_it() {
    let at = |text: &str| with(&[]).of_group(&[("share.auto.offset.reset", set(text))]).is_ok();
    let right = [
        "earliest",
        "latest",
        "by_duration:P1D",
        "by_duration:pt1h",
        "by_duration:P1DT2H3M4.5S",
        "by_duration:PT0.000000001S",
    ];
    for text in right {
        assert!(at(text), "{text}");
    }
    let wrong = [
        "",
        "never",
        "by_duration:",
        "by_duration:P",
        "by_duration:PT",
        "by_duration:P1H",
        "by_duration:PT1M1H",
        "by_duration:PT-1S",
        "by_duration:P1Y",
    ];
    for text in wrong {
        assert!(!at(text), "{text}");
    }
}

#[test]
fn patterns_of_clients_can_be_compiled() {
    let matching = |text: &str| with(&[]).stored(ResourceKind::ClientMetrics, "slow", &[("match", set(text))]).is_ok();
    assert!(matching("client_id=a.*, client_software_name = [^x]+"));
    for wrong in ["x", "client_id=", "client_id=a=b", "nobody=a", "client_id=["] {
        assert!(!matching(wrong), "{wrong}");
    }
}

#[test]
fn values_that_are_too_long_are_refused_and_not_repeated() {
    let too_long = "x".repeat(VALUE_BYTES_MAX + 1);
    let error = with(&[]).of_topic(&[("compression.type", set(&too_long))]).expect_err("refused");
    assert_eq!(error, "The value of compression.type has 32768 bytes, more than 32767");
    let replicas = "leader.replication.throttled.replicas";
    let full = vec!["0:1"; VALUE_BYTES_MAX / 4].join(",");
    let scene = with(&[(replicas, full.as_str())]);
    assert!(scene.of_topic(&[(replicas, append("1:1,2:1"))]).expect_err("refused").contains("more than 32767"));
}
