//! How rollouts stand, told from records; and how they are written on the command line.

use catena_broker::config::record::Outcome;
use catena_broker::rollout::record::{Arm, Metric};
use catena_protocol::client::StoredRecord;

use super::super::log::{CANARY, CONTROL, Entry};
use super::figures;
use super::live::{Live, Presence, Told};
use super::standing::{State, standings};
use super::start::{changes, metric};

const CHANGES: &str = r#""changes":[{"resource":"topic","name":"orders","setting":"retention.ms","value":"7"}]"#;

fn entry(partition: i32, offset: i64, key: &str, value: Option<&str>) -> Entry {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Entry::read(partition, &StoredRecord { offset, timestamp: 0, key: Some(bytes(key)), value: value.map(bytes) })
}

fn canary(offset: i64, more: &str) -> Entry {
    entry(CANARY, offset, r#"{"rollout":"r"}"#, Some(&format!(r#"{{"v":1,{CHANGES}{more}}}"#)))
}

fn tombstone(offset: i64) -> Entry {
    entry(CANARY, offset, r#"{"rollout":"r"}"#, None)
}

fn verdict(of_offset: i64, outcome: &str) -> Entry {
    let author = r#"{"principal":"catena"}"#;
    let value = format!(
        r#"{{"v":1,"verdict":"{outcome}","rollout_offset":{of_offset},"time":"2026-01-01T00:00:00Z","author":{author},"why":"because"}}"#
    );
    entry(CONTROL, 0, r#"{"verdict":"r"}"#, Some(&value))
}

fn state(entries: &[Entry]) -> State {
    let mut standings = standings(entries);
    assert_eq!(standings.len(), 1, "{standings:?}");
    standings.remove(0).state
}

#[test]
fn a_rollout_stands_as_its_last_record_says() {
    assert_eq!(state(&[canary(0, "")]), State::Waiting);
    let running = canary(1, r#","arm":{"from":0,"to":100000}"#);
    assert_eq!(state(&[canary(0, ""), running.clone()]), State::Running(Arm { from: 0, to: 100_000 }));
    assert_eq!(state(&[running.clone(), canary(2, r#","state":"pause""#)]), State::Paused);
    assert_eq!(state(&[running, canary(2, r#","state":"approve""#)]), State::Asked(Outcome::Approved));
}

#[test]
fn a_verdict_counts_before_the_tombstone_is_written_and_after() {
    assert_eq!(state(&[verdict(1, "approved"), canary(1, "")]), State::Decided(Outcome::Approved));
    assert_eq!(state(&[verdict(1, "rejected"), canary(1, ""), tombstone(2)]), State::Decided(Outcome::Rejected));
    assert_eq!(state(&[verdict(1, "rejected")]), State::Decided(Outcome::Rejected));
}

#[test]
fn a_rollout_of_the_same_name_is_not_decided_by_the_old_verdict() {
    let again = [verdict(1, "rejected"), canary(1, ""), tombstone(2), canary(3, "")];
    assert_eq!(state(&again), State::Waiting);
    let withdrawn = [&again[..], &[tombstone(4)]].concat();
    assert_eq!(state(&withdrawn), State::Withdrawn);
}

#[test]
fn what_is_not_understood_is_listed_as_that() {
    let newer = entry(CANARY, 0, r#"{"rollout":"r"}"#, Some(r#"{"v":7}"#));
    assert_eq!(state(&[newer]), State::NotUnderstood("format 7, not understood".to_owned()));
    let broken = entry(CANARY, 0, r#"{"rollout":"r"}"#, Some("{"));
    assert!(matches!(state(&[broken]), State::NotUnderstood(_)));
}

fn tried(words: &str, of_resources: bool) -> Result<Vec<String>, String> {
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let shown = |change: &_| super::super::config::tried(change);
    changes(&words, of_resources).map(|changes| changes.iter().map(shown).collect())
}

#[test]
fn settings_belong_to_the_resource_before_them() {
    let both = tried("topic/orders a=1 b=x/y broker c=2=3", true);
    assert_eq!(both, Ok(["topic/orders a=1", "topic/orders b=x/y", "broker c=2=3"].map(str::to_owned).to_vec()));
    assert_eq!(tried("pool/size=1", false), Ok(vec!["pool/size=1".to_owned()]));
    for (wrong, of_resources) in
        [("a=1", true), ("topic/orders", true), ("planet/x a=1", true), ("topic/orders a=1", false)]
    {
        assert!(tried(wrong, of_resources).is_err(), "{wrong}");
    }
}

#[test]
fn a_metric_may_have_an_api_and_a_margin() {
    let read = |text| metric(text).map(|Metric { metric, api, margin }| (metric, api, margin));
    let of = |metric: &str, api: Option<&str>, margin| Ok((metric.to_owned(), api.map(str::to_owned), margin));
    assert_eq!(read("errors"), of("errors", None, None));
    assert_eq!(read("errors:0.5"), of("errors", None, Some(0.5)));
    assert_eq!(read("latency_p99:Produce"), of("latency_p99", Some("Produce"), None));
    assert_eq!(read("latency_p99:Produce:25"), of("latency_p99", Some("Produce"), Some(25.0)));
    for wrong in ["", ":5", "a::5", "a:b:c", "a:b:5:6", "a:b:inf"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

fn written(figures: &str) -> String {
    let mut out = Vec::new();
    figures::write(&serde_json::from_str(figures).expect("JSON"), &mut out).expect("written");
    String::from_utf8(out).expect("text")
}

#[test]
fn figures_are_a_table_and_unknown_ones_are_printed_as_they_stand() {
    let judged = r#"{"metric":"latency_p99","api":"Produce","unit":"us","control":1000.0,"canary":1100.5,
        "control_samples":90,"canary_samples":10,"margin":25.0,"worse":10.05,"worse_low":null,"worse_high":20.0,
        "design_effect":1.0,"outcome":"not_inferior"}"#;
    let text = written(&format!(r#"{{"metrics":[{judged}],"verdict":{{"verdict":"approve","why":"x"}}}}"#));
    let cells: Vec<&str> = text.lines().nth(1).expect("a row").split("  ").filter(|cell| !cell.is_empty()).collect();
    let expected =
        ["latency_p99 of Produce", "1000 us", "1100.5 us", "10.05", "?", "20", "25", "90 / 10", "not inferior"];
    assert_eq!(cells.iter().map(|cell| cell.trim()).collect::<Vec<_>>(), expected);
    assert_eq!(written(r#"{"other":1}"#), "{\"other\":1}\n");
    assert_eq!(written("null"), "");
}

#[test]
fn what_the_broker_tells_is_read_and_what_it_does_not_tell_is_not_missed() {
    let live = r#"{"rollout":"r","status":"waiting","why":"it begins at once","seconds":0}"#;
    let waits = |told: Option<Told>| told.and_then(|told| told.of("r").and_then(Live::missing));
    assert_eq!(waits(Told::read(&format!("[{live}]"))), Some("it begins at once".to_owned()));
    let of_fleet = format!(r#"{{"rollouts":[{live}],"instances":{{"control":{{"reporting":3,"silent":1}}}}}}"#);
    let told = Told::read(&of_fleet).expect("read");
    assert_eq!(told.instances["control"], Presence { reporting: 3, silent: 1 });
    assert_eq!(waits(Some(told)), Some("it begins at once".to_owned()));
    let running = r#"[{"rollout":"r","figures":{"metrics":[],"verdict":{"verdict":"undecided","why":"samples"}}}]"#;
    assert_eq!(waits(Told::read(running)), Some("samples".to_owned()));
    for other in ["", "7", "[7]", "null", "{", r#"{"rollouts":7}"#] {
        assert_eq!(waits(Told::read(other)), None, "{other}");
    }
}
