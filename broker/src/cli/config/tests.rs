//! History and differences, told from records that are written as they stand in the log.

use catena_broker::config::resource::Resource;
use catena_protocol::client::StoredRecord;
use jiff::Timestamp;

use super::super::log::{CANARY, CONTROL, Entry};
use super::super::notation;
use super::events::{About, Before, Event, What, events};
use super::history::told;
use super::past::{Difference, Moment, differences, value_of_version};

const RETENTION: &str = r#"{"resource":"topic","name":"orders","setting":"retention.ms"}"#;

fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + 60 * minute).expect("a time")
}

/// The value of a setting in a version, changed at that minute.
fn value(value: Option<&str>, version: u64, minutes: i64, more: &str) -> String {
    let value = value.map_or("null".to_owned(), |value| format!("\"{value}\""));
    let time = minute(minutes);
    let author = r#"{"principal":"User:a","client_id":"c"}"#;
    format!(r#"{{"v":1,"value":{value},"version":{version},"time":"{time}","author":{author}{more}}}"#)
}

fn topic_id(id: u8) -> String {
    format!(r#","topic_id":"00000000-0000-0000-0000-0000000000{id:02}""#)
}

fn entry(partition: i32, offset: i64, minutes: i64, key: &str, value: Option<&str>) -> Entry {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let timestamp = minute(minutes).as_millisecond();
    Entry::read(partition, &StoredRecord { offset, timestamp, key: Some(bytes(key)), value: value.map(bytes) })
}

/// Records of the control partition, one a minute.
fn control(records: &[(&str, Option<String>)]) -> Vec<Entry> {
    let numbered = records.iter().zip(0..);
    numbered.map(|((key, value), at)| entry(CONTROL, at, at, key, value.as_deref())).collect()
}

fn orders() -> Resource {
    notation::resource("topic/orders").expect("a resource")
}

fn of_orders() -> About {
    About { resource: Some(orders()), setting: None }
}

/// What and how it changed, line by line.
fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| told(&event.what).join(" | ")).collect()
}

