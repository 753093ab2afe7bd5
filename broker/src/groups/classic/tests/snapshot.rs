//! Groups as records, and what a restart makes of them.

use super::scene::*;
use crate::groups::classic::{ClassicGroup, Turn};
use crate::groups::types::*;

/// The group after a restart: what its last record makes of nothing.
fn restarted(scene: &Scene) -> Scene {
    let mut after = Scene::new();
    after.now = scene.now;
    after.limits = scene.limits;
    let record = scene.log.last().expect("a record").clone();
    after.group = ClassicGroup::default();
    after.turn(|group, turn| group.apply(&record, turn));
    after
}

#[test]
fn a_stable_group_goes_on_after_a_restart() {
    let scene = Scene::stable(&["a", "b"]);
    let mut after = restarted(&scene);
    assert_eq!((after.group.state(), after.group.generation()), (GroupState::Stable, 1));
    assert_eq!(after.group.describe(), scene.group.describe());
    assert!(after.group.is_subscribed("t") && !after.group.is_subscribed("u"));
    assert_eq!(after.heartbeat("b-2"), Ok(()));
    let b = after.sync("b-2");
    assert_eq!(after.synced(b).expect("an assignment").assignment, "part of b-2");
}

#[test]
fn members_that_do_not_come_back_after_a_restart_time_out() {
    let mut after = restarted(&Scene::stable(&["a", "b"]));
    after.pass_while_alive(SESSION_MS as u64, &["a-1"]);
    assert_eq!((after.group.state(), after.group.members()), (GroupState::PreparingRebalance, 1));
}

#[test]
fn static_members_are_known_after_a_restart() {
    let mut scene = Scene::new();
    scene.join(static_joining("i"));
    scene.pass(DELAY_MS);
    let event = scene.sync_event("i-1");
    scene.sync_with(SyncEvent { group_instance_id: Some("i".into()), ..event });
    let mut after = restarted(&scene);
    let back = after.join(static_joining("i"));
    assert_eq!((after.joined(back).generation, after.joined(back).skip_assignment), (1, true));
}

#[test]
fn an_empty_group_keeps_its_generation_and_age() {
    let mut scene = Scene::stable(&["a"]);
    scene.leave_by_id("a-1").expect("left");
    let left_at = scene.now.wall_ms;
    let mut after = restarted(&scene);
    assert_eq!(after.group.unused_since_ms(0), Some(left_at));
    let a = after.join(joining("a"));
    after.pass(DELAY_MS);
    assert_eq!(after.joined(a).generation, 3);
}

#[test]
fn a_group_over_a_lowered_limit_rebalances_when_it_is_loaded() {
    let mut after = restarted(&Scene::stable(&["a", "b"]));
    after.limits.members_max = 1;
    after.turn(ClassicGroup::loaded);
    assert_eq!(after.group.state(), GroupState::PreparingRebalance);
}

#[test]
fn a_record_with_an_unknown_leader_does_no_harm() {
    let mut scene = Scene::stable(&["a", "b"]);
    let record = scene.log.last_mut().expect("a record");
    record.leader = Some("nobody".into());
    let mut after = restarted(&scene);
    let a = after.join(JoinEvent { protocols: vec![protocol("range", &["new"])], ..rejoining("a-1") });
    after.pass_while_alive(REBALANCE_MS as u64, &["b-2"]);
    assert_eq!(after.joined(a).leader, "a-1");
}

#[test]
fn a_later_record_replaces_an_earlier_one() {
    let mut scene = Scene::stable(&["a"]);
    let c = scene.join(joining("c"));
    scene.join(JoinEvent { protocols: vec![protocol("range", &["new"])], ..rejoining("a-1") });
    assert!(!scene.waits(c));
    scene.sync_all();
    let mut after = Scene::new();
    let limits = after.limits;
    for record in &scene.log {
        after.group.apply(record, &mut Turn::new(after.now, &limits));
    }
    assert_eq!(after.group.describe(), scene.group.describe());
    assert!(after.group.is_subscribed("new"), "the metadata is that of the later record");
}
