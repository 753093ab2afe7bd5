//! The join phase: how long it lasts and who takes part.

use super::scene::*;
use crate::groups::classic::state::is_legal;
use crate::groups::types::GroupState::*;
use crate::groups::types::*;

#[test]
fn only_kafkas_transitions_are_legal() {
    let all = [Empty, PreparingRebalance, CompletingRebalance, Stable, Dead];
    for (to, from) in [
        (Empty, vec![PreparingRebalance]),
        (PreparingRebalance, vec![Empty, CompletingRebalance, Stable]),
        (CompletingRebalance, vec![PreparingRebalance]),
        (Stable, vec![CompletingRebalance]),
        (Dead, all.to_vec()),
    ] {
        let legal: Vec<_> = all.into_iter().filter(|state| is_legal(*state, to)).collect();
        assert_eq!(legal, from, "to {to:?}");
    }
}

#[test]
fn the_first_rebalance_waits_for_more_members() {
    let mut scene = Scene::new();
    let a = scene.join(joining("a"));
    scene.pass(DELAY_MS - 1);
    assert!(scene.waits(a));
    scene.pass(1);
    let joined = scene.joined(a);
    assert_eq!((joined.generation, joined.leader.as_str(), joined.members.len()), (1, "a-1", 1));
    assert_eq!(scene.group.state(), CompletingRebalance);
}

#[test]
fn every_new_member_prolongs_the_first_rebalance() {
    let mut scene = Scene::new();
    let a = scene.join(joining("a"));
    scene.pass(DELAY_MS - 1);
    let b = scene.join(joining("b"));
    scene.pass(DELAY_MS);
    assert!(scene.waits(a), "b came during the delay");
    scene.pass(1);
    assert_eq!((scene.joined(a).members.len(), scene.joined(b).members.len()), (2, 0), "only the leader sees all");
}

#[test]
fn the_first_rebalance_ends_with_the_rebalance_timeout_however_many_come() {
    let mut scene = Scene::new();
    let quick = |client| JoinEvent { rebalance_timeout_ms: 7_000, ..joining(client) };
    let first = scene.join(quick("a"));
    let mut passed = 0;
    while scene.waits(first) {
        scene.join(quick("b"));
        scene.pass(500);
        passed += 500;
    }
    // 3 s, then 3 s, then what is left of 7 s.
    assert_eq!(passed, 7_000);
}

#[test]
fn a_join_phase_ends_as_soon_as_all_have_joined() {
    let mut scene = Scene::stable(&["a", "b"]);
    let c = scene.join(joining("c"));
    let a = scene.join(rejoining("a-1"));
    assert!(scene.waits(c) && scene.waits(a));
    scene.join(rejoining("b-2"));
    assert_eq!((scene.joined(c).generation, scene.joined(a).members.len()), (2, 3));
}

#[test]
fn dynamic_members_that_do_not_join_in_time_are_removed() {
    let mut scene = Scene::stable(&["a", "b"]);
    let c = scene.join(joining("c"));
    scene.pass_while_alive(REBALANCE_MS as u64, &["a-1", "b-2"]);
    let joined = scene.joined(c);
    assert_eq!((joined.generation, joined.leader.as_str()), (2, "c-5"), "c leads as the only one that joined");
    assert_eq!(scene.group.members(), 1);
    assert_eq!(scene.expired, 0, "they were alive");
}

#[test]
fn a_leader_that_does_not_join_is_replaced_but_a_static_one_stays_a_member() {
    let mut scene = Scene::new();
    scene.join(static_joining("i"));
    scene.join(joining("b"));
    scene.pass(2 * DELAY_MS);
    scene.sync_all();
    assert_eq!(scene.group.leader.as_deref(), Some("i-1"));
    let b = scene.join(JoinEvent { protocols: vec![protocol("range", &["new"])], ..rejoining("b-2") });
    let alive = HeartbeatEvent {
        group_id: "g".into(),
        member_id: "i-1".into(),
        group_instance_id: Some("i".into()),
        generation: 1,
    };
    for _ in 0..REBALANCE_MS / 1_000 {
        let _ = scene.heartbeat_with(alive.clone());
        scene.pass(1_000);
    }
    let joined = scene.joined(b);
    assert_eq!((joined.leader.as_str(), joined.members.len()), ("b-2", 2));
}

