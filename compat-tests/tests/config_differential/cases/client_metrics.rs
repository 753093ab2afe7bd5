//! Subscriptions of client metrics.

use serde_json::Value;

use crate::differences::*;
use crate::verbs::*;

/// Changes that are made and changes that are refused.
pub fn calls() -> Vec<Value> {
    let s = "slow-clients";
    let long = "x".repeat(32_767);
    let all = || describe(CLIENT_METRICS, s, None);
    let mut calls = vec![
        list(0, &[]),
        all(),
        alter(CLIENT_METRICS, s, &[set("interval.ms", "1000"), set("metrics", "org.apache.kafka.producer., x")]),
        shows(CLIENT_METRICS, s, &[("metrics", "org.apache.kafka.producer.,x"), ("interval.ms", "1000")]),
        all(),
        list(0, &[]),
        list(1, &[CLIENT_METRICS]),
        alter(CLIENT_METRICS, s, &[append("metrics", "y"), set("match", "client_id=a.*")]),
        alter(CLIENT_METRICS, s, &[set("match", "client_id=a.*,client_source_port=9092")]),
        shows(CLIENT_METRICS, s, &[("match", "client_id=a.*,client_source_port=9092")]),
        all(),
        alter(CLIENT_METRICS, s, &[subtract("match", "client_id=a.*")]),
        check(CLIENT_METRICS, s, &[set("interval.ms", "2000")]),
        all(),
    ];
    let refused: Vec<Vec<Step>> = vec![
        vec![set("no.such", "1")],
        vec![delete("no.such")],
        vec![append("no.such", "1")],
        vec![set("interval.ms", "99")],
        vec![set("interval.ms", "3600001")],
        vec![set("interval.ms", "x")],
        vec![set("interval.ms", "")],
        vec![append("interval.ms", "1")],
        vec![set("match", "x")],
        vec![set("match", "client_id")],
        vec![set("match", "client_id=")],
        vec![set("match", "client_id=a=b")],
        vec![set("match", "nobody=a")],
        vec![set("match", "client_id=[")],
        vec![set("match", "")],
        vec![set("metrics", "")],
        vec![set("metrics", "*")],
        vec![set("metrics", &long)],
        vec![("metrics", SET, None)],
        vec![set("interval.ms", "5000"), set("match", "x")],
        vec![set("interval.ms", "5000"), set("interval.ms", "6000")],
    ];
    calls.extend(refused.iter().map(|steps| alter(CLIENT_METRICS, s, steps)));
    // Some of them are taken.
    calls.push(shows(CLIENT_METRICS, s, &[("metrics", &long)]));
    let back = check(CLIENT_METRICS, s, &[set("match", "client_id=(?<n>a)\\1")]);
    calls.push(differs(back, 40, "Illegal client matching pattern: client_id", BOUNDED_PATTERNS));
    calls.extend([
        all(),
        alter(CLIENT_METRICS, "", &[set("interval.ms", "1000")]),
        alter(CLIENT_METRICS, "odd name/ä", &[set("interval.ms", "1000")]),
        shows(CLIENT_METRICS, "odd name/ä", &[("interval.ms", "1000")]),
        list(0, &[]),
        replace(CLIENT_METRICS, s, &[("interval.ms", Some("7000"))]),
        shows(CLIENT_METRICS, s, &[("interval.ms", "7000")]),
        all(),
        replace(CLIENT_METRICS, "odd name/ä", &[]),
        replace(CLIENT_METRICS, s, &[]),
        shows(CLIENT_METRICS, s, &[("interval.ms", "300000")]),
        list(0, &[]),
    ]);
    calls
}
