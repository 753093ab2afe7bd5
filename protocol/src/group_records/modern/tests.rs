//! Against `modern-kafka-4.4.0.txt`, which Kafka's own classes printed, and against damage.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::fields::golden::Golden;
use crate::group_records::Record;

const GOLDEN: Golden = Golden(include_str!("../../../tests/golden/group_records/modern-kafka-4.4.0.txt"));
const TIME_MS: i64 = 1_700_000_000_123;
const TOPIC_A: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
const TOPIC_B: Uuid = Uuid::from_u128(0x0000_0000_0000_0001_0000_0000_0000_0002);

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn member() -> String {
    "member-1".into()
}

fn epochs() -> Vec<(&'static str, GroupKind, ModernRecord)> {
    let epoch = |metadata_hash| ModernRecord::Epoch(Some(GroupEpoch { epoch: 7, metadata_hash }));
    let target = |timestamp_ms| ModernRecord::TargetEpoch(Some(TargetEpoch { epoch: 7, timestamp_ms }));
    vec![
        ("consumer-epoch", GroupKind::Consumer, epoch(0x0102_0304_0506_0708)),
        ("consumer-epoch-no-hash", GroupKind::Consumer, epoch(0)),
        ("consumer-epoch-gone", GroupKind::Consumer, ModernRecord::Epoch(None)),
        ("consumer-partition-metadata-gone", GroupKind::Consumer, ModernRecord::PartitionMetadata(false)),
        ("consumer-target-epoch", GroupKind::Consumer, target(TIME_MS)),
        ("consumer-target-epoch-no-time", GroupKind::Consumer, target(0)),
        ("consumer-target-epoch-gone", GroupKind::Consumer, ModernRecord::TargetEpoch(None)),
        ("share-epoch", GroupKind::Share, epoch(0x0102_0304_0506_0708)),
        ("share-epoch-no-hash", GroupKind::Share, epoch(0)),
        ("share-epoch-gone", GroupKind::Share, ModernRecord::Epoch(None)),
        ("share-target-epoch", GroupKind::Share, target(TIME_MS)),
        ("share-target-epoch-gone", GroupKind::Share, ModernRecord::TargetEpoch(None)),
    ]
}

fn members() -> Vec<(&'static str, GroupKind, ModernRecord)> {
    let share = MemberSubscription {
        rack_id: Some("räck".into()),
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        topics: strings(&["eins", "zwei"]),
        ..MemberSubscription::default()
    };
    let protocols = vec![("range".into(), Bytes::from_static(&[1, 2, 3])), ("x".repeat(130), Bytes::new())];
    let consumer = MemberSubscription {
        instance_id: Some("static-1".into()),
        regex: Some("t.*".into()),
        rebalance_timeout_ms: 60_000,
        assignor: Some("uniform".into()),
        classic: Some(ClassicMember { session_timeout_ms: 45_000, protocols }),
        ..share.clone()
    };
    let plain = MemberSubscription { rebalance_timeout_ms: -1, ..MemberSubscription::default() };
    let record = |subscription| ModernRecord::Member(member(), subscription);
    vec![
        ("consumer-member", GroupKind::Consumer, record(Some(consumer))),
        ("consumer-member-plain", GroupKind::Consumer, record(Some(plain))),
        ("consumer-member-gone", GroupKind::Consumer, record(None)),
        ("share-member", GroupKind::Share, record(Some(share))),
        ("share-member-plain", GroupKind::Share, record(Some(MemberSubscription::default()))),
        ("share-member-gone", GroupKind::Share, record(None)),
    ]
}

fn targets() -> Vec<(&'static str, GroupKind, ModernRecord)> {
    let partitions = vec![
        TopicPartitions { topic_id: TOPIC_A, partitions: vec![0, 7] },
        TopicPartitions { topic_id: TOPIC_B, partitions: vec![2] },
    ];
    let record = |target| ModernRecord::Target(member(), target);
    vec![
        ("consumer-target", GroupKind::Consumer, record(Some(partitions.clone()))),
        ("consumer-target-gone", GroupKind::Consumer, record(None)),
        ("share-target", GroupKind::Share, record(Some(partitions))),
        ("share-target-gone", GroupKind::Share, record(None)),
    ]
}

