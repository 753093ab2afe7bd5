//! Static members: `group.instance.id` (KIP-345).

use bytes::Bytes;
use kafka_protocol::messages::{
    DescribeGroupsRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest, SyncGroupRequest,
};

use crate::Case;
use crate::requests::{COMMIT, DESCRIBE, JOIN, LEAVE, Member, SYNC, commit, describe, join, leave, protocol, sync};
use crate::stage::{Stage, TOPIC};
use crate::verbs::{beat, begin_join, end_join, rejoin, synchronize};

pub const CASES: &[Case] = &[
    ("a static member joins without being given an id first", joins_at_once),
    ("a static member is replaced in a stable group", replaced_while_stable),
    ("a static leader comes back to an older broker API", replaced_before_skipping),
    ("a static follower is replaced in a stable group", follower_replaced),
    ("a static member is replaced with new metadata", replaced_with_new_metadata),
    ("a static member is replaced with another protocol", replaced_with_another_protocol),
    ("a static member is replaced while joining", replaced_while_joining),
    ("a static member is replaced while the group waits for the leader", replaced_while_completing),
    ("a replaced static member is fenced everywhere", fenced_everywhere),
    ("a static member is removed by its name", removed_by_name),
    ("a static member with an id the group never gave", unknown_id),
];

const NAME: &str = "one";

fn static_alone(stage: &mut Stage) -> Member {
    let mut anna = Member::fixed("anna", NAME);
    rejoin(stage, &mut anna);
    synchronize(stage, &anna, &[(&anna, b"all")]);
    anna
}

/// Anna leads, bob follows; both static.
fn static_pair(stage: &mut Stage) -> (Member, Member) {
    let mut anna = static_alone(stage);
    let mut bob = Member::fixed("bob", "two");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    rejoin(stage, &mut anna);
    end_join(stage, &mut bob);
    synchronize(stage, &anna, &[(&anna, b"for anna"), (&bob, b"for bob")]);
    synchronize(stage, &bob, &[]);
    (anna, bob)
}

fn see(stage: &mut Stage) {
    let group = stage.group_id();
    stage.ask::<DescribeGroupsRequest>("eve", DESCRIBE, describe(&[group]));
}

fn joins_at_once(stage: &mut Stage) {
    let anna = static_alone(stage);
    beat(stage, &anna);
    beat(stage, &Member { instance: None, ..anna });
    see(stage);
}

fn replaced_while_stable(stage: &mut Stage) {
    let old = static_alone(stage);
    let mut new = Member::fixed("anna again", NAME);
    rejoin(stage, &mut new);
    synchronize(stage, &new, &[(&new, b"not taken")]);
    beat(stage, &new);
    beat(stage, &old);
    see(stage);
}

fn replaced_before_skipping(stage: &mut Stage) {
    let old = static_alone(stage);
    let new = Member::fixed("anna again", NAME);
    let request = join(stage, 8, &new);
    let joined = stage.ask::<JoinGroupRequest>("anna again", 8, request);
    let new = Member { id: joined.member_id.to_string(), generation: joined.generation_id, ..new };
    beat(stage, &new);
    beat(stage, &old);
    see(stage);
}

fn follower_replaced(stage: &mut Stage) {
    let (anna, _) = static_pair(stage);
    let mut new = Member::fixed("bob again", "two");
    rejoin(stage, &mut new);
    synchronize(stage, &new, &[]);
    beat(stage, &anna);
    beat(stage, &new);
}

/// The protocol chosen stays the same, and so does the generation.
fn replaced_with_new_metadata(stage: &mut Stage) {
    let (anna, _) = static_pair(stage);
    let mut new = Member::fixed("bob again", "two");
    let request = join(stage, JOIN, &new).with_protocols(vec![protocol("range", Bytes::from_static(b"new"))]);
    stage.begin("bob again", JOIN, request);
    end_join(stage, &mut new);
    beat(stage, &anna);
    see(stage);
}

