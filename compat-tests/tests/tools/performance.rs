//! `kafka-producer-perf-test`, `kafka-consumer-perf-test`, `kafka-verifiable-producer` and `-consumer`.

use std::time::Duration;

use compat_tests::program;
use compat_tests::tools::Tools;
use compat_tests::tools::class::{CONSUMER_PERF, GET_OFFSETS, PRODUCER_PERF, VERIFIABLE_CONSUMER, VERIFIABLE_PRODUCER};
use serde_json::{Value, json};

use crate::{Bench, on_both};

on_both!(what_the_performance_tests_send_they_count, what_is_produced_verifiably_is_consumed_verifiably);

const DEADLINE: Duration = Duration::from_secs(180);

fn what_the_performance_tests_send_they_count(bench: &mut Bench) {
    bench.topic("perf", 3);
    let settings = "--command-property acks=all --command-property compression.type=lz4";
    let send = format!("--topic perf --num-records 20000 --record-size 200 --throughput -1 {settings}");
    let sent = bench.lines(PRODUCER_PERF, &send);
    assert!(sent.last().is_some_and(|line| line.starts_with("20000 records sent, ")), "{sent:?}");
    let ends = bench.lines(GET_OFFSETS, "--topic perf");
    let stored: u64 =
        ends.iter().map(|line| line.rsplit(':').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)).sum();
    assert_eq!(stored, 20_000, "{ends:?}");
    let consumed = bench.lines(CONSUMER_PERF, "--topic perf --num-records 20000 --timeout 30000 --hide-header");
    let columns: Vec<&str> = consumed[0].split(", ").collect();
    assert_eq!((columns[2], columns[4]), ("3.8147", "20000"), "{consumed:?}");
}

fn what_is_produced_verifiably_is_consumed_verifiably(bench: &mut Bench) {
    bench.topic("verified", 1);
    let produced = alone(bench, VERIFIABLE_PRODUCER, "--topic verified --max-messages 500 --acks -1 --value-prefix 7");
    let acknowledged: Vec<(String, u64)> = named(&produced, "producer_send_success")
        .map(|event| (event["value"].to_string(), event["offset"].as_u64().unwrap_or(u64::MAX)))
        .collect();
    let expected: Vec<(String, u64)> = (0..500).map(|n| (format!("\"7.{n}\""), n)).collect();
    assert_eq!(acknowledged, expected);
    assert_eq!(named(&produced, "producer_send_error").count(), 0);
    assert_eq!(named(&produced, "tool_data").map(|data| data["acked"].clone()).collect::<Vec<_>>(), [json!(500)]);
    let consume = "--topic verified --group-id verified --reset-policy earliest --max-messages 500 --verbose";
    let consumed = alone(bench, VERIFIABLE_CONSUMER, consume);
    let read: Vec<(String, u64)> = named(&consumed, "record_data")
        .map(|event| (event["value"].to_string(), event["offset"].as_u64().unwrap_or(u64::MAX)))
        .collect();
    assert_eq!(read, expected);
    let committed: Vec<&Value> = named(&consumed, "offsets_committed").collect();
    assert!(committed.iter().all(|commit| commit["success"] == true), "{committed:?}");
    assert_eq!(committed.last().map(|last| &last["offsets"][0]["offset"]), Some(&json!(500)), "{committed:?}");
}

/// Runs the tool in a process of its own; its events.
fn alone(bench: &Bench, tool: &str, arguments: &str) -> Vec<Value> {
    let bootstrap = bench.broker.bootstrap();
    let words: Vec<&str> = ["--bootstrap-server", &bootstrap].into_iter().chain(arguments.split(' ')).collect();
    program::run(Tools::command(tool, &words), DEADLINE).expect_success().json_lines()
}

fn named<'a>(events: &'a [Value], name: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["name"] == name)
}
