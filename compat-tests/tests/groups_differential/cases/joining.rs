//! Joining, and what is wrong with a join.

use bytes::Bytes;
use kafka_protocol::messages::{DescribeGroupsRequest, JoinGroupRequest, LeaveGroupRequest};

use crate::Case;
use crate::requests::{DESCRIBE, JOIN, LEAVE, Member, describe, join, leave, protocol, text};
use crate::stage::Stage;
use crate::verbs::{
    beat, begin_join, end_join, introduce, joined_alone, rejoin, stable_alone, stable_pair, synchronize,
};

pub const CASES: &[Case] = &[
    ("a member is given an id and joins with it", a_member_is_given_an_id),
    ("a join without an id of an old client is taken at once", an_old_client_joins),
    ("a join names no group", a_join_names_no_group),
    ("a join has a session timeout out of range", a_session_timeout_out_of_range),
    ("a join has an id that the group never gave", an_id_that_was_never_given),
    ("a join has no protocols or no type", no_protocols),
    ("a second member has other protocols", other_protocols),
    ("two members agree on the protocol both know", a_common_protocol),
    ("a pending member does what only members may", a_pending_member),
    ("a pending member leaves", a_pending_member_leaves),
    ("a group is full", a_full_group),
    ("a leader joins again and the group rebalances", a_leader_joins_again),
    ("a member joins again with new metadata", new_metadata),
    ("a member of a group that waits for the leader joins again", joins_again_while_completing),
];

fn a_member_is_given_an_id(stage: &mut Stage) {
    let anna = stable_alone(stage, "anna");
    beat(stage, &anna);
}

fn an_old_client_joins(stage: &mut Stage) {
    let anna = Member::new("anna");
    let request = join(stage, 3, &anna);
    stage.ask::<JoinGroupRequest>("anna", 3, request);
}

fn a_join_names_no_group(stage: &mut Stage) {
    for version in [0, 4, 6, 9] {
        let request = join(stage, version, &Member::new("anna")).with_group_id(Default::default());
        stage.ask::<JoinGroupRequest>("anna", version, request.with_member_id(text("me")));
    }
}

fn a_session_timeout_out_of_range(stage: &mut Stage) {
    for timeout_ms in [-1, 0, 99, 60_001, i32::MAX] {
        let request = join(stage, JOIN, &Member::new("anna")).with_session_timeout_ms(timeout_ms);
        stage.ask::<JoinGroupRequest>("anna", JOIN, request);
    }
    let request = join(stage, 0, &Member::new("anna")).with_session_timeout_ms(99).with_member_id(text("me"));
    stage.ask::<JoinGroupRequest>("anna", 0, request.with_rebalance_timeout_ms(-1));
}

fn an_id_that_was_never_given(stage: &mut Stage) {
    for version in [3, 9] {
        let stranger = Member { id: "stranger".into(), ..Member::new("eve") };
        let request = join(stage, version, &stranger);
        stage.ask::<JoinGroupRequest>("eve", version, request);
    }
    stable_alone(stage, "anna");
    let stranger = Member { id: "stranger".into(), ..Member::new("eve") };
    let request = join(stage, JOIN, &stranger);
    stage.ask::<JoinGroupRequest>("eve", JOIN, request);
}

fn no_protocols(stage: &mut Stage) {
    for version in [3, 9] {
        let request = join(stage, version, &Member::new("anna")).with_protocols(vec![]);
        stage.ask::<JoinGroupRequest>("anna", version, request);
        let request = join(stage, version, &Member::new("anna")).with_protocol_type(text(""));
        stage.ask::<JoinGroupRequest>("anna", version, request);
    }
}

fn other_protocols(stage: &mut Stage) {
    let anna = stable_alone(stage, "anna");
    let bob = Member::new("bob");
    let foreign = join(stage, JOIN, &bob).with_protocols(vec![protocol("sticky", Bytes::from_static(b"x"))]);
    stage.ask::<JoinGroupRequest>("bob", JOIN, foreign);
    let typed = join(stage, JOIN, &bob).with_protocol_type(text("connect"));
    stage.ask::<JoinGroupRequest>("bob", JOIN, typed);
    let anna_changes = join(stage, JOIN, &anna).with_protocol_type(text("connect"));
    stage.ask::<JoinGroupRequest>("anna", JOIN, anna_changes);
    beat(stage, &anna);
}

