//! Settings of groups.

use serde_json::Value;

use crate::verbs::*;

/// Changes that are made and changes that are refused.
pub fn calls() -> Vec<Value> {
    let g = "members";
    let long = "x".repeat(32_767);
    let state = || describe(GROUP, g, Some(&["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"]));
    let mut calls = vec![
        alter(GROUP, g, &[set("consumer.session.timeout.ms", "50000")]),
        shows(GROUP, g, &[("consumer.session.timeout.ms", "50000")]),
        alter(
            GROUP,
            g,
            &[set("consumer.heartbeat.interval.ms", " 6000 "), set("share.isolation.level", "read_committed")],
        ),
        shows(GROUP, g, &[("share.isolation.level", "read_committed"), ("consumer.heartbeat.interval.ms", "6000")]),
        describe(GROUP, g, None),
        list(1, &[GROUP]),
        check(GROUP, g, &[set("consumer.session.timeout.ms", "55000")]),
        state(),
        alter(GROUP, g, &[append("streams.rack.aware.assignment.tags", "a,b")]),
    ];
    let refused: Vec<Vec<Step>> = vec![
        vec![set("no.such.setting", "1")],
        vec![delete("no.such.setting")],
        vec![append("no.such.setting", "1")],
        vec![set("consumer.session.timeout.ms", "x")],
        vec![set("consumer.session.timeout.ms", "")],
        vec![set("consumer.session.timeout.ms", "-1")],
        vec![set("consumer.session.timeout.ms", "1")],
        vec![set("consumer.session.timeout.ms", "44999")],
        vec![set("consumer.session.timeout.ms", "60001")],
        vec![set("consumer.heartbeat.interval.ms", "4999")],
        vec![set("consumer.heartbeat.interval.ms", "15001")],
        vec![set("share.session.timeout.ms", "1")],
        vec![set("share.session.timeout.ms", "1000000")],
        vec![set("share.heartbeat.interval.ms", "1")],
        vec![set("share.heartbeat.interval.ms", "1000000")],
        vec![set("share.record.lock.duration.ms", "1")],
        vec![set("share.record.lock.duration.ms", "1000000")],
        vec![set("share.delivery.count.limit", "1")],
        vec![set("share.delivery.count.limit", "11")],
        vec![set("share.partition.max.record.locks", "1")],
        vec![set("share.partition.max.record.locks", "1000000")],
        vec![set("share.auto.offset.reset", "nowhere")],
        vec![set("share.auto.offset.reset", "by_duration:x")],
        vec![set("share.isolation.level", "x")],
        vec![set("share.renew.acknowledge.enable", "x")],
        vec![set("streams.session.timeout.ms", "1")],
        vec![set("streams.session.timeout.ms", "1000000")],
        vec![set("streams.heartbeat.interval.ms", "1")],
        vec![set("streams.heartbeat.interval.ms", "1000000")],
        vec![set("streams.num.standby.replicas", "-1")],
        vec![set("streams.num.standby.replicas", "100")],
        vec![set("streams.initial.rebalance.delay.ms", "-1")],
        vec![set("streams.assignor.name", "nobody")],
        vec![set("consumer.assignment.interval.ms", "-1")],
        vec![set("consumer.assignment.interval.ms", "1000000")],
        vec![set("share.assignment.interval.ms", "1000000")],
        vec![set("streams.assignment.interval.ms", "1000000")],
        vec![set("streams.rack.aware.assignment.tags", &long)],
        vec![set("errors.deadletterqueue.topic.name", "bad name")],
        vec![set("errors.deadletterqueue.topic.name", "__x")],
        vec![append("consumer.session.timeout.ms", "1")],
        vec![("consumer.session.timeout.ms", SET, None)],
        vec![set("consumer.session.timeout.ms", "50000"), set("share.isolation.level", "x")],
    ];
    calls.extend(refused.iter().map(|steps| alter(GROUP, g, steps)));
    calls.extend([
        state(),
        alter(GROUP, "", &[set("consumer.session.timeout.ms", "50000")]),
        alter(GROUP, "odd name/ä", &[set("consumer.session.timeout.ms", "50000")]),
        replace(GROUP, "", &[("consumer.session.timeout.ms", Some("50000"))]),
        replace(GROUP, g, &[("consumer.session.timeout.ms", Some("46000"))]),
        shows(GROUP, g, &[("consumer.heartbeat.interval.ms", "5000"), ("consumer.session.timeout.ms", "46000")]),
        alter(GROUP, "odd name/ä", &[delete("consumer.session.timeout.ms")]),
        alter(GROUP, g, &[delete("consumer.session.timeout.ms")]),
        shows(GROUP, g, &[("consumer.session.timeout.ms", "45000")]),
        list(1, &[GROUP]),
    ]);
    calls
}
