//! The keys of `__config` and of config topics: JSON in one spelling, or the name of a setting alone.
//!
//! What must always hold: a key has one spelling, `Key::encode`; compaction knows keys by their bytes, so others are refused.

use serde::{Deserialize, Serialize};

use super::plain::Plain;
use super::{FormatError, JSON_BEGINS, json};
use crate::config::resource::{Resource, ResourceKind};

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

/// The fields of the keys that are JSON, in the order in which they are written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<ResourceKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
}

impl Key {
    /// Its only spelling.
    pub fn encode(&self) -> Vec<u8> {
        let none = Fields::default();
        json(&match self.clone() {
            Self::Setting(SettingKey { kind, name, setting }) => {
                Fields { resource: Some(kind), name: Some(name), setting: Some(setting), ..none }
            }
            Self::Plain(PlainKey { setting }) => return setting.into_bytes(),
            Self::Rollout(name) => Fields { rollout: Some(name), ..none },
            Self::Verdict(name) => Fields { verdict: Some(name), ..none },
        })
    }

    /// Reads a key.
    ///
    /// # Errors
    /// `Key`, or `Spelling`.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if let Some(setting) = plain(bytes) {
            return Ok(Self::Plain(PlainKey { setting: setting.to_owned() }));
        }
        if let Some(key) = SettingKey::plainly_spelt(bytes) {
            return Ok(Self::Setting(key));
        }
        let fields: Fields = serde_json::from_slice(bytes).map_err(|error| FormatError::Key(error.to_string()))?;
        let key = fields.key().ok_or_else(|| FormatError::Key("its fields are of none, or of several".to_owned()))?;
        match key.encode() {
            spelling if spelling == bytes => Ok(key),
            spelling => Err(FormatError::Spelling(String::from_utf8_lossy(&spelling).into_owned())),
        }
    }
}

impl Fields {
    fn key(self) -> Option<Key> {
        Some(match self {
            Self { resource: Some(kind), name: Some(name), setting: Some(setting), rollout: None, verdict: None } => {
                Key::Setting(SettingKey { kind, name, setting })
            }
            Self { resource: None, name: None, setting: None, rollout: Some(name), verdict: None } => {
                Key::Rollout(name)
            }
            Self { resource: None, name: None, setting: None, rollout: None, verdict: Some(name) } => {
                Key::Verdict(name)
            }
            _ => return None,
        })
    }
}

impl SettingKey {
    /// Reads a key in its one spelling.
    fn plainly_spelt(bytes: &[u8]) -> Option<Self> {
        let mut plain = Plain::new(bytes)?;
        plain.skip("{\"resource\":")?;
        let kind = ResourceKind::of_word(plain.text()?)?;
        let name = plain.text_after(",\"name\":")?.to_owned();
        let setting = plain.text_after(",\"setting\":")?.to_owned();
        plain.end("}")?;
        Some(Self { kind, name, setting })
    }

    /// The resource whose setting it is.
    pub fn resource(&self) -> Resource {
        Resource::new(self.kind, self.name.clone())
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

#[cfg(test)]
mod tests {
    use super::super::tests::{KEY, variants};
    use super::*;

    #[test]
    fn every_kind_of_key_has_one_spelling() {
        for key in [KEY, "pool.size", "größe", r#"{"rollout":"r"}"#, r#"{"verdict":"r"}"#] {
            assert_eq!(Key::decode(key.as_bytes()).expect(key).encode(), key.as_bytes());
        }
        let other = r#"{ "rollout": "r" }"#;
        let spelling = |key: &str| Key::decode(key.as_bytes()).expect_err("another spelling").to_string();
        assert_eq!(spelling(other), r#"the key must be written exactly as {"rollout":"r"}"#);
        let turned = r#"{"name":"orders","resource":"topic","setting":"retention.ms"}"#;
        assert!(spelling(turned).ends_with(KEY));
        let escaped = r#"{"rollout":"\u0041\""}"#;
        assert!(spelling(escaped).ends_with(r#"{"rollout":"A\""}"#));
        let setting =
            Key::Setting(SettingKey { kind: ResourceKind::Group, name: "\"A\"".to_owned(), setting: String::new() });
        assert_eq!(Key::decode(&setting.encode()), Ok(setting));
    }

    #[test]
    fn keys_are_read_plainly_only_in_their_one_spelling_whatever_byte_is_another() {
        for key in [KEY, r#"{"resource":"client-metrics","name":"","setting":"größe"}"#] {
            assert!(SettingKey::plainly_spelt(key.as_bytes()).is_some(), "{key}");
            for changed in variants(key.as_bytes()) {
                let Some(read) = SettingKey::plainly_spelt(&changed) else { continue };
                assert_eq!(Key::Setting(read).encode(), changed, "{}", String::from_utf8_lossy(&changed));
            }
        }
    }
}
