//! The records of config topics: JSON that a person can read (docs/config-topics.md).
//!
//! What must always hold:
//! - What `encode` gives, `decode` takes back unchanged.
//! - A format newer than `FORMAT` is not an error: it is known to be unknown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::rollout::record::Rollout;

mod key;
mod plain;

pub use key::{Key, PlainKey, SettingKey, rollout_key};
use plain::Plain;

/// The format written here.
pub const FORMAT: u64 = 1;
/// With what every key begins that is not a setting's name alone.
pub const JSON_BEGINS: char = '{';
/// The principal of clients that did not say who they are.
pub const ANONYMOUS: &str = "User:ANONYMOUS";

/// A setting's value, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingValue {
    /// `FORMAT`.
    pub v: u64,
    /// The value; `None`: not set here.
    pub value: Option<String>,
    /// Grows by one with each change of the key.
    pub version: u64,
    /// When it was changed.
    pub time: Timestamp,
    /// By whom.
    pub author: Author,
    /// Why, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of topics: which topic of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<Uuid>,
    /// The rollout that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<String>,
}

/// Who changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// As Kafka writes principals: `User:alice`.
    pub principal: String,
    /// The client id of the request.
    #[serde(default)]
    pub client_id: String,
}

/// What became of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// `FORMAT`.
    pub v: u64,
    /// The outcome.
    pub verdict: Outcome,
    /// Where the rollout's record stood in the canary partition.
    pub rollout_offset: i64,
    /// When.
    pub time: Timestamp,
    /// By whom: the broker, or who asked for it.
    pub author: Author,
    /// In words.
    pub why: String,
    /// What both arms did.
    #[serde(default)]
    pub figures: serde_json::Value,
}

/// How a rollout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its values rule from now on.
    Approved,
    /// Nothing changes.
    Rejected,
}

/// A record, understood; `None` is a tombstone.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Of a setting of a resource.
    Setting(SettingKey, Option<SettingValue>),
    /// Of a setting of a user's config topic.
    Plain(PlainKey, Option<SettingValue>),
    /// Of a rollout.
    Rollout(String, Option<Rollout>),
    /// Of a verdict.
    Verdict(String, Option<Verdict>),
    /// In a format that a newer broker writes.
    Newer(u64),
}

/// Why a record cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// No key.
    #[error("a record of configuration needs a key such as {{\"rollout\":\"name\"}}")]
    NoKey,
    /// The key is not one of the known ones.
    #[error("the key is not one of configuration: {0}")]
    Key(String),
    /// The key is right but written otherwise.
    #[error("the key must be written exactly as {0}")]
    Spelling(String),
    /// The value is not what the key promises.
    #[error("the value is not right: {0}")]
    Value(String),
}

/// Only what tells the format.
#[derive(Deserialize)]
struct Format {
    v: u64,
}

impl SettingValue {
    /// Reads a value that is written as this broker writes it.
    fn plainly_written(bytes: &[u8]) -> Option<Self> {
        let mut plain = Plain::new(bytes)?;
        plain.skip("{\"v\":1,\"value\":")?;
        let value = if plain.skip("null").is_some() { None } else { Some(plain.text()?.to_owned()) };
        plain.skip(",\"version\":")?;
        let version = plain.number()?;
        let time = plain.text_after(",\"time\":")?.parse().ok()?;
        let principal = plain.text_after(",\"author\":{\"principal\":")?.to_owned();
        let client_id = plain.text_after(",\"client_id\":")?.to_owned();
        plain.skip("}")?;
        let reason = plain.text_after(",\"reason\":").map(str::to_owned);
        let topic_id = plain.text_after(",\"topic_id\":").map(str::parse).transpose().ok()?;
        let rollout = plain.text_after(",\"rollout\":").map(str::to_owned);
        plain.end("}")?;
        Some(Self {
            v: FORMAT,
            value,
            version,
            time,
            author: Author { principal, client_id },
            reason,
            topic_id,
            rollout,
        })
    }
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// `FormatError`.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, FormatError> {
        match Key::decode(key.ok_or(FormatError::NoKey)?)? {
            Key::Setting(key) => setting(value, |value| Self::Setting(key, value)),
            Key::Plain(key) => setting(value, |value| Self::Plain(key, value)),
            Key::Rollout(key) => body(value, |value| Self::Rollout(key, value)),
            Key::Verdict(key) => body(value, |value| Self::Verdict(key, value)),
        }
    }

    /// Key and value as they are stored; none of what is newer.
    pub fn encode(&self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        Some(match self {
            Self::Setting(key, value) => (Key::Setting(key.clone()).encode(), value.as_ref().map(json)),
            Self::Plain(key, value) => (Key::Plain(key.clone()).encode(), value.as_ref().map(json)),
            Self::Rollout(name, value) => (rollout_key(name).encode(), value.as_ref().map(json)),
            Self::Verdict(name, value) => (Key::Verdict(name.clone()).encode(), value.as_ref().map(json)),
            Self::Newer(_) => return None,
        })
    }
}

/// As `body`, for settings.
fn setting(value: Option<&[u8]>, known: impl FnOnce(Option<SettingValue>) -> Record) -> Result<Record, FormatError> {
    match value.and_then(SettingValue::plainly_written) {
        Some(value) => Ok(known(Some(value))),
        None => body(value, known),
    }
}

