//! Against `kafka-4.4.0.txt`, which Kafka's own classes printed (compat-tests, `java/records/GroupRecords.java`), and
//! against damage.

use super::*;
use crate::fields::golden::Golden;
use uuid::Uuid;

const GOLDEN: Golden = Golden(include_str!("../../tests/golden/group_records/kafka-4.4.0.txt"));
const COMMITTED_AT: i64 = 1_700_000_000_123;

fn decoded(name: &str) -> Record {
    let (key, value) = GOLDEN.record(name);
    Record::decode(&key, value.as_deref()).unwrap()
}

/// What Kafka makes of the record now is what we make of it.
fn assert_written_as(name: &str, record: Record) {
    let (key, value) = GOLDEN.record(name);
    assert_eq!(record.encode(), Some(Encoded { key: key.into(), value: value.map(Bytes::from) }), "{name}");
    assert_eq!(decoded(name), record, "{name}");
}

fn topic_id() -> Uuid {
    Uuid::from_u128(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210)
}

fn offset_key() -> OffsetKey {
    OffsetKey { group: "a-group".into(), topic: "töpic".into(), partition: 7 }
}

fn offset() -> OffsetCommit {
    OffsetCommit {
        offset: 42,
        leader_epoch: Some(3),
        metadata: "with metadata".into(),
        commit_timestamp_ms: COMMITTED_AT,
        expire_timestamp_ms: None,
        topic_id: topic_id(),
    }
}

fn group() -> GroupMetadata {
    let first = MemberMetadata {
        member_id: "member-1".into(),
        group_instance_id: Some("static-1".into()),
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        rebalance_timeout_ms: 60_000,
        session_timeout_ms: 30_000,
        subscription: Bytes::from_static(&[1, 2, 3]),
        assignment: Bytes::from_static(&[7, 8, 9]),
    };
    let second = MemberMetadata {
        member_id: "member-2".into(),
        group_instance_id: None,
        client_id: String::new(),
        client_host: "/::1".into(),
        rebalance_timeout_ms: 60_001,
        session_timeout_ms: 30_001,
        subscription: Bytes::from_static(&[4]),
        assignment: Bytes::new(),
    };
    GroupMetadata {
        protocol_type: "consumer".into(),
        generation: 5,
        protocol: Some("range".into()),
        leader: Some("member-1".into()),
        state_timestamp_ms: COMMITTED_AT,
        members: vec![first, second],
    }
}

#[test]
fn an_offset_is_written_as_kafka_writes_it() {
    assert_written_as("now-offset", Record::Offset(offset_key(), Some(offset())));
    let plain = OffsetCommit { leader_epoch: None, metadata: String::new(), topic_id: Uuid::nil(), ..offset() };
    assert_written_as("now-offset-plain", Record::Offset(offset_key(), Some(plain)));
    assert_written_as("now-offset-gone", Record::Offset(offset_key(), None));
}

#[test]
fn an_offset_with_a_time_of_expiry_is_written_without_epoch_and_topic_id() {
    let expire_timestamp_ms = Some(COMMITTED_AT + 1000);
    let expiring = OffsetCommit { metadata: "m".into(), expire_timestamp_ms, ..offset() };
    let (key, value) = GOLDEN.record("now-offset-expiring");
    let encoded = Record::Offset(offset_key(), Some(expiring.clone())).encode().unwrap();
    assert_eq!((encoded.key.to_vec(), encoded.value.map(|value| value.to_vec())), (key, value));
    let kept = OffsetCommit { leader_epoch: None, topic_id: Uuid::nil(), ..expiring };
    assert_eq!(decoded("now-offset-expiring"), Record::Offset(offset_key(), Some(kept)));
}

#[test]
fn offsets_of_all_versions_are_understood() {
    let oldest = OffsetCommit { leader_epoch: None, topic_id: Uuid::nil(), ..offset() };
    let expiring = OffsetCommit { expire_timestamp_ms: Some(COMMITTED_AT + 1000), ..oldest.clone() };
    let with_epoch = OffsetCommit { topic_id: Uuid::nil(), ..offset() };
    let table = [
        ("offset-legacy", oldest.clone()),
        ("offset-v0", oldest.clone()),
        ("offset-v1", expiring),
        ("offset-v2", oldest),
        ("offset-v3", with_epoch.clone()),
        ("offset-v4", with_epoch),
        ("offset-v4-topic-id", offset()),
    ];
    for (name, expected) in table {
        assert_eq!(decoded(name), Record::Offset(offset_key(), Some(expected)), "{name}");
    }
}

