//! Settings of groups.

use std::time::{Duration, Instant};

use catena_protocol::group_records::{OffsetCommit, OffsetKey, Record};
use catena_protocol::records::BatchBuilder;
use catena_storage::AppendOrigin;
use compat_tests::wire::{Group, Membership};
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::scene::{DAY_MS, Scene, Setting};
use crate::support::{SOON, eventually, now_ms};

const OFFSET_METADATA_TOO_LARGE: i16 = 12;
const INVALID_SESSION_TIMEOUT: i16 = 26;
const GROUP_MAX_SIZE_REACHED: i16 = 81;
const AT_ONCE: &str = "group.initial.rebalance.delay.ms=0";
const FEW: &str = "offsets.topic.num.partitions=1";

/// A broker with a member in the group `g`.
fn with_member(overrides: &[&str]) -> (Scene, Group, Membership) {
    let mut scene = Scene::start(&[&[AT_ONCE, FEW], overrides].concat());
    let group = Group::new("g");
    let member = group.join(&mut scene.client, "", SOON).unwrap();
    (scene, group, member)
}

/// The code of joining with a session timeout.
fn join(scene: &mut Scene, session_timeout_ms: i32) -> i16 {
    let group = Group { session_timeout_ms, ..Group::new("other") };
    group.try_join(&mut scene.client, "").unwrap().err().unwrap_or(0)
}

pub fn short_sessions(setting: Setting) {
    let (mut scene, ..) = with_member(&[]);
    assert_eq!(join(&mut scene, 10_000), 0);
    scene.set(setting, "20000");
    assert_eq!(join(&mut scene, 10_000), INVALID_SESSION_TIMEOUT);
}

pub fn long_sessions(setting: Setting) {
    let (mut scene, ..) = with_member(&[]);
    assert_eq!(join(&mut scene, 30_000), 0);
    scene.set(setting, "20000");
    assert_eq!(join(&mut scene, 30_000), INVALID_SESSION_TIMEOUT);
}

pub fn delay(setting: Setting) {
    let (mut scene, ..) = with_member(&[]);
    scene.set(setting, "300");
    let begun = Instant::now();
    Group::new("other").join(&mut scene.client, "", SOON).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

pub fn size(setting: Setting) {
    let (mut scene, group, _) = with_member(&[]);
    scene.set(setting, "1");
    assert_eq!(group.try_join(&mut scene.client, "").unwrap(), Err(GROUP_MAX_SIZE_REACHED));
}

pub fn metadata(setting: Setting) {
    let (mut scene, ..) = with_member(&[]);
    assert_eq!(commit(&mut scene), 0);
    scene.set(setting, "10");
    assert_eq!(commit(&mut scene), OFFSET_METADATA_TOO_LARGE);
}

/// The code of committing an offset with metadata of 100 bytes.
fn commit(scene: &mut Scene) -> i16 {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(1)
        .with_committed_metadata(Some(StrBytes::from_string("m".repeat(100))));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("t")))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("alone")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    scene.client.call(&request, 8).unwrap().topics[0].partitions[0].error_code
}

/// A broker whose group `old` has committed an offset three days ago.
fn with_old_offset(overrides: &[&str]) -> Scene {
    let scene = Scene::start(&[&[FEW], overrides].concat());
    let broker = scene.running.broker().clone();
    let offsets = scene.running.block_on(broker.topics.offsets_topic()).unwrap();
    let key = OffsetKey { group: "old".into(), topic: "t".into(), partition: 0 };
    let commit = OffsetCommit {
        offset: 5,
        leader_epoch: None,
        metadata: String::new(),
        commit_timestamp_ms: now_ms() - 3 * DAY_MS,
        expire_timestamp_ms: None,
        topic_id: scene.topic.id,
    };
    let record = Record::Offset(key, Some(commit)).encode().unwrap();
    let records = BatchBuilder::new().push(now_ms(), Some(&record.key), record.value.as_deref()).build().unwrap();
    let appended = offsets.partitions[0].append(records, AppendOrigin::Coordinator, now_ms()).unwrap();
    scene.running.block_on(appended.commit.durable()).unwrap();
    scene
}

fn committed(scene: &mut Scene) -> Option<i64> {
    let group = Group::new("old");
    let mut offset = None;
    eventually("the coordinator is there", || {
        offset = group.committed(&mut scene.client, &scene.topic, &[0]).unwrap().ok();
        offset.is_some()
    });
    offset.map(|offsets| offsets[0])
}

pub fn retention(setting: Setting) {
    let mut scene = with_old_offset(&["offsets.retention.check.interval.ms=10"]);
    assert_eq!(committed(&mut scene), Some(5));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(committed(&mut scene), Some(5));
    scene.set(setting, &setting.time(DAY_MS));
    eventually("it is forgotten", || committed(&mut scene) == Some(-1));
}

pub fn interval(setting: Setting) {
    let mut scene = with_old_offset(&["offsets.retention.minutes=60"]);
    assert_eq!(committed(&mut scene), Some(5));
    scene.set(setting, "1");
    eventually("it is forgotten", || committed(&mut scene) == Some(-1));
}
