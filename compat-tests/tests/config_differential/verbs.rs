//! Short words for the calls, so that a case reads as one line.

use compat_tests::differential::{ask, until};
use serde_json::{Value, json};

/// Resource types of Kafka's `ConfigResource.Type`.
pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;
pub const LOGGER: i8 = 8;
pub const CLIENT_METRICS: i8 = 16;
pub const GROUP: i8 = 32;

/// Operations of Kafka's `AlterConfigOp.OpType`.
pub const SET: i8 = 0;
pub const DELETE: i8 = 1;
pub const APPEND: i8 = 2;
pub const SUBTRACT: i8 = 3;

/// Setting, operation, value.
pub type Step<'a> = (&'a str, i8, Option<&'a str>);
/// Resource type, name, steps.
pub type Of<'a> = (i8, &'a str, &'a [Step<'a>]);

/// IncrementalAlterConfigs.
pub fn change(version: i16, validate_only: bool, resources: &[Of]) -> Value {
    let config = |(name, op, value): &Step| json!({"name": name, "configOperation": op, "value": value});
    let resource = |(kind, name, steps): &Of| {
        let configs: Vec<_> = steps.iter().map(config).collect();
        json!({"resourceType": kind, "resourceName": name, "configs": configs})
    };
    let resources: Vec<_> = resources.iter().map(resource).collect();
    ask("INCREMENTAL_ALTER_CONFIGS", version, json!({"resources": resources, "validateOnly": validate_only}))
}

/// One resource is changed.
pub fn alter(kind: i8, name: &str, steps: &[Step]) -> Value {
    change(1, false, &[(kind, name, steps)])
}

/// One resource is only checked.
pub fn check(kind: i8, name: &str, steps: &[Step]) -> Value {
    change(1, true, &[(kind, name, steps)])
}

/// A setting gets a value.
pub fn set<'a>(name: &'a str, value: &'a str) -> Step<'a> {
    (name, SET, Some(value))
}

/// A setting loses its value.
pub fn delete(name: &str) -> Step<'_> {
    (name, DELETE, None)
}

/// A list gets more.
pub fn append<'a>(name: &'a str, value: &'a str) -> Step<'a> {
    (name, APPEND, Some(value))
}

/// A list gets less.
pub fn subtract<'a>(name: &'a str, value: &'a str) -> Step<'a> {
    (name, SUBTRACT, Some(value))
}

/// Resource type, name, values by setting.
pub type Whole<'a> = (i8, &'a str, &'a [(&'a str, Option<&'a str>)]);

/// AlterConfigs.
pub fn replace_all(version: i16, validate_only: bool, resources: &[Whole]) -> Value {
    let resource = |(kind, name, values): &Whole| {
        let configs: Vec<_> = values.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        json!({"resourceType": kind, "resourceName": name, "configs": configs})
    };
    let resources: Vec<_> = resources.iter().map(resource).collect();
    ask("ALTER_CONFIGS", version, json!({"resources": resources, "validateOnly": validate_only}))
}

/// One resource gets these values and no others.
pub fn replace(kind: i8, name: &str, values: &[(&str, Option<&str>)]) -> Value {
    replace_all(2, false, &[(kind, name, values)])
}

/// Settings of a resource, with what stands behind them.
pub fn describe(kind: i8, name: &str, keys: Option<&[&str]>) -> Value {
    let resources = json!([{"resourceType": kind, "resourceName": name, "configurationKeys": keys}]);
    let body = json!({"resources": resources, "includeSynonyms": true, "includeDocumentation": true});
    ask("DESCRIBE_CONFIGS", 4, body)
}

/// Some settings of a resource, as soon as the last of them has the value: Kafka's brokers learn of changes a little
/// later.
pub fn shows(kind: i8, name: &str, settings: &[(&str, &str)]) -> Value {
    let keys: Vec<_> = settings.iter().map(|(name, _)| *name).collect();
    let question = describe(kind, name, Some(&keys));
    let Some((name, value)) = settings.last() else { return question };
    until(question, &format!("\"name\":\"{name}\",\"value\":{},\"readOnly\"", json!(value)))
}

/// ListConfigResources.
pub fn list(version: i16, types: &[i8]) -> Value {
    ask("LIST_CONFIG_RESOURCES", version, json!({"resourceTypes": types}))
}

/// A topic of one partition.
pub fn topic(name: &str, configs: &[(&str, &str)]) -> Value {
    let configs: Vec<_> = configs.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let topic =
        json!({"name": name, "numPartitions": 1, "replicationFactor": 1, "assignments": [], "configs": configs});
    ask("CREATE_TOPICS", 4, json!({"topics": [topic], "timeoutMs": 30_000, "validateOnly": false}))
}
