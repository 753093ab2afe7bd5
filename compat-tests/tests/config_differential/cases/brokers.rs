//! Settings of a broker and of all brokers.

use serde_json::Value;

use crate::differences::*;
use crate::verbs::*;

/// Changes of one broker that are made.
pub fn good() -> Vec<Value> {
    let b = |settings: &[(&str, &str)]| shows(BROKER, "1", settings);
    vec![
        describe(BROKER, "", None),
        alter(BROKER, "1", &[set("message.max.bytes", "2000000")]),
        b(&[("message.max.bytes", "2000000")]),
        alter(BROKER, "1", &[set("message.max.bytes", "2000000")]),
        alter(BROKER, "1", &[set("log.retention.ms", " 70000 "), set("log.preallocate", "TRUE")]),
        b(&[("log.preallocate", "true"), ("log.retention.ms", "70000")]),
        check(BROKER, "1", &[set("message.max.bytes", "3000000")]),
        b(&[("message.max.bytes", "2000000")]),
        alter(BROKER, "1", &[append("log.cleanup.policy", "compact")]),
        b(&[("log.cleanup.policy", "delete,compact")]),
        alter(BROKER, "1", &[subtract("log.cleanup.policy", "delete")]),
        b(&[("log.cleanup.policy", "compact")]),
        alter(BROKER, "1", &[delete("log.cleanup.policy"), delete("log.flush.interval.ms")]),
        b(&[("log.cleanup.policy", "delete")]),
        replace(BROKER, "1", &[("log.segment.bytes", Some("2097152"))]),
        b(&[("message.max.bytes", "1048588"), ("log.segment.bytes", "2097152")]),
        alter(BROKER, "1", &[set("max.connections", "1000"), set("background.threads", "12")]),
        b(&[("max.connections", "1000"), ("background.threads", "12")]),
        alter(BROKER, "1", &[set("leader.replication.throttled.rate", "1000")]),
        replace(BROKER, "1", &[]),
        b(&[("max.connections", "2147483647"), ("background.threads", "10"), ("log.segment.bytes", "1073741824")]),
        describe(BROKER, "1", Some(&["message.max.bytes", "log.retention.ms"])),
    ]
}

/// Changes of one broker that are refused.
pub fn bad() -> Vec<Value> {
    let state = || describe(BROKER, "1", Some(&["message.max.bytes", "log.retention.ms", "queued.max.requests"]));
    let mut calls = Vec::new();
    for steps in refused() {
        calls.push(alter(BROKER, "1", &steps));
        if steps.len() > 1 {
            calls.push(state());
        }
    }
    calls.extend(refused_in_other_words());
    for name in ["2", "-1", "x", "1.0", "1 "] {
        calls.push(alter(BROKER, name, &[set("message.max.bytes", "5")]));
        calls.push(replace(BROKER, name, &[("message.max.bytes", Some("5"))]));
    }
    calls.extend([
        replace(BROKER, "1", &[("queued.max.requests", Some("5"))]),
        replace(BROKER, "1", &[("message.max.bytes", None)]),
        replace(BROKER, "1", &[("message.max.bytes", Some("x"))]),
        state(),
        alter(BROKER, "1", &[set("log.cleanup.policy", "")]),
        shows(BROKER, "1", &[("log.cleanup.policy", "")]),
        replace(BROKER, "1", &[]),
        shows(BROKER, "1", &[("log.cleanup.policy", "delete")]),
    ]);
    calls
}

fn refused() -> Vec<Vec<Step<'static>>> {
    vec![
        vec![delete("no.such.setting")],
        vec![append("no.such.setting", "1")],
        vec![subtract("no.such.setting", "1")],
        vec![set("queued.max.requests", "3")],
        vec![set("queued.max.requests", "x")],
        vec![delete("queued.max.requests")],
        vec![set("queued.max.requests", "3"), set("message.max.bytes", "x")],
        vec![set("broker.id", "2")],
        vec![set("log.dirs", "/tmp/x")],
        vec![set("message.max.bytes", "x")],
        vec![set("message.max.bytes", "-1")],
        vec![set("message.max.bytes", "")],
        vec![set("log.cleanup.policy", "shrink")],
        vec![append("log.cleanup.policy", "shrink")],
        vec![append("message.max.bytes", "1")],
        vec![subtract("message.max.bytes", "1")],
        vec![("message.max.bytes", SET, None)],
        vec![("message.max.bytes", 9, Some("5"))],
        vec![set("message.max.bytes", "5"), set("message.max.bytes", "6")],
        vec![set("message.max.bytes", "5"), set("log.retention.ms", "x")],
        vec![set("message.max.bytes", "5"), append("log.retention.ms", "5")],
        vec![set("ssl.keystore.location", "/tmp/x")],
        vec![set("ssl.keystore.password", "secret")],
        vec![set("min.insync.replicas", "0")],
        vec![set("compression.type", "zip")],
        vec![set("log.cleaner.backoff.ms", "-1")],
        vec![set("log.message.timestamp.type", "now")],
    ]
}

