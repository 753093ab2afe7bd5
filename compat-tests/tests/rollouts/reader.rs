//! What stands in `__config`, read by Kafka's own console consumer.

use compat_tests::tools::class::{CONFIGS, CONSOLE_CONSUMER};
use compat_tests::{Broker, Tools, java};
use serde_json::Value;

use crate::stage::{Stage, for_hours, rollout, with_state};

#[test]
fn the_console_consumer_prints_changes_rollouts_and_verdicts_readably() {
    if !java::available() {
        return;
    }
    let stage = Stage::start(&[]);
    let bootstrap = stage.broker.bootstrap();
    let mut tools = Tools::start();
    let mut call = |tool: &str, arguments: &str| {
        let words: Vec<&str> = ["--bootstrap-server", &bootstrap].into_iter().chain(arguments.split(' ')).collect();
        tools.call(tool, &words, "").lines()
    };
    call(CONFIGS, "--alter --entity-type brokers --entity-default --add-config message.max.bytes=900000");
    let tried = for_hours(rollout("fetch.max.bytes", 60_000_000, 5.0));
    stage.write("more", &tried);
    stage.begun("more");
    stage.write("more", &with_state(tried, "approve"));
    stage.decided("more");
    stage.forgotten("more");
    let read = |partition: u32, count: u32| {
        let what = format!("--topic __config --partition {partition} --offset earliest --max-messages {count}");
        format!("{what} --timeout-ms 20000 --formatter-property print.key=true --formatter-property key.separator=#")
    };
    let control = call(CONSOLE_CONSUMER, &read(0, 3));
    assert_eq!(
        keys(&control),
        [setting("message.max.bytes"), setting("fetch.max.bytes"), r#"{"verdict":"more"}"#.into()]
    );
    let values = values(&control);
    assert_eq!((&values[0]["value"], &values[0]["version"]), (&"900000".into(), &1.into()), "{control:?}");
    assert_eq!((&values[1]["value"], &values[1]["rollout"]), (&"60000000".into(), &"more".into()), "{control:?}");
    assert_eq!(values[2]["verdict"], "approved", "{control:?}");
    let canary = call(CONSOLE_CONSUMER, &read(1, 4));
    assert_eq!(keys(&canary), [r#"{"rollout":"more"}"#; 4]);
    assert!(canary[3].ends_with("#null"), "{canary:?}");
}

fn setting(name: &str) -> String {
    format!(r#"{{"resource":"broker","name":"","setting":"{name}"}}"#)
}

fn keys(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| Some(line.split_once('#')?.0)).collect()
}

fn values(lines: &[String]) -> Vec<Value> {
    let value = |line: &String| serde_json::from_str(line.split_once('#')?.1).ok();
    lines.iter().filter_map(value).collect()
}
