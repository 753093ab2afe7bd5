//! Settings of topics.

use serde_json::Value;

use crate::differences::*;
use crate::verbs::*;

/// Changes that are made.
pub fn good() -> Vec<Value> {
    let t = "changed";
    let policy = |value: &str| shows(TOPIC, t, &[("cleanup.policy", value)]);
    let retention = |value: &str| shows(TOPIC, t, &[("retention.bytes", "-1"), ("retention.ms", value)]);
    vec![
        topic(t, &[("segment.bytes", "2097152")]),
        shows(TOPIC, t, &[("segment.bytes", "2097152")]),
        alter(TOPIC, t, &[set("retention.ms", " 60000 ")]),
        retention("60000"),
        alter(TOPIC, t, &[set("retention.ms", "60000")]),
        alter(TOPIC, t, &[set("retention.ms", "+70000"), set("preallocate", "TRUE")]),
        retention("70000"),
        shows(TOPIC, t, &[("preallocate", "true")]),
        check(TOPIC, t, &[set("retention.ms", "80000")]),
        retention("70000"),
        alter(TOPIC, t, &[delete("retention.ms"), delete("segment.bytes"), delete("flush.ms")]),
        retention("604800000"),
        shows(TOPIC, t, &[("segment.bytes", "1073741824")]),
        alter(TOPIC, t, &[append("cleanup.policy", "compact")]),
        policy("delete,compact"),
        alter(TOPIC, t, &[append("cleanup.policy", "compact,delete")]),
        policy("delete,compact"),
        alter(TOPIC, t, &[subtract("cleanup.policy", "delete")]),
        policy("compact"),
        alter(TOPIC, t, &[subtract("cleanup.policy", "delete")]),
        alter(TOPIC, t, &[append("leader.replication.throttled.replicas", "0:1,1:1")]),
        alter(TOPIC, t, &[append("follower.replication.throttled.replicas", "0:1")]),
        shows(
            TOPIC,
            t,
            &[("leader.replication.throttled.replicas", "0:1,1:1"), ("follower.replication.throttled.replicas", "0:1")],
        ),
        alter(TOPIC, t, &[subtract("leader.replication.throttled.replicas", "0:1,1:1")]),
        shows(TOPIC, t, &[("leader.replication.throttled.replicas", "")]),
        alter(TOPIC, t, &[set("cleanup.policy", "delete, compact"), delete("leader.replication.throttled.replicas")]),
        policy("delete,compact"),
        describe(TOPIC, t, Some(&["leader.replication.throttled.replicas", "preallocate"])),
        replace(TOPIC, t, &[("max.message.bytes", Some("2000000")), ("retention.ms", Some("50000"))]),
        retention("50000"),
        describe(TOPIC, t, Some(&["cleanup.policy", "preallocate", "max.message.bytes"])),
        replace_all(2, true, &[(TOPIC, t, &[])]),
        retention("50000"),
        replace_all(0, false, &[(TOPIC, t, &[("retention.ms", Some("40000"))])]),
        retention("40000"),
        describe(TOPIC, t, Some(&["max.message.bytes"])),
        replace_all(1, false, &[(TOPIC, t, &[])]),
        retention("604800000"),
        change(0, false, &[(TOPIC, t, &[set("retention.ms", "30000")])]),
        retention("30000"),
        change(1, false, &[(TOPIC, t, &[])]),
        change(1, false, &[]),
        replace_all(2, false, &[]),
    ]
}