#[test]
fn each_change_is_told_with_the_value_before_it() {
    let log = control(&[
        (RETENTION, Some(value(Some("5"), 1, 0, ""))),
        (RETENTION, Some(value(Some("6"), 2, 1, r#","reason":"more""#))),
        (RETENTION, Some(value(None, 3, 2, ""))),
        (RETENTION, None),
    ]);
    let events = events(&log, &of_orders());
    let told = lines(&events);
    assert_eq!(told[0], "topic/orders retention.ms | (not set) -> 5 | 1 | ");
    assert_eq!(told[1], "topic/orders retention.ms | 5 -> 6 | 2 | more");
    assert_eq!(told[2], "topic/orders retention.ms | 6 -> (not set) | 3 | ");
    assert_eq!(told[3], "topic/orders retention.ms | (not set) -> (removed) |  | ");
    assert_eq!(events[1].author.as_ref().map(|author| author.principal.as_str()), Some("User:a"));
    assert_eq!(events[1].time, minute(1));
}

#[test]
fn what_compaction_has_taken_is_unknown_and_not_guessed() {
    let log = control(&[(RETENTION, Some(value(Some("9"), 4, 0, ""))), (RETENTION, Some(value(Some("10"), 6, 1, "")))]);
    let told = lines(&events(&log, &of_orders()));
    assert_eq!(told[0], "topic/orders retention.ms | (unknown) -> 9 | 4 | ");
    assert_eq!(told[1], "topic/orders retention.ms | (unknown) -> 10 | 6 | ");
}

#[test]
fn a_topic_made_anew_begins_with_nothing_set() {
    let log = control(&[
        (RETENTION, Some(value(Some("5"), 1, 0, &topic_id(1)))),
        (RETENTION, Some(value(Some("7"), 2, 1, &topic_id(2)))),
    ]);
    assert_eq!(lines(&events(&log, &of_orders()))[1], "topic/orders retention.ms | (not set) -> 7 | 2 | ");
}

#[test]
fn only_what_was_asked_about_is_told() {
    let other = r#"{"resource":"topic","name":"payments","setting":"retention.ms"}"#;
    let cleanup = r#"{"resource":"topic","name":"orders","setting":"cleanup.policy"}"#;
    let set = |text| Some(value(Some(text), 1, 0, ""));
    let log = control(&[(RETENTION, set("1")), (other, set("2")), (cleanup, set("compact"))]);
    let of = |setting: Option<&str>| About { resource: Some(orders()), setting: setting.map(str::to_owned) };
    assert_eq!(events(&log, &About::default()).len(), 3);
    assert_eq!(events(&log, &of(None)).len(), 2);
    let policy = lines(&events(&log, &of(Some("cleanup.policy"))));
    assert_eq!(policy, ["topic/orders cleanup.policy | (not set) -> compact | 1 | "]);
}

#[test]
fn a_rollout_is_told_from_its_start_to_its_verdict() {
    let verdict = r#"{"v":1,"verdict":"approved","rollout_offset":0,"time":"2026-01-01T00:09:00Z","author":{"principal":"catena"},"why":"as good"}"#;
    let changes = r#"[{"resource":"topic","name":"orders","setting":"retention.ms","value":"7"}]"#;
    let starting = format!(r#"{{"v":1,"changes":{changes},"share":5,"time":"2026-01-01T00:00:00Z"}}"#);
    let mut log = vec![
        entry(CONTROL, 0, 9, r#"{"verdict":"r"}"#, Some(verdict)),
        entry(CONTROL, 1, 9, RETENTION, Some(&value(Some("7"), 1, 9, r#","rollout":"r""#))),
    ];
    log.push(entry(CANARY, 0, 0, r#"{"rollout":"r"}"#, Some(&starting)));
    log.push(entry(CANARY, 1, 10, r#"{"rollout":"r"}"#, None));
    log.push(entry(CANARY, 2, 0, r#"{"rollout":"other"}"#, None));
    let told = lines(&events(&log, &of_orders()));
    assert_eq!(
        told,
        [
            "rollout r | tries topic/orders retention.ms=7 on 5 % |  | ",
            "rollout r | approved |  | as good",
            "topic/orders retention.ms | (not set) -> 7 | 1 | rollout r, approved: as good",
            "rollout r | ended |  | ",
        ]
    );
}

#[test]
fn a_format_from_the_future_and_broken_records_are_shown_as_that() {
    let log = control(&[
        (RETENTION, Some(r#"{"v":7,"anything":1}"#.to_owned())),
        (RETENTION, Some("nonsense".to_owned())),
        ("{no key", None),
    ]);
    let told = lines(&events(&log, &About::default()));
    assert_eq!(told[0], "topic/orders retention.ms | format 7, not understood |  | ");
    assert!(told[1].starts_with("topic/orders retention.ms | the value is not right: "), "{}", told[1]);
    assert!(told[2].starts_with("(unknown key) | the key is not one of configuration: "), "{}", told[2]);
    assert_eq!(events(&log, &of_orders()).len(), 2);
}

#[test]
fn a_clock_set_back_turns_no_history_around() {
    let mut log = vec![
        entry(CONTROL, 0, 5, RETENTION, Some(&value(Some("1"), 1, 5, ""))),
        entry(CONTROL, 1, 2, RETENTION, Some(&value(Some("2"), 2, 2, ""))),
    ];
    log.push(entry(CANARY, 0, 3, r#"{"rollout":"r"}"#, None));
    let events = events(&log, &About::default());
    assert!(matches!(events[0].what, What::RolloutEnded(_)));
    assert_eq!([events[1].offset, events[2].offset], [0, 1]);
}

fn differ(log: &[Entry], from: Moment, to: Moment) -> Vec<(Before, Before)> {
    let found = differences(log, &orders(), Some("retention.ms"), [from, to]);
    found.into_iter().map(|Difference { from, to, .. }| (from, to)).collect()
}

#[test]
fn two_moments_are_compared_by_time_and_by_version() {
    let known = |text: &str| Before::Value(text.to_owned());
    let log = control(&[
        (RETENTION, Some(value(Some("5"), 1, 0, ""))),
        (RETENTION, Some(value(Some("6"), 2, 1, ""))),
        (RETENTION, None),
    ]);
    let time = |minutes| Moment::Time(minute(minutes));
    assert_eq!(differ(&log, time(-1), time(0)), [(Before::NotSet, known("5"))]);
    assert_eq!(differ(&log, time(0), time(1)), [(known("5"), known("6"))]);
    assert_eq!(differ(&log, time(1), time(9)), [(known("6"), Before::NotSet)]);
    assert_eq!(differ(&log, time(1), time(1)), []);
    assert_eq!(differ(&log, Moment::Version(1), Moment::Version(2)), [(known("5"), known("6"))]);
    assert_eq!(differ(&log, Moment::Version(2), Moment::Version(3)), [(known("6"), Before::Unknown)]);
}

#[test]
fn before_the_oldest_record_that_is_left_the_value_is_unknown() {
    let log = control(&[(RETENTION, Some(value(Some("9"), 4, 0, "")))]);
    let then = Moment::Time(minute(-1));
    assert_eq!(differ(&log, then, Moment::Time(minute(0))), [(Before::Unknown, Before::Value("9".to_owned()))]);
}

#[test]
fn a_version_has_its_value_as_long_as_the_log_has_it() {
    let log = control(&[
        (RETENTION, Some(value(Some("5"), 2, 0, ""))),
        (RETENTION, Some(value(None, 3, 1, ""))),
        (RETENTION, None),
        (RETENTION, Some(value(Some("8"), 3, 3, ""))),
    ]);
    let of = |version| value_of_version(&log, &orders(), "retention.ms", version);
    assert_eq!(of(1), None);
    assert_eq!(of(2), Some(Some("5".to_owned())));
    assert_eq!(of(3), Some(Some("8".to_owned())), "the younger topic's");
    assert_eq!(value_of_version(&log, &orders(), "cleanup.policy", 2), None);
    assert_eq!(value_of_version(&log[..2], &orders(), "retention.ms", 3), Some(None));
}