/// Reads a value: what `known` makes of it, or that it is newer.
fn body<'a, T: Deserialize<'a>>(
    value: Option<&'a [u8]>,
    known: impl FnOnce(Option<T>) -> Record,
) -> Result<Record, FormatError> {
    let Some(bytes) = value else { return Ok(known(None)) };
    match serde_json::from_slice(bytes).map_err(refused)? {
        Format { v: FORMAT } => serde_json::from_slice(bytes).map(|value| known(Some(value))).map_err(refused),
        Format { v: 0 } => Err(FormatError::Value("there is no format 0".to_owned())),
        Format { v: newer } => Ok(Record::Newer(newer)),
    }
}

fn refused(error: serde_json::Error) -> FormatError {
    FormatError::Value(error.to_string())
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // Only maps with keys that are not text could fail.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(key: &str, value: Option<&str>) -> Result<Record, String> {
        Record::decode(Some(key.as_bytes()), value.map(str::as_bytes)).map_err(|error| error.to_string())
    }

    pub const KEY: &str = r#"{"resource":"topic","name":"orders","setting":"retention.ms"}"#;
    const VALUE: &str = r#"{"v":1,"value":"5","version":3,"time":"2026-01-02T03:04:05Z","author":{"principal":"User:a","client_id":"c"}}"#;

    #[test]
    fn what_is_written_is_read_back_and_a_person_can_read_it() {
        let record = decoded(KEY, Some(VALUE)).expect("is one");
        let (key, value) = record.encode().expect("has a form");
        assert_eq!((key.as_slice(), value.as_deref()), (KEY.as_bytes(), Some(VALUE.as_bytes())));
        let Record::Setting(key, Some(value)) = record else { panic!("{record:?}") };
        assert_eq!((key.resource().to_string().as_str(), key.setting.as_str()), ("topic orders", "retention.ms"));
        assert_eq!((value.value.as_deref(), value.version), (Some("5"), 3));
    }

    /// Values with and without what may be left out, and with what must be escaped.
    fn values() -> Vec<SettingValue> {
        let plain: SettingValue = serde_json::from_str(VALUE).expect("is one");
        let some = |text: &str| Some(text.to_owned());
        let author = Author { principal: "User:größe".to_owned(), client_id: String::new() };
        vec![
            SettingValue { value: None, version: 0, ..plain.clone() },
            SettingValue { reason: some(""), rollout: some("r"), ..plain.clone() },
            SettingValue { topic_id: Some(Uuid::from_u128(7)), author, ..plain.clone() },
            SettingValue {
                value: some("a \"quoted\" \\ and\na \u{1} and \u{7f}"),
                reason: some("\\"),
                ..plain.clone()
            },
            SettingValue { version: u64::MAX, reason: some("why"), topic_id: Some(Uuid::nil()), ..plain },
        ]
    }

    #[test]
    fn values_are_read_plainly_as_a_json_reader_reads_them_whatever_byte_is_another() {
        for value in values() {
            let written = json(&value);
            assert_eq!(SettingValue::plainly_written(&written).is_some(), !written.contains(&b'\\'), "{value:?}");
            let read = decoded(KEY, str::from_utf8(&written).ok());
            assert!(matches!(&read, Ok(Record::Setting(_, Some(read))) if *read == value), "{read:?}");
            for changed in variants(&written) {
                let Some(read) = SettingValue::plainly_written(&changed) else { continue };
                assert_eq!(serde_json::from_slice(&changed).ok(), Some(read), "{}", String::from_utf8_lossy(&changed));
            }
        }
    }

    /// With a byte that is another, that is missing, or that is one too many.
    pub fn variants(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        let others = [b' ', b'0', b'9', b'"', b'\\', b'}', b',', b'+', 0, 0x1f, 0x7f, 0xc3];
        let at = move |at: usize| {
            let (before, after) = bytes.split_at(at);
            let with = move |next: &[u8], after: &[u8]| [before, next, after].concat();
            let rest = after.get(1..).unwrap_or_default();
            let more = others.map(|other| with(&[other], after));
            let changed = others.map(|other| with(&[other], rest));
            more.into_iter().chain(changed).chain([with(&[], rest), with(&[], &[]), with(b"}", &[])])
        };
        (0..=bytes.len()).flat_map(at)
    }

    #[test]
    fn newer_formats_are_known_to_be_unknown_and_nonsense_is_refused() {
        for newer in [r#"{"v":2}"#, r#"{"value":7,"v":9}"#] {
            assert!(matches!(decoded(KEY, Some(newer)), Ok(Record::Newer(2 | 9))), "{newer}");
        }
        for wrong in ["", "7", "{}", r#"{"v":0}"#, r#"{"v":1}"#, r#"{"v":"1"}"#, r#"{"v":1,"value":5}"#, "\u{0}"] {
            assert!(decoded(KEY, Some(wrong)).is_err(), "{wrong}");
        }
        for key in ["", "{}", "{", r#"{"resource":"planet","name":"","setting":"s"}"#, r#"{"setting":"s"}"#] {
            assert!(decoded(key, None).is_err(), "{key}");
        }
        assert_eq!(Record::decode(None, None), Err(FormatError::NoKey));
    }

    #[test]
    fn wild_bytes_are_refused_without_harm() {
        let deep = "{\"rollout\":".repeat(1 << 20);
        assert!(decoded(&deep, None).is_err() && decoded(KEY, Some(&deep)).is_err());
        assert!(Record::decode(Some(&[0xff; 64]), Some(&[0xfe; 64])).is_err());
    }
}
