//! Answers wait for the log, leave in order, and are errors when the log fails.

use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::groups::types::GroupError::*;

/// A stable group `g` of one member `c-u`.
fn stable() -> Scene {
    let mut scene = Scene::new();
    let mut joined = scene.send(|to| Message::Join(joining("g"), to));
    scene.pass(0);
    assert_eq!(joined.try_recv().expect("an answer").expect("joined").member_id, "c-u");
    let synced = scene.ask(|to| Message::Sync(syncing("g", "c-u"), to)).expect("synced");
    assert_eq!(synced.assignment, "part");
    scene
}

#[test]
fn an_answer_waits_for_its_records_and_later_ones_wait_behind_it() {
    let mut scene = stable();
    scene.log.be_slow();
    let mut committed = scene.send(|to| Message::Commit(commit_of("c-u", commit("g", "t", 0, 7)), to));
    let mut beaten = scene.send(|to| Message::Heartbeat(heartbeat("g", "c-u"), to));
    let mut fetched = scene.send(|to| Message::Describe("g".into(), to));
    scene.drain();
    assert_eq!(committed.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(beaten.try_recv(), Err(TryRecvError::Empty));
    assert!(fetched.try_recv().is_err());
    scene.log.commit();
    scene.drain();
    assert!(committed.try_recv().expect("an answer").is_ok());
    assert_eq!(beaten.try_recv(), Ok(Ok(())));
    assert!(fetched.try_recv().is_ok());
}

#[test]
fn the_assignment_is_handed_out_when_it_is_durable() {
    let mut scene = Scene::new();
    scene.log.be_slow();
    let mut joined = scene.send(|to| Message::Join(joining("g"), to));
    scene.pass(0);
    scene.log.commit();
    scene.drain();
    assert!(joined.try_recv().expect("an answer").is_ok());
    let mut synced = scene.send(|to| Message::Sync(syncing("g", "c-u"), to));
    scene.drain();
    assert_eq!(synced.try_recv(), Err(TryRecvError::Empty));
    scene.log.commit();
    scene.drain();
    assert!(synced.try_recv().expect("an answer").is_ok());
    assert_eq!(scene.stats().rebalances, 1);
}

#[test]
fn when_an_append_is_lost_everybody_behind_it_hears_of_it() {
    let mut scene = stable();
    scene.log.be_slow();
    let mut committed = scene.send(|to| Message::Commit(commit_of("c-u", commit("g", "t", 0, 7)), to));
    let mut beaten = scene.send(|to| Message::Heartbeat(heartbeat("g", "c-u"), to));
    scene.log.lose();
    scene.drain();
    assert_eq!(committed.try_recv(), Ok(Err(NotCoordinator)));
    assert_eq!(beaten.try_recv(), Ok(Err(NotCoordinator)));
}

#[test]
fn what_the_log_refuses_did_not_happen() {
    let mut scene = stable();
    scene.log.refuse(Some(CoordinatorNotAvailable));
    let event = commit_of("c-u", commit("g", "t", 0, 7));
    assert_eq!(scene.ask(|to| Message::Commit(event, to)), Err(CoordinatorNotAvailable));
    assert_eq!(scene.offsets("g"), Vec::<String>::new());
    let refused = scene.ask(|to| Message::Join(joining("new"), to)).expect_err("refused");
    assert_eq!(refused.error, CoordinatorNotAvailable);
    assert_eq!(scene.groups(), ["g"]);
    assert_eq!(scene.ask(|to| Message::Heartbeat(heartbeat("g", "c-u"), to)), Ok(()), "the group lives on");
}

#[test]
fn a_group_that_does_not_exist_is_answered_in_each_apis_way() {
    let mut scene = Scene::new();
    let refused = scene.ask(|to| Message::Join(JoinEvent { member_id: "m".into(), ..joining("g") }, to));
    assert_eq!(refused, Err(JoinRefused { error: UnknownMemberId, member_id: "m".into() }));
    assert_eq!(scene.ask(|to| Message::Sync(syncing("g", "m"), to)), Err(UnknownMemberId));
    assert_eq!(scene.ask(|to| Message::Heartbeat(heartbeat("g", "m"), to)), Err(UnknownMemberId));
    let leaving = LeavingMember { member_id: "m".into(), group_instance_id: None, reason: None };
    let event = LeaveEvent { group_id: "g".into(), members: vec![leaving] };
    assert_eq!(scene.ask(|to| Message::Leave(event, to)), Ok(vec![Err(UnknownMemberId)]));
    let described = scene.ask(|to| Message::Describe("g".into(), to));
    assert_eq!(described.map_err(|refused| refused.error), Err(GroupIdNotFound));
    assert_eq!(scene.ask(|to| Message::DeleteGroup("g".into(), to)), Err(GroupIdNotFound));
    let event = DeleteOffsetsEvent { group_id: "g".into(), topics: Vec::new() };
    assert_eq!(scene.ask(|to| Message::DeleteOffsets(event, to)), Err(GroupIdNotFound));
    for (knows, error) in [(true, GroupIdNotFound), (false, IllegalGeneration)] {
        let event = CommitEvent { knows_group_id_not_found: knows, ..commit_of("m", commit("g", "t", 0, 1)) };
        assert_eq!(scene.ask(|to| Message::Commit(event, to)), Err(error));
    }
    assert_eq!(scene.groups(), Vec::<String>::new(), "none of this makes a group");
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut scene = stable();
    scene.ask(|to| Message::Commit(commit("simple", "t", 0, 1), to)).expect("committed");
    let list = |scene: &mut Scene, states: &[&str], types: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let filter = ListFilter { states: owned(states), types: owned(types) };
        let listed = scene.ask(|to| Message::List(filter, to)).expect("a list");
        listed.into_iter().map(|group| (group.group_id, group.protocol_type, group.state)).collect::<Vec<_>>()
    };
    let g = ("g".to_owned(), "consumer".to_owned(), "Stable");
    let simple = ("simple".to_owned(), String::new(), "Empty");
    for (states, types, groups) in [
        (&[] as &[&str], &[] as &[&str], vec![g.clone(), simple.clone()]),
        (&["stable"], &[], vec![g.clone()]),
        (&[" EMPTY "], &["classic"], vec![simple.clone()]),
        (&["Dead"], &[], vec![]),
        (&[], &["consumer"], vec![]),
        (&["Stable", "Empty"], &["Consumer", "Classic"], vec![g.clone(), simple.clone()]),
    ] {
        assert_eq!(list(&mut scene, states, types), groups, "{states:?} {types:?}");
    }
}

#[test]
fn a_restart_brings_groups_and_offsets_back_and_sessions_begin_anew() {
    let mut scene = stable();
    scene.ask(|to| Message::Commit(commit_of("c-u", commit("g", "t", 0, 7)), to)).expect("committed");
    scene.pass(9_000);
    let mut scene = scene.restarted();
    scene.pass(9_000);
    assert_eq!(scene.ask(|to| Message::Heartbeat(heartbeat("g", "c-u"), to)), Ok(()));
    assert_eq!(scene.offsets("g"), ["t-0: 7"]);
    assert_eq!((scene.stats().groups, scene.stats().members), (1, 1));
    scene.pass(10_000);
    let described = scene.ask(|to| Message::Describe("g".into(), to)).expect("a group");
    assert_eq!((described.state, described.members.len()), (GroupState::Empty, 0), "it was silent");
    assert_eq!((scene.stats().members, scene.stats().expired_members), (0, 1));
}
