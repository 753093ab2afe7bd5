//! Heartbeats, commits and the rest, by state of the group.

use super::scene::*;
use crate::groups::types::GroupError::*;
use crate::groups::types::*;

/// The group in each of its states; a-1 is a member in all but the first.
fn states() -> Vec<(GroupState, Scene)> {
    let mut preparing = Scene::stable(&["a", "b"]);
    preparing.join(joining("c"));
    let mut completing = Scene::new();
    completing.join(joining("a"));
    completing.pass(DELAY_MS);
    let mut empty = Scene::stable(&["a"]);
    empty.leave_by_id("a-1").expect("left");
    let scenes = vec![empty, preparing, completing, Scene::stable(&["a"])];
    scenes.into_iter().map(|scene| (scene.group.state(), scene)).collect()
}

#[test]
fn a_heartbeat_is_answered_by_state() {
    let answers = [Err(UnknownMemberId), Err(RebalanceInProgress), Ok(()), Ok(())];
    for ((state, mut scene), answer) in states().into_iter().zip(answers) {
        assert_eq!(scene.heartbeat("a-1"), answer, "{state:?}");
        let generation = scene.group.generation() + 1;
        let event = |member_id: &str| HeartbeatEvent {
            group_id: "g".into(),
            member_id: member_id.into(),
            group_instance_id: None,
            generation,
        };
        assert_eq!(scene.heartbeat_with(event("nobody")), Err(UnknownMemberId), "{state:?}");
        if scene.group.members() > 0 {
            assert_eq!(scene.heartbeat_with(event("a-1")), Err(IllegalGeneration), "{state:?}");
        }
    }
}

#[test]
fn a_commit_is_checked_by_state() {
    let unknown = Err(UnknownMemberId);
    // member, instance, generation relative to the group's (None: -1); Empty, Preparing, Completing, Stable
    let table = [
        (("", None, None), [Ok(()), unknown, unknown, unknown]),
        (("a-1", None, None), [Ok(()), Err(IllegalGeneration), Err(IllegalGeneration), Err(IllegalGeneration)]),
        (("a-1", None, Some(0)), [unknown, Ok(()), Err(RebalanceInProgress), Ok(())]),
        (("a-1", None, Some(-1)), [unknown, Err(IllegalGeneration), Err(IllegalGeneration), Err(IllegalGeneration)]),
        (("nobody", None, Some(0)), [unknown, unknown, unknown, unknown]),
        (("a-1", Some("i"), Some(0)), [unknown, unknown, unknown, unknown]),
        (("", None, Some(0)), [unknown, unknown, unknown, unknown]),
    ];
    for ((member, instance, relative), answers) in table {
        for ((state, mut scene), answer) in states().into_iter().zip(answers) {
            let generation = relative.map_or(-1, |relative: i32| scene.group.generation() + relative);
            let checked = scene.check_commit(member, instance, generation);
            assert_eq!(checked, answer, "{state:?}: {member} {instance:?} {generation}");
        }
    }
}

#[test]
fn commits_keep_a_member_alive() {
    let mut scene = Scene::stable(&["a"]);
    for _ in 0..5 {
        scene.pass(SESSION_MS as u64 - 1);
        assert_eq!(scene.check_commit("a-1", None, 1), Ok(()));
    }
    scene.pass(SESSION_MS as u64);
    assert_eq!(scene.group.members(), 0);
}

#[test]
fn only_an_empty_group_can_be_deleted() {
    for (state, scene) in states() {
        let answer = if state == GroupState::Empty { Ok(()) } else { Err(NonEmptyGroup) };
        assert_eq!(scene.group.check_delete(), answer, "{state:?}");
    }
}

#[test]
fn offsets_of_a_group_with_members_can_be_deleted_only_if_its_topics_are_known() {
    for (_, scene) in states() {
        assert_eq!(scene.group.check_delete_offsets(), Ok(()));
    }
    let mut connect = Scene::new();
    connect.join(JoinEvent { protocol_type: "connect".into(), ..joining("a") });
    assert_eq!(connect.group.check_delete_offsets(), Err(NonEmptyGroup));
}

#[test]
fn a_group_consumes_what_its_members_subscribe_to() {
    let mut scene = Scene::new();
    assert!(!scene.group.is_subscribed("t"));
    scene.join(JoinEvent { protocols: vec![protocol("range", &["t", "u"])], ..joining("a") });
    scene.join(JoinEvent { protocols: vec![protocol("range", &["v"])], ..joining("b") });
    assert!(scene.group.is_subscribed("w"), "as long as it is not known, it may");
    scene.pass(2 * DELAY_MS);
    let subscribed: Vec<_> =
        ["t", "u", "v", "w"].into_iter().filter(|topic| scene.group.is_subscribed(topic)).collect();
    assert_eq!(subscribed, ["t", "u", "v"]);
}

#[test]
fn offsets_age_since_the_group_is_empty_or_since_their_commit() {
    let committed = 42;
    let simple = Scene::new();
    assert_eq!(simple.group.unused_since_ms(committed), Some(committed));
    let [empty, preparing, completing, stable] = [0, 1, 2, 3].map(|at| states().remove(at).1);
    assert_eq!(empty.group.unused_since_ms(committed), Some(empty.now.wall_ms));
    assert_eq!(preparing.group.unused_since_ms(committed), None);
    assert_eq!(completing.group.unused_since_ms(committed), None);
    assert_eq!(stable.group.unused_since_ms(committed), Some(committed));
}

#[test]
fn protocol_and_metadata_are_described_while_they_hold() {
    for (state, scene) in states() {
        let described = scene.group.describe();
        let stable = state == GroupState::Stable;
        assert_eq!((described.state, described.protocol_type.as_str()), (state, "consumer"));
        assert_eq!(described.protocol, if stable { "range" } else { "" });
        assert!(described.members.iter().all(|member| member.metadata.is_empty() != stable), "{state:?}");
    }
}