/// The leader's old list allows for another protocol, which the new follower asks for.
fn replaced_with_another_protocol(stage: &mut Stage) {
    let both = |join: JoinGroupRequest| {
        let named = |name: &str| protocol(name, Bytes::copy_from_slice(name.as_bytes()));
        join.with_protocols(vec![named("range"), named("sticky")])
    };
    let mut anna = Member::fixed("anna", NAME);
    let request = both(join(stage, JOIN, &anna));
    stage.begin("anna", JOIN, request);
    end_join(stage, &mut anna);
    synchronize(stage, &anna, &[(&anna, b"all")]);
    let mut again = Member::fixed("anna again", NAME);
    let request = join(stage, JOIN, &again).with_protocols(vec![protocol("sticky", Bytes::from_static(b"s"))]);
    stage.begin("anna again", JOIN, request);
    end_join(stage, &mut again);
    beat(stage, &anna);
    see(stage);
}

fn replaced_while_joining(stage: &mut Stage) {
    let (mut anna, _) = static_pair(stage);
    let mut carl = Member::fixed("carl", "three");
    begin_join(stage, &carl);
    stage.until("PreparingRebalance", 3);
    let mut again = Member::fixed("carl again", "three");
    begin_join(stage, &again);
    end_join(stage, &mut carl);
    rejoin_both(stage, &mut anna);
    end_join(stage, &mut again);
    see(stage);
}

/// Anna and a returning bob join, so that all have joined.
fn rejoin_both(stage: &mut Stage, anna: &mut Member) {
    let mut bob = Member::fixed("bob again", "two");
    begin_join(stage, anna);
    begin_join(stage, &bob);
    end_join(stage, anna);
    end_join(stage, &mut bob);
}

fn replaced_while_completing(stage: &mut Stage) {
    let mut anna = Member::fixed("anna", NAME);
    rejoin(stage, &mut anna);
    let mut again = Member::fixed("anna again", NAME);
    begin_join(stage, &again);
    end_join(stage, &mut again);
    synchronize(stage, &anna, &[(&anna, b"old")]);
    synchronize(stage, &again, &[(&again, b"new")]);
    see(stage);
}

fn fenced_everywhere(stage: &mut Stage) {
    let old = static_alone(stage);
    let mut new = Member::fixed("anna again", NAME);
    rejoin(stage, &mut new);
    beat(stage, &old);
    let request = sync(stage, SYNC, &old, &[]);
    stage.ask::<SyncGroupRequest>("anna", SYNC, request);
    let request = commit(stage, &old, TOPIC, &[(0, 1)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    let request = join(stage, JOIN, &old);
    stage.ask::<JoinGroupRequest>("anna", JOIN, request);
    let request = leave(stage, LEAVE, &[&old]);
    stage.ask::<LeaveGroupRequest>("anna", LEAVE, request);
    beat(stage, &new);
}

fn removed_by_name(stage: &mut Stage) {
    let anna = static_alone(stage);
    let request = leave(stage, LEAVE, &[&Member::fixed("eve", "unknown"), &Member::fixed("eve", NAME)]);
    stage.ask::<LeaveGroupRequest>("eve", LEAVE, request);
    beat(stage, &anna);
    see(stage);
}

fn unknown_id(stage: &mut Stage) {
    let stranger = Member { id: "stranger".into(), ..Member::fixed("eve", NAME) };
    let request = join(stage, JOIN, &stranger);
    stage.ask::<JoinGroupRequest>("eve", JOIN, request);
    static_alone(stage);
    let request = join(stage, JOIN, &stranger);
    stage.ask::<JoinGroupRequest>("eve", JOIN, request);
    let other = Member { id: "stranger".into(), ..Member::fixed("eve", "other") };
    let request = join(stage, JOIN, &other);
    stage.ask::<JoinGroupRequest>("eve", JOIN, request);
}