fn refused_in_other_words() -> Vec<Value> {
    let long = "x".repeat(32_767);
    let one = |setting, value| alter(BROKER, "1", &[set(setting, value)]);
    let one_checked = |setting, value| check(BROKER, "1", &[set(setting, value)]);
    vec![
        differs(one_checked("no.such.setting", "1"), 40, "Unknown config name: no.such.setting", NO_PLUG_INS),
        differs(one_checked("num.partitions", "3"), 0, "", DYNAMIC_HERE),
        differs(one_checked("group.max.size", "3"), 0, "", DYNAMIC_HERE),
        differs(one("compression.type", &long), 42, "Invalid value xxx", NO_FAILURE),
        differs(
            one("log.cleaner.threads", "0"),
            42,
            "Invalid value 134217728 for configuration log.cleaner.",
            PLAIN_WORDS,
        ),
        differs(one_checked("log.cleaner.threads", "100"), 0, "", NO_POOLS),
        differs(one_checked("num.io.threads", "1"), 0, "", NO_POOLS),
        differs(one_checked("background.threads", "1000"), 0, "", NO_POOLS),
        differs(one_checked("log.local.retention.ms", "9999999999"), 0, "", NO_REMOTE_STORAGE),
        differs(
            one("log.retention.ms", "0"),
            42,
            "Invalid value 0 for configuration log.retention.ms: must be unlimited (-1) or at least 1",
            PLAIN_WORDS,
        ),
        differs(
            one("listeners", "PLAINTEXT://127.0.0.1:1"),
            42,
            "Cannot update these configs dynamically: [listeners]",
            FIXED_LISTENERS,
        ),
        differs(one("max.connections.per.ip.overrides", "x"), 42, "Invalid value x for", PLAIN_WORDS),
    ]
}

/// Changes of what all brokers get.
pub fn defaults() -> Vec<Value> {
    let all = |settings: &[(&str, &str)]| shows(BROKER, "", settings);
    let b = |settings: &[(&str, &str)]| shows(BROKER, "1", settings);
    vec![
        alter(BROKER, "", &[set("message.max.bytes", "3000000")]),
        all(&[("message.max.bytes", "3000000")]),
        b(&[("message.max.bytes", "3000000")]),
        describe(BROKER, "", None),
        topic("of-all", &[("max.message.bytes", "5")]),
        shows(TOPIC, "of-all", &[("max.message.bytes", "5")]),
        alter(TOPIC, "of-all", &[delete("max.message.bytes")]),
        shows(TOPIC, "of-all", &[("max.message.bytes", "3000000")]),
        alter(BROKER, "1", &[set("message.max.bytes", "4000000")]),
        b(&[("message.max.bytes", "4000000")]),
        shows(TOPIC, "of-all", &[("max.message.bytes", "4000000")]),
        describe(BROKER, "", None),
        alter(BROKER, "1", &[delete("message.max.bytes")]),
        b(&[("message.max.bytes", "3000000")]),
        alter(BROKER, "", &[set("log.retention.ms", "18000000")]),
        all(&[("log.retention.ms", "18000000")]),
        shows(TOPIC, "of-all", &[("retention.ms", "18000000")]),
        b(&[("log.retention.ms", "18000000")]),
        alter(BROKER, "", &[set("ssl.keystore.location", "/tmp/x")]),
        alter(BROKER, "", &[set("queued.max.requests", "3")]),
        differs(
            alter(BROKER, "", &[set("listeners", "PLAINTEXT://127.0.0.1:1")]),
            42,
            "Cannot update these configs dynamically: [listeners]",
            FIXED_LISTENERS,
        ),
        alter(BROKER, "", &[set("message.max.bytes", "x")]),
        alter(BROKER, "", &[set("message.max.bytes", "5"), append("log.retention.ms", "5")]),
        replace(BROKER, "", &[]),
        shows(TOPIC, "of-all", &[("max.message.bytes", "1048588"), ("retention.ms", "604800000")]),
        describe(BROKER, "", None),
    ]
}
