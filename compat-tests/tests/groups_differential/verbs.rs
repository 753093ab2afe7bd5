//! What members do again and again: get an id, become a group of one, become a group of two.

use kafka_protocol::messages::{HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest};

use crate::requests::{HEARTBEAT, JOIN, Member, SYNC, heartbeat, join, sync};
use crate::stage::Stage;

/// A new member is given an id.
pub fn introduce(stage: &mut Stage, who: &'static str) -> Member {
    let mut member = Member::new(who);
    let request = join(stage, JOIN, &member);
    member.id = stage.ask::<JoinGroupRequest>(who, JOIN, request).member_id.to_string();
    member
}

/// A member joins and takes what it is told.
pub fn rejoin(stage: &mut Stage, member: &mut Member) {
    begin_join(stage, member);
    end_join(stage, member);
}

/// A member begins to join.
pub fn begin_join(stage: &mut Stage, member: &Member) {
    let request = join(stage, JOIN, member);
    stage.begin(member.who, JOIN, request);
}

/// A member's join comes to its end.
pub fn end_join(stage: &mut Stage, member: &mut Member) -> JoinGroupResponse {
    let joined = stage.end::<JoinGroupRequest>(member.who, JOIN);
    (member.id, member.generation) = (joined.member_id.to_string(), joined.generation_id);
    joined
}

/// A member hands in assignments, or none, and gets its own.
pub fn synchronize(stage: &mut Stage, member: &Member, assignments: &[(&Member, &[u8])]) {
    let request = sync(stage, SYNC, member, assignments);
    stage.ask::<SyncGroupRequest>(member.who, SYNC, request);
}

/// A member asks whether all is well.
pub fn beat(stage: &mut Stage, member: &Member) {
    let request = heartbeat(stage, member);
    stage.ask::<HeartbeatRequest>(member.who, HEARTBEAT, request);
}

/// A group of one that has joined and not synced.
pub fn joined_alone(stage: &mut Stage, who: &'static str) -> Member {
    let mut member = introduce(stage, who);
    rejoin(stage, &mut member);
    member
}

/// A stable group of one.
pub fn stable_alone(stage: &mut Stage, who: &'static str) -> Member {
    let member = joined_alone(stage, who);
    synchronize(stage, &member, &[(&member, b"all")]);
    member
}

/// A stable group of two, led by anna.
pub fn stable_pair(stage: &mut Stage) -> (Member, Member) {
    let mut anna = stable_alone(stage, "anna");
    let mut bob = introduce(stage, "bob");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    rejoin(stage, &mut anna);
    end_join(stage, &mut bob);
    synchronize(stage, &anna, &[(&anna, b"for anna"), (&bob, b"for bob")]);
    synchronize(stage, &bob, &[]);
    (anna, bob)
}