fn currents() -> Vec<(&'static str, GroupKind, ModernRecord)> {
    let topic = |topic_id, partitions: &[i32], epochs: &[i32]| EpochPartitions {
        topic_id,
        partitions: partitions.to_vec(),
        epochs: epochs.to_vec(),
    };
    let consumer = CurrentAssignment {
        member_epoch: 9,
        previous_epoch: 8,
        state: 1,
        assigned: vec![topic(TOPIC_A, &[0, 7], &[3, 9]), topic(TOPIC_B, &[], &[])],
        revoking: vec![topic(TOPIC_B, &[2], &[4])],
    };
    let plain = CurrentAssignment { member_epoch: 1, ..CurrentAssignment::default() };
    let share = CurrentAssignment {
        state: 0,
        assigned: vec![topic(TOPIC_A, &[0, 7], &[]), topic(TOPIC_B, &[], &[])],
        revoking: Vec::new(),
        ..consumer.clone()
    };
    let record = |current| ModernRecord::Current(member(), current);
    vec![
        ("consumer-current", GroupKind::Consumer, record(Some(consumer))),
        ("consumer-current-plain", GroupKind::Consumer, record(Some(plain))),
        ("consumer-current-gone", GroupKind::Consumer, record(None)),
        ("share-current", GroupKind::Share, record(Some(share))),
        ("share-current-gone", GroupKind::Share, record(None)),
    ]
}

fn topics() -> Vec<(&'static str, GroupKind, ModernRecord)> {
    let regex = ResolvedRegex { topics: strings(&["t-eins", "t-zwei"]), version: 42, timestamp_ms: TIME_MS };
    let topic = |topic_id, name: &str, partitions: &[i32]| TopicPartitionsName {
        topic_id,
        name: name.into(),
        partitions: partitions.to_vec(),
    };
    let partitions = SharePartitions {
        initializing: vec![topic(TOPIC_A, "eins", &[0, 7])],
        initialized: vec![topic(TOPIC_B, "zwei", &[2]), topic(TOPIC_A, "eins", &[])],
        deleting: vec![TopicName { topic_id: TOPIC_B, name: "drei".into() }],
    };
    let record = |regex| ModernRecord::Regex("t.*".into(), regex);
    vec![
        ("consumer-regex", GroupKind::Consumer, record(Some(regex))),
        ("consumer-regex-gone", GroupKind::Consumer, record(None)),
        ("share-partitions", GroupKind::Share, ModernRecord::SharePartitions(Some(partitions))),
        ("share-partitions-gone", GroupKind::Share, ModernRecord::SharePartitions(None)),
    ]
}

fn all() -> Vec<(&'static str, GroupKind, ModernRecord)> {
    [epochs(), members(), targets(), currents(), topics()].concat()
}

fn decoded(name: &str) -> Record {
    let (key, value) = GOLDEN.record(name);
    Record::decode(&key, value.as_deref()).unwrap()
}

#[test]
fn every_record_is_written_and_read_as_kafka_does() {
    for (name, kind, record) in all() {
        let (key, value) = GOLDEN.record(name);
        let record = Record::Modern(kind, "a-group".into(), record);
        assert_eq!(record.encode(), Some(Encoded { key: key.into(), value: value.map(Bytes::from) }), "{name}");
        assert_eq!(decoded(name), record, "{name}");
    }
}

#[test]
fn every_kind_of_key_has_a_record_in_these_tests() {
    let tested: BTreeSet<i16> = all().iter().map(|(name, _, _)| i16::from(GOLDEN.record(name).0[1])).collect();
    assert_eq!(tested, KEYS.iter().map(|(key, _, _)| *key).collect());
}

