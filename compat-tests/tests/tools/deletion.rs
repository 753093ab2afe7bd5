//! `kafka-delete-records`.

use std::io::Write;

use compat_tests::tools::class::{CONSOLE_CONSUMER, CONSOLE_PRODUCER, DELETE_RECORDS, GET_OFFSETS, TOPICS};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::{Bench, on_both};

on_both!(
    records_before_an_offset_are_deleted_and_a_consumer_begins_behind_them,
    records_of_a_topic_that_is_only_compacted_stay,
);

fn records_before_an_offset_are_deleted_and_a_consumer_begins_behind_them(bench: &mut Bench) {
    bench.topic("shortened", 1);
    bench.call_with_input(CONSOLE_PRODUCER, "--topic shortened", "a\nb\nc\nd\n").success();
    for (offset, low_watermark) in [(2, 2), (1, 2), (-1, 4)] {
        let told = delete(bench, "shortened", offset);
        assert!(told.contains(&format!("partition: shortened-0 low_watermark: {low_watermark}")), "{told:?}");
        let start = bench.lines(GET_OFFSETS, "--topic shortened --time earliest");
        assert_eq!(start, [format!("shortened:0:{low_watermark}")]);
    }
    let refused = delete(bench, "shortened", 5).join("\n");
    assert!(refused.contains("OffsetOutOfRangeException"), "{refused}");
    bench.call_with_input(CONSOLE_PRODUCER, "--topic shortened", "e\n").success();
    let read = bench.lines(CONSOLE_CONSUMER, "--topic shortened --from-beginning --max-messages 1 --timeout-ms 20000");
    assert!(read.contains(&"e".to_owned()), "{read:?}");
}

fn records_of_a_topic_that_is_only_compacted_stay(bench: &mut Bench) {
    bench.lines(TOPICS, "--create --topic last-of-each --partitions 1 --config cleanup.policy=compact");
    bench.call_until(GET_OFFSETS, "--topic last-of-each", |answer| answer.exit == 0);
    let keys = "--topic last-of-each --reader-property parse.key=true --reader-property key.separator=:";
    bench.call_with_input(CONSOLE_PRODUCER, keys, "a:1\nb:2\n").success();
    let refused = delete(bench, "last-of-each", 1).join("\n");
    assert!(refused.contains("PolicyViolationException"), "{refused}");
    assert_eq!(bench.lines(GET_OFFSETS, "--topic last-of-each --time earliest"), ["last-of-each:0:0"]);
}

/// What the tool says when it is to delete the records before `offset`.
fn delete(bench: &mut Bench, topic: &str, offset: i64) -> Vec<String> {
    let partitions = json!([{"topic": topic, "partition": 0, "offset": offset}]);
    let mut file = NamedTempFile::new().unwrap();
    write!(file, "{}", json!({"partitions": partitions, "version": 1})).unwrap();
    bench.lines(DELETE_RECORDS, &format!("--offset-json-file {}", file.path().display()))
}
