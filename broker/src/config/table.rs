//! The table of settings: one line each in the embedded files, parsed once.
//!
//! What must always hold: every line is well formed (tested; a line that is not would be missing here), names are
//! unique and sorted, and defaults lie within their bounds.

use std::sync::LazyLock;

use crate::config::bounds::Bounds;
use crate::config::definition::{Definition, Fallback, Grain, Kind, Support, Update};
use crate::config::resource::ResourceKind;

const BROKER_LINES: &str = include_str!("broker_settings.tsv");
const TOPIC_LINES: &str = include_str!("topic_settings.tsv");
const GROUP_LINES: &str = include_str!("group_settings.tsv");
const CLIENT_METRICS_LINES: &str = include_str!("client_metrics_settings.tsv");
const REASON_LINES: &str = include_str!("reasons.tsv");

static BROKER: LazyLock<Vec<Definition>> = LazyLock::new(|| definitions(BROKER_LINES, broker_line));
static TOPIC: LazyLock<Vec<Definition>> = LazyLock::new(|| definitions(TOPIC_LINES, topic_line));
static GROUP: LazyLock<Vec<Definition>> = LazyLock::new(|| definitions(GROUP_LINES, topic_line));
static CLIENT_METRICS: LazyLock<Vec<Definition>> = LazyLock::new(|| definitions(CLIENT_METRICS_LINES, topic_line));

/// Every setting of the broker, by name.
pub fn broker_settings() -> &'static [Definition] {
    &BROKER
}

/// Every setting of a topic, by name.
pub fn topic_settings() -> &'static [Definition] {
    &TOPIC
}

/// Every setting of a group, by name.
pub fn group_settings() -> &'static [Definition] {
    &GROUP
}

/// Every setting of a subscription of client metrics, by name.
pub fn client_metrics_settings() -> &'static [Definition] {
    &CLIENT_METRICS
}

/// Every setting of the resources of a kind, by name.
pub fn settings_of(kind: ResourceKind) -> &'static [Definition] {
    match kind {
        ResourceKind::Broker => broker_settings(),
        ResourceKind::Topic => topic_settings(),
        ResourceKind::Group => group_settings(),
        ResourceKind::ClientMetrics => client_metrics_settings(),
    }
}

/// The setting of that name which resources of this kind have.
pub fn setting_of(kind: ResourceKind, name: &str) -> Option<&'static Definition> {
    find(settings_of(kind), name)
}

/// The broker's setting of that name.
pub fn broker_setting(name: &str) -> Option<&'static Definition> {
    find(&BROKER, name)
}

/// The topics' setting of that name.
pub fn topic_setting(name: &str) -> Option<&'static Definition> {
    find(&TOPIC, name)
}

/// The groups' setting of that name.
pub fn group_setting(name: &str) -> Option<&'static Definition> {
    find(&GROUP, name)
}

/// The setting of that name of subscriptions of client metrics.
pub fn client_metrics_setting(name: &str) -> Option<&'static Definition> {
    find(&CLIENT_METRICS, name)
}

