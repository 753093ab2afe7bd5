//! One good case of each request in every version.

use kafka_protocol::messages::{
    DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest,
    OffsetFetchRequest, SyncGroupRequest,
};

use crate::Case;
use crate::requests::{
    COMMIT, FETCH, HEARTBEAT, JOIN, LEAVE, Member, SYNC, commit, describe, fetch, heartbeat, join, leave, sync,
};
use crate::stage::{OTHER, Stage, TOPIC};
use crate::verbs::{joined_alone, stable_alone};

pub const CASES: &[Case] = &[
    ("a join in every version", joins),
    ("a sync in every version", syncs),
    ("a heartbeat in every version", heartbeats),
    ("a leave in every version", leaves),
    ("a commit in every version", commits),
    ("a fetch of offsets in every version", fetches),
    ("a description of a group in every version", descriptions),
];

fn joins(stage: &mut Stage) {
    for version in 0..=JOIN {
        stage.switch(version);
        let mut anna = Member::new("anna");
        let request = join(stage, version, &anna);
        let joined = stage.ask::<JoinGroupRequest>("anna", version, request);
        anna.id = joined.member_id.to_string();
        // The leader joins again, or the new member for the first time.
        let request = join(stage, version, &anna);
        stage.ask::<JoinGroupRequest>("anna", version, request);
    }
}

fn syncs(stage: &mut Stage) {
    for version in 0..=SYNC {
        stage.switch(version);
        let anna = joined_alone(stage, "anna");
        let request = sync(stage, version, &anna, &[(&anna, b"all")]);
        stage.ask::<SyncGroupRequest>("anna", version, request);
        let wrong = Member { generation: 9, ..anna };
        let request = sync(stage, version, &wrong, &[]);
        stage.ask::<SyncGroupRequest>("anna", version, request);
    }
}

fn heartbeats(stage: &mut Stage) {
    let anna = stable_alone(stage, "anna");
    for version in 0..=HEARTBEAT {
        let request = heartbeat(stage, &anna);
        stage.ask::<HeartbeatRequest>("anna", version, request.clone());
        stage.ask::<HeartbeatRequest>("anna", version, request.with_generation_id(7));
    }
}

fn leaves(stage: &mut Stage) {
    for version in 0..=LEAVE {
        stage.switch(version);
        let anna = stable_alone(stage, "anna");
        let request = leave(stage, version, &[&anna]);
        stage.ask::<LeaveGroupRequest>("anna", version, request.clone());
        stage.ask::<LeaveGroupRequest>("anna", version, request);
    }
}

fn commits(stage: &mut Stage) {
    let anna = stable_alone(stage, "anna");
    for version in 2..=COMMIT {
        let mut request = commit(stage, &anna, TOPIC, &[(0, i64::from(version)), (9, 1)]);
        if version < 5 {
            request.retention_time_ms = 86_400_000;
        }
        if version >= 6 {
            request.topics[0].partitions[0].committed_leader_epoch = 2;
        }
        stage.ask::<OffsetCommitRequest>("anna", version, request.clone());
        stage.ask::<OffsetCommitRequest>("anna", version, request.with_generation_id_or_member_epoch(7));
        let request = fetch(stage, FETCH, Some(&[(TOPIC, &[0])]));
        stage.ask::<OffsetFetchRequest>("anna", FETCH, request);
    }
}

fn fetches(stage: &mut Stage) {
    let anna = stable_alone(stage, "anna");
    let request = commit(stage, &anna, TOPIC, &[(0, 5), (1, 6)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    for version in 1..=FETCH {
        let request = fetch(stage, version, Some(&[(TOPIC, &[0, 7]), (OTHER, &[0]), ("groups-missing", &[0])]));
        stage.ask::<OffsetFetchRequest>("anna", version, request);
        if version >= 2 {
            let request = fetch(stage, version, None);
            stage.ask::<OffsetFetchRequest>("anna", version, request);
        }
    }
}

fn descriptions(stage: &mut Stage) {
    stable_alone(stage, "anna");
    for version in 0..=6 {
        let group = stage.group_id();
        stage.ask::<DescribeGroupsRequest>("eve", version, describe(&[group]));
    }
}
