//! Who may join, with which id and which protocols.

use super::scene::*;
use crate::groups::types::GroupError::*;
use crate::groups::types::*;

#[test]
fn a_new_dynamic_member_is_first_given_an_id() {
    let mut scene = Scene::new();
    let request = scene.join(JoinEvent { requires_known_member_id: true, ..joining("a") });
    let refused = scene.refused_join(request);
    assert_eq!(refused, JoinRefused { error: MemberIdRequired, member_id: "a-1".into() });
    assert_eq!((scene.group.state(), scene.group.members()), (GroupState::Empty, 0));

    let request = scene.join(JoinEvent { requires_known_member_id: true, ..rejoining("a-1") });
    scene.pass(DELAY_MS);
    assert_eq!(scene.joined(request).member_id, "a-1");
}

#[test]
fn an_id_that_is_not_used_within_the_session_timeout_is_forgotten() {
    let mut scene = Scene::new();
    scene.join(JoinEvent { requires_known_member_id: true, ..joining("a") });
    scene.pass(SESSION_MS as u64);
    let request = scene.join(rejoining("a-1"));
    assert_eq!(scene.refused_join(request), JoinRefused { error: UnknownMemberId, member_id: "a-1".into() });
}

#[test]
fn a_rebalance_waits_for_a_member_that_was_given_an_id() {
    let mut scene = Scene::stable(&["a"]);
    scene.join(JoinEvent { requires_known_member_id: true, ..joining("b") });
    let a = scene.join(rejoining("a-1"));
    assert!(scene.waits(a), "b has an id and may come any moment");
    scene.pass(SESSION_MS as u64);
    assert_eq!(scene.joined(a).generation, 2);
}

#[test]
fn protocols_must_fit_those_of_all_members() {
    let range_or_sticky = || vec![protocol("range", &[]), protocol("sticky", &[])];
    let mut scene = Scene::new();
    scene.join(JoinEvent { protocols: range_or_sticky(), ..joining("a") });
    for (protocol_type, protocols, fits) in [
        ("consumer", vec![protocol("sticky", &[])], true),
        ("consumer", vec![protocol("range", &[])], false),
        ("consumer", vec![protocol("other", &[]), protocol("sticky", &[])], true),
        ("consumer", vec![protocol("other", &[])], false),
        ("consumer", vec![], false),
        ("connect", vec![protocol("sticky", &[])], false),
    ] {
        let what = format!("{protocol_type} {protocols:?}");
        let request = scene.join(JoinEvent { protocol_type: protocol_type.into(), protocols, ..joining("b") });
        assert_eq!(scene.waits(request), fits, "{what}");
        if !fits {
            assert_eq!(scene.refused_join(request).error, InconsistentGroupProtocol, "{what}");
        }
    }
}

#[test]
fn an_empty_group_takes_any_protocols_but_none() {
    for (protocol_type, protocols) in [("", vec![protocol("range", &[])]), ("consumer", vec![])] {
        let mut scene = Scene::new();
        let request = scene.join(JoinEvent { protocol_type: protocol_type.into(), protocols, ..joining("a") });
        assert_eq!(scene.refused_join(request).error, InconsistentGroupProtocol);
        assert!(scene.group.is_empty());
    }
}

#[test]
fn the_protocol_with_most_votes_among_the_common_ones_is_chosen() {
    let named = |names: &[&str]| names.iter().map(|name| protocol(name, &[])).collect::<Vec<_>>();
    for (members, chosen) in [
        (vec![vec!["x", "y"], vec!["y", "x"], vec!["y", "x"]], "y"),
        (vec![vec!["x", "y"], vec!["x", "y"], vec!["y", "x"]], "x"),
        (vec![vec!["z", "x", "y"], vec!["y", "x"]], "x"),
        (vec![vec!["z", "y"], vec!["x", "y"]], "y"),
    ] {
        let mut scene = Scene::new();
        let join =
            |scene: &mut Scene, names: &Vec<&str>| scene.join(JoinEvent { protocols: named(names), ..joining("m") });
        let requests: Vec<_> = members.iter().map(|names| join(&mut scene, names)).collect();
        scene.pass(2 * DELAY_MS);
        for request in requests {
            assert_eq!(scene.joined(request).protocol_name.as_deref(), Some(chosen), "{members:?}");
        }
    }
}

#[test]
fn a_known_member_joins_again_by_state() {
    let changed = |id: &str| JoinEvent { protocols: vec![protocol("range", &["other"])], ..rejoining(id) };

    let mut scene = Scene::stable(&["a", "b"]);
    let request = scene.join(rejoining("b-2"));
    let same = scene.joined(request);
    assert_eq!((same.generation, same.members.len()), (1, 0), "a follower without news gets the generation again");
    assert_eq!(scene.group.state(), GroupState::Stable);

    let request = scene.join(changed("b-2"));
    assert!(scene.waits(request), "changed metadata needs a rebalance");
    assert_eq!(scene.group.state(), GroupState::PreparingRebalance);
    let leader = scene.join(rejoining("a-1"));
    assert_eq!(scene.joined(request).generation, 2);

    assert_eq!(scene.joined(leader).members.len(), 2);
    let again = scene.join(rejoining("a-1"));
    assert_eq!(scene.joined(again), scene.joined(leader), "the leader may have missed the answer");
    let again = scene.join(changed("b-2"));
    assert_eq!(scene.joined(again).members.len(), 0);
    let again = scene.join(rejoining("b-2"));
    assert!(scene.waits(again), "changed metadata, before the assignment");

    let mut scene = Scene::stable(&["a", "b"]);
    let leader = scene.join(rejoining("a-1"));
    assert!(scene.waits(leader), "the leader asks for a rebalance by joining");
}

#[test]
fn an_unknown_member_is_refused_in_every_state() {
    let mut preparing = Scene::new();
    preparing.join(joining("a"));
    for mut scene in [Scene::stable(&["a"]), preparing] {
        let request = scene.join(rejoining("nobody"));
        assert_eq!(scene.refused_join(request), JoinRefused { error: UnknownMemberId, member_id: "nobody".into() });
    }
}

#[test]
fn a_full_group_takes_known_members_only() {
    let mut scene = Scene::stable(&["a", "b"]);
    scene.limits.members_max = 2;
    let request = scene.join(joining("c"));
    assert_eq!(scene.refused_join(request), JoinRefused { error: GroupMaxSizeReached, member_id: String::new() });
    assert_eq!(scene.group.state(), GroupState::Stable);
    let request = scene.join(rejoining("b-2"));
    assert_eq!(scene.joined(request).generation, 1);
}

#[test]
fn a_group_over_a_lowered_limit_loses_who_joins_last() {
    let mut scene = Scene::stable(&["a", "b", "c"]);
    scene.limits.members_max = 2;
    scene.join(rejoining("a-1"));
    let b = scene.join(rejoining("b-2"));
    let c = scene.join(rejoining("c-3"));
    assert_eq!(scene.refused_join(c).error, GroupMaxSizeReached);
    scene.pass(REBALANCE_MS as u64);
    assert_eq!((scene.joined(b).generation, scene.group.members()), (2, 2));
}

#[test]
fn a_member_that_asks_twice_gets_its_answer_to_the_later_request() {
    let mut scene = Scene::stable(&["a", "b"]);
    let first = scene.join(rejoining("a-1"));
    let second = scene.join(rejoining("a-1"));
    assert_eq!(scene.refused_join(first).error, RebalanceInProgress);
    scene.join(rejoining("b-2"));
    assert_eq!(scene.joined(second).generation, 2);
}