#[test]
fn the_topics_of_an_old_group_are_noticed_and_only_their_tombstone_is_written() {
    let noticed = Record::Modern(GroupKind::Consumer, "a-group".into(), ModernRecord::PartitionMetadata(true));
    assert_eq!(decoded("consumer-partition-metadata"), noticed);
    assert_eq!(noticed.encode(), None);
}

#[test]
fn epochs_that_are_null_are_read_as_none() {
    let Record::Modern(_, _, ModernRecord::Current(_, Some(current))) = decoded("consumer-current-no-epochs") else {
        panic!()
    };
    assert_eq!(current.assigned, [EpochPartitions { topic_id: TOPIC_A, partitions: vec![0, 7], epochs: vec![] }]);
}

#[test]
fn a_member_without_the_field_of_the_classic_protocol_is_a_classic_one_that_said_nothing() {
    let (key, value) = GOLDEN.record("consumer-member-plain");
    let mut value = value.unwrap();
    value.truncate(value.len() - 4);
    value.push(0);
    let record = Record::decode(&key, Some(&value)).unwrap();
    let Record::Modern(_, _, ModernRecord::Member(_, Some(member))) = &record else { panic!() };
    assert_eq!(member.classic, Some(ClassicMember::default()));
    assert_eq!(record.encode().unwrap().value.unwrap(), value);
}

#[test]
fn a_group_has_no_part_of_the_other_kind() {
    assert_eq!(ModernRecord::Regex("t.*".into(), None).encode(GroupKind::Share, "a-group"), None);
    assert_eq!(ModernRecord::PartitionMetadata(false).encode(GroupKind::Share, "a-group"), None);
    assert_eq!(ModernRecord::SharePartitions(None).encode(GroupKind::Consumer, "a-group"), None);
}

#[test]
fn records_of_streams_groups_are_left_alone() {
    assert_eq!(decoded("streams-epoch-gone"), Record::Unknown(17));
    assert_eq!(Record::decode(&[0, 9], None), Ok(Record::Unknown(9)));
}

#[test]
fn a_newer_version_is_told_from_damage() {
    for (name, _, _) in all() {
        let (key, value) = GOLDEN.record(name);
        if value.is_some() {
            assert_eq!(Record::decode(&key, Some(&[0, 1])), Err(RecordError::UnknownVersion(1)), "{name}");
        }
    }
}

#[test]
fn fields_of_newer_kafkas_are_passed_over() {
    let (key, mut value) = GOLDEN.record("share-epoch");
    let value = value.as_mut().unwrap();
    value.pop();
    value.extend([1, 9, 3, 1, 2, 3]);
    assert_eq!(Record::decode(&key, Some(value)), Ok(decoded("share-epoch")));
}

#[test]
fn a_count_that_cannot_be_is_refused_before_anything_is_allocated() {
    let (key, value) = GOLDEN.record("consumer-target");
    let value = value.unwrap();
    let topics = [&value[..2], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    assert_eq!(Record::decode(&key, Some(&topics)), Err(RecordError::Truncated));
    let partitions = [&value[..19], &[0xff, 0xff, 0xff, 0xff, 0x0f], &value[20..]].concat();
    assert_eq!(Record::decode(&key, Some(&partitions)), Err(RecordError::Truncated));
}

#[test]
fn a_record_that_is_cut_off_is_refused_at_every_length() {
    GOLDEN.assert_cut_off_is_refused(all().iter().map(|(name, _, _)| *name), Record::decode);
}

#[test]
fn what_damaged_records_are_read_as_can_be_written_and_read_again() {
    GOLDEN.damaged(|key, value| {
        let Ok(record) = Record::decode(key, value) else { return };
        let Some(encoded) = record.encode() else { return };
        assert_eq!(Record::decode(&encoded.key, encoded.value.as_deref()), Ok(record));
    });
}
