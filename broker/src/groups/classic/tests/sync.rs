//! From the leader's assignment to every member's part.

use bytes::Bytes;

use super::scene::*;
use crate::groups::types::GroupError::*;
use crate::groups::types::*;

/// Two members that have joined and not synced; the leader is a-1.
fn completing() -> Scene {
    let mut scene = Scene::new();
    scene.join(joining("a"));
    scene.join(joining("b"));
    scene.pass(2 * DELAY_MS);
    assert_eq!(scene.group.state(), GroupState::CompletingRebalance);
    scene
}

fn part(scene: &Scene, request: u64) -> Bytes {
    scene.synced(request).expect("an assignment").assignment
}

#[test]
fn everybody_gets_its_part_once_the_leader_has_brought_it() {
    let mut scene = completing();
    let b = scene.sync("b-2");
    assert!(scene.waits(b));
    let a = scene.sync("a-1");
    assert_eq!((part(&scene, a), part(&scene, b)), ("part of a-1".into(), "part of b-2".into()));
    assert_eq!(scene.synced(a).expect("an assignment").protocol_name.as_deref(), Some("range"));
    assert_eq!(scene.group.state(), GroupState::Stable);
    let record = scene.log.last().expect("a record");
    assert_eq!(record.members[1].assignment, "part of b-2");
}

#[test]
fn a_follower_may_ask_after_the_leader_and_more_than_once() {
    let mut scene = completing();
    scene.sync("a-1");
    for _ in 0..2 {
        let b = scene.sync("b-2");
        assert_eq!(part(&scene, b), "part of b-2");
    }
}

#[test]
fn a_member_the_leader_forgot_gets_nothing() {
    let mut scene = completing();
    let event = scene.sync_event("a-1");
    scene.sync_with(SyncEvent { assignments: Vec::new(), ..event });
    let b = scene.sync("b-2");
    assert_eq!(part(&scene, b), "");
}

#[test]
fn a_sync_is_refused_by_state_and_by_what_it_says() {
    let mut scene = completing();
    let good = scene.sync_event("b-2");
    for (event, error) in [
        (SyncEvent { member_id: "nobody".into(), ..good.clone() }, UnknownMemberId),
        (SyncEvent { group_instance_id: Some("i".into()), ..good.clone() }, UnknownMemberId),
        (SyncEvent { generation: 2, ..good.clone() }, IllegalGeneration),
        (SyncEvent { protocol_type: Some("connect".into()), ..good.clone() }, InconsistentGroupProtocol),
        (SyncEvent { protocol_name: Some("sticky".into()), ..good.clone() }, InconsistentGroupProtocol),
    ] {
        let what = format!("{event:?}");
        let request = scene.sync_with(event);
        assert_eq!(scene.synced(request), Err(error), "{what}");
    }
    scene.join(joining("c"));
    let request = scene.sync("b-2");
    assert_eq!(scene.synced(request), Err(RebalanceInProgress));
}

#[test]
fn a_rebalance_sends_away_who_waits_for_the_assignment() {
    let mut scene = completing();
    let b = scene.sync("b-2");
    scene.join(joining("c"));
    assert_eq!(scene.synced(b), Err(RebalanceInProgress));
    assert_eq!(scene.group.state(), GroupState::PreparingRebalance);
}

#[test]
fn members_that_do_not_ask_for_their_part_in_time_are_removed() {
    let mut scene = completing();
    scene.sync("a-1");
    scene.pass_while_alive(REBALANCE_MS as u64, &["a-1", "b-2"]);
    assert_eq!((scene.group.state(), scene.group.members()), (GroupState::PreparingRebalance, 1));
    assert_eq!(scene.heartbeat("b-2"), Err(UnknownMemberId));
}

#[test]
fn a_leader_that_never_brings_an_assignment_is_removed() {
    let mut scene = completing();
    let b = scene.sync("b-2");
    scene.pass_while_alive(REBALANCE_MS as u64, &["a-1"]);
    assert_eq!(scene.synced(b), Err(RebalanceInProgress));
    let b = scene.join(rejoining("b-2"));
    assert_eq!(scene.joined(b).leader, "b-2");
}

#[test]
fn an_assignment_that_cannot_be_stored_is_not_handed_out() {
    let mut scene = completing();
    let b = scene.sync("b-2");
    scene.refuse_appends = Some(CoordinatorNotAvailable);
    let a = scene.sync("a-1");
    assert_eq!((scene.synced(a), scene.synced(b)), (Err(CoordinatorNotAvailable), Err(CoordinatorNotAvailable)));
    assert_eq!((scene.group.state(), scene.log.len()), (GroupState::PreparingRebalance, 0));

    scene.refuse_appends = None;
    let (a, b) = (scene.join(rejoining("a-1")), scene.join(rejoining("b-2")));
    assert_eq!((scene.joined(a).generation, scene.joined(b).generation), (2, 2));
    scene.sync_all();
    assert_eq!(scene.group.state(), GroupState::Stable);
}

#[test]
fn a_member_that_leaves_while_it_waits_is_answered() {
    let mut scene = completing();
    let b = scene.sync("b-2");
    scene.leave_by_id("b-2").expect("left");
    assert_eq!(scene.synced(b), Err(UnknownMemberId));
}