/// Changes that are refused, and what is described afterwards: what was described before.
pub fn bad() -> Vec<Value> {
    let t = "unchanged";
    let long = "x".repeat(32_767);
    let list = "0:1,".repeat(8_000);
    // No policy at all is a policy: that change is made.
    let state = || {
        let unchanged = [
            ("retention.ms", "60000"),
            ("max.compaction.lag.ms", "9223372036854775807"),
            ("flush.ms", "9223372036854775807"),
        ];
        shows(TOPIC, t, &[&unchanged[..], &[("cleanup.policy", "")]].concat())
    };
    let mut calls = vec![
        topic(t, &[("retention.ms", "60000"), ("min.compaction.lag.ms", "1000")]),
        shows(TOPIC, t, &[("retention.ms", "60000")]),
    ];
    let refused: Vec<Vec<Step>> = vec![
        vec![set("no.such.setting", "1")],
        vec![set("", "1")],
        vec![set("retention ms", "1")],
        vec![set("RETENTION.MS", "1")],
        vec![set("num.partitions", "1")],
        vec![delete("no.such.setting")],
        vec![append("no.such.setting", "1")],
        vec![set("retention.ms", "abc")],
        vec![set("retention.ms", "")],
        vec![set("retention.ms", "-2")],
        vec![set("retention.ms", "9223372036854775808")],
        vec![set("max.message.bytes", "-1")],
        vec![set("compression.type", "zip")],
        vec![set("cleanup.policy", "shrink")],
        vec![set("cleanup.policy", "delete,shrink")],
        vec![append("cleanup.policy", "shrink")],
        vec![set("cleanup.policy", "")],
        vec![subtract("cleanup.policy", "delete")],
        vec![set("preallocate", "yes")],
        vec![set("min.cleanable.dirty.ratio", "2")],
        vec![set("leader.replication.throttled.replicas", "x")],
        vec![set("remote.storage.enable", "true")],
        vec![set("max.compaction.lag.ms", "999")],
        vec![append("retention.ms", "1")],
        vec![subtract("retention.ms", "1")],
        vec![("retention.ms", SET, None)],
        vec![("retention.ms", APPEND, None), ("flush.ms", SET, None)],
        vec![set("retention.ms", "1"), set("retention.ms", "2")],
        vec![set("retention.ms", "1"), delete("retention.ms")],
        vec![set("flush.ms", "5"), set("retention.ms", "abc")],
        vec![set("flush.ms", "5"), set("no.such.setting", "abc")],
        vec![set("flush.ms", "5"), append("retention.ms", "1")],
        vec![set("leader.replication.throttled.replicas", &list)],
        vec![set("local.retention.ms", "70000")],
        vec![set("message.format.version", "3.0")],
    ];
    for steps in &refused {
        calls.push(alter(TOPIC, t, steps));
        if steps.len() > 1 {
            calls.push(state());
        }
    }
    let unknown = "Unknown operations type ";
    calls.extend([
        differs(alter(TOPIC, t, &[set("retention.ms", &long)]), 40, "Invalid value xxx", NO_FAILURE),
        differs(alter(TOPIC, t, &[set("compression.type", &long)]), 40, "Invalid value xxx", NO_FAILURE),
        differs(alter(TOPIC, t, &[set(&long, "1")]), 40, "Unknown topic config name: xxx", NO_FAILURE),
        differs(alter(TOPIC, t, &[delete("flush.ms"), ("retention.ms", 7, Some("5"))]), 42, unknown, NO_FAILURE),
        differs(alter(TOPIC, t, &[("retention.ms", -1, Some("5"))]), 42, unknown, NO_FAILURE),
        check(TOPIC, t, &[set("retention.ms", "abc")]),
    ]);
    for name in ["none", "", ".", "bad name", "__cluster_metadata", &"n".repeat(250), &"n".repeat(249)] {
        calls.push(alter(TOPIC, name, &[set("retention.ms", "1")]));
        calls.push(replace(TOPIC, name, &[("retention.ms", Some("1"))]));
    }
    calls.push(alter(TOPIC, "none", &[set("retention.ms", "abc")]));
    calls.push(alter(TOPIC, "none", &[]));
    calls.extend([
        replace(TOPIC, t, &[("retention.ms", None)]),
        replace(TOPIC, t, &[("no.such.setting", Some("1"))]),
        replace(TOPIC, t, &[("flush.ms", Some("1")), ("retention.ms", Some("abc"))]),
        replace(TOPIC, t, &[("flush.ms", Some("1")), ("flush.ms", Some("1"))]),
        replace(TOPIC, t, &[("max.compaction.lag.ms", Some("1")), ("min.compaction.lag.ms", Some("2"))]),
        state(),
    ]);
    calls
}
