//! `docs/settings.md`, made of the table of settings.
//!
//! What must always hold: the page says what the table says. The test rewrites a stale page and fails.

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

- A value that a setting does not take ends the start: one line with name, value and reason, exit code 1.
- A setting of Kafka that Catena does not obey *yet* is checked, shown by `kafka-configs --describe`, and warned about.
  So is a setting of a topic: stream jobs and tools set many, and must go on working. The warning is in the broker's log.
- A setting of Kafka for a part that Catena does not have (KRaft controllers, thread pools, Java plug-ins) is warned
  about and otherwise ignored, so a KRaft `server.properties` works; so is a listener in `controller.listener.names`.
- An unknown name is warned about, as in Kafka.
- Exactly one directory can be given in `log.dirs` so far; several are refused.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "\n## Broker settings that Catena obeys\n\n| name | type | default | bounds | change | obeyed | meaning |\n|---|---|---|---|---|---|---|\n";
    let has_effect = |found: &&Definition| matches!(found.support, Support::Honoured | Support::Only(_));
    for definition in table::broker_settings().iter().filter(has_effect) {
        let [name, kind, default, bounds] = facts(definition);
        let update = if definition.update == Update::Restart { "restart" } else { "restart (dynamic in Kafka)" };
        let (obeyed, documentation) = (obeyed(definition.support), definition.documentation);
        let _ = writeln!(page, "| {name} | {kind} | {default} | {bounds} | {update} | {obeyed} | {documentation} |");
    }
    page += "\n## Topic settings\n\nA topic's value is its own, else that of the first broker setting named here that is set, else the default.\n\n| name | type | default | bounds | broker settings | obeyed | meaning |\n|---|---|---|---|---|---|---|\n";
    for definition in table::topic_settings() {
        let [name, kind, default, bounds] = facts(definition);
        let fallbacks: Vec<_> = definition.fallbacks.iter().map(fallback).collect();
        let (fallbacks, obeyed) = (fallbacks.join(", "), obeyed(definition.support));
        let documentation = definition.documentation;
        let _ = writeln!(page, "| {name} | {kind} | {default} | {bounds} | {fallbacks} | {obeyed} | {documentation} |");
    }
    page += "\n## Group settings\n\nThey govern kinds of groups that Catena does not have yet.\n\n| name | type | default | broker settings | meaning |\n|---|---|---|---|---|\n";
    for definition in table::group_settings() {
        let [name, kind, default, _] = facts(definition);
        let fallbacks: Vec<_> = definition.fallbacks.iter().map(fallback).collect();
        let (fallbacks, documentation) = (fallbacks.join(", "), definition.documentation);
        let _ = writeln!(page, "| {name} | {kind} | {default} | {fallbacks} | {documentation} |");
    }
    page += "\n## Kafka's settings that are not obeyed yet\n\n";
    page += &names(Support::Later);
    page += "\n## Kafka's settings that govern parts Catena does not have\n\n";
    page += &names(Support::Unused);
    page
}

fn of(table: &[Definition], support: Support) -> impl Iterator<Item = &Definition> {
    table.iter().filter(move |definition| definition.support == support)
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

fn obeyed(support: Support) -> String {
    match support {
        Support::Honoured => "yes".to_owned(),
        Support::Only(value) => format!("only `{value}`"),
        Support::Later => "not yet".to_owned(),
        Support::Unused => "no such part".to_owned(),
    }
}

fn names(support: Support) -> String {
    let names: Vec<_> = of(table::broker_settings(), support).map(|found| format!("`{}`", found.name)).collect();
    names.join(", ") + "\n"
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