#[test]
fn a_group_is_written_as_kafka_writes_it() {
    let (key, value) = GOLDEN.record("now-group");
    // Kafka's members stand in a hash map: compare with them in our order.
    let Record::Group(name, Some(mut theirs)) = Record::decode(&key, value.as_deref()).unwrap() else { panic!() };
    theirs.members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
    assert_eq!((name.as_str(), &theirs), ("a-group", &group()));
    assert_written_as("group-v3", Record::Group("a-group".into(), Some(group())));
    assert_eq!(value.unwrap()[..2], GOLDEN.record("group-v3").1.unwrap()[..2], "the version written");
    assert_written_as("now-group-gone", Record::Group("a-group".into(), None));
}

#[test]
fn a_group_without_members_is_written_as_kafka_writes_it() {
    let empty = GroupMetadata {
        protocol_type: String::new(),
        generation: 0,
        protocol: None,
        leader: None,
        state_timestamp_ms: COMMITTED_AT,
        members: Vec::new(),
    };
    assert_written_as("now-group-empty", Record::Group("a-group".into(), Some(empty)));
}

#[test]
fn groups_of_all_versions_are_understood() {
    for version in 0..=4 {
        let mut expected = group();
        if version < 3 {
            expected.members[0].group_instance_id = None;
        }
        if version < 2 {
            expected.state_timestamp_ms = -1;
        }
        if version < 1 {
            expected.members.iter_mut().for_each(|member| member.rebalance_timeout_ms = member.session_timeout_ms);
        }
        let name = format!("group-v{version}");
        assert_eq!(decoded(&name), Record::Group("a-group".into(), Some(expected)), "{name}");
    }
    let mut large = group();
    large.members[0].subscription = vec![0; 300].into();
    large.members[0].client_id = "c".repeat(200);
    assert_eq!(decoded("group-v4-large"), Record::Group("a-group".into(), Some(large)));
}

#[test]
fn records_of_other_kinds_are_left_alone() {
    assert_eq!(Record::decode(&[0x7f, 0xff], Some(b"whatever")), Ok(Record::Unknown(0x7fff)));
    assert_eq!(Record::Unknown(3).encode(), None);
}

#[test]
fn topics_of_a_subscription_are_found_in_every_version() {
    for version in 0..=3 {
        let (metadata, _) = GOLDEN.record(&format!("subscription-v{version}"));
        assert_eq!(subscribed_topics(&metadata), Ok(vec!["first", "zweites-ä"]));
    }
    assert_eq!(subscribed_topics(&GOLDEN.record("subscription-none").0), Ok(vec![]));
    let newer = [&[0, 9][..], &GOLDEN.record("subscription-v3").0[2..]].concat();
    assert_eq!(subscribed_topics(&newer), Ok(vec!["first", "zweites-ä"]));
    assert_eq!(subscribed_topics(&[0xff, 0xff, 0, 0, 0, 0]), Err(RecordError::UnknownVersion(-1)));
    assert_eq!(subscribed_topics(b"metadata"), Err(RecordError::Truncated));
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let (key, _) = GOLDEN.record("now-offset");
    assert_eq!(Record::decode(&key, Some(&[0, 5])), Err(RecordError::UnknownVersion(5)));
    let (key, _) = GOLDEN.record("now-group");
    assert_eq!(Record::decode(&key, Some(&[0, 5])), Err(RecordError::UnknownVersion(5)));
}

#[test]
fn a_count_that_cannot_be_is_refused_before_anything_is_allocated() {
    let (key, value) = GOLDEN.record("now-group-empty");
    let mut value = value.unwrap();
    let at = value.len() - 4;
    value[at..].copy_from_slice(&i32::MAX.to_be_bytes());
    assert_eq!(Record::decode(&key, Some(&value)), Err(RecordError::Truncated));
    assert_eq!(subscribed_topics(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), Err(RecordError::Truncated));
}

#[test]
fn a_record_that_is_cut_off_is_refused_at_every_length() {
    let records = GOLDEN.names().filter(|name| !name.starts_with("subscription"));
    GOLDEN.assert_cut_off_is_refused(records, Record::decode);
}

#[test]
fn damaged_records_are_refused_or_read_but_never_a_panic() {
    GOLDEN.damaged(|key, value| {
        let _ = Record::decode(key, value);
        let _ = subscribed_topics(key);
    });
}
