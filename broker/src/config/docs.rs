//! `docs/settings.md`, made of the table of settings.
//!
//! What must always hold: the page says what the table says. The test rewrites a stale page and fails.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use crate::config::definition::{Definition, Fallback, Support, Update};
use crate::config::table;

const INTRODUCTION: &str = "\
# Settings

<!-- Generated from broker/src/config/*.tsv by `cargo test`; edit those. -->

Catena reads Apache Kafka's `server.properties` (`catena --config FILE`) and single settings (`--override name=value`,
which win). Names, types, bounds and defaults are those of Apache Kafka 4.4, except the defaults of `listeners`
(loopback only), `log.dir` and `node.id`, so that it starts without a file.

- A value that a setting does not take ends the start: one line with name, value and reason, exit code 1. The same value is
  refused with the same words when it is set while the broker runs.
- A setting without effect here is checked, stored and described all the same, so a KRaft `server.properties` and tools that
  set much go on working; other values than the default are warned about in the broker's log. So is a listener in
  `controller.listener.names`.
- A setting is refused, except with its default, where to ignore it would do harm.
- An unknown name is warned about, as in Kafka.

*Change*: `at once` takes effect while the broker runs, `restart` with the next start. *Tried by*: what can have a value of its own
in a rollout: each `client` (its requests and connections), each `group`, each `partition`; a setting that only the whole
`process` can have cannot be tried on a share.
";

const BROKER_HEAD: &str = "
## Broker settings

| name | type | default | bounds | change | tried by | meaning |
|---|---|---|---|---|---|---|
";

const TOPIC_HEAD: &str = "
## Topic settings

A topic's value is its own, else that of the first broker setting named here that is set, else the default. All take effect at once.

| name | type | default | bounds | broker settings | tried by | meaning |
|---|---|---|---|---|---|---|
";

const GROUP_HEAD: &str = "
## Group settings

A group's value is its own, within the broker's least and greatest (`group.*.min.*`, `group.*.max.*`), else that of the broker setting. All take
effect at once.

| name | type | default | bounds | broker settings | tried by | meaning |
|---|---|---|---|---|---|---|
";

const INEFFECTIVE_HEAD: &str = "
## Settings without effect

| why | broker settings | topic settings |
|---|---|---|
";

const REFUSED_HEAD: &str = "
## Refused settings

Only the default is taken.

| why | broker settings | topic settings |
|---|---|---|
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned() + BROKER_HEAD;
    for definition in table::broker_settings().iter().filter(|found| has_effect(found)) {
        let [name, kind, default, bounds] = facts(definition);
        let (change, grain, meaning) = (change(definition), definition.grain.word(), meaning(definition));
        let _ = writeln!(page, "| {name} | {kind} | {default} | {bounds} | {change} | {grain} | {meaning} |");
    }
    page += TOPIC_HEAD;
    page += &effective(table::topic_settings());
    page += GROUP_HEAD;
    page += &effective(table::group_settings());
    page += &described("Group settings without effect", table::group_settings());
    page += &described("Settings of client metrics subscriptions", table::client_metrics_settings());
    page += INEFFECTIVE_HEAD;
    page += &by_reason(|support| if let Support::Meaningless(reason) = support { Some(reason) } else { None });
    page += REFUSED_HEAD;
    page += &by_reason(|support| if let Support::Refused(reason) = support { Some(reason) } else { None });
    page
}

/// Rows of those settings of topics or groups that have an effect.
fn effective(settings: &[Definition]) -> String {
    let mut rows = String::new();
    for definition in settings.iter().filter(|found| has_effect(found)) {
        let [name, kind, default, bounds] = facts(definition);
        let (behind, grain, meaning) = (fallbacks(definition), definition.grain.word(), meaning(definition));
        let _ = writeln!(rows, "| {name} | {kind} | {default} | {bounds} | {behind} | {grain} | {meaning} |");
    }
    rows
}

fn has_effect(definition: &Definition) -> bool {
    matches!(definition.support, Support::Honoured | Support::Only(_))
}

fn change(definition: &Definition) -> &'static str {
    match (definition.update, definition.update_in_kafka) {
        (Update::Dynamic, Update::Dynamic) => "at once",
        (Update::Dynamic, Update::Restart) => "at once (Kafka: restart)",
        (Update::Restart, Update::Restart) => "restart",
        (Update::Restart, Update::Dynamic) => "restart (Kafka: at once)",
    }
}

fn meaning(definition: &Definition) -> String {
    match definition.support {
        Support::Only(value) => format!("{} Only `{value}` is obeyed.", definition.documentation),
        _ => definition.documentation.to_owned(),
    }
}

/// A table of those settings that have no effect.
fn described(title: &str, settings: &[Definition]) -> String {
    let mut text =
        format!("\n## {title}\n\n| name | type | default | broker settings | meaning | no effect, because |\n");
    text += "|---|---|---|---|---|---|\n";
    for definition in settings {
        let [name, kind, default, _] = facts(definition);
        let (behind, meaning) = (fallbacks(definition), definition.documentation);
        let Support::Meaningless(reason) = definition.support else { continue };
        let _ = writeln!(text, "| {name} | {kind} | {default} | {behind} | {meaning} | {reason} |");
    }
    text
}

/// Rows of reasons with the names of the settings that `reason` says to have it.
fn by_reason(reason: impl Fn(Support) -> Option<&'static str>) -> String {
    let settings = table::broker_settings().iter().chain(table::topic_settings());
    let reasons: BTreeSet<_> = settings.filter_map(|definition| reason(definition.support)).collect();
    let mut rows = String::new();
    for why in reasons {
        let names = |settings: &[Definition]| {
            let names = settings.iter().filter(|found| reason(found.support) == Some(why));
            names.map(|found| format!("`{}`", found.name)).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(rows, "| {why} | {} | {} |", names(table::broker_settings()), names(table::topic_settings()));
    }
    rows
}

fn fallbacks(definition: &Definition) -> String {
    definition.fallbacks.iter().map(fallback).collect::<Vec<_>>().join(", ")
}

fn facts(definition: &Definition) -> [String; 4] {
    let default = match definition.default {
        None => "null".to_owned(),
        Some("") => String::new(),
        Some(text) => format!("`{text}`"),
    };
    let kind = definition.kind.name().to_lowercase();
    [format!("`{}`", definition.name), kind, default, definition.bounds.to_string()]
}

fn fallback(fallback: &Fallback) -> String {
    match fallback.factor {
        1 => format!("`{}`", fallback.name),
        factor => format!("`{}` × {factor}", fallback.name),
    }
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/settings.md");
    let (expected, found) = (page(), std::fs::read_to_string(&path).unwrap_or_default());
    if found != expected {
        std::fs::write(&path, expected).expect("docs/settings.md can be written");
        panic!("docs/settings.md was stale and has been rewritten; look at it and commit it");
    }
}
