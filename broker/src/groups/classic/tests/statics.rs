//! Static members: they come back without a rebalance, and whoever holds their place is fenced (KIP-345, KIP-814).

use super::scene::*;
use crate::groups::types::GroupError::*;
use crate::groups::types::*;

/// Stable, with the static leader i-1 and the static follower j-2.
fn stable() -> Scene {
    let mut scene = Scene::new();
    scene.join(static_joining("i"));
    scene.join(static_joining("j"));
    scene.pass(2 * DELAY_MS);
    for (id, instance) in [("j-2", "j"), ("i-1", "i")] {
        let event = scene.sync_event(id);
        scene.sync_with(SyncEvent { group_instance_id: Some(instance.into()), ..event });
    }
    assert_eq!(scene.group.state(), GroupState::Stable);
    scene
}

fn heartbeat(member_id: &str, instance: &str) -> HeartbeatEvent {
    HeartbeatEvent {
        group_id: "g".into(),
        member_id: member_id.into(),
        group_instance_id: Some(instance.into()),
        generation: 1,
    }
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut scene = stable();
    let back = scene.join(static_joining("j"));
    let joined = scene.joined(back);
    assert_eq!((joined.member_id.as_str(), joined.generation, joined.leader.as_str()), ("j-5", 1, "i-1"));
    assert!(!joined.skip_assignment && joined.members.is_empty());
    assert_eq!(scene.group.state(), GroupState::Stable);
    let ids: Vec<_> = scene.log.last().expect("a record").members.iter().map(|member| &member.member_id).collect();
    assert_eq!(ids, ["i-1", "j-5"], "the new id is in the log");

    let event = scene.sync_event("j-5");
    let request = scene.sync_with(SyncEvent { group_instance_id: Some("j".into()), ..event });
    assert_eq!(scene.synced(request).expect("an assignment").assignment, "part of j-2", "it keeps its part");
    assert_eq!(scene.heartbeat_with(heartbeat("j-2", "j")), Err(FencedInstanceId));
    assert_eq!(scene.heartbeat_with(heartbeat("j-5", "j")), Ok(()));
}

#[test]
fn a_static_leader_that_comes_back_skips_the_assignment() {
    let mut scene = stable();
    let back = scene.join(static_joining("i"));
    let joined = scene.joined(back);
    assert_eq!((joined.leader.as_str(), joined.skip_assignment, joined.members.len()), ("i-5", true, 2));
}

#[test]
fn an_old_client_that_comes_back_as_leader_is_told_the_old_leader() {
    let mut scene = stable();
    let back = scene.join(JoinEvent { supports_skipping_assignment: false, ..static_joining("i") });
    let joined = scene.joined(back);
    assert_eq!((joined.leader.as_str(), joined.skip_assignment, joined.members.len()), ("i-1", false, 0));
    assert_eq!(scene.group.leader.as_deref(), Some("i-5"));
}

#[test]
fn coming_back_with_another_protocol_needs_a_rebalance() {
    let both = || vec![protocol("range", &[]), protocol("sticky", &[])];
    let mut scene = Scene::new();
    scene.join(JoinEvent { protocols: both(), ..static_joining("i") });
    scene.pass(DELAY_MS);
    let event = scene.sync_event("i-1");
    scene.sync_with(SyncEvent { group_instance_id: Some("i".into()), ..event });
    let back = scene.join(JoinEvent { protocols: vec![protocol("sticky", &[])], ..static_joining("i") });
    let joined = scene.joined(back);
    assert_eq!((joined.generation, joined.protocol_name.as_deref()), (2, Some("sticky")));
    assert_eq!(scene.group.state(), GroupState::CompletingRebalance);
}

#[test]
fn coming_back_before_the_assignment_needs_a_rebalance_because_the_leader_knows_the_old_id() {
    let mut scene = Scene::new();
    scene.join(static_joining("i"));
    scene.join(static_joining("j"));
    scene.pass(2 * DELAY_MS);
    let event = scene.sync_event("j-2");
    let waiting = scene.sync_with(SyncEvent { group_instance_id: Some("j".into()), ..event });
    let back = scene.join(static_joining("j"));
    assert_eq!(scene.synced(waiting), Err(FencedInstanceId));
    assert!(scene.waits(back));
    assert_eq!(scene.group.state(), GroupState::PreparingRebalance);
}

#[test]
fn coming_back_during_the_join_phase_fences_who_waits() {
    let mut scene = Scene::new();
    let first = scene.join(static_joining("i"));
    let second = scene.join(static_joining("i"));
    assert_eq!(scene.refused_join(first), JoinRefused { error: FencedInstanceId, member_id: "i-1".into() });
    scene.pass(2 * DELAY_MS);
    assert_eq!((scene.joined(second).leader.as_str(), scene.group.members()), ("i-2", 1));
}

#[test]
fn a_new_id_that_cannot_be_stored_is_taken_back() {
    let mut scene = stable();
    scene.refuse_appends = Some(NotCoordinator);
    let back = scene.join(JoinEvent { session_timeout_ms: 1, ..static_joining("i") });
    assert_eq!(scene.refused_join(back), JoinRefused { error: NotCoordinator, member_id: String::new() });
    assert_eq!(scene.heartbeat_with(heartbeat("i-1", "i")), Ok(()));
    assert_eq!(scene.group.leader.as_deref(), Some("i-1"));
    scene.pass(1_000);
    assert_eq!((scene.group.members(), scene.group.state()), (2, GroupState::Stable), "the old timeouts hold");
}

#[test]
fn a_static_member_with_its_id_is_checked_like_others() {
    let mut scene = stable();
    for (member_id, instance, error) in [("j-2", "i", FencedInstanceId), ("i-1", "nobody", UnknownMemberId)] {
        let event = JoinEvent { group_instance_id: Some(instance.into()), ..rejoining(member_id) };
        let request = scene.join(event);
        assert_eq!(scene.refused_join(request), JoinRefused { error, member_id: member_id.into() });
    }
}