fn a_common_protocol(stage: &mut Stage) {
    let offered = |names: &[&str]| {
        names.iter().map(|name| protocol(name, Bytes::copy_from_slice(name.as_bytes()))).collect::<Vec<_>>()
    };
    let mut anna = introduce(stage, "anna");
    let request = join(stage, JOIN, &anna).with_protocols(offered(&["sticky", "range", "roundrobin"]));
    stage.begin("anna", JOIN, request.clone());
    end_join(stage, &mut anna);
    let mut bob = introduce(stage, "bob");
    let of_bob = join(stage, JOIN, &bob).with_protocols(offered(&["roundrobin", "range"]));
    stage.begin("bob", JOIN, of_bob);
    stage.until("PreparingRebalance", 2);
    stage.begin("anna", JOIN, request);
    end_join(stage, &mut anna);
    end_join(stage, &mut bob);
    synchronize(stage, &anna, &[(&anna, b"1")]);
}

fn a_pending_member(stage: &mut Stage) {
    let pending = introduce(stage, "anna");
    beat(stage, &pending);
    synchronize(stage, &pending, &[]);
    let known = Member { generation: 0, ..pending };
    beat(stage, &known);
    synchronize(stage, &known, &[]);
    stage.until("Empty", 0);
    let group = stage.group_id();
    stage.ask::<DescribeGroupsRequest>("eve", DESCRIBE, describe(&[group]));
}

fn a_pending_member_leaves(stage: &mut Stage) {
    let mut pending = introduce(stage, "anna");
    let request = leave(stage, LEAVE, &[&pending]);
    stage.ask::<LeaveGroupRequest>("anna", LEAVE, request);
    begin_join(stage, &pending);
    end_join(stage, &mut pending);
}

fn a_full_group(stage: &mut Stage) {
    let (mut anna, mut bob) = stable_pair(stage);
    let mut carl = introduce(stage, "carl");
    begin_join(stage, &carl);
    stage.until("PreparingRebalance", 3);
    begin_join(stage, &anna);
    rejoin(stage, &mut bob);
    end_join(stage, &mut anna);
    end_join(stage, &mut carl);
    for version in [JOIN, 3] {
        let request = join(stage, version, &Member::new("dora"));
        stage.ask::<JoinGroupRequest>("dora", version, request);
    }
    beat(stage, &carl);
    synchronize(stage, &anna, &[(&anna, b"a"), (&bob, b"b"), (&carl, b"c")]);
    let request = join(stage, JOIN, &Member::fixed("dora", "dora"));
    stage.ask::<JoinGroupRequest>("dora", JOIN, request);
}

fn a_leader_joins_again(stage: &mut Stage) {
    let mut anna = stable_alone(stage, "anna");
    rejoin(stage, &mut anna);
    synchronize(stage, &anna, &[(&anna, b"again")]);
}

fn new_metadata(stage: &mut Stage) {
    let (mut anna, bob) = stable_pair(stage);
    // The same as before: bob is told what he knows.
    let same = join(stage, JOIN, &bob);
    stage.ask::<JoinGroupRequest>("bob", JOIN, same);
    let new = join(stage, JOIN, &bob).with_protocols(vec![protocol("range", Bytes::from_static(b"new"))]);
    stage.begin("bob", JOIN, new);
    stage.until("PreparingRebalance", 2);
    beat(stage, &anna);
    rejoin(stage, &mut anna);
    let mut bob = bob;
    end_join(stage, &mut bob);
}

fn joins_again_while_completing(stage: &mut Stage) {
    let mut anna = joined_alone(stage, "anna");
    // The leader, with the same metadata, is told the same again.
    rejoin(stage, &mut anna);
    let mut bob = introduce(stage, "bob");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    rejoin(stage, &mut anna);
    end_join(stage, &mut bob);
    // Bob, with the same metadata, while the group waits for anna's assignment.
    rejoin(stage, &mut bob);
    let changed = join(stage, JOIN, &bob).with_protocols(vec![protocol("range", Bytes::from_static(b"new"))]);
    stage.begin("bob", JOIN, changed);
    stage.until("PreparingRebalance", 2);
    synchronize(stage, &anna, &[(&anna, b"late")]);
}