fn find(table: &'static [Definition], name: &str) -> Option<&'static Definition> {
    table.binary_search_by(|definition| definition.name.cmp(name)).ok().map(|found| &table[found])
}

type ParseLine = fn(&'static str) -> Option<Definition>;

fn definitions(lines: &'static str, parse: ParseLine) -> Vec<Definition> {
    let mut table: Vec<_> = table_lines(lines).filter_map(parse).collect();
    table.sort_by_key(|definition| definition.name);
    table
}

fn table_lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn broker_line(line: &'static str) -> Option<Definition> {
    let [name, kind, default, bounds, update, support, grain, documentation] = columns(line)?;
    let updates = match update {
        "restart" => (Update::Restart, Update::Restart),
        "dynamic" => (Update::Dynamic, Update::Dynamic),
        "restart*" => (Update::Restart, Update::Dynamic),
        "dynamic*" => (Update::Dynamic, Update::Restart),
        _ => return None,
    };
    definition([name, kind, default, bounds, support, grain, documentation], updates, Vec::new())
}

fn topic_line(line: &'static str) -> Option<Definition> {
    let [name, kind, default, bounds, support, grain, fallbacks, documentation] = columns(line)?;
    let fallbacks = fallbacks.split(',').filter(|text| !text.is_empty()).map(fallback);
    let facts = [name, kind, default, bounds, support, grain, documentation];
    definition(facts, (Update::Dynamic, Update::Dynamic), fallbacks.collect::<Option<_>>()?)
}

/// `updates`: when a change takes effect here, and when in Kafka.
fn definition(facts: [&'static str; 7], updates: (Update, Update), fallbacks: Vec<Fallback>) -> Option<Definition> {
    let [name, kind, default, bounds, support_text, grain, documentation] = facts;
    Some(Definition {
        name,
        kind: Kind::from_name(kind)?,
        default: (default != "null").then_some(default),
        bounds: Bounds::parse(bounds)?,
        update: updates.0,
        update_in_kafka: updates.1,
        support: support(support_text)?,
        grain: Grain::from_name(grain)?,
        fallbacks,
        documentation,
    })
}

fn support(text: &'static str) -> Option<Support> {
    Some(match text.split_once(':').unwrap_or((text, "")) {
        ("honoured", "") => Support::Honoured,
        ("only", obeyed) => Support::Only(obeyed),
        ("meaningless", code) => Support::Meaningless(reason(code)?),
        ("refused", code) => Support::Refused(reason(code)?),
        _ => return None,
    })
}

/// The sentence behind the code of a reason.
fn reason(code: &str) -> Option<&'static str> {
    table_lines(REASON_LINES)
        .find_map(|line| line.split_once('\t').filter(|(known, _)| *known == code))
        .map(|found| found.1)
}

fn fallback(text: &'static str) -> Option<Fallback> {
    match text.split_once('*') {
        Some((name, factor)) => Some(Fallback { name, factor: factor.parse().ok()? }),
        None => Some(Fallback { name: text, factor: 1 }),
    }
}

fn columns<const N: usize>(line: &'static str) -> Option<[&'static str; N]> {
    line.split('\t').collect::<Vec<_>>().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value;

    fn all() -> impl Iterator<Item = &'static Definition> {
        [broker_settings(), topic_settings(), group_settings(), client_metrics_settings()].into_iter().flatten()
    }

    #[test]
    fn every_line_is_a_definition() {
        assert_eq!(broker_settings().len(), table_lines(BROKER_LINES).count());
        assert_eq!(topic_settings().len(), table_lines(TOPIC_LINES).count());
        assert_eq!(group_settings().len(), table_lines(GROUP_LINES).count());
        assert_eq!(client_metrics_settings().len(), table_lines(CLIENT_METRICS_LINES).count());
    }

    #[test]
    fn names_are_unique() {
        for table in [broker_settings(), topic_settings(), group_settings(), client_metrics_settings()] {
            assert!(table.windows(2).all(|pair| pair[0].name < pair[1].name));
        }
    }

    #[test]
    fn defaults_lie_within_their_bounds() {
        for definition in all() {
            if let Some(default) = definition.default {
                assert_eq!(value::check(definition, default), Ok(default.to_owned()), "{}", definition.name);
            }
        }
    }

    #[test]
    fn what_stands_behind_another_setting_is_a_broker_setting() {
        for fallback in all().flat_map(|definition| &definition.fallbacks) {
            assert!(broker_setting(fallback.name).is_some(), "{}", fallback.name);
        }
    }

    #[test]
    fn settings_with_effect_are_documented() {
        for definition in all() {
            let documented = definition.documentation.ends_with('.');
            assert!(documented || definition.support != Support::Honoured, "{}", definition.name);
        }
    }

    #[test]
    fn what_has_an_effect_has_a_grain_and_nothing_else() {
        for definition in all() {
            let has_effect = matches!(definition.support, Support::Honoured | Support::Only(_));
            assert_eq!(has_effect, definition.grain != Grain::Nothing, "{}", definition.name);
        }
    }

    #[test]
    fn every_reason_is_a_sentence_that_is_used() {
        let lines = [BROKER_LINES, TOPIC_LINES, GROUP_LINES, CLIENT_METRICS_LINES].concat();
        for line in table_lines(REASON_LINES) {
            let (code, sentence) = line.split_once('\t').expect("two columns");
            assert!(sentence.ends_with('.') && lines.contains(&format!(":{code}\t")), "{code}");
        }
    }
}
