//! `kafka-get-offsets`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use compat_tests::tools::class::{CONSOLE_PRODUCER, GET_OFFSETS};

use crate::{Bench, on_both};

on_both!(offsets_are_found_by_name_and_by_time);

fn offsets_are_found_by_name_and_by_time(bench: &mut Bench) {
    bench.topic("found", 1);
    bench.topic("found-empty", 2);
    produce(bench, "a\nb\nc\n");
    let between = next_millisecond();
    produce(bench, "d\n");
    next_millisecond();
    produce(bench, "e\n");
    let after = next_millisecond();
    let between = between.to_string();
    let after = after.to_string();
    let cases = [
        ("latest", 5),
        ("-1", 5),
        ("earliest", 0),
        ("-2", 0),
        ("max-timestamp", 4),
        ("earliest-local", 0),
        ("0", 0),
        (&between, 3),
    ];
    for (time, offset) in cases {
        let lines = bench.lines(GET_OFFSETS, &format!("--topic found --time {time}"));
        assert_eq!(lines, [format!("found:0:{offset}")], "{time}");
    }
    assert_eq!(bench.lines(GET_OFFSETS, &format!("--topic found --time {after}")), [""; 0]);
    assert_eq!(bench.lines(GET_OFFSETS, "--topic found-empty"), ["found-empty:0:0", "found-empty:1:0"]);
    assert_eq!(bench.lines(GET_OFFSETS, "--topic found-empty --time max-timestamp"), [""; 0]);
    assert_eq!(bench.lines(GET_OFFSETS, "--topic-partitions found-empty:1,found"), ["found:0:5", "found-empty:1:0"]);
    let unknown = bench.call(GET_OFFSETS, "--topic found-none");
    assert_eq!(unknown.exit, 1, "{unknown}");
    let message = "Error occurred: Could not match any topic-partitions with the specified filters";
    assert_eq!(unknown.stderr.trim(), message);
}

fn produce(bench: &mut Bench, input: &str) {
    bench.call_with_input(CONSOLE_PRODUCER, "--topic found", input).success();
}

/// A time in milliseconds after all that happened so far and before all that happens from now on.
fn next_millisecond() -> u128 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    let before = now();
    while now() == before {
        std::thread::yield_now();
    }
    before + 1
}
