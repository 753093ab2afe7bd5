//! Settings of consumer groups (KIP-848). Groups set some themselves, within the broker's bounds.

use std::time::Duration;

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use crate::scene::{Scene, Setting};
use crate::support::eventually;

const UNSUPPORTED_VERSION: i16 = 35;
const GROUP_ID_NOT_FOUND: i16 = 69;
const GROUP_MAX_SIZE_REACHED: i16 = 81;
const UNKNOWN_MEMBER_ID: i16 = 25;
const UNSUPPORTED_ASSIGNOR: i16 = 112;
/// Longer than a short session, by far shorter than a long one.
const WHILE: Duration = Duration::from_millis(600);

const FEW: &str = "offsets.topic.num.partitions=1";
const FREQUENT: &str = "group.consumer.min.heartbeat.interval.ms=10";
const OFTEN: &str = "group.consumer.heartbeat.interval.ms=10";
const SHORT: &str = "group.consumer.min.session.timeout.ms=100";

/// The settings that a group has itself, and the tests that change them there too.
pub const OF_GROUP: &[&str] =
    &["consumer.heartbeat.interval.ms", "consumer.session.timeout.ms", "consumer.assignment.interval.ms"];

fn start(overrides: &[&str]) -> Scene {
    Scene::start_with_topic(&[&[FEW], overrides].concat(), 2)
}

fn own(name: &'static str) -> Setting {
    Setting::of_group(name)
}

fn says(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    let id = StrBytes::from_string(member.to_owned());
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("g")))
        .with_member_id(id)
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(-1)
        .with_subscribed_topic_names(None)
        .with_topic_partitions(None);
    if epoch != 0 {
        return request;
    }
    request
        .with_rebalance_timeout_ms(60_000)
        .with_subscribed_topic_names(Some(vec![TopicName(StrBytes::from_static_str("t"))]))
        .with_topic_partitions(Some(Vec::new()))
}

fn call(scene: &mut Scene, request: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
    let mut answer = None;
    eventually("the coordinator is there", || {
        let told = scene.client.call(request, 1).unwrap();
        let ready = ![14, 15, 16].contains(&told.error_code);
        answer = Some(told);
        ready
    });
    answer.unwrap()
}

/// A member joins; its epoch.
fn join(scene: &mut Scene, member: &str) -> i32 {
    scene.running.block_on(scene.running.broker().topics.offsets_topic()).unwrap();
    let told = call(scene, &says(member, 0));
    assert_eq!(told.error_code, 0, "{:?}", told.error_message);
    told.member_epoch
}

fn interval_told(scene: &mut Scene, epoch: i32) -> i32 {
    call(scene, &says("a", epoch)).heartbeat_interval_ms
}

fn is_gone(scene: &mut Scene) -> bool {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(StrBytes::from_static_str("g"))]);
    let described = scene.client.call(&request, 1).unwrap();
    described.groups[0].members.is_empty()
}

/// The group's epoch and that of its target, after one more member has joined.
fn epochs_with_another(scene: &mut Scene, member: &str) -> (i32, i32) {
    join(scene, member);
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(StrBytes::from_static_str("g"))]);
    let group = scene.client.call(&request, 1).unwrap().groups.remove(0);
    (group.group_epoch, group.assignment_epoch)
}

pub fn heartbeats(setting: Setting) {
    let mut scene = start(&[]);
    let epoch = join(&mut scene, "a");
    assert_eq!(interval_told(&mut scene, epoch), 5_000);
    scene.set(setting, "6000");
    assert_eq!(interval_told(&mut scene, epoch), 6_000);
    scene.set(own("consumer.heartbeat.interval.ms"), "7000");
    assert_eq!(interval_told(&mut scene, epoch), 7_000);
}

pub fn least_heartbeats(setting: Setting) {
    let mut scene = start(&["group.consumer.heartbeat.interval.ms=15000"]);
    let epoch = join(&mut scene, "a");
    scene.set(own("consumer.heartbeat.interval.ms"), "8000");
    assert_eq!(interval_told(&mut scene, epoch), 8_000);
    scene.set(setting, "10000");
    assert_eq!(interval_told(&mut scene, epoch), 10_000);
}

pub fn greatest_heartbeats(setting: Setting) {
    let mut scene = start(&[]);
    let epoch = join(&mut scene, "a");
    scene.set(own("consumer.heartbeat.interval.ms"), "8000");
    assert_eq!(interval_told(&mut scene, epoch), 8_000);
    scene.set(setting, "7000");
    assert_eq!(interval_told(&mut scene, epoch), 7_000);
}

