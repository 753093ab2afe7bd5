//! `kafka-console-producer` and `kafka-console-consumer`.

use compat_tests::tools::class::{CONSOLE_CONSUMER, CONSOLE_PRODUCER, TOPICS};

use crate::{Bench, on_both};

on_both!(what_is_typed_is_read, a_group_goes_on_where_it_was, a_topic_comes_into_being_by_being_written_to);

const EVERYTHING: &str = "--formatter-property print.key=true --formatter-property print.headers=true \
                          --formatter-property print.partition=true --formatter-property print.offset=true";

fn what_is_typed_is_read(bench: &mut Bench) {
    bench.topic("typed", 1);
    let reader = "--topic typed --reader-property parse.key=true --reader-property parse.headers=true \
                  --reader-property null.marker=NULL";
    let input = "h:1,h:2\tk1\tv1\nx:y\tk2\tNULL\na:\tNULL\tv3 ü\n";
    bench.call_with_input(CONSOLE_PRODUCER, reader, input).success();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let arguments = format!("--topic typed --compression-codec {codec} --reader-property parse.key=true");
        bench.call_with_input(CONSOLE_PRODUCER, &arguments, &format!("{codec}\tone\n{codec}\ttwo\n")).success();
    }
    let acks = "--topic typed --command-property enable.idempotence=false --request-required-acks 0";
    bench.call_with_input(CONSOLE_PRODUCER, acks, "unconfirmed\n").success();
    let read = format!("--topic typed --from-beginning --max-messages 14 --timeout-ms 20000 {EVERYTHING}");
    let expected = [
        "Partition:0 Offset:0 h:1,h:2 k1 v1",
        "Partition:0 Offset:1 x:y k2 null",
        "Partition:0 Offset:2 a: null v3 ü",
        "Partition:0 Offset:3 NO_HEADERS none one",
        "Partition:0 Offset:4 NO_HEADERS none two",
        "Partition:0 Offset:5 NO_HEADERS gzip one",
        "Partition:0 Offset:6 NO_HEADERS gzip two",
        "Partition:0 Offset:7 NO_HEADERS snappy one",
        "Partition:0 Offset:8 NO_HEADERS snappy two",
        "Partition:0 Offset:9 NO_HEADERS lz4 one",
        "Partition:0 Offset:10 NO_HEADERS lz4 two",
        "Partition:0 Offset:11 NO_HEADERS zstd one",
        "Partition:0 Offset:12 NO_HEADERS zstd two",
        "Partition:0 Offset:13 NO_HEADERS null unconfirmed",
    ];
    assert_eq!(bench.lines(CONSOLE_CONSUMER, &read), expected);
    let from = "--topic typed --partition 0 --offset 12 --max-messages 2 --timeout-ms 20000";
    assert_eq!(bench.lines(CONSOLE_CONSUMER, from), ["two", "unconfirmed"]);
    let committed = "--topic typed --partition 0 --offset earliest --max-messages 1 --isolation-level read_committed";
    assert_eq!(bench.lines(CONSOLE_CONSUMER, committed), ["v1"]);
}

fn a_group_goes_on_where_it_was(bench: &mut Bench) {
    bench.topic("resumed", 1);
    bench.call_with_input(CONSOLE_PRODUCER, "--topic resumed", "a\nb\nc\nd\n").success();
    let read = |count: u32| {
        format!("--topic resumed --group resumed --from-beginning --max-messages {count} --timeout-ms 20000")
    };
    assert_eq!(bench.lines(CONSOLE_CONSUMER, &read(3)), ["a", "b", "c"]);
    assert_eq!(bench.lines(CONSOLE_CONSUMER, &read(1)), ["d"]);
    let nothing_left = "--topic resumed --group resumed --timeout-ms 500";
    assert_eq!(bench.call(CONSOLE_CONSUMER, nothing_left).stdout.trim(), "");
}

fn a_topic_comes_into_being_by_being_written_to(bench: &mut Bench) {
    bench.call_with_input(CONSOLE_PRODUCER, "--topic unheard-of", "first\n").success();
    let read = "--topic unheard-of --from-beginning --max-messages 1 --timeout-ms 20000";
    assert_eq!(bench.lines(CONSOLE_CONSUMER, read), ["first"]);
    let described = bench.lines(TOPICS, "--describe --topic unheard-of");
    assert!(described[0].contains("PartitionCount: 1 ReplicationFactor: 1"), "{described:?}");
}
