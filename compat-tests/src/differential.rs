//! Requests written as JSON and encoded by Kafka's own classes (`java/wire`), so that every version and every malformed
//! content can be sent to both brokers in the same words.
//!
//! What always holds: an answer that was waited for is one that came. Apache Kafka's broker learns of what its
//! controller has done a little later, so whatever it is asked right after a change is asked with [`until`].

use std::time::Duration;

use serde_json::{Value, json};

use crate::java::Program;
use crate::{Broker, maven, program};

/// Far more than all questions of a test take: only a program that hangs is to be ended.
const DEADLINE: Duration = Duration::from_secs(300);
const HEAP_MIB: u32 = 256;

/// A request: API as in Kafka's `ApiKeys`, version, body.
pub fn ask(api: &str, version: i16, body: Value) -> Value {
    json!({"api": api, "version": version, "body": body})
}

/// A request that is repeated until its answer contains `text`.
pub fn until(mut question: Value, text: &str) -> Value {
    question["until"] = json!(text);
    question
}

/// The answers of a broker, in the order of the questions, on one connection.
pub fn answers(broker: &dyn Broker, questions: &[Value]) -> Vec<Value> {
    let mut command = Program::compile("wire", maven::KAFKA_44).command("WireJson", HEAP_MIB);
    command.arg(broker.bootstrap());
    let input: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let output = program::run_with_input(command, &input, DEADLINE).expect_success();
    let answers = output.json_lines();
    assert_eq!(answers.len(), questions.len(), "{output}");
    for (question, answer) in questions.iter().zip(&answers) {
        let awaited = question["until"].as_str().unwrap_or_default();
        assert!(answer.to_string().contains(awaited), "{} never says so: {question} {answer}", broker.name());
    }
    answers
}
