//! Levels of a broker's loggers.

use serde_json::Value;

use crate::verbs::*;

/// Changes that are made and changes that are refused.
pub fn calls() -> Vec<Value> {
    let l = |steps: &[Step]| alter(LOGGER, "1", steps);
    let root = |value: &str| shows(LOGGER, "1", &[("root", value)]);
    vec![
        l(&[set("root", "WARN")]),
        root("WARN"),
        check(LOGGER, "1", &[set("root", "ERROR")]),
        root("WARN"),
        l(&[set("root", "warn")]),
        l(&[set("root", "LOUD")]),
        l(&[set("root", "OFF")]),
        l(&[set("root", "ALL")]),
        l(&[set("root", "")]),
        l(&[set("root", " WARN ")]),
        l(&[set("no.such.logger", "INFO")]),
        l(&[set("", "INFO")]),
        l(&[delete("no.such.logger")]),
        l(&[delete("root")]),
        l(&[append("root", "INFO")]),
        l(&[subtract("root", "INFO")]),
        l(&[("root", 7, Some("INFO"))]),
        l(&[("root", SET, None)]),
        l(&[set("root", "INFO"), set("no.such.logger", "INFO")]),
        l(&[set("root", "INFO"), set("root", "WARN")]),
        root("WARN"),
        alter(LOGGER, "2", &[set("root", "INFO")]),
        alter(LOGGER, "x", &[set("root", "INFO")]),
        alter(LOGGER, "", &[set("root", "INFO")]),
        replace(LOGGER, "1", &[("root", Some("INFO"))]),
        l(&[set("root", "FATAL")]),
        root("FATAL"),
        l(&[set("root", "TRACE")]),
        root("TRACE"),
        l(&[set("root", "INFO")]),
        root("INFO"),
        l(&[]),
    ]
}