pub fn sessions(setting: Setting) {
    let mut scene = start(&[FREQUENT, OFTEN, SHORT]);
    let epoch = join(&mut scene, "a");
    scene.set(setting, "100");
    call(&mut scene, &says("a", epoch));
    eventually("the member is silent for too long", || is_gone(&mut scene));
    scene.set(own("consumer.session.timeout.ms"), "60000");
    join(&mut scene, "a");
    std::thread::sleep(WHILE);
    assert!(!is_gone(&mut scene));
}

pub fn least_sessions(setting: Setting) {
    let mut scene = start(&[FREQUENT, OFTEN, SHORT]);
    scene.set(own("consumer.session.timeout.ms"), "100");
    join(&mut scene, "a");
    eventually("the member is silent for too long", || is_gone(&mut scene));
    scene.set(setting, "40000");
    join(&mut scene, "a");
    std::thread::sleep(WHILE);
    assert!(!is_gone(&mut scene));
}

pub fn greatest_sessions(setting: Setting) {
    let mut scene = start(&[FREQUENT, OFTEN, SHORT, "group.consumer.session.timeout.ms=100"]);
    scene.set(own("consumer.session.timeout.ms"), "60000");
    let epoch = join(&mut scene, "a");
    std::thread::sleep(WHILE);
    assert_ne!(call(&mut scene, &says("a", epoch)).error_code, UNKNOWN_MEMBER_ID);
    scene.set(setting, "200");
    call(&mut scene, &says("a", epoch));
    eventually("the member is silent for too long", || is_gone(&mut scene));
}

pub fn assignments(setting: Setting) {
    let mut scene = start(&["group.consumer.assignment.interval.ms=0"]);
    join(&mut scene, "a");
    assert_eq!(epochs_with_another(&mut scene, "b"), (3, 3));
    scene.set(setting, "15000");
    assert_eq!(epochs_with_another(&mut scene, "c"), (4, 3));
    scene.set(own("consumer.assignment.interval.ms"), "0");
    assert_eq!(epochs_with_another(&mut scene, "d"), (5, 5));
}

pub fn least_assignments(setting: Setting) {
    let mut scene = start(&["group.consumer.assignment.interval.ms=15000"]);
    scene.set(own("consumer.assignment.interval.ms"), "0");
    join(&mut scene, "a");
    assert_eq!(epochs_with_another(&mut scene, "b"), (3, 3));
    scene.set(setting, "15000");
    assert_eq!(epochs_with_another(&mut scene, "c"), (4, 3));
}

pub fn greatest_assignments(setting: Setting) {
    let mut scene = start(&["group.consumer.assignment.interval.ms=0"]);
    scene.set(own("consumer.assignment.interval.ms"), "15000");
    join(&mut scene, "a");
    assert_eq!(epochs_with_another(&mut scene, "b"), (3, 2));
    scene.set(setting, "0");
    assert_eq!(epochs_with_another(&mut scene, "c"), (4, 4));
}

pub fn size(setting: Setting) {
    let mut scene = start(&[]);
    join(&mut scene, "a");
    scene.set(setting, "1");
    assert_eq!(call(&mut scene, &says("b", 0)).error_code, GROUP_MAX_SIZE_REACHED);
}

pub fn assignors(setting: Setting) {
    let mut scene = start(&[]);
    join(&mut scene, "a");
    scene.set(setting, "range");
    let uniform = says("b", 0).with_server_assignor(Some(StrBytes::from_static_str("uniform")));
    assert_eq!(call(&mut scene, &uniform).error_code, UNSUPPORTED_ASSIGNOR);
}

pub fn migration(setting: Setting) {
    let mut scene = start(&["group.initial.rebalance.delay.ms=0"]);
    let group = compat_tests::wire::Group::new("g");
    group.join(&mut scene.client, "", crate::support::SOON).unwrap();
    // The members' metadata is none of a consumer: that is looked at once the policy allows it.
    for (policy, why) in [("disabled", "online upgrade is disabled"), ("upgrade", "protocol is malformed")] {
        scene.set(setting, policy);
        let refused = call(&mut scene, &says("a", 0));
        let message = refused.error_message.map(|message| message.to_string()).unwrap_or_default();
        assert_eq!((refused.error_code, message.contains(why)), (GROUP_ID_NOT_FOUND, true), "{policy}: {message}");
    }
}

pub fn protocols(setting: Setting) {
    let mut scene = start(&[]);
    join(&mut scene, "a");
    scene.set(setting, "classic");
    assert_eq!(call(&mut scene, &says("b", 0)).error_code, UNSUPPORTED_VERSION);
}
