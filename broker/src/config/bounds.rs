//! Which values of its type a setting allows, and Kafka's wording when one is refused.
//!
//! What must always hold: a text that passes `Bounds::check` after `Kind::check` can be read as its type by the code
//! that the setting governs, without another check.
//!
//! Source: Apache Kafka 4.4, `org.apache.kafka.common.config.ConfigDef` and its validators.

use std::fmt;

use crate::config::definition::Kind;

/// The allowed values.
#[derive(Debug, Clone, PartialEq)]
pub enum Bounds {
    /// Every value of the type.
    Any,
    /// Numbers from the first to the second, both included.
    Range(Option<f64>, Option<f64>),
    /// Numbers in the range, or the one that means "not set".
    RangeOr(f64, f64, f64),
    /// One of these texts; each item of a list.
    OneOf(Vec<&'static str>),
    /// One of these texts, in any case.
    OneOfIgnoringCase(Vec<&'static str>),
    /// Text that is not empty.
    NonEmpty,
    /// `*`, or `partition:broker` pairs.
    ThrottledReplicas,
}

impl Bounds {
    /// Reads Kafka's own notation, as in `[0,...,1]`, `[1,...]` or `[compact, delete]`.
    pub fn parse(notation: &'static str) -> Option<Self> {
        match notation {
            "" => return Some(Self::Any),
            "non-empty string" => return Some(Self::NonEmpty),
            // A list may be empty; only its items may not.
            "non-null string" | "non-empty list" => return Some(Self::Any),
            "[partitionId]:[brokerId],[partitionId]:[brokerId],..." => return Some(Self::ThrottledReplicas),
            _ => {}
        }
        if let Some(rest) = notation.strip_prefix("(case insensitive) ") {
            return Some(Self::OneOfIgnoringCase(items(rest)?));
        }
        if let Some((range, other)) = notation.split_once(" or ") {
            let (Some(min), Some(max)) = range_ends(range)? else { return None };
            return Some(Self::RangeOr(min, max, other.parse().ok()?));
        }
        if notation.contains("...") {
            let (min, max) = range_ends(notation)?;
            return Some(Self::Range(min, max));
        }
        Some(Self::OneOf(items(notation)?))
    }

    /// Checks a trimmed text that is of the type `kind`; the error is Kafka's reason.
    pub fn check(&self, kind: Kind, text: &str) -> Result<(), String> {
        match self {
            Self::Any => Ok(()),
            Self::Range(min, max) => check_range(number(text), *min, *max),
            Self::RangeOr(_, _, other) if number(text) == *other => Ok(()),
            Self::RangeOr(min, max, other) => check_range(number(text), Some(*min), Some(*max))
                .map_err(|_| format!("Value must be between {min} and {max} or equal to {other}")),
            Self::OneOf(allowed) if kind == Kind::List => check_list(allowed, text),
            Self::OneOf(allowed) => one_of(allowed, allowed.contains(&text), "String"),
            Self::OneOfIgnoringCase(allowed) => {
                let found = allowed.iter().any(|item| item.eq_ignore_ascii_case(text));
                one_of(allowed, found, "String (case insensitive)")
            }
            Self::NonEmpty if text.is_empty() => Err("String must be non-empty".to_owned()),
            Self::NonEmpty => Ok(()),
            Self::ThrottledReplicas => check_throttled_replicas(text),
        }
    }
}

impl fmt::Display for Bounds {
    /// For people: the settings page.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Range(Some(min), Some(max)) => write!(f, "{min} to {max}"),
            Self::Range(Some(min), None) => write!(f, "at least {min}"),
            Self::Range(None, Some(max)) => write!(f, "at most {max}"),
            Self::Range(None, None) => Ok(()),
            Self::RangeOr(min, max, other) => write!(f, "{min} to {max}, or {other}"),
            Self::OneOf(allowed) | Self::OneOfIgnoringCase(allowed) => f.write_str(&allowed.join(", ")),
            Self::NonEmpty => f.write_str("not empty"),
            Self::ThrottledReplicas => f.write_str("`*`, or partition:broker pairs"),
        }
    }
}

/// The items of a comma-separated list, trimmed; an empty text has none.
pub fn list_items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(move |_| !text.trim().is_empty())
}

fn check_range(value: f64, min: Option<f64>, max: Option<f64>) -> Result<(), String> {
    if let Some(min) = min.filter(|min| value < *min) {
        return Err(format!("Value must be at least {min}"));
    }
    if let Some(max) = max.filter(|max| value > *max) {
        return Err(format!("Value must be no more than {max}"));
    }
    Ok(())
}

fn one_of(allowed: &[&str], found: bool, what: &str) -> Result<(), String> {
    if found { Ok(()) } else { Err(format!("{what} must be one of: {}", allowed.join(", "))) }
}

fn check_list(allowed: &[&str], text: &str) -> Result<(), String> {
    list_items(text).try_for_each(|item| one_of(allowed, allowed.contains(&item), "String"))
}

fn check_throttled_replicas(text: &str) -> Result<(), String> {
    let is_pair_or_nothing = |item: &str| {
        let number = |part: &str| part.parse::<u32>().is_ok();
        item.is_empty() || item.split_once(':').is_some_and(|(partition, broker)| number(partition) && number(broker))
    };
    if text == "*" || list_items(text).all(is_pair_or_nothing) {
        return Ok(());
    }
    Err("must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
        .to_owned())
}

/// The number in a text whose type has been checked.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

fn items(notation: &'static str) -> Option<Vec<&'static str>> {
    let inner = notation.strip_prefix('[')?.strip_suffix(']')?;
    Some(list_items(inner).collect())
}

fn range_ends(notation: &str) -> Option<(Option<f64>, Option<f64>)> {
    let inner = notation.strip_prefix('[')?.strip_suffix(']')?;
    let (min, max) = inner.split_once("...")?;
    Some((end(min.trim_end_matches(','))?, end(max.trim_start_matches(','))?))
}

fn end(text: &str) -> Option<Option<f64>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}
