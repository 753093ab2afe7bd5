//! How the values that are tried stand in a rollout's record: of resources a list of who gets what, of a user's config topic an
//! object, `{"pool.size":"40"}`, in which a process finds its settings by name.
//!
//! What must always hold: a setting that stands there twice is read twice, so that it can be refused.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::Tried;

/// Writes a list, or an object if no value belongs to a resource.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(changes: &[Tried], serializer: S) -> Result<S::Ok, S::Error> {
    if changes.iter().any(|tried| tried.kind.is_some() || tried.name.is_some()) {
        return changes.serialize(serializer);
    }
    serializer.collect_map(changes.iter().map(|tried| (&tried.setting, &tried.value)))
}

/// Reads either.
///
/// # Errors
/// Neither a list nor an object of such values.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tried>, D::Error> {
    deserializer.deserialize_any(Changes)
}

struct Changes;

impl<'de> Visitor<'de> for Changes {
    type Value = Vec<Tried>;

    fn expecting(&self, told: &mut fmt::Formatter<'_>) -> fmt::Result {
        told.write_str("a list of changes, or settings with their values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut changes = Vec::new();
        while let Some((setting, value)) = object.next_entry()? {
            changes.push(Tried { kind: None, name: None, setting, value });
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Rollout;

    fn read(changes: &str) -> Result<Rollout, String> {
        serde_json::from_str(&format!(r#"{{"v":1,"changes":{changes}}}"#)).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_are_written_as_they_are_read() {
        let of_resource = r#"[{"resource":"broker","name":"","setting":"fetch.max.bytes","value":"1"}]"#;
        for changes in [of_resource, r#"{"pool.size":"40","pool.name":null}"#] {
            let rollout = read(changes).expect(changes);
            let written = serde_json::to_string(&rollout).expect("JSON");
            assert!(written.contains(&format!(r#""changes":{changes},"#)), "{written}");
            assert_eq!(serde_json::from_str::<Rollout>(&written).expect("JSON"), rollout);
        }
    }

    #[test]
    fn a_setting_that_stands_there_twice_is_seen_and_what_is_no_text_is_refused() {
        let twice = read(r#"{"a":"1","a":"2"}"#).expect("an object");
        assert_eq!(twice.changes.iter().map(|tried| tried.setting.as_str()).collect::<Vec<_>>(), ["a", "a"]);
        for wrong in ["7", r#""a""#, r#"{"a":1}"#, r#"{"a":{}}"#, r#"[{"setting":"a","value":"1","x":1}]"#, "[1]"] {
            read(wrong).expect_err(wrong);
        }
    }
}
