//! Against `kafka-4.4.0.txt`, which Kafka's own classes printed, and against damage.

use super::*;
use crate::fields::golden::Golden;

const GOLDEN: Golden = Golden(include_str!("../../tests/golden/share_records/kafka-4.4.0.txt"));
const TIME_MS: i64 = 1_700_000_000_123;

fn key() -> ShareKey {
    let topic_id = Uuid::from_u128(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
    ShareKey { group: "a-group".into(), topic_id, partition: 7 }
}

fn batch(first_offset: i64, last_offset: i64, delivery_state: i8, delivery_count: i16) -> StateBatch {
    StateBatch { first_offset, last_offset, delivery_state, delivery_count }
}

fn snapshot() -> ShareSnapshot {
    ShareSnapshot {
        snapshot_epoch: 5,
        state_epoch: 2,
        leader_epoch: 3,
        start_offset: 100,
        delivery_complete_count: 4,
        create_timestamp_ms: TIME_MS,
        write_timestamp_ms: TIME_MS + 1,
        batches: vec![batch(100, 109, 0, 1), batch(110, 113, 2, 3), batch(1 << 40, (1 << 40) + 5, 4, 300)],
    }
}

fn update() -> ShareUpdate {
    ShareUpdate {
        snapshot_epoch: 5,
        leader_epoch: 3,
        start_offset: 100,
        delivery_complete_count: 4,
        batches: snapshot().batches,
    }
}

fn all() -> Vec<(&'static str, Record)> {
    let empty = ShareSnapshot {
        start_offset: -1,
        delivery_complete_count: -1,
        create_timestamp_ms: TIME_MS,
        write_timestamp_ms: TIME_MS,
        ..ShareSnapshot::default()
    };
    let nothing = ShareUpdate { start_offset: -1, delivery_complete_count: -1, ..ShareUpdate::default() };
    vec![
        ("snapshot", Record::Snapshot(key(), Some(snapshot()))),
        ("snapshot-empty", Record::Snapshot(key(), Some(empty))),
        ("snapshot-gone", Record::Snapshot(key(), None)),
        ("update", Record::Update(key(), Some(update()))),
        ("update-empty", Record::Update(key(), Some(nothing))),
    ]
}

#[test]
fn every_record_is_written_and_read_as_kafka_does() {
    for (name, record) in all() {
        let (key, value) = GOLDEN.record(name);
        assert_eq!(Record::decode(&key, value.as_deref()), Ok(record.clone()), "{name}");
        assert_eq!(record.encode(), Some(Encoded { key: key.into(), value: value.map(Bytes::from) }), "{name}");
    }
}

#[test]
fn records_of_other_kinds_and_newer_versions_are_told_from_damage() {
    assert_eq!(Record::decode(&[0, 2, 1, 2, 3], Some(b"whatever")), Ok(Record::Unknown(2)));
    assert_eq!(Record::Unknown(2).encode(), None);
    let (key, _) = GOLDEN.record("update");
    assert_eq!(Record::decode(&key, Some(&[0, 1])), Err(RecordError::UnknownVersion(1)));
}

#[test]
fn a_count_that_cannot_be_is_refused_before_anything_is_allocated() {
    let (key, value) = GOLDEN.record("update-empty");
    let value = value.unwrap();
    let batches = [&value[..value.len() - 2], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    assert_eq!(Record::decode(&key, Some(&batches)), Err(RecordError::Truncated));
}

#[test]
fn a_record_that_is_cut_off_is_refused_at_every_length() {
    GOLDEN.assert_cut_off_is_refused(GOLDEN.names(), Record::decode);
}

#[test]
fn what_damaged_records_are_read_as_can_be_written_and_read_again() {
    GOLDEN.damaged(|key, value| {
        let Ok(record) = Record::decode(key, value) else { return };
        let Some(encoded) = record.encode() else { return };
        assert_eq!(Record::decode(&encoded.key, encoded.value.as_deref()), Ok(record));
    });
}
