//! Asks both brokers the same, and compares.

use compat_tests::catena::Options;
use compat_tests::{Broker, Catena, Kafka, differential, java};
use serde_json::{Value, json};

/// Asks both brokers and compares, question by question; all differences are told at once.
pub fn assert_alike(questions: &[Value]) {
    if !java::available() {
        return;
    }
    let expected = answers(Kafka::shared(), questions);
    let catena = Catena::start(Options::new());
    let found = answers(&catena, questions);
    let triples = questions.iter().zip(found.iter().zip(&expected));
    let wrong = triples.filter(|(question, (found, expected))| !is_right(question, found, expected));
    let texts: Vec<_> = wrong
        .map(|(question, (found, expected))| format!("{question}\ncatena {found:#}\nkafka {expected:#}"))
        .collect();
    assert!(texts.is_empty(), "{} answers are not as they should be\n{}", texts.len(), texts.join("\n"));
}

/// Equal, or different in the way that is written at the question.
fn is_right(question: &Value, found: &Value, expected: &Value) -> bool {
    let Some(wanted) = question.get("catena") else { return found == expected };
    let answer = &found["response"]["responses"][0];
    let message = answer["errorMessage"].as_str().unwrap_or_default();
    let as_wanted = answer["errorCode"] == wanted["code"]
        && wanted["message"].as_str().is_some_and(|beginning| message.starts_with(beginning));
    as_wanted && found != expected
}

/// The answers of a broker, normalised, in the order of the questions.
fn answers(broker: &dyn Broker, questions: &[Value]) -> Vec<Value> {
    let named: String = questions.iter().map(Value::to_string).collect();
    differential::answers(broker, questions).into_iter().map(|answer| normal(only_own(answer, &named))).collect()
}

/// Other tests have resources of their own on the shared Kafka; lists are compared as to those of these questions.
fn only_own(mut answer: Value, named: &str) -> Value {
    if let Some(listed) = answer.pointer_mut("/response/configResources").and_then(Value::as_array_mut) {
        listed.retain(|resource| named.contains(&format!("\"resourceName\":{}", resource["resourceName"])));
    }
    answer
}

/// An answer without ids, and without the order of settings, which is that of a hash map in Kafka. Kafka keeps values of
/// brokers as they were written and shows them so among the synonyms; Catena keeps what they mean.
fn normal(answer: Value) -> Value {
    match answer {
        Value::Object(fields) => Value::Object(fields.into_iter().map(normal_field).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(normal).collect()),
        other => other,
    }
}

fn normal_field((name, value): (String, Value)) -> (String, Value) {
    let value = match (name.as_str(), value) {
        ("topicId", _) => json!("an id"),
        // The sentences are Catena's own.
        ("documentation", text) => json!(text.is_string()),
        ("synonyms", Value::Array(items)) => Value::Array(items.into_iter().map(meant).collect()),
        ("configs" | "configResources", Value::Array(items)) => sorted(items),
        (_, value) => normal(value),
    };
    (name, value)
}

fn sorted(items: Vec<Value>) -> Value {
    let mut items: Vec<_> = items.into_iter().map(normal).collect();
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

fn meant(mut synonym: Value) -> Value {
    if let Some(text) = synonym["value"].as_str() {
        synonym["value"] = json!(text.trim().to_ascii_lowercase());
    }
    synonym
}
