//! Asks both brokers the same, and compares.

use std::time::Duration;

use compat_tests::catena::Options;
use compat_tests::java::Program;
use compat_tests::{Broker, Catena, Kafka, java, maven, program};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(120);

/// Asks both brokers and compares, question by question; all differences are told at once.
pub fn assert_alike(questions: &[Value]) {
    if !java::available() {
        return;
    }
    let expected = answers(Kafka::shared(), questions);
    if std::env::var_os("SHOW").is_some() {
        for (question, answer) in questions.iter().zip(&expected) {
            println!("Q {} {} {}\n   {}", question["api"], question["version"], question["body"], answer);
        }
        return;
    }
    let catena = Catena::start(Options::new());
    let found = answers(&catena, questions);
    let differ = questions.iter().zip(found.iter().zip(&expected)).filter(|(_, (found, expected))| found != expected);
    let texts: Vec<_> = differ
        .map(|(question, (found, expected))| format!("{question}\ncatena {found:#}\nkafka {expected:#}"))
        .collect();
    assert!(texts.is_empty(), "{} answers differ\n{}", texts.len(), texts.join("\n"));
}

/// The answers of a broker, normalised, in the order of the questions.
fn answers(broker: &dyn Broker, questions: &[Value]) -> Vec<Value> {
    let wire = Program::compile("wire", maven::KAFKA_44);
    let mut command = wire.command("WireJson", 256);
    command.arg(broker.bootstrap());
    let input: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let output = program::run_with_input(command, &input, DEADLINE).expect_success();
    let answers = output.json_lines();
    assert_eq!(answers.len(), questions.len(), "{output}");
    answers.into_iter().map(normal).collect()
}

/// An answer without ids, and without the order of settings, which is that of a hash map in Kafka.
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
