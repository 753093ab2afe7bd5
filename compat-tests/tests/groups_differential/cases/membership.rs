//! The life of members: sync, heartbeat, leaving, and being thrown out.

use kafka_protocol::messages::{
    DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};

use crate::Case;
use crate::requests::{DESCRIBE, HEARTBEAT, JOIN, LEAVE, Member, SYNC, describe, heartbeat, join, leave, sync, text};
use crate::stage::Stage;
use crate::verbs::{
    beat, begin_join, end_join, introduce, joined_alone, rejoin, stable_alone, stable_pair, synchronize,
};

pub const CASES: &[Case] = &[
    ("two members share and go", two_members_share_and_go),
    ("a follower syncs before the leader", a_follower_syncs_first),
    ("a leader forgets a member", a_leader_forgets_a_member),
    ("a sync that fits the group badly", bad_syncs),
    ("a follower waits for a sync and the group rebalances", a_sync_that_is_overtaken),
    ("a heartbeat that fits the group badly", bad_heartbeats),
    ("a heartbeat in each state", heartbeats_in_each_state),
    ("a leave that fits the group badly", bad_leaves),
    ("several members leave at once", several_leave),
    ("the leader leaves and another leads", the_leader_leaves),
    ("a silent member is thrown out", a_silent_member),
    ("a member that does not rejoin is thrown out", a_member_that_does_not_rejoin),
    ("a member that does not sync is thrown out", a_member_that_does_not_sync),
];

/// Long enough for a busy machine to answer, short enough to wait for.
const SHORT_MS: i32 = 1500;

fn two_members_share_and_go(stage: &mut Stage) {
    let (mut anna, bob) = stable_pair(stage);
    beat(stage, &anna);
    beat(stage, &bob);
    let request = leave(stage, LEAVE, &[&bob]);
    stage.ask::<LeaveGroupRequest>("bob", LEAVE, request);
    beat(stage, &anna);
    beat(stage, &bob);
    rejoin(stage, &mut anna);
    let request = leave(stage, LEAVE, &[&anna]);
    stage.ask::<LeaveGroupRequest>("anna", LEAVE, request);
    beat(stage, &anna);
    // The generation goes on.
    let mut carl = introduce(stage, "carl");
    rejoin(stage, &mut carl);
}

fn a_follower_syncs_first(stage: &mut Stage) {
    let mut anna = joined_alone(stage, "anna");
    let mut bob = introduce(stage, "bob");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    rejoin(stage, &mut anna);
    end_join(stage, &mut bob);
    let waiting = sync(stage, SYNC, &bob, &[]);
    stage.begin("bob", SYNC, waiting);
    beat(stage, &anna);
    synchronize(stage, &anna, &[(&anna, b"a"), (&bob, b"b")]);
    stage.end::<SyncGroupRequest>("bob", SYNC);
    // Both may ask again.
    synchronize(stage, &bob, &[]);
    synchronize(stage, &anna, &[(&anna, b"ignored")]);
}

fn a_leader_forgets_a_member(stage: &mut Stage) {
    let anna = joined_alone(stage, "anna");
    let stranger = Member { id: "stranger".into(), ..Member::new("eve") };
    synchronize(stage, &anna, &[(&stranger, b"nobody's")]);
    beat(stage, &anna);
}

fn bad_syncs(stage: &mut Stage) {
    let stranger = Member { id: "stranger".into(), generation: 1, ..Member::new("eve") };
    synchronize(stage, &stranger, &[]);
    let anna = stable_alone(stage, "anna");
    synchronize(stage, &stranger, &[]);
    synchronize(stage, &Member { generation: anna.generation + 1, ..anna.clone() }, &[]);
    synchronize(stage, &Member { generation: -1, ..anna.clone() }, &[]);
    synchronize(stage, &Member { instance: Some("unknown"), ..anna.clone() }, &[]);
    let good = sync(stage, SYNC, &anna, &[]);
    let wrong = [
        good.clone().with_protocol_type(Some(text("connect"))),
        good.clone().with_protocol_name(Some(text("sticky"))),
        good.clone().with_protocol_type(None),
        good.clone().with_protocol_name(None),
        good.clone().with_group_id(Default::default()),
    ];
    for request in wrong {
        stage.ask::<SyncGroupRequest>("anna", SYNC, request);
    }
    let old = sync(stage, 4, &anna, &[]);
    stage.ask::<SyncGroupRequest>("anna", 4, old);
}

fn a_sync_that_is_overtaken(stage: &mut Stage) {
    let mut anna = joined_alone(stage, "anna");
    let mut bob = introduce(stage, "bob");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    rejoin(stage, &mut anna);
    end_join(stage, &mut bob);
    let waiting = sync(stage, SYNC, &bob, &[]);
    stage.begin("bob", SYNC, waiting);
    let carl = introduce(stage, "carl");
    begin_join(stage, &carl);
    stage.end::<SyncGroupRequest>("bob", SYNC);
    synchronize(stage, &anna, &[]);
}

