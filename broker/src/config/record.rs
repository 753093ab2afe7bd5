//! The records of config topics: JSON that a person can read (docs/config-topics.md).
//!
//! What must always hold:
//! - A key has one spelling, `Key::encode`; compaction knows keys by their bytes, so others are refused.
//! - What `encode` gives, `decode` takes back unchanged.
//! - A format newer than `FORMAT` is not an error: it is known to be unknown.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::config::resource::{Resource, ResourceKind};
use crate::rollout::record::Rollout;

/// The format written here.
pub const FORMAT: u64 = 1;
/// With what every key begins that is not a setting's name alone.
pub const JSON_BEGINS: char = '{';
/// The principal of clients that did not say who they are.
pub const ANONYMOUS: &str = "User:ANONYMOUS";

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A setting of a resource.
    Setting(SettingKey),
    /// A setting of a user's config topic: its name alone is the key.
    Plain(PlainKey),
    /// A rollout, by its name.
    Rollout(String),
    /// What became of a rollout, by its name.
    Verdict(String),
}

/// A setting of a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingKey {
    /// Of what kind the resource is.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// The setting.
    pub setting: String,
}

/// A setting of a user's config topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlainKey {
    /// The setting.
    pub setting: String,
}

/// The fields of the keys that are JSON, in the order in which they are written. (One flat struct reads faster than a choice of structs, and a start
/// reads many.)
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<ResourceKind>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    setting: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    rollout: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Cow<'a, str>>,
}

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

impl Key {
    /// Its only spelling.
    pub fn encode(&self) -> Vec<u8> {
        let text = |text: &'_ String| Some(Cow::Owned(text.clone()));
        let fields = match self {
            Self::Setting(SettingKey { kind, name, setting }) => {
                Fields { resource: Some(*kind), name: text(name), setting: text(setting), ..Fields::default() }
            }
            Self::Plain(PlainKey { setting }) => return setting.clone().into_bytes(),
            Self::Rollout(name) => Fields { rollout: text(name), ..Fields::default() },
            Self::Verdict(name) => Fields { verdict: text(name), ..Fields::default() },
        };
        json(&fields)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// `Key`, or `Spelling`.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if let Some(setting) = plain(bytes) {
            return Ok(Self::Plain(PlainKey { setting: setting.to_owned() }));
        }
        let fields: Fields = serde_json::from_slice(bytes).map_err(|error| FormatError::Key(error.to_string()))?;
        let spelling = json(&fields);
        let key = fields.key().ok_or_else(|| FormatError::Key("its fields are of none, or of several".to_owned()))?;
        if spelling == bytes {
            return Ok(key);
        }
        Err(FormatError::Spelling(String::from_utf8_lossy(&spelling).into_owned()))
    }
}

impl Fields<'_> {
    fn key(self) -> Option<Key> {
        Some(match self {
            Self { resource: Some(kind), name: Some(name), setting: Some(setting), rollout: None, verdict: None } => {
                Key::Setting(SettingKey { kind, name: name.into_owned(), setting: setting.into_owned() })
            }
            Self { resource: None, name: None, setting: None, rollout: Some(name), verdict: None } => {
                Key::Rollout(name.into_owned())
            }
            Self { resource: None, name: None, setting: None, rollout: None, verdict: Some(name) } => {
                Key::Verdict(name.into_owned())
            }
            _ => return None,
        })
    }
}

impl SettingKey {
    /// The resource whose setting it is.
    pub fn resource(&self) -> Resource {
        Resource::new(self.kind, self.name.clone())
    }
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// `FormatError`.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, FormatError> {
        match Key::decode(key.ok_or(FormatError::NoKey)?)? {
            Key::Setting(key) => body(value, |value| Self::Setting(key, value)),
            Key::Plain(key) => body(value, |value| Self::Plain(key, value)),
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

/// The name of a setting, unless the key is JSON (or nothing).
fn plain(key: &[u8]) -> Option<&str> {
    str::from_utf8(key).ok().filter(|name| !name.is_empty() && !name.starts_with(JSON_BEGINS))
}

/// The key of a rollout.
pub fn rollout_key(name: &str) -> Key {
    Key::Rollout(name.to_owned())
}

/// Reads a value: what `known` makes of it, or that it is newer.
fn body<'a, T: Deserialize<'a>>(
    value: Option<&'a [u8]>,
    known: impl FnOnce(Option<T>) -> Record,
) -> Result<Record, FormatError> {
    let Some(bytes) = value else { return Ok(known(None)) };
    match format(bytes)? {
        FORMAT => serde_json::from_slice(bytes).map(|value| known(Some(value))).map_err(refused),
        0 => Err(FormatError::Value("there is no format 0".to_owned())),
        newer => Ok(Record::Newer(newer)),
    }
}

/// Values that begin as this broker writes them need not be read twice.
fn format(bytes: &[u8]) -> Result<u64, FormatError> {
    if bytes.starts_with(b"{\"v\":1,") {
        return Ok(FORMAT);
    }
    serde_json::from_slice::<Format>(bytes).map(|format| format.v).map_err(refused)
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

    const KEY: &str = r#"{"resource":"topic","name":"orders","setting":"retention.ms"}"#;
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

    #[test]
    fn every_kind_of_key_has_one_spelling() {
        for key in [KEY, "pool.size", "größe", r#"{"rollout":"r"}"#, r#"{"verdict":"r"}"#] {
            let record = decoded(key, None).expect(key);
            assert_eq!(record.encode(), Some((key.as_bytes().to_vec(), None)));
        }
        let other = r#"{ "rollout": "r" }"#;
        assert_eq!(decoded(other, None), Err(r#"the key must be written exactly as {"rollout":"r"}"#.to_owned()));
        let turned = r#"{"name":"orders","resource":"topic","setting":"retention.ms"}"#;
        assert!(decoded(turned, None).expect_err("another order").ends_with(KEY));
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
