//! Texts as the values of settings: checked once, by type and bounds, with Kafka's wording.
//!
//! What must always hold: `check` trims and accepts exactly what Kafka's `ConfigDef.parseType` accepts for the type,
//! and a text that it returned reads back as that type.

use crate::config::bounds::{Bounds, list_items};
use crate::config::definition::{Definition, Kind};
use crate::config::error::InvalidValue;

/// Checks `text` against the type and the bounds of a setting.
///
/// # Errors
/// `InvalidValue` with Kafka's reason.
pub fn check(definition: &Definition, text: &str) -> Result<String, InvalidValue> {
    let trimmed = text.trim();
    check_kind(definition.kind, trimmed).map_err(|reason| refusal(definition, trimmed, reason))?;
    let normal = normal_form(definition.kind, trimmed);
    definition.bounds.check(definition.kind, trimmed).map_err(|reason| match definition.kind {
        Kind::List => refusal(definition, trimmed, reason),
        _ => refusal(definition, &normal, reason),
    })?;
    Ok(normal)
}

/// Checks `text` as `check` does, and that the setting is not one that is refused here.
///
/// # Errors
/// `InvalidValue` with Kafka's reason, or that of the table.
pub fn check_supported(definition: &Definition, text: &str) -> Result<String, InvalidValue> {
    let value = check(definition, text)?;
    match definition.refuses(&value) {
        Some(reason) => Err(invalid(definition, &value, reason)),
        None => Ok(value),
    }
}

fn refusal(definition: &Definition, text: &str, reason: String) -> InvalidValue {
    match definition.bounds {
        // This validator of Kafka's sees the whole list, and names the setting once more.
        Bounds::ThrottledReplicas => {
            let list = list_items(text).collect::<Vec<_>>().join(", ");
            invalid(definition, &format!("[{list}]"), format!("{} {reason}", definition.name))
        }
        // This one sees one item after the other.
        Bounds::OneOf(ref allowed) if definition.kind == Kind::List => {
            let wrong = list_items(text).find(|item| !allowed.contains(item));
            invalid(definition, wrong.unwrap_or(text), reason)
        }
        _ => invalid(definition, text, reason),
    }
}

/// An `InvalidValue` about a setting of the table; hides secrets.
pub fn invalid(definition: &Definition, value: &str, reason: impl Into<String>) -> InvalidValue {
    let value = if definition.is_sensitive() { "[hidden]" } else { value };
    InvalidValue { name: definition.name.to_owned(), value: value.to_owned(), reason: reason.into() }
}

fn check_kind(kind: Kind, text: &str) -> Result<(), String> {
    let is_number = match kind {
        Kind::Boolean => return check_boolean(text),
        Kind::Short => text.parse::<i16>().is_ok(),
        Kind::Int => text.parse::<i32>().is_ok(),
        Kind::Long => text.parse::<i64>().is_ok(),
        // Java takes NaN for a number; it is above and below nothing.
        Kind::Double => text.parse::<f64>().is_ok_and(|number| !number.is_nan()),
        Kind::String | Kind::List | Kind::Password | Kind::Class => true,
    };
    if is_number { Ok(()) } else { Err(format!("Not a number of type {}", kind.name())) }
}

fn check_boolean(text: &str) -> Result<(), String> {
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return Ok(());
    }
    Err("Expected value to be either true or false".to_owned())
}

/// The text as it is shown and read back: booleans in lower case, numbers as Java writes them, lists without spaces.
fn normal_form(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Boolean => text.to_ascii_lowercase(),
        Kind::Short | Kind::Int | Kind::Long => {
            text.parse::<i64>().map_or_else(|_| text.to_owned(), |number| number.to_string())
        }
        Kind::Double => text.parse().map_or_else(|_| text.to_owned(), double),
        Kind::List => list_items(text).collect::<Vec<_>>().join(","),
        Kind::String | Kind::Password | Kind::Class => text.to_owned(),
    }
}

/// As Java's `Double.toString` writes it.
fn double(number: f64) -> String {
    if number == 0.0 || !number.is_finite() || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::table;

    /// Setting of a topic, value, and Kafka 4.4's answer (`LogConfig.validate`), empty when it accepts.
    const KAFKA_SAYS: &[(&str, &str, &str)] = &[
        ("retention.ms", "abc", "Not a number of type LONG"),
        ("retention.ms", "-5", "Value must be at least -1"),
        ("retention.ms", " 10 ", ""),
        ("cleanup.policy", "foo", "String must be one of: compact, delete"),
        ("cleanup.policy", "", ""),
        ("cleanup.policy", "compact, delete", ""),
        ("cleanup.policy", "delete,delete", ""),
        ("compression.type", "zip", "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"),
        ("compression.type", "", "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"),
        ("max.message.bytes", "2147483648", "Not a number of type INT"),
        ("max.message.bytes", "-1", "Value must be at least 0"),
        ("max.message.bytes", "", "Not a number of type INT"),
        ("min.cleanable.dirty.ratio", "1.5", "Value must be no more than 1"),
        ("min.cleanable.dirty.ratio", "x", "Not a number of type DOUBLE"),
        ("min.cleanable.dirty.ratio", "NaN", "Not a number of type DOUBLE"),
        ("preallocate", "maybe", "Expected value to be either true or false"),
        ("preallocate", "TRUE", ""),
        ("segment.bytes", "10", "Value must be at least 1048576"),
        ("message.timestamp.type", "x", "String must be one of: CreateTime, LogAppendTime"),
        ("leader.replication.throttled.replicas", "*", ""),
        ("leader.replication.throttled.replicas", "0:1,1:2", ""),
        ("compression.gzip.level", "-1", ""),
        ("compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"),
        ("compression.zstd.level", "23", "Value must be no more than 22"),
        ("min.insync.replicas", "1.0", "Not a number of type INT"),
        ("min.insync.replicas", "+1", ""),
        ("flush.ms", "0x10", "Not a number of type LONG"),
        ("local.retention.bytes", "-3", "Value must be at least -2"),
    ];

    #[test]
    fn values_are_accepted_and_refused_with_kafkas_words() {
        for (name, value, reason) in KAFKA_SAYS {
            let definition = table::topic_setting(name).expect("in the table");
            let answer = super::check(definition, value);
            let expected = format!("Invalid value {} for configuration {name}: {reason}", value.trim());
            match answer {
                Ok(_) => assert!(reason.is_empty(), "{name}={value} was accepted"),
                Err(error) => assert_eq!(error.to_string(), expected),
            }
        }
    }

    #[test]
    fn a_secret_is_in_no_error_text() {
        let password = table::broker_setting("ssl.key.password").expect("in the table");
        let error = super::invalid(password, "hunter2", "Too short").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