fn bad_heartbeats(stage: &mut Stage) {
    let stranger = Member { id: "stranger".into(), generation: 1, ..Member::new("eve") };
    beat(stage, &stranger);
    let anna = stable_alone(stage, "anna");
    beat(stage, &stranger);
    beat(stage, &Member { id: String::new(), ..anna.clone() });
    beat(stage, &Member { generation: anna.generation + 1, ..anna.clone() });
    beat(stage, &Member { generation: anna.generation - 1, ..anna.clone() });
    beat(stage, &Member { generation: -1, ..anna.clone() });
    beat(stage, &Member { instance: Some("unknown"), ..anna.clone() });
    let nowhere = heartbeat(stage, &anna).with_group_id(Default::default());
    stage.ask::<HeartbeatRequest>("anna", HEARTBEAT, nowhere);
}

fn heartbeats_in_each_state(stage: &mut Stage) {
    let anna = joined_alone(stage, "anna");
    beat(stage, &anna);
    synchronize(stage, &anna, &[(&anna, b"all")]);
    beat(stage, &anna);
    let bob = introduce(stage, "bob");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    beat(stage, &anna);
    synchronize(stage, &anna, &[]);
}

fn bad_leaves(stage: &mut Stage) {
    let stranger = Member { id: "stranger".into(), ..Member::new("eve") };
    let fixed = Member { id: "stranger".into(), ..Member::fixed("eve", "unknown") };
    let ask = |stage: &mut Stage| {
        for (version, members) in
            [(0, vec![&stranger]), (2, vec![&stranger]), (3, vec![&stranger]), (5, vec![&stranger, &fixed])]
        {
            let request = leave(stage, version, &members);
            stage.ask::<LeaveGroupRequest>("eve", version, request);
        }
    };
    ask(stage);
    let anna = stable_alone(stage, "anna");
    ask(stage);
    for version in [0, 5] {
        let nowhere = leave(stage, version, &[&anna]).with_group_id(Default::default());
        stage.ask::<LeaveGroupRequest>("anna", version, nowhere);
    }
    let nobody = leave(stage, LEAVE, &[]);
    stage.ask::<LeaveGroupRequest>("anna", LEAVE, nobody);
    let other_name = Member { instance: Some("unknown"), ..anna.clone() };
    let request = leave(stage, LEAVE, &[&other_name]);
    stage.ask::<LeaveGroupRequest>("anna", LEAVE, request);
    beat(stage, &anna);
}

fn several_leave(stage: &mut Stage) {
    let (anna, bob) = stable_pair(stage);
    let stranger = Member { id: "stranger".into(), ..Member::new("eve") };
    let request = leave(stage, LEAVE, &[&bob, &stranger, &anna, &bob]);
    stage.ask::<LeaveGroupRequest>("eve", LEAVE, request);
    let group = stage.group_id();
    stage.ask::<DescribeGroupsRequest>("eve", DESCRIBE, describe(&[group]));
}

fn the_leader_leaves(stage: &mut Stage) {
    let (anna, mut bob) = stable_pair(stage);
    let request = leave(stage, LEAVE, &[&anna]);
    stage.ask::<LeaveGroupRequest>("anna", LEAVE, request);
    beat(stage, &bob);
    rejoin(stage, &mut bob);
    synchronize(stage, &bob, &[(&bob, b"all")]);
}

fn a_silent_member(stage: &mut Stage) {
    let mut anna = introduce(stage, "anna");
    let request = join(stage, JOIN, &anna).with_session_timeout_ms(SHORT_MS);
    stage.begin("anna", JOIN, request);
    end_join(stage, &mut anna);
    synchronize(stage, &anna, &[(&anna, b"all")]);
    stage.until("Empty", 0);
    beat(stage, &anna);
    synchronize(stage, &anna, &[]);
    let group = stage.group_id();
    stage.ask::<DescribeGroupsRequest>("anna", DESCRIBE, describe(&[group]));
    let request = join(stage, JOIN, &anna);
    stage.ask::<JoinGroupRequest>("anna", JOIN, request);
}

fn a_member_that_does_not_rejoin(stage: &mut Stage) {
    let mut anna = introduce(stage, "anna");
    let request = join(stage, JOIN, &anna).with_rebalance_timeout_ms(SHORT_MS);
    stage.begin("anna", JOIN, request);
    end_join(stage, &mut anna);
    synchronize(stage, &anna, &[(&anna, b"all")]);
    let mut bob = introduce(stage, "bob");
    let request = join(stage, JOIN, &bob).with_rebalance_timeout_ms(SHORT_MS);
    stage.begin("bob", JOIN, request);
    end_join(stage, &mut bob);
    synchronize(stage, &bob, &[(&bob, b"all")]);
    beat(stage, &anna);
}

fn a_member_that_does_not_sync(stage: &mut Stage) {
    let mut anna = introduce(stage, "anna");
    let request = join(stage, JOIN, &anna).with_rebalance_timeout_ms(SHORT_MS);
    stage.begin("anna", JOIN, request);
    end_join(stage, &mut anna);
    stage.until("Empty", 0);
    beat(stage, &anna);
    synchronize(stage, &anna, &[(&anna, b"all")]);
}
