//! Requests as such: several resources, types that nobody knows, lists of what has settings.

use serde_json::Value;

use crate::verbs::*;

/// All of them.
pub fn calls() -> Vec<Value> {
    let set_retention: &[Step] = &[set("retention.ms", "5000")];
    let wrong: &[Step] = &[set("retention.ms", "x")];
    let values: &[(&str, Option<&str>)] = &[("retention.ms", Some("6000"))];
    let long = "n".repeat(32_767);
    vec![
        topic("one", &[]),
        topic("two", &[]),
        shows(TOPIC, "two", &[("retention.ms", "604800000")]),
        change(1, false, &[(TOPIC, "one", set_retention), (TOPIC, "two", wrong), (TOPIC, "none", set_retention)]),
        shows(TOPIC, "one", &[("retention.ms", "5000")]),
        describe(TOPIC, "two", Some(&["retention.ms"])),
        change(1, false, &[(TOPIC, "two", set_retention), (TOPIC, "one", set_retention), (TOPIC, "two", wrong)]),
        change(1, false, &[(0, "one", set_retention), (TOPIC, "two", set_retention), (3, "x", &[]), (-1, "", &[])]),
        shows(TOPIC, "two", &[("retention.ms", "5000")]),
        change(1, false, &[(64, "one", set_retention), (LOGGER, "1", &[]), (CLIENT_METRICS, "", set_retention)]),
        replace_all(2, false, &[(TOPIC, "two", values), (TOPIC, "none", values)]),
        replace_all(2, false, &[(0, "one", values), (TOPIC, "two", values), (127, "x", &[])]),
        shows(TOPIC, "two", &[("retention.ms", "6000")]),
        replace_all(2, false, &[(LOGGER, "1", &[("root", Some("INFO"))]), (LOGGER, "", &[])]),
        change(1, false, &[(GROUP, &long, &[set("consumer.session.timeout.ms", "46000")])]),
        change(1, false, &[(CLIENT_METRICS, &long, &[set("interval.ms", "1000")])]),
        shows(CLIENT_METRICS, &long, &[("interval.ms", "1000")]),
        list(0, &[]),
        list(1, &[TOPIC]),
        list(1, &[BROKER]),
        list(1, &[LOGGER]),
        list(1, &[GROUP, CLIENT_METRICS]),
        list(1, &[]),
        list(1, &[0]),
        list(1, &[3]),
        list(1, &[TOPIC, 3]),
        list(1, &[TOPIC, TOPIC]),
    ]
}
