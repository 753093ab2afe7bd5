//! How resources, settings and times are written on the command line.
//!
//! What must always hold: each notation has one reader, and what it refuses is said in terms of the notation.

use std::time::Duration;

use catena_broker::config::resource::{Resource, ResourceKind};

const KINDS: [ResourceKind; 4] =
    [ResourceKind::Broker, ResourceKind::Topic, ResourceKind::Group, ResourceKind::ClientMetrics];
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The setting.
    pub name: String,
    /// Its value; may be empty.
    pub value: String,
}

/// Reads a resource: `topic/orders`, `broker`, `broker/1`, `group/g`, `client-metrics/s`.
pub fn resource(text: &str) -> Result<Resource, String> {
    let (word, name) = text.split_once('/').unwrap_or((text, ""));
    let kind = KINDS.into_iter().find(|kind| kind.word() == word);
    let kind = kind.ok_or("a resource is broker, broker/ID, topic/NAME, group/NAME or client-metrics/NAME")?;
    match (kind, name) {
        (ResourceKind::Broker, "") if text.ends_with('/') => Err("broker/ needs an id; broker alone means all".into()),
        (ResourceKind::Broker, "") => Ok(Resource::all_brokers()),
        (ResourceKind::Broker, id) if id.parse::<u32>().is_err() => Err(format!("{id} is not the id of a broker")),
        (_, "") => Err(format!("{word} needs a name: {word}/NAME")),
        _ => Ok(Resource::new(kind, name)),
    }
}

/// A resource as it is written on the command line.
pub fn written(resource: &Resource) -> String {
    match resource.name.as_str() {
        "" => resource.kind.word().to_owned(),
        name => format!("{}/{name}", resource.kind.word()),
    }
}

/// Kafka's number of a kind of resource (`ConfigResource.Type`).
pub fn resource_type(kind: ResourceKind) -> i8 {
    match kind {
        ResourceKind::Topic => 2,
        ResourceKind::Broker => 4,
        ResourceKind::ClientMetrics => 16,
        ResourceKind::Group => 32,
    }
}

/// Reads `NAME=VALUE`; the value may hold more `=`.
pub fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Assignment { name: name.to_owned(), value: value.to_owned() }),
        _ => Err("a setting is written NAME=VALUE".to_owned()),
    }
}

/// Reads a length of time: `500ms`, `10s`, `5m`, `2h`, `7d`.
pub fn span(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = UNITS.iter().find(|(name, _)| Some(*name) == text.strip_prefix(digits));
    let ms = unit.and_then(|(_, ms)| digits.parse::<u64>().ok()?.checked_mul(*ms));
    ms.map(Duration::from_millis).ok_or_else(|| "a time is written 500ms, 10s, 5m, 2h or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_written_as_they_are_read() {
        for text in ["topic/orders", "broker", "broker/1", "group/a/b", "client-metrics/s"] {
            assert_eq!(written(&resource(text).expect(text)), text);
        }
        assert_eq!(resource("broker").expect("all"), Resource::all_brokers());
        for wrong in ["", "topic", "topic/", "broker/", "broker/x", "broker/-1", "planet/mars", "/x", "Topic/x"] {
            assert!(resource(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_setting_is_cut_at_its_first_equals_sign() {
        let cut = |text| assignment(text).map(|Assignment { name, value }| (name, value));
        assert_eq!(cut("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(cut("a="), Ok(("a".into(), String::new())));
        assert!(cut("a").is_err() && cut("=b").is_err());
    }

    #[test]
    fn times_have_a_unit() {
        let in_ms = |text| span(text).map(|span| span.as_millis());
        for (text, ms) in [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("2h", 7_200_000), ("7d", 604_800_000)] {
            assert_eq!(in_ms(text), Ok(ms), "{text}");
        }
        for wrong in ["", "5", "s", "1x", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615d", "5s5"] {
            assert!(in_ms(wrong).is_err(), "{wrong}");
        }
    }
}