#[test]
fn the_join_phase_goes_on_while_only_static_members_are_left_and_none_joins() {
    let mut scene = Scene::new();
    scene.join(static_joining("i"));
    scene.join(joining("b"));
    scene.pass(2 * DELAY_MS);
    scene.sync_all();
    scene.leave_by_id("b-2").expect("left");
    assert_eq!(scene.group.state(), PreparingRebalance);
    for _ in 0..2 * REBALANCE_MS / 1_000 {
        let event = HeartbeatEvent {
            group_id: "g".into(),
            member_id: "i-1".into(),
            group_instance_id: Some("i".into()),
            generation: 1,
        };
        assert_eq!(scene.heartbeat_with(event), Err(GroupError::RebalanceInProgress));
        scene.pass(1_000);
    }
    assert_eq!((scene.group.state(), scene.group.generation()), (PreparingRebalance, 1));
    scene.pass(SESSION_MS as u64);
    assert_eq!((scene.group.state(), scene.group.generation()), (Empty, 2), "its session ended");
}

#[test]
fn a_silent_member_is_removed_and_the_others_rebalance() {
    let mut scene = Scene::stable(&["a", "b"]);
    scene.pass_while_alive(SESSION_MS as u64, &["a-1"]);
    assert_eq!((scene.group.state(), scene.group.members(), scene.expired), (PreparingRebalance, 1, 1));
    assert_eq!(scene.heartbeat("a-1"), Err(GroupError::RebalanceInProgress));
    assert_eq!(scene.heartbeat("b-2"), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_member_that_waits_need_not_be_heard_of() {
    let mut scene = Scene::stable(&["a", "b"]);
    let a = scene.join(rejoining("a-1"));
    scene.pass_while_alive(3 * SESSION_MS as u64, &["b-2"]);
    assert!(scene.waits(a));
    assert_eq!((scene.group.members(), scene.expired), (2, 0));
}

#[test]
fn a_new_member_may_wait_five_minutes_for_its_first_answer() {
    let mut scene = Scene::stable(&["a"]);
    let a = JoinEvent { rebalance_timeout_ms: 3_600_000, ..rejoining("a-1") };
    scene.join(a);
    scene.sync_all();
    // From here on the others are given an hour, and a does not join.
    scene.join(JoinEvent { protocols: vec![protocol("range", &["new"])], ..joining("b") });
    let b = scene.unanswered();
    scene.pass_while_alive(299_000, &["a-1"]);
    assert_eq!(scene.unanswered(), b);
    scene.pass_while_alive(1_000, &["a-1"]);
    assert_eq!(scene.refused_join(b[0]).error, GroupError::UnknownMemberId);
    assert_eq!(scene.group.members(), 1);
}

#[test]
fn the_last_member_leaves_an_empty_group_in_the_log() {
    let mut scene = Scene::stable(&["a"]);
    scene.leave_by_id("a-1").expect("left");
    assert_eq!((scene.group.state(), scene.group.generation()), (Empty, 2));
    let record = scene.log.last().expect("a record");
    assert_eq!((record.members.len(), record.generation, record.leader.clone()), (0, 2, None));
    assert_eq!((record.protocol.clone(), record.protocol_type.as_str()), (None, "consumer"));
    assert_eq!(record.state_timestamp_ms, scene.now.wall_ms);
}

#[test]
fn leaving_is_answered_for_each_member() {
    let mut scene = Scene::new();
    scene.join(static_joining("i"));
    scene.join(static_joining("j"));
    scene.join(joining("c"));
    scene.join(JoinEvent { requires_known_member_id: true, ..joining("d") });
    scene.pass(SESSION_MS as u64);
    scene.join(JoinEvent { requires_known_member_id: true, ..joining("e") });
    let leaving = |member_id: &str, instance: Option<&str>| LeavingMember {
        member_id: member_id.into(),
        group_instance_id: instance.map(str::to_owned),
        reason: None,
    };
    let left = scene.leave(&[
        leaving("", Some("i")),
        leaving("j-2", Some("i")),
        leaving("other", Some("j")),
        leaving("", Some("nobody")),
        leaving("", None),
        leaving("c-3", None),
        leaving("c-3", None),
        leaving("d-4", None),
        leaving("e-5", None),
    ]);
    use GroupError::{FencedInstanceId, UnknownMemberId};
    let unknown = Err(UnknownMemberId);
    assert_eq!(
        left,
        [Ok(()), unknown, Err(FencedInstanceId), unknown, unknown, Ok(()), unknown, unknown, Ok(())],
        "i left before its id was used again, d's id was forgotten, e's is pending"
    );
    assert_eq!(scene.group.members(), 1);
}

#[test]
fn nobody_waits_for_a_group_that_is_unloaded() {
    let mut scene = Scene::stable(&["a", "b"]);
    let a = scene.join(rejoining("a-1"));
    scene.turn(|group, turn| group.unload(GroupError::NotCoordinator, turn));
    assert_eq!(scene.refused_join(a), JoinRefused { error: GroupError::NotCoordinator, member_id: "a-1".into() });
    assert_eq!(scene.group.state(), Dead);
    assert!(scene.unanswered().is_empty());
}
