//! Settings as they were given, checked one by one: the parsed form, from which `Config` is resolved.
//!
//! What must always hold: every value held here passed its definition's type and bounds; names that the table does not
//! know are warnings and are not held.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use crate::config::definition::{Definition, Kind, Support};
use crate::config::error::{ConfigError, Warning};
use crate::config::{properties, table, value};

/// The broker's settings: what was given, over the defaults of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    given: BTreeMap<&'static str, String>,
}

impl Settings {
    /// Reads a properties file, if any, then `name=value` overrides; the later of two values of a name wins.
    ///
    /// # Errors
    /// An unreadable or malformed file, a malformed override, or a value that its setting does not take.
    pub fn read(file: Option<&Path>, overrides: &[String]) -> Result<(Self, Vec<Warning>), ConfigError> {
        let mut entries = file.map_or(Ok(Vec::new()), read_file)?;
        for text in overrides {
            let (name, value) = text.split_once('=').ok_or_else(|| ConfigError::Override(text.clone()))?;
            entries.push((name.trim().to_owned(), value.to_owned()));
        }
        Self::from_entries(entries)
    }

    fn from_entries(entries: Vec<(String, String)>) -> Result<(Self, Vec<Warning>), ConfigError> {
        let entries: BTreeMap<String, String> = entries.into_iter().collect();
        let mut settings = Self::default();
        let mut warnings = Vec::new();
        for (name, text) in entries {
            let Some(definition) = table::broker_setting(&name) else {
                warnings.push(unknown(name));
                continue;
            };
            let value = value::check_supported(definition, &text)?;
            warnings.extend(warning(definition, &value));
            settings.given.insert(definition.name, value);
        }
        Ok((settings, warnings))
    }

    /// These settings under values that win. Names that the table does not know, and values that their settings do not
    /// take, are left out.
    #[must_use]
    pub fn under(&self, values: &BTreeMap<String, String>) -> Self {
        let mut given = self.given.clone();
        given.retain(|name, _| !values.keys().any(|value| are_units_of_one_thing(name, value)));
        let known = values.iter().filter_map(|(name, value)| Some((table::broker_setting(name)?, value)));
        let checked = known.filter_map(|(setting, value)| Some((setting.name, value::check(setting, value).ok()?)));
        given.extend(checked);
        Self { given }
    }

    /// The value that was given for a setting, if any.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// The value in force: given, or the default; `None` is Kafka's `null`.
    pub fn effective(&self, definition: &Definition) -> Option<&str> {
        self.given(definition.name).or(definition.default)
    }

    /// The value of a number.
    ///
    /// # Errors
    /// `NotInTable` when the table has no such number.
    pub fn number<T: FromStr>(&self, name: &'static str) -> Result<T, ConfigError> {
        self.text(name)?.and_then(|text| text.parse().ok()).ok_or(ConfigError::NotInTable { name, kind: "number" })
    }

    /// The value of a switch.
    ///
    /// # Errors
    /// `NotInTable` when the table has no such boolean.
    pub fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        let text = self.text(name)?.and_then(|text| text.parse().ok());
        text.ok_or(ConfigError::NotInTable { name, kind: Kind::Boolean.name() })
    }

    /// The value of any setting as text; `None` is Kafka's `null`.
    ///
    /// # Errors
    /// `NotInTable` when the table has no such setting.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, ConfigError> {
        Ok(self.effective(definition(name)?))
    }
}

/// The setting of that name, for code that knows it is there.
///
/// # Errors
/// `NotInTable`.
pub fn definition(name: &'static str) -> Result<&'static Definition, ConfigError> {
    table::broker_setting(name).ok_or(ConfigError::NotInTable { name, kind: "setting" })
}

/// Whether both are units of one thing: what is set later wins over them too (Kafka's
/// `DynamicBrokerConfig.overrideProps`).
fn are_units_of_one_thing(one: &str, other: &str) -> bool {
    let named = |definition: &Definition, name: &str| definition.fallbacks.iter().any(|behind| behind.name == name);
    table::topic_settings().iter().any(|definition| named(definition, one) && named(definition, other))
}

fn read_file(file: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let text =
        std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    properties::parse(&text).map_err(|error| ConfigError::Syntax {
        file: file.to_owned(),
        line: error.line,
        reason: "malformed \\uxxxx escape",
    })
}

/// Settings of one listener (`listener.name.<listener>.<setting>`) are Kafka's, for what Catena cannot do yet.
const LISTENER_PREFIX: &str = "listener.name.";

fn warning(definition: &Definition, value: &str) -> Option<Warning> {
    if !definition.ignores(value) {
        return None;
    }
    let reason = match definition.support {
        Support::Meaningless(reason) => reason,
        Support::Honoured | Support::Only(_) | Support::Refused(_) => "",
    };
    Some(Warning::Ineffective { name: definition.name.to_owned(), reason })
}

fn unknown(name: String) -> Warning {
    if name.starts_with(LISTENER_PREFIX) { Warning::OfListener(name) } else { Warning::Unknown(name) }
}
