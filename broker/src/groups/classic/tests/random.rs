//! Random members that join, sync, come back, are silent and leave, on a log that now and then refuses.
//!
//! Whatever they do: no request is answered twice (checked by the scene), the leader is a member, and once everybody
//! is silent the group becomes empty and nobody waits any more.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::scene::*;
use crate::groups::types::*;

const STEPS: usize = 400;
const SEEDS: u64 = 60;

#[test]
fn nobody_is_forgotten_whatever_happens() {
    let first = rand::random::<u64>();
    for seed in first..first.saturating_add(SEEDS) {
        println!("seed {seed}");
        run(StdRng::seed_from_u64(seed));
    }
}

fn run(mut random: StdRng) {
    let mut scene = Scene::new();
    for _ in 0..STEPS {
        step(&mut scene, &mut random);
        check(&scene);
    }
    scene.refuse_appends = None;
    scene.pass(3_600_000);
    check(&scene);
    assert_eq!((scene.group.state(), scene.group.members()), (GroupState::Empty, 0));
    assert_eq!(scene.unanswered(), Vec::<u64>::new());
    assert_eq!(scene.group.next_deadline_ms(), None, "an empty group has no timer");
}

fn step(scene: &mut Scene, random: &mut StdRng) {
    let ids: Vec<String> = scene.group.members.keys().chain(scene.group.pending_join.keys()).cloned().collect();
    let somebody = if ids.is_empty() { "nobody".into() } else { ids[random.random_range(0..ids.len())].clone() };
    let instance = scene.group.members.get(&somebody).and_then(|member| member.group_instance_id.clone());
    scene.limits.members_max = random.random_range(2..8);
    scene.refuse_appends = random.random_bool(0.1).then_some(GroupError::CoordinatorNotAvailable);
    match random.random_range(0..12) {
        0 => _ = scene.join(with_protocols(joining("old"), random)),
        1 => _ = scene.join(JoinEvent { requires_known_member_id: true, ..with_protocols(joining("new"), random) }),
        2 => {
            let name = ["i", "j", "k"][random.random_range(0..3)];
            scene.join(with_protocols(static_joining(name), random));
        }
        3..=5 => {
            let event = JoinEvent { group_instance_id: instance, ..with_protocols(rejoining(&somebody), random) };
            scene.join(event);
        }
        6..=8 => {
            let event = scene.sync_event(&somebody);
            scene.sync_with(SyncEvent { group_instance_id: instance, ..event });
        }
        9 => _ = scene.heartbeat(&somebody),
        10 => drop(scene.leave_by_id(&somebody)),
        _ => scene.pass([1, DELAY_MS, SESSION_MS as u64, REBALANCE_MS as u64][random.random_range(0..4)]),
    }
}

fn with_protocols(event: JoinEvent, random: &mut StdRng) -> JoinEvent {
    let offered = [vec!["range"], vec!["range", "sticky"], vec!["sticky", "range"], vec!["sticky"]];
    let names = &offered[random.random_range(0..offered.len())];
    JoinEvent { protocols: names.iter().map(|name| protocol(name, &["t"])).collect(), ..event }
}

fn check(scene: &Scene) {
    let group = &scene.group;
    if !group.members.is_empty() {
        let leader = group.leader.as_ref().expect("a leader");
        assert!(group.members.contains_key(leader), "the leader {leader} is a member");
    }
    let instances =
        group.members.iter().filter_map(|(id, member)| Some((member.group_instance_id.clone()?, id.clone())));
    assert_eq!(group.static_members, instances.collect());
    let waiting = group.members.values().flat_map(|member| [member.awaiting_join, member.awaiting_sync]).flatten();
    let mut waiting: Vec<_> = waiting.collect();
    waiting.sort_unstable();
    assert_eq!(waiting, scene.unanswered(), "who waits, waits in a member");
    assert_eq!(group.state == GroupState::PreparingRebalance, group.join_timer.is_some());
}
